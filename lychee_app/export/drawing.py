"""The report's two charts as SVG text. Colours are classes, so that the style sheet can follow the theme."""

import html
import math
import unicodedata
from collections.abc import Iterable, Sequence

from lychee_app.analysis import Bin
from lychee_app.ranking import is_scored
from lychee_app.records import Scored

HEAT_STEPS = 10
CELL_PX = 56
_KEPT = "\n\t\u200c\u200d"
"""Not printable, but part of text: line breaks, and the joiners that emoji and some scripts need."""


def histogram(bins: Sequence[Bin], label: str) -> str:
    """One bar per range, best range first."""
    most = max((b.count for b in bins), default=0) or 1
    height, bars = 30, []
    for row, bin_ in enumerate(bins):
        y, width = row * height, 400 * bin_.count / most
        bars.append(
            f'<text class="ink" x="78" y="{y + 19}" text-anchor="end">{bin_label(bin_)}</text>'
            f'<rect class="bar" x="86" y="{y + 4}" width="{width:.1f}" height="{height - 8}" rx="3"/>'
            f'<text class="ink" x="{92 + width:.1f}" y="{y + 19}">{bin_.count}</text>'
        )
    return _svg(540, height * len(bins), label, bars)


def heat_grid(images: Iterable[Scored], label: str) -> str:
    """One cell per image in upload order; the range of the colours is always 0 to 10."""
    images = sorted(images, key=lambda row: row.upload_index)
    columns = min(16, max(8, math.isqrt(len(images))))
    cells = [_cell(row, *_place(position, columns)) for position, row in enumerate(images)]
    rows = math.ceil(len(images) / columns)
    return _svg(columns * CELL_PX, rows * CELL_PX, label, cells)


def heat_class(score: float) -> str:
    """h0 (worst) to h9 (best)."""
    return f"h{min(int(score), HEAT_STEPS - 1)}"


def bin_label(bin_: Bin) -> str:
    """9.5–10, 9–9.5, <6: the upper edge belongs to the range above."""
    return f"&lt;{bin_.high:g}" if bin_.low == 0 else f"{bin_.low:g}–{bin_.high:g}"


def _place(position: int, columns: int) -> tuple[int, int]:
    return position % columns * CELL_PX, position // columns * CELL_PX


def _cell(row: Scored, x: int, y: int) -> str:
    scored = row.score is not None and is_scored(row)
    text = f"{row.score:.1f}" if scored else "–"
    kind = heat_class(row.score) if scored and row.score is not None else "none"
    middle, side = CELL_PX // 2, CELL_PX - 4
    return (
        f'<g><title>{plain(row.name)}: {text}</title><rect class="{kind}" x="{x + 2}" y="{y + 2}" '
        f'width="{side}" height="{side}" rx="6"/><text class="on-{kind}" x="{x + middle}" '
        f'y="{y + middle + 5}" text-anchor="middle">{text}</text></g>'
    )


def _svg(width: int, height: int, label: str, parts: Iterable[str]) -> str:
    head = (
        f'<svg viewBox="0 0 {width} {max(height, 1)}" width="{width}" role="img" aria-label="{plain(label)}">'
    )
    return head + "".join(parts) + "</svg>"


def plain(text: str) -> str:
    """Text that stays text in HTML: escaped, without control and direction characters."""
    kept = "".join(
        c if c in _KEPT or c.isprintable() or unicodedata.category(c) == "Zs" else "\ufffd" for c in text
    )
    return html.escape(kept, quote=True)
