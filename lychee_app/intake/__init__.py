"""Files -> candidates: each source becomes an image ready to be scored, or the reason why not.

    Source -> prepare -> Candidate | Refused -> refit, when memory ran out

What is decided where: `sniff` what a file is, `fitting` the size the model is shown, `colour` and `decode`
the pixels, `workers` and `child` where that happens. Does not know the model.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import asdict, replace
from functools import partial
from itertools import islice, pairwise

from PIL import Image

from lychee_app import addresses
from lychee_app.errors import ImageError
from lychee_app.intake import workers
from lychee_app.intake.decode import PIXELS_VERSION
from lychee_app.intake.fitting import fit, tiling
from lychee_app.intake.names import same_name_safe
from lychee_app.intake.pipes import ppm_bytes, refused
from lychee_app.reasons import Reason
from lychee_app.records import Candidate, Capture, ImageBudget, Refused, Source
from lychee_app.settings import Settings

__all__ = [
    "PIXELS_VERSION", "fit", "get_ready", "prepare", "refit", "reread", "same_name_safe", "shown_name",
    "tiling",
]  # fmt: skip

MAX_FILE_BYTES = 400_000_000
"""Larger files are not read at all."""


def get_ready(count: int, settings: Settings) -> None:
    """Starts the decoders that `count` images will need, while the caller opens the model. Never raises."""
    workers.shared(min(count, _decoders(settings)), started=True)


def prepare(
    sources: Iterable[tuple[int, Source]], budget: ImageBudget, settings: Settings
) -> Iterator[Candidate | Refused]:
    """One Candidate or Refused per (upload index, source), in order.

    While the caller works on one, the next `settings.decode_ahead` are decoded by processes of their own; no
    more are held. Sources are drawn as they are needed. Raises LycheeError only if no decoder can be started.
    """
    ahead = max(1, settings.decode_ahead)
    pool = workers.shared(_decoders(settings))
    coming = (_begun(pool, index, source, budget, settings) for index, source in sources)
    waiting: deque[Future[Candidate | Refused]] = deque()
    try:
        while True:
            waiting.extend(islice(coming, ahead - len(waiting)))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def reread(source: tuple[int, Source], sha256: str, budget: ImageBudget, settings: Settings) -> Candidate:
    """The file that was scored as `sha256`, decoded again. Raises ImageError, also if it is another now."""
    item = next(iter(prepare([source], budget, settings)))
    if isinstance(item, Refused):
        raise ImageError(item.reason)
    if item.sha256 != sha256:
        raise ImageError("changed", name=item.name)
    return item


def shown_name(source: Source) -> str:
    """Its name as it may be shown: that of a file of this machine as it is called here."""
    return same_name_safe(source.name, is_of_this_system=source.path is not None and not source.private)


def _decoders(settings: Settings) -> int:
    return min(max(1, settings.decode_ahead), os.cpu_count() or 1)


def refit(candidate: Candidate, max_tokens: int, budget: ImageBudget) -> Candidate:
    """The same image, as a whole, with at most `max_tokens` image tokens, and a note that says so."""
    least = min(budget.min_tokens, max_tokens)
    smaller = replace(budget, max_tokens=max_tokens, min_tokens=least)
    size = fit(candidate.width_px, candidate.height_px, smaller)
    before = candidate.tokens(budget.token_px)
    image = candidate.image.resize(size, Image.Resampling.BICUBIC)
    after = size[0] * size[1] // budget.token_px**2
    note = Reason.of("fewer-tokens", tokens=after, instead_of=before)
    return replace(candidate, image=image, tiles=(), notes=(*candidate.notes, note))


def _begun(
    pool: workers.Pool, index: int, source: Source, budget: ImageBudget, settings: Settings
) -> Future[Candidate | Refused]:
    size_bytes = len(source.data or b"")
    if size_bytes <= MAX_FILE_BYTES:
        return pool.submit(job(index, source, budget, settings))
    reason = Reason.of("file-size", megabytes=size_bytes / 1e6, limit=MAX_FILE_BYTES / 1e6)
    future: Future[Candidate | Refused] = Future()
    future.set_result(Refused(index, shown_name(source), "", reason))
    return future


def job(
    index: int, source: Source, budget: ImageBudget, settings: Settings
) -> workers.Job[Candidate | Refused]:
    head = {
        "path": str(source.path or "") if source.data is None and source.address is None else None,
        "budget": asdict(budget),
        "max_px": settings.max_image_px,
        "max_bytes": MAX_FILE_BYTES,
        "light_bytes": None,
        "memory_bytes": settings.decode_memory_bytes,
        "seconds": settings.decode_seconds,
    }
    pixels_bytes = (1 + budget.most_tiles) * budget.max_tokens * budget.token_px**2 * 3
    return workers.Job(
        head=head,
        data=source.data or b"",
        seconds=settings.decode_seconds,
        memory_bytes=settings.decode_memory_bytes,
        answer_bytes=pixels_bytes + (1 << 20),
        take=partial(_outcome, index, shown_name(source)),
        fetch=None if source.address is None else partial(_fetched, source.address),
    )


def _fetched(address: str) -> bytes | Reason:
    """The file there, or why it cannot be had."""
    try:
        return addresses.read(address, MAX_FILE_BYTES)
    except addresses.FileTooLarge as error:
        return Reason.of("file-size", megabytes=error.size_bytes / 1e6, limit=MAX_FILE_BYTES / 1e6)
    except OSError as error:
        return Reason.of("unreadable", detail=error.strerror or str(error))


def _outcome(index: int, name: str, answer: workers.Answer) -> Candidate | Refused:
    from lychee_app.curate import fingerprint  # with numpy, which the decoders' processes do without

    head, body = answer.head, answer.body
    if reason := refused(head):
        return Refused(index, name, answer.sha256, reason)
    width_px, height_px = head["original"]
    thumbnail, views = (bytes(body[first:end]) for first, end in pairwise((0, *head["ends"])))
    pictures, at = [], head["ends"][-1]
    for width, height in head["sizes"]:
        at += ppm_bytes(width, height)
        pictures.append(Image.frombytes("RGB", (width, height), body[at - width * height * 3 : at]))
    return Candidate(
        upload_index=index,
        name=name,
        sha256=answer.sha256,
        image=pictures[0],
        width_px=width_px,
        height_px=height_px,
        thumbnail=thumbnail,
        notes=tuple(map(Reason.read, head["notes"])),
        tiles=tuple(pictures[1:]),
        capture=Capture(**head["capture"]),
        fingerprint=fingerprint(views) if views else "",
        sharpness=head["sharpness"],
    )
