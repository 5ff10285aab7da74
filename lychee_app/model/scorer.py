"""`open_scorer`: a name -> a Scorer; and `LocalScorer`, which judges and explains one image at a time.

The order of things: patches, the vision tower once, one prompt per query, the last hidden state, two rows of
the LM head in float32.
"""

import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lychee_app import query as queries_
from lychee_app.errors import CheckpointError, OutOfMemory
from lychee_app.likeness import Tokens
from lychee_app.model import checkpoints, memory, selftest, weights
from lychee_app.model.fast import FastForward, checked_forward
from lychee_app.model.faults import translated
from lychee_app.model.forward import Forward
from lychee_app.model.layout import PixelLayout, budget
from lychee_app.model.loading import (
    Loaded,
    choose_device,
    choose_precision,
    lm_head_rows,
    load,
    load_lean,
    load_quantised,
)
from lychee_app.model.pixels import patchify
from lychee_app.model.plain import PlainForward
from lychee_app.model.positions import Grid
from lychee_app.model.precision import BITS, Sizes
from lychee_app.model.quantised import QuantisedLinear
from lychee_app.model.threads import SMALL_BYTES, images_at_once, limited, threads_for, unlimited
from lychee_app.model.tokens import Codec, Prompt
from lychee_app.model.weights import Checkpoint
from lychee_app.prompt import DEFAULT_INSTRUCTION
from lychee_app.records import Candidate, MemoryReading, Precision, Reply, ScorerInfo
from lychee_app.settings import Settings

_WORTH_RELEASING_BYTES = 512 << 20
"""Less than this stays with the allocator: giving it back and asking again costs milliseconds per image."""


@dataclass(frozen=True)
class Parts:
    """What a scorer is made of. `answers`: the LM head's rows of "yes" and of "no", (2, hidden) float32."""

    forward: Forward
    codec: Codec
    layout: PixelLayout
    answers: Tensor
    device: str
    stop_ids: frozenset[int]
    threads: int | None = None
    """Of the processor, for the work on one image; None: as many as torch takes by itself."""


class LocalScorer:
    """A Scorer on a checkpoint of this machine. Threads may share it: `info.at_once` images are in work at a
    time, on a card one."""

    def __init__(self, parts: Parts, info: ScorerInfo) -> None:
        self._parts, self._info = parts, info
        self._in_work = threading.BoundedSemaphore(info.at_once)

    @property
    def info(self) -> ScorerInfo:
        return self._info

    @property
    def parts(self) -> Parts:
        return self._parts

    def judge(
        self, candidate: Candidate, queries: Sequence[str], instruction: str = DEFAULT_INSTRUCTION
    ) -> list[Reply]:
        """One reply per query, in order; the vision tower runs once. Raises ScoringError, ModelLost."""
        if not queries:
            return []
        tokens = candidate.tokens(self._parts.layout.token_px)
        prompts = [self._parts.codec.judge(query, instruction, tokens) for query in queries]
        started = time.perf_counter()
        with self._a_pass(candidate, tokens):
            logits = self._logits(candidate, prompts)
        seconds = (time.perf_counter() - started) / len(prompts)
        pairs = zip(queries, prompts, logits, strict=True)
        return [self._judged(query, prompt, pair, tokens, seconds) for query, prompt, pair in pairs]

    def explain(self, candidate: Candidate, query: str, max_tokens: int = 160) -> Reply:
        """Greedy text that is asked to end in `Score: x / 10`. Raises ScoringError, ModelLost."""
        codec, tokens = self._parts.codec, candidate.tokens(self._parts.layout.token_px)
        prompt = codec.explain(query, queries_.language(query), tokens)
        started = time.perf_counter()
        with self._a_pass(candidate, tokens):
            ids = self._generated(candidate, prompt, max_tokens)
        return Reply(
            query=query,
            mode="explain",
            text=codec.decode(ids),
            logit_yes=None,
            logit_no=None,
            yes_id=codec.yes_id,
            no_id=codec.no_id,
            generated_ids=tuple(ids),
            prompt=prompt.text,
            prompt_tokens=len(prompt.ids),
            image_tokens=tokens,
            seconds=time.perf_counter() - started,
        )

    def look(self, candidate: Candidate) -> Tokens:
        """What the vision tower makes of the image. Raises ScoringError, ModelLost."""
        with self._a_pass(candidate, candidate.tokens(self._parts.layout.token_px)):
            image, _ = self._embedded(candidate)
            return image[0].to(torch.float32).cpu().numpy()

    def memory(self) -> MemoryReading:
        return memory.reading(self._parts.device)

    def release(self) -> None:
        """Gives back what the allocator hoards on the card, when that is worth asking for it again."""
        if not self._parts.device.startswith("cuda"):
            return
        device = self._parts.device
        with self._in_work:  # memory must not be given back while a pass is being recorded
            held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
            if held > _WORTH_RELEASING_BYTES:
                torch.cuda.empty_cache()

    @contextmanager
    def _a_pass(self, candidate: Candidate, tokens: int) -> Iterator[None]:
        """One of the images in work. Torch's errors become ours; out of memory, what can be is given back."""
        with self._in_work, limited(self._parts.threads):
            try:
                with translated(candidate.name, tokens):
                    yield
            except OutOfMemory:
                self._parts.forward.forget()
                _empty_cache()
                raise

    def _logits(self, candidate: Candidate, prompts: Sequence[Prompt]) -> list[tuple[float, float]]:
        """(yes, no) of each prompt. Every tensor of the image dies with this frame."""
        image, grid = self._embedded(candidate)
        rows = [torch.tensor(prompt.ids) for prompt in prompts]
        hidden = self._last_hidden(rows, image, grid).to(torch.float32)
        logits = hidden @ self._parts.answers.to(hidden.device).T
        return [(float(yes), float(no)) for yes, no in logits.tolist()]

    def _last_hidden(self, rows: Sequence[Tensor], image: Tensor, grid: Grid) -> Tensor:
        """All queries at once; where that is too much for the card, one after the other."""
        try:
            return self._parts.forward.last_hidden(rows, image, grid)
        except torch.OutOfMemoryError:
            if len(rows) == 1:
                raise
        self._parts.forward.forget()
        _empty_cache()
        return torch.cat([self._parts.forward.last_hidden([row], image, grid) for row in rows])

    def _generated(self, candidate: Candidate, prompt: Prompt, max_tokens: int) -> list[int]:
        image, grid = self._embedded(candidate)
        ids = torch.tensor(prompt.ids)
        return self._parts.forward.generate(ids, image, grid, max_tokens, self._parts.stop_ids)

    def _embedded(self, candidate: Candidate) -> tuple[Tensor, Grid]:
        patches, grid = patchify(candidate.image, self._parts.layout, self._parts.device)
        return self._parts.forward.embed_image(patches, grid), grid

    def _judged(
        self, query: str, prompt: Prompt, pair: tuple[float, float], image_tokens: int, seconds: float
    ) -> Reply:
        codec, (yes, no) = self._parts.codec, pair
        return Reply(
            query=query,
            mode="judge",
            text="yes" if yes > no else "no",
            logit_yes=yes,
            logit_no=no,
            yes_id=codec.yes_id,
            no_id=codec.no_id,
            generated_ids=(codec.yes_id if yes > no else codec.no_id,),
            prompt=prompt.text,
            prompt_tokens=len(prompt.ids),
            image_tokens=image_tokens,
            seconds=seconds,
        )


def open_scorer(
    name: str | Path = "auto",
    *,
    settings: Settings | None = None,
    device: str | None = None,
    precision: Precision = "auto",
    fast: bool = True,
    self_test: bool = True,
) -> LocalScorer:
    """Loads a checkpoint of this machine and tests it. Never goes to the network.

    device: "cuda", "cuda:1", "mps", "cpu"; None takes the best there is. precision "auto": see
    precision.choose. fast False runs the plain modules. Raises CheckpointError,
    UsageError; OutOfMemory where the weights fit but the self-test does not.
    """
    settings = settings or Settings.from_environment()
    name = checkpoints.resolved(name, settings)
    checkpoint = weights.inspect(checkpoints.locate(name, settings))
    family, config = checkpoint.family, checkpoint.config
    layout = family.pixels.read(checkpoint.folder)
    codec = Codec(checkpoint.folder, config.get("image_token_id", family.image_token_id))
    device, scratch = choose_device(device), settings.data_folder / "offload"
    loaded = _quick(checkpoint, device, precision, fast, settings) or load(
        checkpoint, device, precision, scratch
    )
    answers = lm_head_rows(checkpoint, [codec.yes_id, codec.no_id]).to(loaded.device)
    forward = choose_forward(loaded.model, fast, settings.kernels)
    threads, at_once = _shares(checkpoint.weight_bytes, device, forward)
    parts = Parts(forward, codec, layout, answers, loaded.device, weights.stop_ids(checkpoint), threads)
    info = ScorerInfo(
        name=str(name),
        checkpoint_hash=weights.identity(checkpoint),
        precision=loaded.precision,
        device=loaded.device,
        budget=budget(layout),
        warnings=loaded.warnings,
        usual_tokens=_usual_tokens(checkpoint, loaded),
        at_once=at_once,
    )
    scorer = LocalScorer(parts, info)
    if self_test:
        selftest.check(scorer, selftest.probe_of(checkpoint.folder))
    return scorer


def _quick(
    checkpoint: Checkpoint, device: str, precision: Precision, fast: bool, settings: Settings
) -> Loaded | None:
    """The weights alone, where the fast passes are wanted and they can be had without transformers."""
    chosen = choose_precision(checkpoint, device, precision, fast)
    if chosen in BITS:
        return load_quantised(checkpoint, device, chosen, settings.data_folder, kernels=settings.kernels)
    return load_lean(checkpoint, device, chosen) if fast else None


def _usual_tokens(checkpoint: Checkpoint, loaded: Loaded) -> int | None:
    """None for a model that is quick anywhere: measuring would take longer than an image."""
    if checkpoint.weight_bytes < SMALL_BYTES or loaded.device == "mps":
        return None
    from lychee_app.model import advice, measure

    return advice.usual_tokens(Sizes.of(checkpoint), loaded.precision, measure.rates(loaded.device))


def _shares(weight_bytes: int, device: str, forward: Forward) -> tuple[int | None, int]:
    """Threads for one image (None: what torch takes), and images at once. transformers' modules get one."""
    if device != "cpu":
        return None, 1
    threads = unlimited()
    several = isinstance(forward, FastForward)
    return threads_for(weight_bytes, threads), images_at_once(weight_bytes, threads) if several else 1


def _empty_cache() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def choose_forward(model: Any, fast: bool, kernels: bool = True) -> Forward:
    """The fast passes where they are wanted, can run this model, and have the memory to be prepared."""
    if not fast:
        return PlainForward(model)
    try:
        return checked_forward(model, kernels=kernels)
    except torch.OutOfMemoryError as error:
        traceback.clear_frames(error.__traceback__)
        if isinstance(model.lm_head, QuantisedLinear):
            raise CheckpointError("passes-memory", detail=str(error)) from error
        _empty_cache()
        return PlainForward(model)
