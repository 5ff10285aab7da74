"""The example queries of the first screen, on the gallery that they are shown with."""

import pytest

from lychee_app import demo
from lychee_app.domain import domain_of, unknown_words
from lychee_app.intake import prepare
from lychee_app.locale import Words, languages
from lychee_app.model.scorer import open_scorer
from lychee_app.query import ask
from lychee_app.records import Candidate, Source
from lychee_app.settings import Settings
from lychee_app.ui.sidebar import EXAMPLES
from recipe.build_gallery import CUP, GREEN, LAMP, SOFA, YELLOW, named_plans, truth_of

ASKED = {
    "cafe": {SOFA: GREEN, LAMP: YELLOW, CUP: None},
    "cat": {"🐈": None, SOFA: GREEN},
    "cake": {"🎂": None, LAMP: None},
}
"""What each asks for: character -> tint, None where no colour is asked."""


@pytest.fixture(scope="module")
def margins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """By query, of every language, and by the name of an image. Each is looked at once for all of them."""
    folder = tmp_path_factory.mktemp("gallery")
    demo.write_gallery(folder)
    settings = Settings(data_folder=tmp_path_factory.mktemp("home"))
    scorer = open_scorer("demo", settings=settings, device="cpu")
    queries = [text_of(example, language) for example in EXAMPLES for language in languages()]
    found: dict[str, dict[str, float]] = {query: {} for query in queries}
    sources = enumerate(Source(name, path=folder / name) for name in named_plans())
    for candidate in prepare(sources, scorer.info.budget, settings):
        assert isinstance(candidate, Candidate)
        assert not candidate.notes
        replies = scorer.judge(candidate, [ask(query).sent for query in queries])
        for query, reply in zip(queries, replies, strict=True):
            found[query][candidate.name] = reply.margin or 0.0
    return found


def text_of(example: str, language: str) -> str:
    return Words(language)(f"example.{example}.query")


def test_there_is_truth_for_each() -> None:
    assert set(ASKED) == set(EXAMPLES)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_demo_knows_every_word_and_ranks_every_full_match_above_the_rest(
    example: str, language: str, margins: dict[str, dict[str, float]]
) -> None:
    query = text_of(example, language)
    assert unknown_words(domain_of("demo"), ask(query)) == ()
    truth = {name: truth_of(plan, ASKED[example]) for name, plan in named_plans().items()}
    found = margins[query]
    full = [found[name] for name, share in truth.items() if share == 1]
    rest = [found[name] for name, share in truth.items() if share < 1]
    none = [found[name] for name, share in truth.items() if share == 0]
    assert min(full) > max(rest) + 1
    assert max(none) < 0
