"""How good a judge is on images of one's own: truth -> answers -> measures with intervals -> report."""

from lychee_app.evaluate.answers import Answer, Answers, ask, looks
from lychee_app.evaluate.evaluation import Difference, Evaluation, Figure, Measured, compare, evaluate
from lychee_app.evaluate.report import reliability_svg, tables, to_json
from lychee_app.evaluate.truth import Judgement, Truth, read

__all__ = [
    "Answer",
    "Answers",
    "Difference",
    "Evaluation",
    "Figure",
    "Judgement",
    "Measured",
    "Truth",
    "ask",
    "compare",
    "evaluate",
    "looks",
    "read",
    "reliability_svg",
    "tables",
    "to_json",
]
