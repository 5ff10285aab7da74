import math

from hypothesis import given
from hypothesis import strategies as st

from lychee_app import verdict
from lychee_app.records import Reply, sigmoid

margins = st.floats(-60, 60)


def reply(margin: float) -> Reply:
    return Reply("q", "judge", "yes", margin, 0.0, 1, 0, (1,), "", 1, 1, 0.0)


def told(text: str) -> Reply:
    return Reply("q", "explain", text, None, None, 1, 0, (), "", 1, 1, 0.0)


@given(margins)
def test_the_score_is_ten_times_p_yes(margin: float) -> None:
    given = verdict.judged(reply(margin))
    assert given.margin == margin
    assert given.score is not None
    assert math.isclose(given.score, 10 / (1 + math.exp(-margin)), rel_tol=1e-12)


@given(margins, margins)
def test_and_not_is_the_product_of_the_two_probabilities(margin: float, other: float) -> None:
    product = sigmoid(margin) * sigmoid(-other)
    assert math.isclose(sigmoid(verdict.and_not(margin, other)), product, rel_tol=1e-9, abs_tol=1e-300)


def test_strong_matches_keep_their_order_under_a_not_text() -> None:
    near, far = verdict.and_not(41.0, -50.0), verdict.and_not(42.0, -50.0)
    assert near < far


def test_a_not_text_that_matches_lowers_the_score() -> None:
    plain = verdict.judged(reply(3.0)).score
    lowered = verdict.judged(reply(3.0), reply(2.0)).score
    assert plain is not None
    assert lowered is not None
    assert lowered < plain / 5


def test_an_explained_score_is_read_from_its_span() -> None:
    given = verdict.explained(told("A red sofa. Score: 7.5 / 10"))
    assert given.score == 7.5
    assert given.span is not None
    assert given.margin is None


def test_text_without_a_score_gives_a_reason_and_no_zero() -> None:
    given = verdict.explained(told("I cannot say."))
    assert given.score is None
    assert given.reason
