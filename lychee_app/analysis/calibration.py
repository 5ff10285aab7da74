"""From picks and rejects to the chance that an image is wanted: one monotone map of the margin.

A logistic curve of two numbers, fitted by maximum a posteriori. Its prior is the judge's own probability
(slope 1, no shift), so that few decisions move it a little and many decide. With 16 of them isotonic
regression gives a few steps and certainty beyond the last, and an unregularised logistic curve (Platt 1999)
grows without bound where picks and rejects do not overlap, which with 16 is the rule.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lychee_app.numbers import Floats, Mask
from lychee_app.reasons import Reason
from lychee_app.records import Cutoff, sigmoid

FEWEST = 16
"""Decisions below which nothing is fitted."""
FEWEST_EACH = 3
"""Of picks, and of rejects."""
_SLOPE_DEVIATION, _SHIFT_DEVIATION = 1.0, 4.0
"""Of the prior; the shift in nats."""
SLIPS = 0.02
"""How often a decision is taken for a slip: without that a single one far from the others would flatten the
curve."""
_LEAST_SLOPE = 0.1
"""A flatter curve says that what somebody wants does not follow the score."""
_STEPS = 100


@dataclass(frozen=True)
class Calibration:
    """chance = sigmoid(slope * margin + shift); slope is above 0. Fitted on `picks` and `rejects`."""

    slope: float
    shift: float
    picks: int
    rejects: int

    @property
    def count(self) -> int:
        return self.picks + self.rejects

    def chance(self, margin: float) -> float:
        """That an image of this margin is wanted, 0 to 1."""
        return sigmoid(self.slope * margin + self.shift)

    @property
    def cutoff(self) -> Cutoff:
        """Where an image is as likely wanted as not."""
        return Cutoff(-self.shift / self.slope, "margin")


def calibrate(picks: ArrayLike, rejects: ArrayLike) -> Calibration | Reason:
    """From the margins of either. A Reason where there are too few decisions, too few of a kind, or none that
    follow the margin."""
    wanted, others = (margins[np.isfinite(margins)] for margins in map(_as_floats, (picks, rejects)))
    count = len(wanted) + len(others)
    if count < FEWEST or min(len(wanted), len(others)) < FEWEST_EACH:
        told = {"picks": len(wanted), "rejects": len(others), "least": FEWEST, "each": FEWEST_EACH}
        return Reason("calibration-few", told)
    slope, shift = _fitted(np.concatenate([wanted, others]), np.arange(count) < len(wanted))
    if slope < _LEAST_SLOPE:
        return Reason.of("calibration-no-order", n=count)
    return Calibration(slope, shift, len(wanted), len(others))


def _as_floats(margins: ArrayLike) -> Floats:
    return np.asarray(margins, np.float64)


def _fitted(margins: Floats, wanted: Mask) -> tuple[float, float]:
    """Fisher scoring on the negative log posterior, from the prior's centre; steps are halved until they lead
    downhill.
    """
    inputs = np.stack([margins, np.ones(len(margins))], axis=1)
    truth, centre = wanted.astype(float), np.array([1.0, 0.0])
    weight = np.array([_SLOPE_DEVIATION, _SHIFT_DEVIATION]) ** -2.0

    def told(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The chance that an image is picked, slips and all, and by how much that grows with the curve's own
        logit."""
        own = np.exp(-np.logaddexp(0, -(inputs @ at)))
        return SLIPS + (1 - 2 * SLIPS) * own, (1 - 2 * SLIPS) * own * (1 - own)

    def loss(at: np.ndarray) -> float:
        chance = told(at)[0]
        misfit = -np.log(np.where(truth > 0, chance, 1 - chance)).sum()
        return float(misfit + (weight * (at - centre) ** 2).sum() / 2)

    at = centre
    for _ in range(_STEPS):
        chance, growth = told(at)
        spread = chance * (1 - chance)
        downhill = inputs.T @ (growth * (truth - chance) / spread) - weight * (at - centre)
        curve = (inputs * (growth**2 / spread)[:, None]).T @ inputs + np.diag(weight)
        step = np.linalg.solve(curve, downhill)
        while loss(at + step) > loss(at) and np.abs(step).max() > 1e-9:
            step = step / 2
        at = at + step
        if np.abs(step).max() < 1e-9:
            break
    return float(at[0]), float(at[1])
