"""JSON, CSV, names, and how files are written."""

import csv
import io
import json
import math
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychee_app.errors import StoreError
from lychee_app.export import (
    document,
    json_list_pieces,
    names_text,
    to_csv,
    to_json,
    write_atomically,
)
from lychee_app.export.files import written_aside
from lychee_app.export.table import BOM, harmless
from lychee_app.packed import Rows
from lychee_app.records import Run
from tests.support.rows import TAKEN, explained, failed, finite, names, reply, row, run_of, told

FORMULAS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\u200b=1",
    "\ufeff=1",
    "＝1",
)

# --- JSON


def test_the_document_has_the_promised_keys_first_and_in_order() -> None:
    whole = document(
        run_of([row(0, 2.0, elements=(9.0, None), seconds=0.05)], elements=("a", "b"), query="A, b")
    )
    promised = ["query", "sent_query", "elements", "model", "mode", "images", "seconds", "peak_memory_bytes"]
    assert list(whole)[: len(promised)] == promised
    (image,) = whole["images"]
    promised = [
        "rank",
        "upload_index",
        "name",
        "sha256",
        "score",
        "margin",
        "p_yes",
        "elements",
        "raw",
        "error",
    ]
    assert list(image)[: len(promised) + 1] == [*promised, "seconds"]
    assert (image["rank"], image["raw"], image["elements"], image["seconds"]) == (1, "yes", [9.0, None], 0.05)
    assert image["score"] == 10 * image["p_yes"]
    assert whole["elements"] == ["a", "b"]


def test_images_are_listed_by_rank_and_those_without_a_score_last() -> None:
    images = document(run_of([failed(0, "it is no image"), row(1, -2.0), row(2, 2.0)]))["images"]
    assert [(image["rank"], image["upload_index"]) for image in images] == [(1, 2), (2, 1), (None, 0)]
    assert images[2]["score"] is None
    assert images[2]["error"] == "it is no image"
    assert images[2]["raw"] is None


def test_scores_are_not_rounded() -> None:
    score = 9.876543210987654
    (image,) = json.loads(to_json(run_of(explained([score]))))["images"]
    assert image["score"] == score


def test_numbers_that_are_not_finite_become_null() -> None:
    image = document(run_of([replace(row(0, score=5.0), margin=math.inf, p_yes=math.nan)]))["images"][0]
    assert (image["margin"], image["p_yes"]) == (None, None)
    json.loads(to_json(run_of([replace(row(0, score=5.0), margin=-math.inf)])), parse_constant=pytest.fail)


def test_without_timing_runs_that_differ_in_time_alone_are_equal() -> None:
    fast = run_of([row(0, 1.0, seconds=0.1)], seconds=1.0, created="2026-01-01", id="a")
    slow = run_of([row(0, 1.0, seconds=9.1)], seconds=9.0, created="2026-02-02", id="b", peak_memory_bytes=5)
    assert to_json(fast) != to_json(slow)
    assert to_json(fast, timing=False) == to_json(slow, timing=False)
    assert to_csv(fast, timing=False) == to_csv(slow, timing=False)


def test_decisions_are_part_of_the_document() -> None:
    images = document(run_of([row(0, 1.0), row(1, 0.0)]), {0: "pick"})["images"]
    assert [image["decision"] for image in images] == ["pick", None]


def test_when_and_with_what_a_picture_was_taken_is_told_in_json_and_csv() -> None:
    run = run_of([row(0, 1.0, capture=TAKEN), row(1, 0.0)])
    taken = {
        "taken": "2024-05-04T13:02:11.250000+02:00", "camera": "NIKON Z 6", "lens": "24-70 mm f/4",
        "focal_mm": 50.0, "f_number": 4.0, "exposure_seconds": 0.004, "iso": 400,
    }  # fmt: skip
    known, unknown = document(run)["images"]
    assert taken.items() <= known.items()
    assert [unknown[name] for name in taken] == [None] * 7
    first, second = table(run)
    assert [first[name] for name in taken] == [str(value) for value in taken.values()]
    assert [second[name] for name in taken] == [""] * 7


def test_a_spreadsheet_of_a_sorting_names_where_each_image_goes() -> None:
    run = run_of([row(0, 1.0), row(1, 2.0)])
    told = list(csv.DictReader(io.StringIO(to_csv(run, columns={0: "team", 1: None}).removeprefix(BOM))))
    assert [line["column"] for line in told] == ["", "team"]
    assert "column" not in to_csv(run).splitlines()[0]


@given(names(), names())
def test_json_holds_any_name_and_any_query(name: str, query: str) -> None:
    run = run_of([row(0, 1.0, name=name, reply=reply(text=name))], query=query)
    whole = json.loads(to_json(run).encode())
    assert whole["query"] == query
    assert whole["images"][0]["name"] == whole["images"][0]["raw"] == name


def test_best_lists_the_first_by_rank() -> None:
    run = run_of([row(0, 1.0), row(1, 3.0), failed(2), row(3, 2.0)])
    assert [image["upload_index"] for image in document(run, limit=2)["images"]] == [1, 3]
    assert [image["upload_index"] for image in document(run)["images"]] == [1, 3, 0, 2]


@pytest.mark.parametrize("limit", [None, 0])
def test_a_text_that_is_told_an_image_at_a_time_is_that_of_the_whole(limit: int | None) -> None:
    rows = [row(0, 1.0, name='two\nlines "quoted"', elements=(1.0, None)), failed(1), row(2, 2.0)]
    run = replace(run_of(rows, elements=("a", "b")), left_out=(told("two"),))
    packed = replace(run, images=Rows(rows))
    whole = json.dumps(document(run, limit=limit), indent=1, ensure_ascii=False) + "\n"
    assert to_json(run, limit=limit) == to_json(packed, limit=limit) == whole
    several = json.dumps([document(run, limit=limit)] * 2, indent=1, ensure_ascii=False) + "\n"
    assert "".join(json_list_pieces([run, packed], limit)) == several
    assert to_csv(packed, limit=limit) == to_csv(run, limit=limit)


# --- CSV


def test_a_spreadsheet_gets_one_line_per_image_and_numbers_as_numbers() -> None:
    run = run_of([row(0, -4.25, elements=(1.5,)), failed(1, "no, image")], elements=("sofa",))
    first, second = table(run)
    assert (first["rank"], first["margin"], first["element: sofa"]) == ("1", "-4.25", "1.5")
    assert float(first["score"]) == run.images[0].score
    assert (second["rank"], second["score"], second["element: sofa"], second["error"]) == (
        "",
        "",
        "",
        "no, image",
    )


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_a_spreadsheet_would_run_is_made_harmless(text: str) -> None:
    run = run_of(
        [row(0, 1.0, name=text, reason=told(text), path=text, notes=(told(text),), reply=reply(text=text))]
    )
    (line,) = table(run)
    for column in ("name", "error", "path", "notes", "raw"):
        assert line[column].startswith("'")


def test_an_element_that_looks_like_a_formula_is_only_text_in_the_head() -> None:
    head = to_csv(run_of([], elements=("=cmd|' /C calc'!A0",))).splitlines()[0]
    assert "element: =cmd" in head
    assert not any(cell.startswith("=") for cell in next(csv.reader([head])))


@given(names(), names())
def test_a_csv_reads_back_as_it_was_written_whatever_the_names_are(name: str, element: str) -> None:
    run = run_of([row(0, 1.0, name=name, elements=(1.0,)), failed(1)], elements=(element,))
    text = to_csv(run)
    assert text.startswith(BOM)
    text.encode()
    lines = list(csv.reader(io.StringIO(text.removeprefix(BOM), newline="")))
    assert [len(line) for line in lines] == [len(lines[0])] * 3
    cell = lines[1][lines[0].index("name")]
    assert cell.removeprefix("'").lstrip()[:1] not in {"=", "+", "-", "@"} or cell.startswith("'")


@given(st.text(st.characters(exclude_categories=()), max_size=50))
def test_no_text_begins_like_a_formula_once_it_is_harmless(text: str) -> None:
    cell = harmless(text)
    assert cell[:1] not in set("=+-@\t\r\n＝＋－＠")
    assert cell.lstrip("\u200b\ufeff \u3000\xa0")[:1] not in set("=+-@")


@given(st.lists(finite(), min_size=1, max_size=5))
def test_numbers_in_a_csv_come_back_bit_for_bit(values: list[float]) -> None:
    run = run_of([replace(row(i, score=value), margin=value) for i, value in enumerate(values)])
    read = sorted(
        (int(line["upload_index"]), float(line["score"]), float(line["margin"])) for line in table(run)
    )
    assert [repr(line[1:]) for line in read] == [repr((value, value)) for value in values]


def test_every_image_has_its_line_in_names_even_with_a_line_break_in_it() -> None:
    images = [row(0, 1.0, name="a\nb.jpg"), row(1, 1.0, name="\u2028c.jpg"), row(2, 1.0, name="猫.jpg")]
    assert names_text(images).split("\n") == ["a b.jpg", "c.jpg", "猫.jpg"]


# --- writing


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    goal = tmp_path / "out.csv"
    goal.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        write_half(goal)
    assert goal.read_bytes() == b"old"
    write_atomically(goal, b"new")
    assert goal.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    for goal in (
        tmp_path / "gone" / "out",
        tmp_path / "folder",
        tmp_path / "file" / "out",
        tmp_path / ("x" * 300),
    ):
        with pytest.raises(StoreError, match="Choose another place") as caught:
            write_atomically(goal, b"x")
        assert caught.value.code == "export-write"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_link_is_followed_and_a_device_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "real" / "out.csv")
    write_atomically(tmp_path / "link.csv", b"x")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real" / "out.csv").read_bytes() == b"x"
    write_atomically(Path(os.devnull), b"x")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_pipe_is_written_to_as_it_is() -> None:
    """As `--json /dev/stdout | head` names one."""
    read, write = os.pipe()
    write_atomically(Path(f"/dev/fd/{write}"), b"x")
    os.close(write)
    with os.fdopen(read, "rb") as told:
        assert told.read() == b"x"


def test_a_written_file_has_the_mode_that_other_files_get(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def write_half(goal: Path) -> None:
    with written_aside(goal) as file:
        file.write(b"half")
        raise RuntimeError


def table(run: Run) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(run).removeprefix(BOM), newline="")))


def test_a_run_without_images_is_a_head_and_nothing_more() -> None:
    assert table(run_of([], elements=("a",))) == []
