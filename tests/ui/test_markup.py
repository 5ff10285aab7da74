"""Whatever a file, a query or a reply is called, the page shows it as text."""

import hashlib
from dataclasses import replace

import pytest

from lychee_app.errors import ImageError
from lychee_app.locale import Words
from lychee_app.records import Reply, Scored, Source
from lychee_app.settings import Settings
from lychee_app.ui import findings, markup
from lychee_app.web import output, pictures
from tests.support.fakes import picture
from tests.support.rows import reply, row, run_of

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "**bold** :material/star: $x$ [a](javascript:alert(1)) | `code`",
    "&lt;b&gt; {count} %s \\",
]


def hostile_row(name: str, **changes) -> Scored:
    reply = Reply(name, "judge", name, 1.0, -1.0, 1, 0, (1,), name, 9, 4, 0.1)
    return Scored(0, name, "0" * 64, 8.8, 2.0, 0.88, (9.0,), reply=reply, thumbnail=b"", **changes)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_reply_is_told_verbatim_with_the_place_its_score_was_read(text: str) -> None:
    scored = hostile_row(f"{text}Score: 9{text}", span=(len(text), len(text) + 8))
    (part,) = output.parts(Words("en"), run_of([scored]), scored)
    start, end = part["span"]
    assert part["reply"] == f"{text}Score: 9{text}"
    assert part["reply"][start:end] == "Score: 9"


def test_what_is_copied_is_the_reply_itself() -> None:
    scored = hostile_row("a\n```b```")
    assert scored.reply is not None
    assert scored.reply.text in output.record(scored, scored.reply)


def test_the_numbers_behind_a_score_are_told_unrounded() -> None:
    scored = hostile_row("a.png")
    facts = dict(output.parts(Words("en"), run_of([scored]), scored)[0]["facts"])
    assert facts["Score"] == "8.8080"
    assert facts["p_yes"] == "0.880797"
    assert facts["Margin (yes − no)"] == "2.0000"


def test_explain_mode_lists_no_numbers_that_it_does_not_have() -> None:
    said = replace(reply(text="A sofa. Score: 9 / 10"), mode="explain", logit_yes=None, logit_no=None)
    scored = replace(row(0, 2.0), margin=None, reply=said, not_reply=reply("cat", -2.0))
    facts = dict(output.parts(Words("en"), run_of([scored], mode="explain"), scored)[0]["facts"])
    assert "–" not in facts.values()
    assert not {"logit yes", "logit no", "p_yes", "Score", "Margin (yes − no)"} & set(facts)


def test_each_element_and_what_is_not_wanted_has_a_part_of_its_own() -> None:
    parts = (reply("sofa"), reply("lamp", -2.0))
    scored = replace(row(0, 2.0), element_replies=parts, not_reply=reply("cat", -2.0))
    run = run_of([scored], elements=("sofa", "lamp"), not_text="cat")
    titles = [part["title"] for part in output.parts(Words("en"), run, scored)]
    assert titles == ["Model output", "Element: sofa · 9.2", "Element: lamp · 1.2", "But not: cat · 1.2"]
    assert [part["open"] for part in output.parts(Words("en"), run, scored)] == [True, False, False, False]


@pytest.mark.parametrize(
    ("change", "text"),
    [(1.25, "+1.2"), (-0.3, "−0.3"), (0.0, "0.0"), (-0.0, "0.0"), (-0.04, "0.0"), (0.04, "0.0")],
)
def test_a_change_has_a_true_minus_and_none_no_sign(change: float, text: str) -> None:
    assert markup.signed(change) == text


def test_a_finding_with_braces_in_an_element_is_worded() -> None:
    finding = findings.Finding("element_nowhere", total=3, value=1.25, element=1, text="{a} {0}")
    assert findings.sentence(Words("en"), finding) == "Element 2, “{a} {0}”, is found nowhere (best 1.2)"
    assert "“{a} {0}”" in findings.sentence(Words("zh"), finding)


def test_a_picture_that_is_there_is_shown_in_large(settings: Settings) -> None:
    source = Source("a.png", data=picture(size=(640, 480)))
    sha256 = hashlib.sha256(source.read()).hexdigest()
    assert pictures.large(source, sha256, settings)[:4] == b"RIFF"


def test_another_picture_in_its_place_is_not_shown(settings: Settings) -> None:
    source = Source("a.png", data=picture(size=(640, 480)))
    with pytest.raises(ImageError, match="changed since it was scored"):
        pictures.large(source, "2" * 64, settings)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Run `lychee download` once.", "Run <code>lychee download</code> once."),
        ("`<b>` is `a & b`", "<code>&lt;b&gt;</code> is <code>a &amp; b</code>"),
        ("it`s <i>odd</i>", "it`s &lt;i&gt;odd&lt;/i&gt;"),
        ("plain", "plain"),
    ],
)
def test_a_command_in_a_sentence_is_set_as_code(text: str, shown: str) -> None:
    assert markup.prose(text) == shown
