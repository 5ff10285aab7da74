"""The report's style sheet, light and dark."""

from lychee_app.export.drawing import HEAT_STEPS

Colour = tuple[int, int, int]

_LIGHT: tuple[Colour, Colour] = ((243, 236, 239), (176, 18, 74))
_DARK: tuple[Colour, Colour] = ((48, 38, 43), (255, 104, 150))

_BASE = """
:root { color-scheme: light dark; --ink: #241a1e; --soft: #75666c; --page: #fffdfd; --card: #fff;
  --line: #e9dfe3; --accent: #b0124a; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC",
  sans-serif; }
h1 { margin: 0; font-size: 1rem; color: var(--accent); }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.15rem; }
.query { font-size: 1.6rem; font-weight: 650; overflow-wrap: anywhere; margin: .25rem 0 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
svg { max-width: 100%; height: auto; font: 13px system-ui, sans-serif; }
.ink { fill: var(--ink); } .bar { fill: var(--accent); }
.none { fill: none; stroke: var(--line); stroke-dasharray: 4 3; } .on-none { fill: var(--soft); }
.hint, .reason, .made { color: var(--soft); }
ol { list-style: none; padding: 0; margin: 0; display: grid; gap: .75rem; }
li.row { display: grid; grid-template-columns: 3rem 8rem 1fr; gap: 1rem; align-items: start;
  background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .75rem; }
.rank { font-size: 1.3rem; font-weight: 650; text-align: right; color: var(--soft); }
.row img { width: 100%; border-radius: 8px; display: block; }
.score { font-size: 1.3rem; font-weight: 650; }
.name { overflow-wrap: anywhere; unicode-bidi: isolate; }
.chips span { display: inline-block; border: 1px solid var(--line); border-radius: 99px; padding: 0 .6rem;
  margin: .25rem .25rem 0 0; font-size: .85rem; }
.mark { font-size: .85rem; color: var(--accent); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0 0; font-size: .85rem; }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; margin-top: .4rem; }
.made { margin-top: 3rem; font-size: .85rem; }
@media (max-width: 36rem) { li.row { grid-template-columns: 2rem 5rem 1fr; gap: .6rem; } }
"""
_DARK_BASE = """
:root { --ink: #f3eaed; --soft: #a8979e; --page: #171214; --card: #201a1d; --line: #3a2f34;
  --accent: #ff6896; }
"""


def style_sheet() -> str:
    dark = _DARK_BASE + _heat(_DARK)
    return f"{_BASE}{_heat(_LIGHT)}@media (prefers-color-scheme: dark) {{{dark}}}\n"


def _heat(ramp: tuple[Colour, Colour]) -> str:
    """Rules for h0 ... h9 and for the text on them."""
    rules = []
    for step in range(HEAT_STEPS):
        share = step / (HEAT_STEPS - 1)
        red, green, blue = (round(low + (high - low) * share) for low, high in zip(*ramp, strict=True))
        ink = _readable_on((red, green, blue))
        rules.append(f".h{step}{{fill:rgb({red},{green},{blue})}}.on-h{step}{{fill:{ink}}}")
    return "\n".join(rules) + "\n"


def _readable_on(ground: Colour) -> str:
    """Near-black or white, whichever stands out more (WCAG 2.1: white at a luminance below about 0.18)."""
    red, green, blue = (_linear(channel / 255) for channel in ground)
    return "#fff" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.18 else "#171214"


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
