"""`python -m benchmarks example`: an example image as query, on scenes whose truth is known.

An example shows one thing or three; of the other scenes a third show some of them, drawn otherwise, elsewhere
and among other things. Compared are ways to rank by the example: tokens of the vision tower, averaged or each
with its best match, raw or without what is usual (likeness.py); and the judge with the example in its query.
`--fit` fits what makes a score of likeness (domain.py); give it another seed than it is measured with.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.demo import auc, ndcg
from lychee_app.engines.example import usual_of
from lychee_app.likeness import Tokens, Usual
from lychee_app.records import Candidate, Scorer
from lychee_app.settings import Settings
from recipe.exam import Examiner
from recipe.phrases import Phrases
from recipe.specimens import load_glyph_specimens, load_specimens

Way = Callable[[Tokens, Tokens], float]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--examples", type=int, default=24, help="of each kind")
    parser.add_argument("--scenes", type=int, default=30, help="for each example")
    parser.add_argument("--judged", type=int, default=6, help="examples put into the judge's query (slow)")
    parser.add_argument("--seed", type=int, default=90210)
    parser.add_argument("--fit", action="store_true", help="print centre and slope, of scenes of trained art")


@dataclass(frozen=True)
class _Case:
    example: Candidate
    scenes: list[tuple[Candidate, float]]
    tokens: list[Tokens]
    """Of the example, then of each scene."""

    @property
    def truths(self) -> list[float]:
        return [truth for _, truth in self.scenes]


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from lychee_app.model.scorer import open_scorer  # torch, only when it is run

    scorer, settings = open_scorer("demo"), Settings.from_environment()
    usual = usual_of(scorer, settings)
    if arguments.fit:
        cases = [case for subjects in (1, 3) for case in _cases(scorer, "trained", subjects, arguments)]
        return {"bench": "example", "fitted": _fit(cases, usual)}
    figures: dict[str, Any] = {}
    for art in ("trained", "held-out"):
        for subjects in (1, 3):
            cases = list(_cases(scorer, art, subjects, arguments))
            found = {name: _measured(cases, way) for name, way in _ways(usual).items()}
            found["judge, the example in its query"] = _asked_by_image(cases[: arguments.judged])
            figures[f"{art}, {subjects}"] = found
            for name, (gain, area) in found.items():
                told = f"{art:9} {subjects} shown  nDCG@10 {gain:.3f}  AUC {area:.3f}  {name}"
                print(told, file=sys.stderr, flush=True)
    return {"bench": "example", "seed": arguments.seed, **figures}


def _cases(scorer: Scorer, art: str, subjects: int, arguments: argparse.Namespace):
    examiner = Examiner(
        load_specimens(art), load_glyph_specimens(), Phrases.known(), arguments.seed + subjects
    )
    for _ in range(arguments.examples):
        example, scenes = examiner.likenesses(subjects, arguments.scenes)
        tokens = [scorer.look(one) for one in (example, *(scene for scene, _ in scenes))]
        yield _Case(example, scenes, tokens)


def _ways(usual: Usual) -> dict[str, Way]:
    return {
        "tokens averaged": lambda a, b: _cosine(a.mean(axis=0), b.mean(axis=0)),
        "averaged, without what is usual": lambda a, b: _cosine(
            (a.mean(axis=0) - usual.mean) @ usual.basis, (b.mean(axis=0) - usual.mean) @ usual.basis
        ),
        "best matches": lambda a, b: float((_unit(a) @ _unit(b).T).max(axis=1).mean()),
        "best matches, without what is usual": lambda a, b: float(
            (usual.seen(a).directions @ usual.seen(b).directions.T).max(axis=1).mean()
        ),
        "the same, weighed (taken)": lambda a, b: usual.seen(a).found_in(usual.seen(b)),
    }


def _measured(cases: Sequence[_Case], way: Way) -> tuple[float, float]:
    """(mean nDCG@10, mean AUC)."""
    scored = [([way(case.tokens[0], other) for other in case.tokens[1:]], case.truths) for case in cases]
    return _summed(scored)


def _summed(scored: Sequence[tuple[list[float], list[float]]]) -> tuple[float, float]:
    gains = [ndcg(scores, truths) for scores, truths in scored]
    areas = [auc((scores, [10.0 * (truth > 0) for truth in truths])) for scores, truths in scored]
    return float(np.mean(gains)), float(np.mean(areas))


def _asked_by_image(cases: Sequence[_Case]) -> tuple[float, float]:
    """The published prompt with an image for the query, through transformers' own model."""
    import torch
    from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration

    from lychee_app import demo, prompt

    folder = Path(demo.__file__).with_name("checkpoint")
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    processor: Any = AutoProcessor.from_pretrained(folder)
    yes, no = (processor.tokenizer.convert_tokens_to_ids(word) for word in ("yes", "no"))

    def margin(example: Candidate, scene: Candidate) -> float:
        messages = prompt.judge_messages("", scene.image)
        messages[1]["content"][2] = {"type": "image", "image": example.image}
        text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        sizes = {"do_resize": False}
        inputs = processor(
            text=[text], images=[example.image, scene.image], return_tensors="pt", images_kwargs=sizes
        )
        with torch.inference_mode():
            logits = model(**inputs).logits[0, -1]
        return float(logits[yes] - logits[no])

    scored = [([margin(case.example, scene) for scene, _ in case.scenes], case.truths) for case in cases]
    return _summed(scored)


def _fit(cases: Sequence[_Case], usual: Usual) -> dict[str, float]:
    """margin = slope * (likeness - centre), by logistic regression: whether anything of it is shown."""
    from sklearn.linear_model import LogisticRegression

    likes = [
        usual.seen(case.tokens[0]).found_in(usual.seen(other)) for case in cases for other in case.tokens[1:]
    ]
    shown = [truth > 0 for case in cases for truth in case.truths]
    fitted = LogisticRegression(C=1e6, class_weight="balanced").fit(np.array(likes)[:, None], shown)
    slope = float(fitted.coef_[0, 0])
    return {"centre": -float(fitted.intercept_[0]) / slope, "slope": slope}


def _unit(tokens: NDArray[Any]) -> NDArray[Any]:
    return tokens / np.linalg.norm(tokens, axis=-1, keepdims=True)


def _cosine(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(_unit(a) @ _unit(b))
