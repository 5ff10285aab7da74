"""Rows in columns: what many are counted, sorted, filtered and paged by, without the rows.

A million rows are some 130 megabytes here; their thumbnails and replies stay where they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lychee_app.domain import UNLIKE
from lychee_app.numbers import Floats, Mask, Numbers
from lychee_app.store.database import Damaged

if TYPE_CHECKING:  # what only counts does without
    import pyarrow as pa

COLUMNS = [
    "upload_index", "name", "content_hash", "score", "margin", "elements", "reason", "notes", "width_px",
    "height_px", "capture",
]  # fmt: skip
"""Of a part, which `Table.read` reads."""


@dataclass(frozen=True, eq=False)
class Table(Numbers):
    """The same of a whole run, `indices` ascending, and what its images are told apart by.

    names: as they are shown; what is no Unicode in them is escaped or replaced. times (see Capture.time),
    cameras, lenses: "" where a file does not say. pixels: int64 (rows,), 0 where it could not be opened.
    """

    names: "pa.StringArray"
    times: "pa.StringArray"
    cameras: "pa.StringArray"
    lenses: "pa.StringArray"
    pixels: NDArray[np.int64]

    @classmethod
    def read(cls, rows: "pa.Table", elements: int) -> "Table":
        """rows: COLUMNS as store/parts.py has them, ascending by upload_index. elements: see `numbers_of`."""
        pc = _compute()
        known = pc.drop_null(rows["content_hash"])
        known = known.filter(pc.not_equal(known, ""))
        code = pc.struct_field(rows["reason"], "code")

        def is_code(wanted: str) -> Mask:
            return _mask(pc.equal(code, wanted))

        def text(name: str) -> Any:
            found = pc.struct_field(rows["capture"], name)
            return pc.fill_null(found, "").combine_chunks()

        return cls(
            indices=rows["upload_index"].to_numpy(),
            scores=_floats(rows["score"]),
            margins=_floats(rows["margin"]),
            elements=_matrix(rows["elements"], elements),
            unlike=_noted(rows["notes"], UNLIKE.code),
            passed_over=is_code("passed-over"),
            stood_for=is_code("alike"),
            copies=len(known) - len(known.unique()),
            names=rows["name"].combine_chunks(),
            times=text("time"),
            cameras=text("camera"),
            lenses=text("lens"),
            pixels=_whole(rows["width_px"]) * _whole(rows["height_px"]),
        )

    @classmethod
    def of_store(
        cls,
        rows: Sequence[tuple[int, float | None, float | None, str | None, bytes | None]],
        elements: int,
    ) -> "Table":
        """rows: upload index, score, margin, what `rows.pack_light` packed, name. Raises Damaged."""
        import pyarrow as pa
        import pyarrow.json

        code = pa.struct([("code", pa.string())])
        kinds: dict[str, Any] = {
            "content_hash": pa.string(),
            "elements": pa.list_(pa.float64()),
            "reason": code,
            "notes": pa.list_(code),
            "width_px": pa.int64(),
            "height_px": pa.int64(),
            "capture": pa.struct([(name, pa.string()) for name in ("time", "camera", "lens")]),
        }
        indices, scores, margins, lights, names = zip(*rows, strict=True) if rows else [()] * 5
        options = pyarrow.json.ParseOptions(
            pa.schema(list(kinds.items())), unexpected_field_behavior="ignore"
        )
        text = "\n".join(light or "{}" for light in lights)
        try:
            found = pyarrow.json.read_json(pa.BufferReader(text.encode()), parse_options=options)
        except pa.ArrowInvalid as error:
            raise Damaged(str(error)) from error
        columns = {
            "upload_index": pa.array(indices, pa.int64()),
            "score": pa.array(scores, pa.float64()),
            "margin": pa.array(margins, pa.float64()),
            "name": pa.array([(name or b"").decode(errors="replace") for name in names], pa.string()),
        }
        return cls.read(pa.table(columns | {name: found[name] for name in kinds}), elements)


def _compute() -> Any:
    """Its functions are made at import, where no type checker sees them."""
    import pyarrow.compute

    return pyarrow.compute


def _floats(column: "pa.ChunkedArray") -> Floats:
    return column.to_numpy().astype(np.float64, copy=False)


def _whole(column: "pa.ChunkedArray") -> NDArray[np.int64]:
    return column.fill_null(0).to_numpy()


def _mask(column: "pa.ChunkedArray") -> Mask:
    pc = _compute()
    return pc.fill_null(column, False).to_numpy(zero_copy_only=False).astype(bool)


def _matrix(column: "pa.ChunkedArray", width: int) -> Floats:
    """(rows, width) of lists of that length; NaN for others."""
    pc = _compute()
    found = np.full((len(column), width), np.nan)
    whole = _mask(pc.equal(pc.list_value_length(column), width))
    if width and whole.any():
        flat = pc.list_flatten(column.filter(whole))
        found[whole] = _floats(flat).reshape(-1, width)
    return found


def _noted(column: "pa.ChunkedArray", code: str) -> Mask:
    """Which rows have a note of that code."""
    pc = _compute()
    whole = column.combine_chunks()
    noted = np.zeros(len(whole), bool)
    codes = pc.struct_field(pc.list_flatten(whole), "code")
    of_row = pc.list_parent_indices(whole).to_numpy()
    noted[of_row[_mask(pc.equal(codes, code))]] = True
    return noted
