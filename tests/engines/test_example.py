"""An example image as query: alone, with words, and not like one; and when its file is gone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lychee_app import export, query, recorder
from lychee_app.engines.example import example_at
from lychee_app.engines.local import LocalEngine
from lychee_app.errors import UsageError
from lychee_app.likeness import Usual
from lychee_app.ranking import ranked
from lychee_app.records import Run, sigmoid
from lychee_app.request import Example, Request
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.fakes import FakeScorer, engine_of, picture, sources

COLOURS = ("red", "green", "blue", "red")


@pytest.fixture
def red(tmp_path: Path) -> Example:
    return example_of(tmp_path, "red")


def example_of(folder: Path, colour: str) -> Example:
    path = folder / f"an-example-{colour}.png"
    path.write_bytes(picture(colour, seed=99))
    return example_at(path, Settings(data_folder=folder))


def asked(words: str = "", **more) -> Request:
    question = query.ask(words) if words else query.beside_examples()
    return Request(question, model="fake", **more)


def run(request: Request, settings: Settings, scorer: FakeScorer | None = None, log=None) -> Run:
    engine = engine_of(scorer or FakeScorer(), settings)
    return recorder.rank(request, sources(*COLOURS), engine, log or recorder.Unkept())


def test_images_like_the_example_stand_first_and_no_word_is_asked(red: Example, settings: Settings) -> None:
    scorer = FakeScorer()
    found = run(asked(like=red), settings, scorer)
    assert {place.scored.upload_index for place in ranked(found.images)[:2]} == {0, 3}
    assert not scorer.seen
    for row in found.images:
        assert row.reply is None
        assert row.like_reply is not None
        assert row.score == pytest.approx(10 * (row.like_reply.likeness or 0), abs=0.01)


def test_images_unlike_the_other_example_stand_first(red: Example, settings: Settings) -> None:
    found = run(asked(unlike=red), settings)
    assert {place.scored.upload_index for place in ranked(found.images)[2:]} == {0, 3}


def test_words_and_examples_are_multiplied_as_probabilities(
    red: Example, tmp_path: Path, settings: Settings
) -> None:
    words, like, unlike = (
        run(request, settings).images
        for request in (asked("red"), asked(like=red), asked(unlike=example_of(tmp_path, "green")))
    )
    both = run(asked("red", like=red, unlike=example_of(tmp_path, "green")), settings)
    for row, *parts in zip(both.images, words, like, unlike, strict=True):
        assert row.p_yes == pytest.approx(np.prod([part.p_yes for part in parts]), rel=1e-6)
        assert row.margin is not None
        assert row.p_yes == pytest.approx(sigmoid(row.margin))


def test_in_explain_mode_the_score_that_was_read_is_lowered(red: Example, settings: Settings) -> None:
    plain = run(replace(asked("red"), mode="explain"), settings)
    found = run(replace(asked("red", like=red), mode="explain"), settings)
    for row, before in zip(found.images, plain.images, strict=True):
        assert row.like_reply is not None
        assert row.score == pytest.approx((before.score or 0) * (row.like_reply.likeness or 0), abs=1e-4)


def test_a_run_is_stored_with_its_examples_and_their_likeness(red: Example, settings: Settings) -> None:
    with Store.open(settings.data_folder) as store:
        found = run(asked("red", like=red), settings, log=store)
        stored = store.load(found.id)
    assert stored.request.like == red
    assert [row.like_reply for row in stored.images] == [row.like_reply for row in found.images]
    told = json.loads(export.to_json(stored))
    assert told["like"] == {"name": red.name, "sha256": red.sha256, "path": red.path}
    assert told["unlike"] is None
    assert all(0 <= image["like"] <= 10 for image in told["images"])
    assert "an-example-red.png" in export.to_html(stored)


def test_a_likeness_that_is_known_is_not_looked_for_again(red: Example, settings: Settings) -> None:
    with Store.open(settings.data_folder) as store:
        run(asked(like=red), settings, log=store)
        looked: list[str] = []
        scorer = FakeScorer(before=lambda candidate: looked.append(candidate.name))
        run(asked(like=red), settings, scorer, log=store)
    assert not {"0-red.png", "1-green.png"} & set(looked)


def test_a_run_is_called_by_its_words_and_the_names_of_its_examples(red: Example) -> None:
    assert asked(like=red).named == "≈ an-example-red.png"
    assert asked(unlike=red).named == "≉ an-example-red.png"
    assert asked("a cat", like=red, unlike=red).named == "a cat ≈ an-example-red.png ≉ an-example-red.png"


def test_an_example_that_is_gone_or_another_by_now_is_told_before_an_image_is_read(
    red: Example, settings: Settings
) -> None:
    Path(red.path).write_bytes(picture("blue"))
    with pytest.raises(UsageError, match=r"an-example-red\.png cannot be used"):
        run(asked(like=red), settings)
    Path(red.path).unlink()
    with pytest.raises(UsageError, match=r"an-example-red\.png is not at .* any more"):
        run(asked(like=red), settings)
    with pytest.raises(UsageError, match="any more"):
        engine_of(FakeScorer(), settings).prepared(asked(like=red))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "example-missing"),
        (b"", "example-unreadable"),
        (b"a page", "example-unreadable"),
        (picture("red")[:400], "example-unreadable"),  # an image that was cut off
    ],
)
def test_what_cannot_be_judged_is_no_example(
    tmp_path: Path, settings: Settings, data: bytes | None, code: str
) -> None:
    if data is not None:
        (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(UsageError) as told:
        example_at(tmp_path / "x.png", settings)
    assert told.value.code == code


def test_the_same_image_is_found_whole_and_another_hardly() -> None:
    random = np.random.default_rng(1)
    pictures = [random.normal(size=(20, 8)).astype(np.float32) for _ in range(12)]
    usual = Usual.of(pictures)
    seen = [usual.seen(tokens) for tokens in pictures]
    assert seen[0].found_in(seen[0]) == pytest.approx(1.0, abs=1e-5)
    assert all(seen[0].found_in(other) < 0.95 for other in seen[1:])


def test_the_demo_finds_scenes_that_show_what_the_example_shows(settings: Settings) -> None:
    from recipe.exam import Examiner
    from recipe.phrases import Phrases
    from recipe.specimens import load_glyph_specimens, load_specimens
    from tests.support.pictures import encoded

    examiner = Examiner(load_specimens("held-out"), load_glyph_specimens(), Phrases.known(), 5)
    example, scenes = examiner.likenesses(1, 12)
    path = settings.data_folder.parent / "example.png"
    path.write_bytes(encoded(example.image, "PNG"))
    files = [replace(one, name=f"{n}.png") for n, one in enumerate(sources(*["red"] * len(scenes)))]
    files = [
        replace(one, data=encoded(scene.image, "PNG")) for one, (scene, _) in zip(files, scenes, strict=True)
    ]
    request = Request(query.beside_examples(), model="demo", like=example_at(path, settings))
    found = recorder.rank(request, files, LocalEngine(settings), recorder.Unkept())
    shown = {index for index, (_, truth) in enumerate(scenes) if truth}
    first = {place.scored.upload_index for place in ranked(found.images)[: len(shown)]}
    assert len(first & shown) >= len(shown) - 1
