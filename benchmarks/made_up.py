"""A result of any size that nobody scored: the parts of a run of made-up rows, quickly written.

Scores are a fixed sequence, thumbnails noise. One row is in work at the size of a real one; the columns in
which rows differ are then written as arrays.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import visit
from lychee_app.curate.fingerprint import CODE_BYTES
from lychee_app.query import Question
from lychee_app.reasons import Reason
from lychee_app.records import Capture, Reply, Run, Scored, sigmoid
from lychee_app.request import Request
from lychee_app.store.parts import ROWS_PER_GROUP, ROWS_PER_PART, table_of

ELEMENTS = ("green sofa", "brass lamp", "pour-over coffee")
QUERY = " + ".join(ELEMENTS)
THUMBNAILS = 16
"""Different ones; a part has them over and over."""
PATTERN_ROWS = 500
REFUSED_EVERY = 997
CAMERAS = (("NIKON Z 6", "24-70 mm f/4"), ("Canon EOS R5", "RF 50 mm f/1.8"), ("", ""))


def write_result(
    folder: Path, images: int, *, files: Path = Path("/photos"), rows_per_part: int = ROWS_PER_PART
) -> Run:
    """Writes the parts and returns their run, without its rows. The images' own files are not written."""
    folder.mkdir(parents=True, exist_ok=True)
    run = run_of(images)
    pattern = table_of([row_of(index) for index in range(PATTERN_ROWS)], run)
    pattern = pa.concat_tables([pattern] * -(-min(images, rows_per_part) // PATTERN_ROWS)).combine_chunks()
    for number, first in enumerate(range(0, images, rows_per_part)):
        indices = np.arange(first, min(first + rows_per_part, images))
        part = _as_rows(pattern.slice(0, len(indices)), indices, files)
        pq.write_table(
            part,
            folder / f"part-{number:05}-{number:016x}.parquet",
            compression="zstd",
            row_group_size=ROWS_PER_GROUP,
        )
    return run


def run_of(images: int, identity: str = "made-up") -> Run:
    return Run(
        id=identity,
        created="2026-01-01T00:00:00+00:00",
        request=Request(Question(QUERY, QUERY, ELEMENTS), model="demo"),
        total=images,
        model="demo",
        checkpoint_hash="0" * 64,
        status="done",
        seconds=1.0,
    )


def margins_of(indices: np.ndarray) -> np.ndarray:
    """No two are alike."""
    return 9 * np.sin(1.7 * indices)


def _as_rows(table: pa.Table, indices: np.ndarray, files: Path) -> pa.Table:
    margins = margins_of(indices)
    refused = indices % REFUSED_EVERY == REFUSED_EVERY - 1
    p_yes = 1 / (1 + np.exp(-margins))
    columns = {
        "upload_index": pa.array(indices),
        "source": pa.array([str(files / name_of(index)) for index in indices]),
        "name": pa.array([name_of(index) for index in indices]),
        "content_hash": pa.array([f"{index:064x}" for index in indices]),
        "status": pa.array(np.where(refused, "refused", "scored")),
        "score": pa.array(10 * p_yes, mask=refused),
        "margin": pa.array(margins, mask=refused),
        "p_yes": pa.array(p_yes, mask=refused),
        "reason": pa.array(
            [{"code": "empty", "values": "{}"} if each else None for each in refused],
            table.schema.field("reason").type,
        ),
    }
    for name, column in columns.items():
        table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), column)
    return table


def name_of(index: int) -> str:
    return f"{index // 1000:04d}/image-{index:06d}.jpg"


def row_of(index: int) -> Scored:
    margins = [float(each) for each in 9 * np.sin(1.7 * index + np.arange(4))]
    said = [_reply(text, margin) for text, margin in zip((QUERY, *ELEMENTS), margins, strict=True)]
    row = Scored(
        upload_index=index,
        name=name_of(index),
        sha256=f"{index:064x}",
        score=10 * sigmoid(margins[0]),
        margin=margins[0],
        p_yes=sigmoid(margins[0]),
        elements=tuple(10 * sigmoid(margin) for margin in margins[1:]),
        reply=said[0],
        element_replies=tuple(said[1:]),
        seconds=0.04,
        width_px=1024,
        height_px=768,
        seen_width_px=196,
        seen_height_px=140,
        thumbnail=_thumbnail(index % THUMBNAILS),
        capture=Capture(
            f"2025-{index % 12 + 1:02}-{index % 28 + 1:02}T12:00:00", *CAMERAS[index % len(CAMERAS)]
        ),
        fingerprint=np.random.default_rng(index).bytes(CODE_BYTES).hex(),
        sharpness=float(index % 100),
    )
    return replace(row, notes=(Reason.of("tiles", count=4),)) if index % 50 == 0 else row


_made: dict[int, bytes] = {}


def _thumbnail(number: int) -> bytes:
    if number not in _made:
        _made[number] = visit.noise(number, (256, 192), "WEBP")
    return _made[number]


def _reply(query: str, margin: float) -> Reply:
    text = "yes" if margin > 0 else "no"
    return Reply(query, "judge", text, margin / 2, -margin / 2, 9693, 2152, (9693,), "p" * 700, 180, 80, 0.07)
