"""What the built-in suite found: JSON for programs, tables for a terminal."""

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lychee_app.evaluate import provenance
from lychee_app.evaluate.pairs import pairs
from lychee_app.evaluate.suite import Moved, Rate, Size, Suite
from lychee_app.locale import Words


def suite_to_json(suite: Suite) -> str:
    """One document. Points are of 10; a share is null where nothing was decided."""
    whole = {
        "suite": "built-in",
        **provenance.judge(suite.info, suite.request, suite.token_budget),
        "pairs": {kind: _kind(kind, rates) for kind, rates in suite.kinds.items()},
        "wordings": _all_moved(suite.wordings),
        "harmless_changes": _all_moved(suite.harmless),
        "adverse_changes": _all_moved(suite.adverse),
        "image_tokens": [_size(size) for size in suite.sizes],
        "steadiness": suite.steadiness,
        "fingerprint": suite.fingerprint,
        "seconds": suite.seconds,
        "images_looked_at": suite.looks,
        **provenance.here().document(),
    }
    return json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _kind(kind: str, rates: Mapping[str, Rate]) -> dict[str, Any]:
    right, decided = (sum(getattr(rate, name) for rate in rates.values()) for name in ("right", "decided"))
    example = pairs()[kind][0]
    return {
        "right": right / decided if decided else None,
        "example": {"en": example.en, "zh": example.zh},
        **{lang: _rate(rate) for lang, rate in rates.items()},
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return {"right": rate.share, "pairs": rate.decided, "interval": rate.interval, "chance": rate.is_chance}


def _all_moved(found: Mapping[str, Moved]) -> dict[str, Any]:
    return {
        name: {
            "count": one.count,
            "mean_points": one.mean,
            "largest_points": one.largest,
            "pairs_lost": one.lost,
        }
        for name, one in found.items()
    }


def _size(size: Size) -> dict[str, Any]:
    return {
        "tokens": size.tokens,
        "scenes": _rate(size.scenes),
        "scenes_apart_points": size.scenes_apart,
        "mosaics": _rate(size.mosaics),
        "mosaics_apart_points": size.mosaics_apart,
        "seconds_per_image": size.seconds_per_image,
    }


def suite_tables(t: Words, suite: Suite) -> Group:
    steady = [
        t("suite.steady", case=t(f"suite.{name}"), most=f"{most:.1e}")
        for name, most in suite.steadiness.items()
    ]
    judge = f"{suite.info.name}, {suite.request.mode}, {suite.info.precision}, {suite.token_budget}"
    took = t("eval.took", judge=judge, n=suite.looks, seconds=f"{suite.seconds:.1f}")
    return Group(
        _kinds(t, suite),
        _moves(t, t("suite.wordings"), suite.wordings),
        _moves(t, t("suite.harmless"), suite.harmless),
        _moves(t, t("suite.adverse"), suite.adverse),
        _sizes(t, suite),
        Text("\n".join([*steady, t("suite.fingerprint", fingerprint=suite.fingerprint[:16]), took])),
    )


def _kinds(t: Words, suite: Suite) -> Table:
    view = Table(title=t("suite.pairs"), title_justify="left")
    view.add_column(t("suite.kind"))
    view.add_column(t("suite.example"), overflow="fold")
    for lang in ("en", "zh"):
        view.add_column(t(f"suite.right.{lang}"), justify="right")
    for kind, rates in suite.kinds.items():
        cells = [_with_interval(t, rate) for rate in rates.values()]
        view.add_row(t(f"suite.{kind}"), Text(pairs()[kind][0].en), *cells)
    return view


def _moves(t: Words, title: str, found: Mapping[str, Moved]) -> Table:
    view = Table(title=title, title_justify="left")
    view.add_column("")
    for heading in ("mean", "largest", "lost"):
        view.add_column(t(f"suite.{heading}"), justify="right")
    for name, one in found.items():
        lost = t("suite.of", count=one.lost, total=one.count)
        view.add_row(t(f"suite.{name}"), f"{one.mean:+.2f}", f"{one.largest:.2f}", lost)
    return view


def _sizes(t: Words, suite: Suite) -> Table:
    view = Table(title=t("suite.sizes"), title_justify="left")
    for heading in ("tokens", "scenes", "mosaics", "seconds"):
        view.add_column(t(f"suite.{heading}"), justify="right")
    for size in suite.sizes:
        rates = (_with_interval(t, rate) for rate in (size.scenes, size.mosaics))
        view.add_row(str(size.tokens), *rates, f"{size.seconds_per_image:.3f}")
    return view


def _with_interval(t: Words, rate: Rate) -> str:
    if rate.share is None or rate.interval is None:
        return "–"
    span = f"{rate.share:.0%} [{rate.interval[0]:.0%}, {rate.interval[1]:.0%}]"
    return t("suite.by_chance", share=span) if rate.is_chance and rate.interval[1] >= 0.5 else span
