"""How good a judge is.

on images of one's own: truth -> answers -> evaluation (measures with intervals) -> report
on drawn scenes whose truth is known: pairs, changes -> suite -> suite_report
"""

from lychee_app.evaluate.answers import Answer, Answers, ask, looks
from lychee_app.evaluate.evaluation import Difference, Evaluation, Figure, Measured, compare, evaluate
from lychee_app.evaluate.measures import library
from lychee_app.evaluate.report import reliability_svg, tables, to_json
from lychee_app.evaluate.suite import Suite, run_suite, suite_looks
from lychee_app.evaluate.suite_report import suite_tables, suite_to_json
from lychee_app.evaluate.truth import Judgement, Truth, read

__all__ = [
    "Answer",
    "Answers",
    "Difference",
    "Evaluation",
    "Figure",
    "Judgement",
    "Measured",
    "Suite",
    "Truth",
    "ask",
    "compare",
    "evaluate",
    "library",
    "looks",
    "read",
    "reliability_svg",
    "run_suite",
    "suite_looks",
    "suite_tables",
    "suite_to_json",
    "tables",
    "to_json",
]
