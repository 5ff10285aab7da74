"""Whatever a file, a query or a reply is called, the page shows it as text."""

import hashlib

import pytest

from lychee_app.errors import ImageError
from lychee_app.locale import Words
from lychee_app.ranking import Ranked
from lychee_app.reasons import Reason
from lychee_app.records import Reply, Scored, Source
from lychee_app.services import Services, opened
from lychee_app.settings import Settings
from lychee_app.ui import findings, gallery, markup, output, viewer
from lychee_app.ui.state import Order, PageContext, Standing
from tests.support.fakes import picture
from tests.support.rows import run_of, told

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "**bold** :material/star: $x$ [a](javascript:alert(1)) | `code`",
    "&lt;b&gt; {count} %s \\",
]


@pytest.fixture
def context(settings: Settings) -> PageContext:
    services: Services = opened(settings, lambda name, chosen: None)  # type: ignore[arg-type, return-value]
    return PageContext(services, Words("en"), "r")


def hostile_row(name: str, **changes) -> Scored:
    reply = Reply(name, "judge", name, 1.0, -1.0, 1, 0, (1,), name, 9, 4, 0.1)
    return Scored(0, name, "0" * 64, 8.8, 2.0, 0.88, (9.0,), reply=reply, thumbnail=b"", **changes)


def standing(scored: Scored, elements: tuple[str, ...]) -> Standing:
    run = run_of([scored], elements=elements)
    place = Ranked(1, scored)
    return Standing(Order(run, (place,), {0: place}, "margin", {}), None, -1, {}, None)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_card_shows_any_name_as_text(context: PageContext, name: str) -> None:
    scored = hostile_row(name, reason=told(name), notes=(told(name),))
    made = gallery.markup(context, standing(scored, (name,)), Ranked(1, scored))
    assert markup.escaped(name) in made
    assert name not in made or not set(name) & set("<>&\"'")
    assert "<img" not in made
    assert "<script" not in made


@pytest.mark.parametrize("text", HOSTILE)
def test_a_reply_is_shown_verbatim_and_as_text(text: str) -> None:
    marked = output.marked(f"{text}Score: 9{text}", (len(text), len(text) + 8))
    assert marked == f"{markup.escaped(text)}<mark>Score: 9</mark>{markup.escaped(text)}"


def test_what_is_copied_is_the_reply_itself(context: PageContext) -> None:
    scored = hostile_row("a\n```b```")
    assert scored.reply is not None
    assert scored.reply.text in output.record(scored, scored.reply)


def test_a_score_is_rounded_on_the_card_only(context: PageContext) -> None:
    scored = hostile_row("a.png")
    made = gallery.markup(context, standing(scored, ("x",)), Ranked(1, scored))
    assert ">8.8<" in made
    assert "8.8000" in output.facts(context, scored, scored.reply)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "text"),
    [(1.25, "+1.2"), (-0.3, "−0.3"), (0.0, "0.0"), (-0.0, "0.0"), (-0.04, "0.0"), (0.04, "0.0")],
)
def test_a_change_has_a_true_minus_and_none_no_sign(change: float, text: str) -> None:
    assert markup.signed(change) == text


def test_an_image_without_a_thumbnail_is_said_to_have_no_preview(context: PageContext) -> None:
    scored = hostile_row("strip.png", reason=Reason.of("aspect", width_px=6000, height_px=20, limit=200))
    at = standing(scored, ())
    for made in (gallery.markup(context, at, Ranked(None, scored)), viewer.picture(context, at, 0)):
        assert ">No preview<" in made


def test_a_finding_with_braces_in_an_element_is_worded() -> None:
    finding = findings.Finding("element_nowhere", total=3, value=1.25, element=1, text="{a} {0}")
    assert findings.sentence(Words("en"), finding) == "Element 2, “{a} {0}”, is found nowhere (best 1.2)"
    assert "“{a} {0}”" in findings.sentence(Words("zh"), finding)


def test_a_picture_that_is_there_is_shown_in_large(context: PageContext) -> None:
    source = Source("a.png", data=picture(size=(640, 480)))
    sha256 = hashlib.sha256(source.read()).hexdigest()
    assert viewer.large(source, sha256, context.services.settings)[:4] == b"RIFF"


def test_another_picture_in_its_place_is_not_shown(context: PageContext) -> None:
    source = Source("a.png", data=picture(size=(640, 480)))
    with pytest.raises(ImageError, match="changed since it was scored"):
        viewer.large(source, "2" * 64, context.services.settings)
