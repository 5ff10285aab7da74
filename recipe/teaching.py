"""One lesson: what is learnt, for how long, and the loop that does it.

Knows optimisers, rates and time. Does not know where batches come from or where a checkpoint goes.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recipe.batches import Batch, Sizes
from recipe.learning import Pupil
from recipe.network import make_canvas
from recipe.scenes import Scenes
from recipe.seeing import Viewer
from recipe.sprites import Singles, sprite_canvas, sprite_losses

WARM_UP, KEEP_EVERY, SHOW_EVERY = 100, 300, 50
Losses = Callable[[Any], Tensor]


@dataclass(frozen=True)
class Lesson:
    """rate: the highest learning rate, reached after WARM_UP steps, then falling as a cosine to `last` of it.
    weights: of judge, wording, explain, words (objects, tints), matches, image tokens (objects, tints)."""

    name: str
    minutes: float
    rate: float
    last: float
    sizes: Sizes
    weights: tuple[float, ...]


def lessons(minutes: float, scale: float, pace: float = 1.0) -> tuple[Lesson, ...]:
    """The five lessons in `minutes` altogether. scale: 1 for a CPU core; larger batches for a GPU. pace: a
    factor of all learning rates."""
    scenes = round(24 * scale)
    asked, reworded = Sizes(scenes, judged=4, explained=1), Sizes(scenes, judged=6, explained=1, worded=4)
    named = (0, 0, 0, 0, 0, 0, 1.0, 0.5)
    return (
        Lesson("sprites", 0.036 * minutes, pace * 2e-3, 0.1, Sizes(round(128 * scale), 0, 0), named),
        Lesson("see", 0.081 * minutes, pace * 1.5e-3, 0.2, Sizes(scenes, 0, 0), named),
        Lesson("tell", 0.061 * minutes, pace * 1e-3, 0.5, asked, (1.0, 1.0, 0.5, 0.3, 0.15, 0.5, 1.0, 0.5)),
        Lesson("whole", 0.332 * minutes, pace * 7e-4, 0.0, asked, (2.0, 2.0, 0.5, 0.1, 0.05, 0.2, 0.5, 0.25)),
        Lesson("polish", 0.49 * minutes, pace * 5e-4, 0.0, reworded, (2.0, 20.0, 0.5, 0, 0, 0, 0, 0)),
    )


def losses_of(lesson: Lesson, pupil: Pupil, viewer: Viewer) -> Losses:
    """What the feeder hands out -> the eight losses of `Lesson.weights`; those it does not have are zero."""
    device = pupil.gain.device.type
    single = sprite_canvas(device)

    def of_singles(singles: Singles) -> Tensor:
        tokens = pupil.seen(singles.patches, single)
        return _last_two(sprite_losses(pupil.namer, tokens, singles))

    def of_scenes(scenes: Scenes) -> Tensor:
        views = viewer(scenes)
        tokens = pupil.seen(views.patches, make_canvas(scenes.grid, device))
        return _last_two(pupil.namer.losses(tokens, views.objects, views.tints))

    def of_batch(batch: Batch) -> Tensor:
        canvas = make_canvas(batch.scenes.grid, device)
        worded, apart = lesson.sizes.worded, lesson.name == "tell"
        return pupil.losses(batch, viewer(batch.scenes), canvas, worded=worded, apart=apart)

    return {"sprites": of_singles, "see": of_scenes}.get(lesson.name, of_batch)


def teach(
    lesson: Lesson, pupil: Pupil, viewer: Viewer, following: Callable[[], Any], keep: Callable[[], None]
) -> None:
    """Learns from `following` batches until the lesson's time is over; calls `keep` now and then."""
    device, losses_of_batch = pupil.gain.device.type, losses_of(lesson, pupil, viewer)
    kept = torch.tensor(lesson.weights, device=device)
    optimizer = torch.optim.AdamW(_groups(pupil), lr=0, betas=(0.9, 0.98), fused=True)
    started, step = time.monotonic(), 0
    while (done := (time.monotonic() - started) / 60 / lesson.minutes) < 1:
        for group in optimizer.param_groups:
            group["lr"] = lesson.rate * _share(lesson, step, done)
        with torch.autocast(device, torch.bfloat16):
            losses = losses_of_batch(following())
        optimizer.zero_grad(set_to_none=True)
        (losses * kept).sum().backward()
        torch.nn.utils.clip_grad_norm_(pupil.parameters(), 1.0)
        optimizer.step()
        if step % SHOW_EVERY == 0:
            shown = " ".join(f"{loss:.4f}" for loss in losses.tolist())
            speed = (step + 1) / (time.monotonic() - started)
            print(f"{lesson.name} {step} {done:.3f} losses {shown} steps/s {speed:.2f}", flush=True)
        if step % KEEP_EVERY == KEEP_EVERY - 1:
            keep()
        step += 1


def _last_two(named: Tensor) -> Tensor:
    return torch.cat([named.new_zeros(6), named])


def _share(lesson: Lesson, step: int, done: float) -> float:
    fall = lesson.last + (1 - lesson.last) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    return min(1.0, (step + 1) / WARM_UP) * fall


def _groups(pupil: Pupil) -> list[dict[str, Any]]:
    """Weight decay on matrices alone."""
    matrices = [p for p in pupil.parameters() if p.ndim >= 2]
    flat = [p for p in pupil.parameters() if p.ndim < 2]
    return [{"params": matrices, "weight_decay": 0.05}, {"params": flat, "weight_decay": 0.0}]
