"""An evaluation as JSON for programs, as tables for a terminal, and its reliability as a drawing."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lychee_app.evaluate import provenance
from lychee_app.evaluate.evaluation import Difference, Evaluation, Figure, Measured
from lychee_app.evaluate.measures import BINS, LOWER_IS_BETTER, NAMES
from lychee_app.evaluate.truth import Truth
from lychee_app.locale import Words
from lychee_app.reasons import Reason

_BAR = 16
_SHOWN = ("ndcg_at_10", "map", "auc", "spearman", "ece")
"""Of each query in a terminal; all are in the JSON."""
_SIDE_PX, _EDGE_PX = 320, 48


def to_json(
    file: Path,
    truth: Truth,
    first: Evaluation,
    against: Evaluation | None = None,
    differences: Mapping[str, Difference] | None = None,
) -> str:
    """One document: the figures over all queries stand at its top, by their names; `against` has the same
    keys for the second side.
    """
    whole = {"truth": str(file), "relevant_from": truth.relevant_from, **_side(first)}
    if against and differences:
        whole["against"] = _side(against)
        whole["differences"] = {name: _difference(one) for name, one in differences.items()}
    whole |= provenance.here().document()
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1)
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def _side(evaluation: Evaluation) -> dict[str, Any]:
    answers = evaluation.answers
    unscored = {row.name: row.reason for answer in answers.each for row in answer.unscored}
    return {
        **_measured(evaluation.overall),
        **provenance.judge(answers.info, answers.request, answers.token_budget),
        "unknown_words": list(answers.unknown_words),
        "caveats": [{"code": caveat.code, "text": str(caveat)} for caveat in answers.caveats],
        "seconds": answers.seconds,
        "images_looked_at": answers.looks,
        "reliability": [
            {
                "low": low / BINS,
                "high": (low + 1) / BINS,
                "images": one.images,
                "mean_p": one.chance,
                "relevant_share": one.share.value,
                "relevant_share_interval": one.share.interval,
            }
            for low, one in enumerate(evaluation.bins)
        ],
        "queries": [{"query": one.query, **_measured(one)} for one in evaluation.queries],
        "errors": [{"image": name, **_reason(reason, "error")} for name, reason in unscored.items()],
    }


def _measured(one: Measured) -> dict[str, Any]:
    figures = one.figures
    return {
        **{name: figures[name].value for name in NAMES},
        "intervals": {name: figures[name].interval for name in NAMES},
        "reasons": {name: str(figures[name].reason) for name in NAMES if figures[name].reason},
        "images": one.images,
        "relevant": one.relevant,
        "unscored": one.unscored,
    }


def _difference(one: Difference) -> dict[str, Any]:
    values = {"difference": one.value, "interval": one.interval, "p_value": one.p_value}
    return values | _reason(one.reason, "p_reason")


def _reason(reason: Reason | None, key: str) -> dict[str, Any]:
    return {key: None if reason is None else str(reason), f"{key}_code": reason and reason.code}


def tables(
    t: Words,
    first: Evaluation,
    against: Evaluation | None = None,
    differences: Mapping[str, Difference] | None = None,
) -> Group:
    """Over all queries, then each, then how far the probabilities can be believed, then what is missing."""
    sides = [first, against] if against else [first]
    parts: list[Table | Text] = [_overall(t, sides, differences or {})]
    for side in sides:
        if len(side.queries) > 1:
            parts.append(_each(t, side))
        parts.append(_reliability(t, side))
        parts += _notes(t, side)
    return Group(*parts)


def _overall(t: Words, sides: list[Evaluation], differences: Mapping[str, Difference]) -> Table:
    view = Table()
    view.add_column(t("eval.measure"))
    for side in sides:
        view.add_column(Text(_name(side)), justify="right")
    if differences:
        view.add_column(t("eval.difference"), justify="right")
        view.add_column("p", justify="right")
    for name in NAMES:
        cells = [_with_interval(side.overall.figures[name]) for side in sides]
        if differences:
            one = differences[name]
            cells += [_with_interval(one, sign="+"), "–" if one.p_value is None else f"{one.p_value:.3f}"]
        label = t(f"eval.{name}")
        view.add_row(t("eval.lower", measure=label) if name in LOWER_IS_BETTER else label, *cells)
    return view


def _each(t: Words, side: Evaluation) -> Table:
    view = Table(title=Text(_name(side)), title_justify="left")
    view.add_column(t("query"), overflow="fold")
    view.add_column(t("eval.images"), justify="right")
    for name in _SHOWN:
        view.add_column(t(f"eval.{name}"), justify="right")
    for one in side.queries:
        values = [_rounded(one.figures[name].value) for name in _SHOWN]
        view.add_row(Text(one.query or ""), f"{one.relevant} / {one.images}", *values)
    return view


def _reliability(t: Words, side: Evaluation) -> Table:
    """Bars of how many are really relevant, beside what the judge promised."""
    view = Table(title=t("eval.reliability", judge=_name(side)), title_justify="left")
    for heading in (t("eval.promised"), t("eval.images"), t("eval.mean_p"), t("eval.really")):
        view.add_column(heading, justify="right")
    view.add_column("")
    for low, one in enumerate(side.bins):
        if one.images:
            bar = "█" * round((one.share.value or 0.0) * _BAR)
            span = f"{low / BINS:.1f}–{(low + 1) / BINS:.1f}"
            share = _with_interval(one.share)
            view.add_row(span, str(one.images), _rounded(one.chance), share, Text(f"{bar:<{_BAR}}"))
    return view


def _notes(t: Words, side: Evaluation) -> Iterator[Text]:
    for name in NAMES:
        if reason := side.overall.figures[name].reason:
            yield Text(f"{t(f'eval.{name}')}: {t.reason(reason)}")
    if side.overall.unscored:
        row = next(row for answer in side.answers.each for row in answer.unscored)
        yield Text(t("eval.unscored", n=side.overall.unscored, image=row.name, reason=t.reason(row.reason)))
    seconds = f"{side.answers.seconds:.1f}"
    yield Text(t("eval.took", judge=_name(side), n=side.answers.looks, seconds=seconds))


def _name(side: Evaluation) -> str:
    answers = side.answers
    return f"{answers.info.name}, {answers.request.mode}, {answers.info.precision}, {answers.token_budget}"


def _with_interval(one: Figure | Difference, sign: str = "") -> str:
    if one.value is None:
        return "–"
    value = f"{one.value:{sign}.3f}"
    return value if one.interval is None else f"{value} [{one.interval[0]:.3f}, {one.interval[1]:.3f}]"


def _rounded(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def reliability_svg(t: Words, sides: list[Evaluation]) -> str:
    """Promised against real shares with their intervals; on the diagonal a probability is what it says. A
    disc's area grows with the images in it."""
    from jinja2 import Environment, PackageLoader

    drawing = Environment(loader=PackageLoader("lychee_app.evaluate", "."), autoescape=True)
    drawn = [
        {
            "name": _name(side),
            "ece": _rounded(side.overall.figures["ece"].value),
            "points": [
                {
                    "x": _across(one.chance),
                    "y": _down(one.share.value),
                    "ends": [_down(end) for end in one.share.interval or ()],
                    "radius": 3 + 12 * (one.images / side.overall.images) ** 0.5,
                    "n": one.images,
                }
                for one in side.bins
                if one.chance is not None and one.share.value is not None
            ],
        }
        for side in sides
    ]
    ticks = [{"value": f"{tick / 5:.1f}", "x": _across(tick / 5), "y": _down(tick / 5)} for tick in range(6)]
    words = {"promised": t("eval.mean_p"), "really": t("eval.really"), "title": t("eval.plot")}
    return drawing.get_template("reliability.svg").render(
        sides=drawn, ticks=ticks, words=words, edge=_EDGE_PX, side=_SIDE_PX
    )


def _across(share: float) -> float:
    return round(_EDGE_PX + share * _SIDE_PX, 2)


def _down(share: float) -> float:
    return round(_EDGE_PX + (1 - share) * _SIDE_PX, 2)
