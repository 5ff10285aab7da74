"""The example queries of the first screen, on the gallery that they are shown with."""

from pathlib import Path

import pytest

from lychee_app import demo
from lychee_app.domain import domain_of, unknown_words
from lychee_app.library import rank
from lychee_app.locale import Words, languages
from lychee_app.query import ask
from lychee_app.ui.sidebar import EXAMPLES
from recipe.build_gallery import CUP, GREEN, LAMP, SOFA, YELLOW, named_plans, truth_of

ASKED = {
    "cafe": {SOFA: GREEN, LAMP: YELLOW, CUP: None},
    "cat": {"🐈": None, SOFA: GREEN},
    "cake": {"🎂": None, LAMP: None},
}
"""What each asks for: character -> tint, None where no colour is asked."""


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    demo.write_gallery(folder)
    return folder


def test_there_is_truth_for_each() -> None:
    assert set(ASKED) == set(EXAMPLES)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_demo_knows_every_word_and_ranks_every_full_match_above_the_rest(
    example: str, language: str, gallery: Path
) -> None:
    query = Words(language)(f"example.{example}.query")
    assert unknown_words(domain_of("demo"), ask(query)) == ()
    truth = {name: truth_of(plan, ASKED[example]) for name, plan in named_plans().items()}
    run = rank(query, gallery, model="demo", elements=True)
    margins = {row.name: row.margin or 0.0 for row in run.images}
    full = [margins[name] for name, share in truth.items() if share == 1]
    rest = [margins[name] for name, share in truth.items() if share < 1]
    none = [margins[name] for name, share in truth.items() if share == 0]
    assert min(full) > max(rest) + 1
    assert max(none) < 0
    assert not any(row.notes for row in run.images)
