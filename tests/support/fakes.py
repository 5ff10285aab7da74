"""Stand-ins for the seams of the flow: a Scorer that needs no model, and pictures drawn on the spot."""

import io
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from lychee_app.engines.local import LocalEngine
from lychee_app.errors import LycheeError
from lychee_app.likeness import Tokens
from lychee_app.records import Candidate, ImageBudget, MemoryReading, Reply, Scorer, ScorerInfo, Source
from lychee_app.settings import Settings

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (30, 40, 220)}


@dataclass
class FakeScorer:
    """Believes in colours: the margin of "red" is how much redder than the rest an image is.

    `before` is called with every candidate and may raise, wait or count; `seen` lists what was judged.
    """

    before: Callable[[Candidate], None] = lambda candidate: None
    text: str = "It is {query}. Score: {score:.1f} / 10"
    info: ScorerInfo = field(
        default_factory=lambda: ScorerInfo("fake", "f" * 16, "float32", "cpu", ImageBudget(28, 16))
    )
    seen: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    released: int = 0

    def judge(self, candidate: Candidate, queries: Sequence[str], instruction: str = "") -> list[Reply]:
        self.before(candidate)
        self.seen.append((candidate.name, tuple(queries)))
        return [self._reply(candidate, query) for query in queries]

    def explain(self, candidate: Candidate, query: str, max_tokens: int = 160) -> Reply:
        self.before(candidate)
        self.seen.append((candidate.name, (query,)))
        p_yes = self._reply(candidate, query).p_yes
        assert p_yes is not None
        text = self.text.format(query=query, score=10 * p_yes)
        return Reply(
            query, "explain", text, None, None, 1, 0, (5, 6), "prompt", 9, self._tokens(candidate), 0.001
        )

    def look(self, candidate: Candidate) -> Tokens:
        """Two tokens of three numbers: what the upper and the lower half are coloured like."""
        self.before(candidate)
        pixels = np.asarray(candidate.image, dtype=np.float32) / 255
        halves = np.array_split(pixels, 2)
        return np.stack([half.mean(axis=(0, 1)) for half in halves]).astype(np.float32)

    def memory(self) -> MemoryReading:
        return MemoryReading("RAM", 1_000_000_000, 24_000_000_000, 1_500_000_000)

    def release(self) -> None:
        self.released += 1

    def _reply(self, candidate: Candidate, query: str) -> Reply:
        mean = np.asarray(candidate.image, dtype=np.float32).mean(axis=(0, 1)) / 255
        margin = 0.0
        for channel, name in enumerate(COLOURS):
            if name in query:
                margin += 8 * float(mean[channel] - np.delete(mean, channel).mean()) - 2
        text, token = ("yes", 1) if margin > 0 else ("no", 0)
        tokens = self._tokens(candidate)
        return Reply(
            query, "judge", text, margin / 2, -margin / 2, 1, 0, (token,), "prompt", 9, tokens, 0.001
        )

    def _tokens(self, candidate: Candidate) -> int:
        return candidate.tokens(self.info.budget.token_px)


def engine_of(scorer: Scorer, settings: Settings) -> LocalEngine:
    """The local engine over this scorer, whatever model is asked for."""
    return LocalEngine(settings, lambda name, precision: scorer)


def picture(
    colour: str = "red", size: tuple[int, int] = (120, 90), kind: str = "PNG", seed: int = 0
) -> bytes:
    """A file of one colour with a little noise, so that two seeds differ."""
    noise = np.random.default_rng(seed).integers(-8, 8, (size[1], size[0], 3))
    pixels = np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def sources(*colours: str) -> list[Source]:
    """One source per colour, each a different file."""
    return [
        Source(f"{index}-{colour}.png", picture(colour, seed=index)) for index, colour in enumerate(colours)
    ]


def raising(error: LycheeError, name: str) -> Callable[[Candidate], None]:
    """A `before` that fails for the image of that name."""

    def before(candidate: Candidate) -> None:
        if candidate.name == name:
            raise error

    return before


@dataclass
class Gate:
    """A `before` that lets `free` images pass and then waits until `open` is called."""

    free: int
    _event: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    def __call__(self, candidate: Candidate) -> None:
        self.free -= 1
        if self.free < 0:
            self.reached.set()
            assert self._event.wait(30), "nobody opened the gate"

    def open(self) -> None:
        self._event.set()
