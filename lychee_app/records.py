"""The values that travel between modules: frozen, typed, free of torch and streamlit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from PIL import Image

from lychee_app import addresses
from lychee_app.errors import ModelLost
from lychee_app.prompt import DEFAULT_INSTRUCTION
from lychee_app.query import Question
from lychee_app.reasons import Reason
from lychee_app.request import Mode, Precision, Request
from lychee_app.sizes import memory_gb

if TYPE_CHECKING:  # with it comes numpy, which a walk and the help do without
    from lychee_app.likeness import Tokens

Status = Literal["running", "done", "stopped", "interrupted", "failed"]
Phase = Literal["waiting", "grouping", "loading", "scoring", "over"]
Decision = Literal["pick", "reject"]
Axis = Literal["score", "margin"]
LEAST_LIKENESS = 1e-6
"""Margins of a likeness end here and, above, as far from 1."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where one image comes from: bytes in hand, a file on this machine, or an address such as
    s3://bucket/key. `name` is only ever shown.

    `private` marks a file that the store keeps for itself (an upload): its path is neither shown nor moved.
    `companions` are other files of the same shot, which go where it goes. `version` is what the place of an
    address says of its content, such as an ETag; another one is another image.
    """

    name: str
    data: bytes | None = None
    path: Path | None = None
    private: bool = False
    companions: tuple[Path, ...] = ()
    address: str | None = None
    version: str = ""

    def read(self) -> bytes:
        """All bytes. Raises OSError if the file cannot be read."""
        if self.data is not None:
            return self.data
        if self.address is not None:
            return addresses.read(self.address)
        if self.path is None:
            raise FileNotFoundError(f"{self.name}: neither bytes nor a path")
        return self.path.read_bytes()


@dataclass(frozen=True)
class Found:
    """The images that are meant, and what was left out or could not be read, counted by kind. `unmet`: globs
    to exclude that nothing matched.
    """

    sources: tuple[Source, ...]
    left_out: tuple[Reason, ...] = ()
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageBudget:
    """How large an image may be for the model. One image token covers `token_px` x `token_px` pixels.

    `most_tiles`: into how many tiles one is cut at most that would be shown too small (intake/fitting.py).
    """

    token_px: int
    max_tokens: int = 1280
    min_tokens: int = 4
    max_aspect: int = 200
    most_tiles: int = 12

    def at_most(self, tokens: int) -> "ImageBudget":
        """The same with `tokens` at most, within its own limits."""
        return replace(self, max_tokens=max(self.min_tokens, min(self.max_tokens, tokens)))


@dataclass(frozen=True)
class Capture:
    """When and with what a picture was taken, as its file says: "" or None where it does not.

    `time` is ISO 8601 as the camera's clock showed it, with an offset where the camera knew one. `rating` is
    that of the XMP inside the file: -1 (rejected) to 5.
    """

    time: str = ""
    camera: str = ""
    lens: str = ""
    focal_mm: float | None = None
    f_number: float | None = None
    exposure_seconds: float | None = None
    iso: int | None = None
    rating: int | None = None

    @property
    def clock_seconds(self) -> float | None:
        """What the clock showed, in seconds since it would have shown 1970. Offsets do not count: of two
        cameras that lie side by side only one may tell its own."""
        return datetime.fromisoformat(self.time).replace(tzinfo=UTC).timestamp() if self.time else None

    @property
    def shown_time(self) -> str:
        """2026-05-04 13:02:11"""
        return self.time[:19].replace("T", " ")

    @property
    def settings(self) -> str:
        """50 mm · f/4 · 1/250 s · ISO 400"""
        seconds, told = self.exposure_seconds, []
        told += [f"{self.focal_mm:.4g} mm"] if self.focal_mm else []
        told += [f"f/{self.f_number:.3g}"] if self.f_number else []
        if seconds:
            told.append(f"1/{1 / seconds:.0f} s" if seconds < 0.3 else f"{seconds:.3g} s")
        return " · ".join([*told, *([f"ISO {self.iso}"] if self.iso else [])])


UNTOLD = Capture()


@dataclass(frozen=True)
class Candidate:
    """One image, ready to be scored.

    `image` is upright RGB, its sides multiples of `token_px` and within the budget: what the model sees.
    `width_px` and `height_px` are those of the original, upright. `thumbnail` is a small WebP. `tiles` are
    parts of it, larger, where the whole is shown too small: the model sees each by itself. `fingerprint` is
    what images are told to be alike by (curate/), "" of a blank one; of two alike the sharper has the higher
    `sharpness`.
    """

    upload_index: int
    name: str
    sha256: str
    image: Image.Image
    width_px: int
    height_px: int
    thumbnail: bytes = b""
    notes: tuple[Reason, ...] = ()
    tiles: tuple[Image.Image, ...] = ()
    capture: Capture = UNTOLD
    fingerprint: str = ""
    sharpness: float = 0.0

    def tokens(self, token_px: int) -> int:
        """How many image tokens of that side the model is given."""
        return (self.image.width // token_px) * (self.image.height // token_px)


@dataclass(frozen=True)
class Refused:
    """One image that cannot be scored. `sha256` is "" where not even the bytes could be read."""

    upload_index: int
    name: str
    sha256: str
    reason: Reason

    @property
    def code(self) -> str:
        return self.reason.code


@dataclass(frozen=True)
class Reply:
    """What the model said to one query about one image, verbatim, and what it cost.

    judge: `text` is the likelier of "yes" and "no"; `generated_ids` is that one token.
    explain: `text` is everything generated, `logit_yes` and `logit_no` are None.
    Logits are float32. `prompt` is the chat as sent, each image shown as one place holder. Raises ModelLost
    for a logit that is not finite: whatever scorer it comes from, no other row can be trusted either.
    """

    query: str
    mode: Mode
    text: str
    logit_yes: float | None
    logit_no: float | None
    yes_id: int
    no_id: int
    generated_ids: tuple[int, ...]
    prompt: str
    prompt_tokens: int
    image_tokens: int
    seconds: float
    tile: int = 0
    """Which tile of the image it is about, from 1; 0 for the whole."""
    likeness: float | None = None
    """To an example image, 0 to 1: then nothing was asked, `text` is "" and there are no logits."""

    def __post_init__(self) -> None:
        logits = self.logit_yes, self.logit_no
        if not all(math.isfinite(logit) for logit in logits if logit is not None):
            raise ModelLost("not-finite", numbers=", ".join(map(str, logits)))

    @property
    def margin(self) -> float | None:
        """logit yes - logit no, in nats. Of a likeness: what gives it as p_yes."""
        if self.likeness is not None:
            return logit(min(max(self.likeness, LEAST_LIKENESS), 1 - LEAST_LIKENESS))
        if self.logit_yes is None or self.logit_no is None:
            return None
        return self.logit_yes - self.logit_no

    @property
    def p_yes(self) -> float | None:
        """e^yes / (e^yes + e^no), 0 to 1 (arXiv 2510.14824)."""
        return None if self.margin is None else sigmoid(self.margin)


@dataclass(frozen=True)
class Scored:
    """One row of a run: an image with its score, or with the `reason` there is none.

    `score` and `elements` are 0 to 10, unrounded. In judge mode `score` is 10 * p_yes; with a "not" text,
    p_yes is that of "the query and not that", and with example images that of "and like this, and not like
    that"; `reply` is None where there are only examples. Of an image in tiles each text has the reply of the
    tile, or the whole, that matches it best. In explain mode `score` is the number read at `span` of
    `reply.text`, and margin and p_yes are None. The model was given what `reply` is about at
    `seen_width_px` x `seen_height_px`; both are 0 where that was not kept. `path` and `companions` are its
    Source's, where that is a file of this machine; `address` where it lies elsewhere.
    """

    upload_index: int
    name: str
    sha256: str
    score: float | None = None
    margin: float | None = None
    p_yes: float | None = None
    elements: tuple[float | None, ...] = ()
    reply: Reply | None = None
    element_replies: tuple[Reply, ...] = ()
    not_reply: Reply | None = None
    like_reply: Reply | None = None
    unlike_reply: Reply | None = None
    span: tuple[int, int] | None = None
    reason: Reason | None = None
    notes: tuple[Reason, ...] = ()
    seconds: float = 0.0
    width_px: int = 0
    height_px: int = 0
    seen_width_px: int = 0
    seen_height_px: int = 0
    thumbnail: bytes = b""
    path: str | None = None
    companions: tuple[str, ...] = ()
    address: str | None = None
    capture: Capture = UNTOLD
    fingerprint: str = ""
    sharpness: float = 0.0

    @property
    def passed_over(self) -> bool:
        """Whether it has no score because a first look found others better (engines/first_look.py): nothing
        went wrong with it."""
        return self.reason is not None and self.reason.code == "passed-over"

    @property
    def stood_for(self) -> bool:
        """Whether it has no score because an image that it is like was judged in its place."""
        return self.reason is not None and self.reason.code == "alike"

    @property
    def failed(self) -> bool:
        """Whether it has no score though it was to have one."""
        return self.score is None and not self.passed_over and not self.stood_for

    @property
    def beside(self) -> str:
        """The kinds of files that go with the image: "NEF, XMP"; "" where there are none."""
        return ", ".join(dict.fromkeys(Path(path).suffix[1:].upper() for path in self.companions))


@dataclass(frozen=True)
class Run:
    """One request over one set of images.

    `images` is in upload order and holds what is done so far, as rows or packed (packed.py: a row is made
    when it is looked at); `total` counts those still to come too.
    `model` and `precision` are as asked until the model is open, and then what they turned out to be;
    `checkpoint_hash` is "" and `token_budget`, the most image tokens an image got, None until then.
    `seconds` includes opening the model, where this run had to. `peak_memory_bytes` is the peak of the
    process that scored it, up to its last image (see MemoryReading): the model and earlier runs count.
    `left_out` counts by kind what lay among the images and was none of them.
    """

    id: str
    created: str
    request: Request
    total: int
    model: str
    checkpoint_hash: str = ""
    precision: Precision = "auto"
    token_budget: int | None = None
    title: str = ""
    status: Status = "running"
    images: Sequence[Scored] = field(default=(), hash=False)
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    error: Reason | None = None
    left_out: tuple[Reason, ...] = ()

    @property
    def question(self) -> Question:
        return self.request.question

    @property
    def name(self) -> str:
        """What it is called where it is listed."""
        return self.title or self.request.named


@dataclass(frozen=True)
class Cutoff:
    """Images at or above `value` on `axis` are in; those below, and those without a score, are out."""

    value: float
    axis: Axis = "score"


@dataclass(frozen=True)
class MemoryReading:
    """Memory of the device the model runs on: a card's, or RAM (`kind` "RAM") where there is none.

    `peak_bytes` is the most that this process ever held: allocated on the GPU, or its resident size.
    """

    kind: str
    used_bytes: int
    total_bytes: int
    peak_bytes: int = 0

    @property
    def told(self) -> Reason:
        """GPU Memory: 18.2 / 24.0 GB"""
        used, total = memory_gb(self.used_bytes), memory_gb(self.total_bytes)
        return Reason.of("memory-ram" if self.kind == "RAM" else "memory-card", used_gb=used, total_gb=total)


@dataclass(frozen=True)
class Heartbeat:
    """How far the process that scores a run is: what it writes down with every row, for whoever watches.

    `done` counts the rows that stand, those of earlier sittings too; while "grouping" the images looked at.
    """

    phase: Phase
    done: int = 0
    seconds_per_image: float = 0.0
    eta_seconds: float = 0.0
    memory: MemoryReading | None = None
    warnings: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class ScorerInfo:
    """What a row must remember of the model that scored it."""

    name: str
    checkpoint_hash: str
    precision: str
    device: str
    budget: ImageBudget
    warnings: tuple[Reason, ...] = ()
    usual_tokens: int | None = None
    """The most image tokens by default, where a closer look would take too long on this machine."""
    at_once: int = 1
    """Images it may be given at the same time, each from a thread of its own. One on a card."""


class Scorer(Protocol):
    """The seam between the flow and the model. Tests pass a fake; `model.scorer` has the real one."""

    @property
    def info(self) -> ScorerInfo: ...

    def judge(
        self, candidate: Candidate, queries: Sequence[str], instruction: str = DEFAULT_INSTRUCTION
    ) -> list[Reply]:
        """One reply per query, in order; the image is looked at once. Raises ScoringError, ModelLost."""
        ...

    def explain(self, candidate: Candidate, query: str, max_tokens: int = 160) -> Reply:
        """A sentence that ends in `Score: x / 10`. Raises ScoringError, ModelLost."""
        ...

    def look(self, candidate: Candidate) -> "Tokens":
        """What the vision tower makes of the image. Raises ScoringError, ModelLost."""
        ...

    def memory(self) -> MemoryReading: ...

    def release(self) -> None:
        """Give back what the allocator hoards; called after each image."""
        ...


def logit(share: float) -> float:
    """log(share / (1 - share)): what sigmoid takes back. Infinite for 1 and above, and for 0 and below."""
    return math.log(share) - math.log1p(-share) if 0 < share < 1 else math.copysign(math.inf, share - 0.5)


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x), without overflow."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)
