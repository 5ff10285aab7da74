"""What somebody says of their own images, read from a file as people write it."""

import os
from pathlib import Path

import pytest

from lychee_app import evaluate
from lychee_app.errors import LycheeError, UsageError

ROWS = [("red", "a.png", 1.0), ("red", "b.png", 0.0), ("blue", "a.png", 0.0), ("blue", "b.png", 1.0)]
LINES = [("red", "a.png", "1"), ("red", "b.png", "0"), ("blue", "a.png", "0"), ("blue", "b.png", "1")]


def written(folder: Path, text: str, name: str = "truth.csv", encoding: str = "utf-8") -> Path:
    for image in ("a.png", "b.png"):
        (folder / image).touch()
    (folder / name).write_text(text, encoding=encoding)
    return folder / name


def rows_of(truth: evaluate.Truth) -> list[tuple[str, str, float]]:
    return [(one.query, one.image, one.relevance) for one in truth.judgements]


def table(between: str = ",", header: str = "query,image,relevance") -> str:
    return "\n".join([header.replace(",", between), *(between.join(line) for line in LINES)]) + "\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("truth.csv", table()),
        ("semicolons.csv", table(";")),
        ("tabs.csv", table("\t")),
        ("capitals.csv", table(header=" Query,IMAGE , Relevance")),
        ("words.csv", table().replace(",1", ", yes").replace(",0", ", No")),
        ("chinese.csv", table().replace(",1", ",是").replace(",0", ",否")),
        ("windows.csv", table().replace(",a.png", ",.\\a.png").replace("red,.\\a", "red,a", 1)),
        ("gaps.csv", table().replace("\n", "\r\n\r\n")),
        ("more.csv", "who,relevance,image,query\n" + "\n".join(f"me,{r},{i},{q}" for q, i, r in LINES)),
        ("twice.csv", table() + "red,a.png,1.0\n"),
        (
            "rows.json",
            '[{"query":"red","image":"a.png","relevance":1},{"query":"red","image":"b.png","relevance":false},'
            '{"query":"blue","image":"a.png","relevance":"0"},{"query":"blue","image":"b.png","relevance":true}]',
        ),
        (
            "gallery.json",
            '[{"query":"red","images":{"a.png":1,"b.png":0}},{"query":"blue","images":{"a.png":0,"b.png":1}}]',
        ),
        ("no-suffix", '[{"query":"red","images":{"a.png":1,"b.png":0}},'
         '{"query":"blue","images":{"a.png":0,"b.png":1}}]'),
    ],
)  # fmt: skip
def test_the_same_judgements_are_read_however_they_are_written(tmp_path: Path, name: str, text: str) -> None:
    truth = evaluate.read(written(tmp_path, text, name))
    assert rows_of(truth) == ROWS
    assert (truth.queries, truth.images) == (("red", "blue"), ("a.png", "b.png"))


def test_a_table_as_excel_saves_it_is_read(tmp_path: Path) -> None:
    assert rows_of(evaluate.read(written(tmp_path, table(";"), encoding="utf-8-sig"))) == ROWS


def test_a_spreadsheet_s_own_first_line_and_decimal_commas_are_understood(tmp_path: Path) -> None:
    text = "sep=;\n\nquery;image;relevance\nred;a.png;0,5\nred;b.png;oops\n"
    with pytest.raises(UsageError, match="line 5: 'oops'"):
        evaluate.read(written(tmp_path, text))
    found = rows_of(evaluate.read(written(tmp_path, text.replace("oops", "1,0"))))
    assert found == [("red", "a.png", 0.5), ("red", "b.png", 1.0)]
    with pytest.raises(UsageError, match="'0,5'"):
        evaluate.read(written(tmp_path, 'query,image,relevance\nred,a.png,"0,5"\n'))


def test_a_query_may_hold_a_comma_a_quote_and_chinese(tmp_path: Path) -> None:
    text = 'query,image,relevance\n"绿色沙发, ""brass"" lamp",a.png,0.5\n'
    assert rows_of(evaluate.read(written(tmp_path, text))) == [('绿色沙发, "brass" lamp', "a.png", 0.5)]


def test_what_counts_as_relevant_is_half_of_the_highest_unless_it_is_said(tmp_path: Path) -> None:
    graded = written(tmp_path, table().replace(",1", ",3"))
    assert evaluate.read(graded).relevant_from == 1.5
    assert evaluate.read(graded, relevant_from=3).relevant_from == 3
    for least in ("0", "5e-324"):
        assert evaluate.read(written(tmp_path, table().replace(",1", f",{least}"))).relevant_from > 0


def test_images_lie_beside_the_truth_or_where_it_is_said(tmp_path: Path) -> None:
    written(tmp_path, "")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "truth.csv").write_text(table())
    with pytest.raises(LycheeError) as told:
        evaluate.read(tmp_path / "elsewhere" / "truth.csv")
    assert told.value.code == "truth-images"
    assert told.value.reason.values["n"] == 2
    assert evaluate.read(tmp_path / "elsewhere" / "truth.csv", tmp_path).folder == tmp_path


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "truth-columns"),
        ("query,image\nred,a.png\n", "truth-columns"),
        ("query,image,relevance\n", "truth-empty"),
        ("query,image,relevance\nred,a.png,often\n", "truth-relevance"),
        ("query,image,relevance\nred,a.png,-1\n", "truth-relevance"),
        ("query,image,relevance\nred,a.png,nan\n", "truth-relevance"),
        ("query,image,relevance\nred,a.png\n", "truth-relevance"),
        ("query,image,relevance\nred,,1\n", "truth-blank"),
        ("query,image,relevance\nred,a.png,1\nred,a.png,0\n", "truth-twice"),
        ("query,image,relevance\nred,a.png,1\nred,./a.png,0\n", "truth-twice"),
        ("query,image,relevance\nred,a.png,1\n Ｒed ,a.png,0\n", "truth-twice"),
        ("image,relevance,query\na.png,1,red car, dog\n", "truth-more"),
        ('{"query": "red", "images": {"a.png": 1, "a.png": 0}}', "truth-key-twice"),
        ("[" * 100_000, "truth-no-table"),
        ("{", "truth-no-table"),
        ("[3]", "truth-columns"),
        ('[{"query": "red", "image": "a.png"}]', "truth-columns"),
        ('{"query": null, "images": {"a.png": 1}}', "truth-blank"),
        ('{"query": "red", "images": {"a.png": null}}', "truth-relevance"),
        ('{"query": "red", "images": {}}', "truth-empty"),
        ("[]", "truth-empty"),
        ("query,image,relevance\nred\0car,a.png,1\n", "truth-no-text"),
    ],
)
def test_what_is_no_truth_is_refused_with_what_is_wrong(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(UsageError) as told:
        evaluate.read(written(tmp_path, text))
    assert told.value.code == code
    assert "truth.csv" in str(told.value)


def test_one_image_and_one_query_are_one_however_they_are_spelled(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").touch()
    rows = ["query,image,relevance", "Red car,a.png,1", "red  car,./b.png,0", "red car,b.png,0"]
    truth = evaluate.read(written(tmp_path, "\n".join(rows)))
    assert (truth.queries, truth.images, len(truth.judgements)) == (("Red car",), ("a.png", "./b.png"), 2)


def test_a_name_longer_than_names_can_be_is_an_image_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LycheeError) as told:
        evaluate.read(written(tmp_path, f"query,image,relevance\nred,{'x' * 300}.png,1\n"))
    assert told.value.code == "truth-images"


@pytest.mark.parametrize(("make", "code"), [("folder", "truth-unreadable"), ("binary", "truth-no-text")])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, make: str, code: str) -> None:
    file = tmp_path / "truth.csv"
    file.mkdir() if make == "folder" else file.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(UsageError) as told:
        evaluate.read(file)
    assert told.value.code == code


@pytest.mark.skipif(os.sep == "\\", reason="a backslash parts folders there")
def test_a_backslash_parts_folders_unless_a_name_holds_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.png").touch()
    (tmp_path / "sub\\b.png").touch()
    rows = ["query,image,relevance", "red,sub\\a.png,1", "red,sub/a.png,1", "red,sub\\b.png,0"]
    truth = evaluate.read(written(tmp_path, "\n".join(rows)))
    assert truth.images == ("sub/a.png", "sub\\b.png")
