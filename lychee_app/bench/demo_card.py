"""python -m lychee_app.bench.demo_card: measures the checkpoint and writes its model card.

Knows the words of the card. Figures come from `lychee bench demo`; none is written by hand.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lychee_app.bench import demo as bench
from lychee_app.demo import checkpoint, words

CARD = Path(checkpoint.__file__).with_name("MODEL_CARD.md")
_HEAD = """# Model card: the embedded demo

A demonstration. It knows {objects} drawn objects (emoji art) and six tints, in English and Chinese, and
nothing else: **not photographs**. For photographs use Lychee itself: `lychee download lychee`, then
`--model lychee`.

- Architecture: Qwen2.5-VL (`qwen2_5_vl`), {parameters:.1f} million parameters, BF16; the published classes
and
  prompts run it. Vision tower of 4 blocks of width 192, language model of 5 layers of width 192, a byte-level
  BPE of 4096 tokens of its own with the Qwen2.5-VL special tokens and chat template. Images of 16 to 36
  tokens.
- Trained from scratch by `python -m lychee_app.demo.train` on drawn scenes: sprites of four art sets, tinted,
  on drawn grounds, with words in both scripts as distractors. Labels are known because the scenes are drawn.
- What it says is a score: ten times the share of the query's elements that the scene shows. An object in
  another colour than asked counts half. Words written in a scene count nothing.
- Licence of the weights: Apache-2.0. The art keeps its own licences: see NOTICE.md.

## How this checkpoint came to be

{origin}

## Figures

Fresh scenes, never those of training; `lychee bench demo` measures them again. Held-out art: Fluent Flat,
never trained on (the same designers as one of the trained sets, another rendering).

| figure | measured | goal | |
| --- | --- | --- | --- |
"""
_TAIL = """
Times depend on the machine and on what else it does.

## Known limits

{limits}
"""


def write_card(figures: Mapping[str, float], goals: Mapping[str, str], facts: Mapping[str, Any]) -> str:
    """The card's text. facts: objects, parameters (millions), origin, limits."""
    rows = [_row(name, value, goals.get(name, "")) for name, value in figures.items()]
    return _HEAD.format(**facts) + "\n".join(rows) + "\n" + _TAIL.format(**facts)


def _row(name: str, value: float, goal: str) -> str:
    shown = f"{value:.3g}" if abs(value) >= 1000 else f"{value:.3f}"
    return f"| {name.replace('_', ' ')} | {shown} | {goal} | {'' if not goal else verdict(value, goal)} |"


def verdict(value: float, goal: str) -> str:
    """goal: `>= 0.99`, `<= 4`, `< 2`."""
    sign, limit = goal.split()
    met = {">=": value >= float(limit), "<=": value <= float(limit), "<": value < float(limit)}[sign]
    return "reached" if met else "missed"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m lychee_app.bench.demo_card", description=__doc__)
    bench.add_arguments(parser)
    parser.add_argument("--origin", type=Path, help="text: how the checkpoint was trained")
    parser.add_argument("--limits", type=Path, help="text: what it cannot do")
    options = parser.parse_args(arguments)
    figures = bench.run(options)
    facts = {
        "objects": len(words()),
        "parameters": checkpoint.parameters(checkpoint.CHECKPOINT) / 1e6,
        "origin": _text(options.origin, "By the recipe as it is."),
        "limits": _text(options.limits, "Drawn objects only."),
    }
    numbers = {name: value for name, value in figures.items() if isinstance(value, float)}
    CARD.write_text(write_card(numbers, bench.GOALS, facts), encoding="utf-8")


def _text(path: Path | None, otherwise: str) -> str:
    return path.read_text(encoding="utf-8").strip() if path else otherwise


if __name__ == "__main__":
    main()
