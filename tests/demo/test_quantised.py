"""What 8 and 4 bits do to the scores of the embedded checkpoint, over its gallery and fresh scenes."""

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.demo import spearman
from benchmarks.precision import demo_questions
from lychee_app.model.scorer import open_scorer
from lychee_app.model.threads import limited
from lychee_app.records import Precision
from lychee_app.settings import Settings


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with limited(1):
        yield


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> dict[Precision, np.ndarray]:
    """Four queries over every other picture of the gallery and of 12 scenes, 0 to 10."""
    settings = Settings(data_folder=tmp_path_factory.mktemp("home"))
    precisions: tuple[Precision, ...] = ("float32", "int8", "int4")
    scorers = [open_scorer("demo", settings=settings, device="cpu", precision=one) for one in precisions]
    questions = demo_questions(scorers[0], settings, scenes=12)[::2]
    found: dict[Precision, np.ndarray] = {}
    for precision, scorer in zip(precisions, scorers, strict=True):
        replies = [scorer.judge(*asked) for asked in questions]
        found[precision] = np.array([10 * (reply.p_yes or 0) for each in replies for reply in each])
    return found


@pytest.mark.parametrize(("precision", "most", "rank"), [("int8", 0.3, 0.99), ("int4", 1.0, 0.97)])
def test_scores_move_little_and_ranks_less(
    precision: Precision, most: float, rank: float, scores: dict[Precision, np.ndarray]
) -> None:
    exact, found = scores["float32"], scores[precision]
    assert len(found) == 4 * (16 + 6)
    assert 0 < np.abs(found - exact).max() <= most
    assert spearman(found.tolist(), exact.tolist()) >= rank
