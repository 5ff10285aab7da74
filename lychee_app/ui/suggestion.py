"""Where the page suggests to cut: as somebody's picks and rejects say, once there are enough; else a gap."""

from dataclasses import dataclass

from lychee_app import analysis
from lychee_app.analysis import Calibration
from lychee_app.numbers import count
from lychee_app.reasons import Reason
from lychee_app.records import Cutoff
from lychee_app.ui.state import PageContext, Standing


@dataclass(frozen=True)
class Suggestion:
    """`count` images are at or above `cutoff`. `calibration` is what it comes from; None: from the gap."""

    cutoff: Cutoff
    count: int
    calibration: Calibration | None = None


def suggestion(context: PageContext, standing: Standing) -> Suggestion | None:
    if standing.run.request.columns:  # each has a cut-off of its own
        return None
    fitted = calibration(context, standing)
    if isinstance(fitted, Calibration):
        above = analysis.is_above(standing.numbers, fitted.cutoff)
        return Suggestion(fitted.cutoff, count(above), fitted)
    found = analysis.suggest_cut(standing.numbers)
    return Suggestion(found.cutoff, found.count) if found else None


def calibration(context: PageContext, standing: Standing) -> Calibration | Reason | None:
    """Fitted on what was decided in this run and in earlier ones that asked the same of the same judge; in a
    large run on that alone. A Reason where that cannot be; None where nothing was decided, or there are no
    margins.
    """
    if standing.order.axis != "margin":
        return None
    if window := standing.window:
        picks, rejects = (window.columns.margins(standing.decided(each)) for each in ("pick", "reject"))
    else:
        decided = context.services.store.judged_alike(standing.run).values()
        picks, rejects = ([margin for margin, each in decided if each == kind] for kind in ("pick", "reject"))
    return analysis.calibrate(picks, rejects) if len(picks) + len(rejects) else None
