"""Where the page suggests to cut: as somebody's picks and rejects say, once there are enough; else a gap."""

from dataclasses import dataclass

from lychee_app import analysis
from lychee_app.analysis import Calibration, Judged
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
    scored = standing.order.scored
    fitted = calibration(context, standing)
    if isinstance(fitted, Calibration):
        return Suggestion(fitted.cutoff, len(analysis.above(scored, fitted.cutoff)), fitted)
    found = analysis.suggest_cut(scored)
    return Suggestion(found.cutoff, found.count) if found else None


def calibration(context: PageContext, standing: Standing) -> Calibration | Reason | None:
    """Fitted on what was decided in this run and in earlier ones that asked the same of the same judge. A
    Reason where that cannot be; None where nothing was decided, or there are no margins.
    """
    if standing.order.axis != "margin":
        return None
    decided = context.services.store.judged_alike(standing.run)
    if not decided:
        return None
    return analysis.calibrate(Judged(margin, decision == "pick") for margin, decision in decided.values())
