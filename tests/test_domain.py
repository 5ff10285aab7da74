"""What a judge does not know of a question."""

import pytest

from lychee_app import demo
from lychee_app.domain import Domain, domain_of, not_understood
from lychee_app.errors import UsageError
from lychee_app.query import ask


@pytest.fixture
def domain() -> Domain:
    found = domain_of("demo")
    assert found is not None
    return found


@pytest.mark.parametrize("model", ["lychee", "auto", "Qwen/Qwen3-VL-Reranker-2B", "/somewhere/demo", "fake"])
def test_only_the_demo_has_bounds(model: str) -> None:
    assert domain_of(model) is None


def test_the_demo_has_its_bounds_by_name_and_by_what_it_is(domain: Domain) -> None:
    assert domain_of("/a/copy", demo.CHECKPOINT_HASH) is domain_of("demo", "an older one") is domain
    assert domain_of("/a/copy", "f" * 16) is None


def test_unknown_words_are_those_of_all_that_is_asked(domain: Domain) -> None:
    question = ask("复古 green sofa + zeppelin", "neon lamp")
    assert domain.unknown_words(question) == ("复古", "zeppelin", "neon")
    assert domain.unknown_words(ask(demo.GALLERY_QUERY)) == ()


def test_a_question_is_asked_in_the_words_that_were_taught(domain: Domain) -> None:
    asked = domain.asked(ask("Horses + two sofas", "strawberries"))
    assert asked.sent == "horse + two sofa"
    assert asked.elements == ("horse", "two sofa")
    assert asked.sent_not == "strawberry"
    assert (asked.typed, asked.typed_not) == ("Horses + two sofas", "strawberries")
    assert domain.asked(asked) == asked


def test_what_it_knows_nothing_of_is_told(domain: Domain) -> None:
    assert domain.knows_something_of("vintage sofa")
    assert not domain.knows_something_of("vintage zeppelin")


def test_a_misspelt_word_is_told_with_what_it_is_likely_to_mean(domain: Domain) -> None:
    (told,) = not_understood(domain, ask("red umberella + zeppelin"))
    assert told.values["words"] == "umberella (umbrella?), zeppelin"
    assert domain.unknown_words(ask("red umberella")) == ("umberella",)
    with pytest.raises(UsageError) as caught:
        domain.asked(ask("a umberella"))
    assert "Did you mean: umbrella?" in str(caught.value)
    assert not_understood(domain_of("lychee"), ask("umberella")) == []
