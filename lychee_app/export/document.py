"""A run as JSON, with the keys that scripts rely on; further keys follow them."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lychee_app.analysis import caveats
from lychee_app.curate import groups
from lychee_app.domain import domain_of, unknown_words
from lychee_app.packed import light
from lychee_app.ranking import Ranked, ranked
from lychee_app.reasons import Reason
from lychee_app.records import Decision, Reply, Run
from lychee_app.request import Example

TIMING = ("created", "seconds", "peak_memory_bytes")


def document(
    run: Run,
    decisions: Mapping[int, Decision] | None = None,
    *,
    timing: bool = True,
    columns: Mapping[int, str | None] | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Images by rank, those without a score last; the first `limit`. Without `timing` equal work gives equal
    documents. columns: the name that each image of a sorting goes to.

    A number that is not finite has no place in JSON and becomes null.
    """
    whole = _head(run)
    whole["images"] = list(_images(run, decisions, timing=timing, columns=columns, limit=limit))
    return _timed(whole, timing)


def _head(run: Run) -> dict[str, Any]:
    """All but its images, for which there is a place."""
    return {
        "query": run.question.typed,
        "sent_query": run.question.sent,
        "elements": list(run.question.elements),
        "model": run.model,
        "mode": run.request.mode,
        "images": [],
        "seconds": _number(run.seconds),
        "peak_memory_bytes": run.peak_memory_bytes,
        "title": run.title,
        "created": run.created,
        "status": run.status,
        "total": run.total,
        "not": run.question.typed_not,
        "sent_not": run.question.sent_not,
        "columns": [vars(column) for column in run.request.columns],
        "like": _example(run.request.like),
        "unlike": _example(run.request.unlike),
        "instruction": run.request.instruction,
        "checkpoint_hash": run.checkpoint_hash,
        "precision": run.precision,
        "max_image_tokens": run.request.max_image_tokens,
        "token_budget": run.token_budget,
        "unknown_words": list(unknown_words(domain_of(run.model, run.checkpoint_hash), run.question)),
        "error": _sentence(run.error),
        "error_code": run.error and run.error.code,
        "left_out": [_counted(reason) for reason in run.left_out],
        "caveats": [{"code": caveat.code, "text": str(caveat)} for caveat in caveats(run)],
    }


def _images(
    run: Run,
    decisions: Mapping[int, Decision] | None,
    *,
    timing: bool,
    columns: Mapping[int, str | None] | None,
    limit: int | None,
) -> Iterator[dict[str, Any]]:
    group_of = {index: group.best for group in groups(run.images) for index in group.members}
    for place in ranked(light(run.images))[:limit]:
        index = place.scored.upload_index
        image = _image(place, decisions or {}, timing) | {"group": group_of.get(index)}
        yield image if columns is None else image | {"column": columns.get(index)}


def _timed(whole: dict[str, Any], timing: bool) -> dict[str, Any]:
    return whole if timing else {key: value for key, value in whole.items() if key not in TIMING}


def to_json(
    run: Run,
    decisions: Mapping[int, Decision] | None = None,
    *,
    timing: bool = True,
    columns: Mapping[int, str | None] | None = None,
    limit: int | None = None,
) -> str:
    """The document as text that is valid UTF-8 whatever a file was called."""
    return "".join(json_pieces(run, decisions, timing=timing, columns=columns, limit=limit))


def json_pieces(
    run: Run,
    decisions: Mapping[int, Decision] | None = None,
    *,
    timing: bool = True,
    columns: Mapping[int, str | None] | None = None,
    limit: int | None = None,
) -> Iterator[str]:
    """The text of `to_json` in pieces, an image each: of very many it is never held as a whole."""
    images = _images(run, decisions, timing=timing, columns=columns, limit=limit)
    yield from _pieces(_timed(_head(run), timing), images, 0)
    yield "\n"


def json_list_pieces(runs: Sequence[Run], limit: int | None = None) -> Iterator[str]:
    """A list of documents, in the order of the runs, as text in pieces."""
    for number, run in enumerate(runs):
        yield ",\n " if number else "[\n "
        yield from _pieces(_head(run), _images(run, None, timing=True, columns=None, limit=limit), 1)
    yield "\n]\n"


def _pieces(whole: dict[str, Any], images: Iterable[dict[str, Any]], depth: int) -> Iterator[str]:
    """As json.dumps with an indent of 1 has it. depth: of brackets around it."""
    edge, start = "\n" + " " * depth, "{"
    for key, value in whole.items():
        yield f"{start}{edge} {_text(key, 0)}: "
        start = ","
        if key != "images":
            yield _text(value, depth + 1)
            continue
        bracket = "["
        for image in images:
            yield f"{bracket}{edge}  {_text(image, depth + 2)}"
            bracket = ","
        yield f"{edge} ]" if bracket == "," else "[]"
    yield edge + "}"


def _text(value: Any, depth: int) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\n", "\n" + " " * depth)  # none of them is in a string: there they are escaped


def _image(place: Ranked, decisions: Mapping[int, Decision], timing: bool) -> dict[str, Any]:
    row = place.scored
    whole = {
        "rank": place.rank,
        "upload_index": row.upload_index,
        "name": row.name,
        "sha256": row.sha256,
        "score": _number(row.score),
        "margin": _number(row.margin),
        "p_yes": _number(row.p_yes),
        "elements": [_number(score) for score in row.elements],
        "raw": row.reply.text if row.reply else None,
        "error": _sentence(row.reason),
        "seconds": _number(row.seconds),
        "logit_yes": _number(row.reply.logit_yes) if row.reply else None,
        "logit_no": _number(row.reply.logit_no) if row.reply else None,
        "read_from": list(row.span) if row.span else None,
        "notes": [str(note) for note in row.notes],
        "width_px": row.width_px,
        "height_px": row.height_px,
        "path": row.path or row.address,
        "decision": decisions.get(row.upload_index),
        "error_code": row.reason and row.reason.code,
        "note_codes": [note.code for note in row.notes],
        "files": [row.path, *row.companions] if row.path else [],
        "like": _likeness(row.like_reply),
        "unlike": _likeness(row.unlike_reply),
        "taken": row.capture.time or None,
        "camera": row.capture.camera or None,
        "lens": row.capture.lens or None,
        "focal_mm": row.capture.focal_mm,
        "f_number": row.capture.f_number,
        "exposure_seconds": row.capture.exposure_seconds,
        "iso": row.capture.iso,
    }
    return whole if timing else {key: value for key, value in whole.items() if key not in TIMING}


def _example(example: Example | None) -> dict[str, str] | None:
    return None if example is None else vars(example)


def _likeness(reply: Reply | None) -> float | None:
    """0 to 10, as scores are."""
    return None if reply is None or reply.p_yes is None else 10 * reply.p_yes


def _counted(reason: Reason) -> dict[str, Any]:
    return {"code": reason.code, "count": reason.values.get("n"), "text": str(reason)}


def _sentence(reason: Reason | None) -> str | None:
    """In English: programs go by the code."""
    return None if reason is None else str(reason)


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
