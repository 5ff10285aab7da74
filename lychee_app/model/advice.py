"""Which judge this machine should take, in which precision and how closely it can look at an image.

Arithmetic on what was measured (measure.py): no table of card names, and no torch, so that it can be asked
about machines nobody here has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lychee_app.model.precision import Sizes, choose, needed_bytes
from lychee_app.reasons import Reason, Value
from lychee_app.records import ImageBudget, Precision
from lychee_app.sizes import disk_gb, memory_gb

PROMPT_TOKENS = 110
"""Of the published prompt with a query of a line."""
PATCHES_A_TOKEN = 4
BUDGETS = (1280, 1024, 768, 512, 384, 256, 192, 128, 64)
"""Image tokens that are offered, the closest look first."""
PATIENCE_SECONDS, IMAGES = 300.0, 32
"""The default budget is the largest at which so many images take no longer than that."""
LEAST_LOOK = 256
"""Image tokens that an image should get: a judge with time for fewer is advised only where all are slow."""


@dataclass(frozen=True)
class Rates:
    """What a device did in a short measurement. `flops_per_second`: in our own products, by precision."""

    device: str
    flops_per_second: Mapping[Precision, float]
    bytes_per_second: float
    free_bytes: int

    @property
    def on_card(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def bfloat16_speed(self) -> float:
        """Times that of float32."""
        return self.flops_per_second["bfloat16"] / self.flops_per_second["float32"]


@dataclass(frozen=True)
class KnownJudge:
    """A checkpoint that is known by name, best first where several are listed."""

    name: str
    sizes: Sizes
    download_bytes: int
    """0 where it is on this machine."""


@dataclass(frozen=True)
class Advice:
    """One judge as it would run here. `fits` is False where part of it would be copied in for every image."""

    judge: KnownJudge
    precision: Precision
    image_tokens: int
    seconds_per_image: float
    needs_bytes: int
    fits: bool

    @property
    def advised(self) -> Reason:
        """What a machine should take, in one line."""
        values: dict[str, Value] = {
            "name": self.judge.name.rpartition("/")[2],
            "precision": self.precision,
            **self._time,
        }
        if not self.judge.download_bytes:
            return Reason("advised-here", values)
        return Reason("advised-download", {**values, "download_gb": disk_gb(self.judge.download_bytes)})

    @property
    def _time(self) -> dict[str, Value]:
        """Of one that is shown as a whole, and of one that is cut into as many tiles as there may be."""
        longest = (1 + ImageBudget.most_tiles) * self.seconds_per_image
        return {
            "seconds": _rounded(self.seconds_per_image),
            "longest": _rounded(longest),
            "tokens": self.image_tokens,
        }

    @property
    def looks_from_afar(self) -> Reason | None:
        """Where there is time for less than an image should get."""
        if self.image_tokens >= LEAST_LOOK:
            return None
        return Reason.of("advised-afar", least=LEAST_LOOK)

    @property
    def reason(self) -> Reason:
        """One line: precision, seconds an image and at how many tokens, and what is missing."""
        values: dict[str, Value] = {
            "precision": self.precision,
            **self._time,
            "needs_gb": memory_gb(self.needs_bytes),
        }
        if not self.fits:
            return Reason("runs-not-whole", values)
        return Reason("runs-so", values)


def flops(sizes: Sizes, image_tokens: int) -> float:
    """Of one judged image: two per weight, of the text layers for each token and of the rest for each patch.

    Attention, a few per cent at these lengths, is not counted. With the 7B shape and 1,260 tokens: 24.2e12.
    """
    text = 2.0 * sizes.layers * (image_tokens + PROMPT_TOKENS)
    return text + 2.0 * sizes.rest * PATCHES_A_TOKEN * image_tokens


def seconds(sizes: Sizes, precision: Precision, rates: Rates, image_tokens: int) -> float:
    """The larger of what the arithmetic takes and what reading every weight once takes."""
    rate = rates.flops_per_second[precision]
    read = needed_bytes(sizes, precision, rates.on_card) / rates.bytes_per_second
    return max(flops(sizes, image_tokens) / rate, read)


def for_machine(judge: KnownJudge, rates: Rates, precision: Precision = "auto") -> Advice:
    """How this judge would run. `precision` "auto": see `precision.choose`."""
    if precision == "auto":
        precision = choose(judge.sizes, rates.device, rates.free_bytes, rates.bfloat16_speed)
    needs = needed_bytes(judge.sizes, precision, rates.on_card)
    tokens = usual_tokens(judge.sizes, precision, rates)
    spent = seconds(judge.sizes, precision, rates, tokens)
    return Advice(judge, precision, tokens, spent, needs, needs <= rates.free_bytes)


def usual_tokens(sizes: Sizes, precision: Precision, rates: Rates) -> int:
    """The default for image tokens: how close a look IMAGES images get within PATIENCE_SECONDS."""
    within = (
        tokens for tokens in BUDGETS if IMAGES * seconds(sizes, precision, rates, tokens) <= PATIENCE_SECONDS
    )
    return next(within, BUDGETS[-1])


def recommended(judges: Iterable[KnownJudge], rates: Rates) -> Advice | None:
    """The first that fits and looks closely enough in time; rather a small one than a large one in 4 bits.

    Where all are too slow, the quickest. None where the memory is too small for any.
    """
    fitting = [advice for judge in judges if (advice := for_machine(judge, rates)).fits]
    quick = [advice for advice in fitting if advice.image_tokens >= LEAST_LOOK]
    if quick:
        return min(quick, key=lambda advice: advice.precision == "int4")
    return min(fitting, key=lambda advice: advice.seconds_per_image, default=None)


def _rounded(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2f}"
