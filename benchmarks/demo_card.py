"""python -m benchmarks.demo_card: measures the checkpoint and writes its model card.

Knows the words of the card. Figures come from `python -m benchmarks demo`; none is written by hand.
"""

import argparse
import json
from collections.abc import Mapping
from typing import Any

from benchmarks import demo as bench
from lychee_app import demo
from lychee_app.demo import words
from recipe import checkpoint
from recipe.scenes import MAX_TOKENS, MIN_TOKENS

CARD = demo.CHECKPOINT.with_name("MODEL_CARD.md")
_HEAD = """# Model card: the embedded demo

A demonstration. It knows {objects} drawn objects (emoji art) and six tints, in English and Chinese, and
nothing else: **not photographs**. For photographs use Lychee itself: `lychee download lychee`, then
`--model lychee`.

- Architecture: Qwen2.5-VL (`qwen2_5_vl`), {parameters:.1f} million parameters, BF16; the published classes
  and prompts run it. Vision tower of {depth} blocks of width {width}, language model of {layers} layers of
  width {hidden}, a byte-level BPE of {vocabulary} tokens of its own with the Qwen2.5-VL special tokens and
  chat template. Images of {fewest} to {most} tokens.
- Trained from scratch by `python -m recipe.train` on drawn scenes: sprites of four art sets, tinted,
  on drawn grounds, with words in both scripts as distractors. Labels are known because the scenes are drawn.
- What it says is a score: ten times the share of the query's elements that the scene shows. An object in
  another colour than asked counts half. Words written in a scene count nothing.
- Licence of the weights: Apache-2.0. The art keeps its own licences: see NOTICE.md.

## How this checkpoint came to be

{origin}

## Figures

Fresh scenes, never those of training; `python -m benchmarks demo` measures them again. Held-out art:
Fluent Flat, never trained on (the same designers as one of the trained sets, another rendering).

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
    parser = argparse.ArgumentParser(prog="python -m benchmarks.demo_card", description=__doc__)
    bench.add_arguments(parser)
    options = parser.parse_args(arguments)
    figures = bench.run(options)
    facts = {
        "objects": len(words()),
        "parameters": checkpoint.parameters(demo.CHECKPOINT) / 1e6,
        **_shape(),
        "origin": _told("origin"),
        "limits": _told("limits"),
    }
    numbers = {name: value for name, value in figures.items() if isinstance(value, float)}
    CARD.write_text(write_card(numbers, bench.GOALS, facts), encoding="utf-8")


def _shape() -> dict[str, int]:
    """What the checkpoint's own files say of its size."""
    config = json.loads((demo.CHECKPOINT / "config.json").read_text(encoding="utf-8"))
    text, vision = config["text_config"], config["vision_config"]
    return {
        "depth": vision["depth"],
        "width": vision["hidden_size"],
        "layers": text["num_hidden_layers"],
        "hidden": text["hidden_size"],
        "vocabulary": text["vocab_size"],
        "fewest": MIN_TOKENS,
        "most": MAX_TOKENS,
    }


def _told(name: str) -> str:
    """What the figures cannot say: how this checkpoint was trained, and what it cannot do."""
    return (CARD.parent / "card" / f"{name}.md").read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    main()
