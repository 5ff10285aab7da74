"""What the scores of a run say, as numbers: bins, a cut-off, elements, findings. No drawing, no words."""

from lychee_app.analysis.bins import Bin, even_bins, margin_bins, range_bins
from lychee_app.analysis.calibration import Calibration, calibrate
from lychee_app.analysis.caveats import caveats, of_images, tells_little
from lychee_app.analysis.compare import Pair, compare
from lychee_app.analysis.cut import Cut, above, is_above, on_axis, suggest_cut
from lychee_app.analysis.elements import FOUND, ElementColumn, ElementTable, element_table
from lychee_app.analysis.findings import Finding, Kind, findings
from lychee_app.analysis.spread import Spread, saturation, spread

__all__ = [
    "FOUND",
    "Bin",
    "Calibration",
    "Cut",
    "ElementColumn",
    "ElementTable",
    "Finding",
    "Kind",
    "Pair",
    "Spread",
    "above",
    "calibrate",
    "caveats",
    "compare",
    "element_table",
    "even_bins",
    "findings",
    "is_above",
    "margin_bins",
    "of_images",
    "on_axis",
    "range_bins",
    "saturation",
    "spread",
    "suggest_cut",
    "tells_little",
]
