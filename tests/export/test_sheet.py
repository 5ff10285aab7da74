"""The contact sheet, read back with another library than wrote it."""

import io
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from lychee_app.export.sheet import Sheet, to_pdf
from lychee_app.records import Scored
from tests.support.rows import HOSTILE_NAMES, failed, row, run_of

LONG = "holiday-" + "a" * 180 + "-042.jpg"
NO_FONTS: list[Path] = []


@pytest.fixture(scope="module")
def chinese() -> None:
    """Skips where this machine has no font for Chinese: then there is nothing to show it with."""
    if to_pdf(run_of([picture(0, name="咖啡馆.jpg")]), [0]).unshown:
        pytest.skip("no font for Chinese")


def thumbnail(width: int = 32, height: int = 24) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(file, "WEBP", lossless=True)
    return file.getvalue()


def picture(index: int, size: tuple[int, int] = (32, 24), name: str = "") -> Scored:
    return row(index, margin=3 - index / 100, name=name or f"{index}.jpg", thumbnail=thumbnail(*size))


def text_of(sheet: Sheet) -> list[str]:
    """Of each page."""
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(sheet.data)]


def sheet_of(*names: str, folders: list[Path] | None = None, language: str = "en", **more) -> Sheet:
    images = [picture(index, name=name) for index, name in enumerate(names)]
    return to_pdf(run_of(images, **more), range(len(names)), folders=folders, language=language)


def test_rank_score_name_and_query_are_on_it() -> None:
    run = run_of([picture(0), picture(1), picture(2)], query="red umbrella")
    (page,) = text_of(to_pdf(run, [0, 2]))
    assert "red umbrella" in page
    assert "2 of 3 images" in page
    assert "1 · 9.5" in page
    assert "3 · 9.5" in page
    assert "0.jpg" in page
    assert "2.jpg" in page
    assert "1.jpg" not in page


def test_a_title_stands_above_the_query() -> None:
    (page,) = text_of(sheet_of("a.jpg", title="For the album", query="red umbrella", not_text="rain"))
    assert page.index("For the album") < page.index("Query: red umbrella") < page.index("rain")


def test_300_picks_fill_15_pages_and_the_same_picks_give_the_same_bytes() -> None:
    run = run_of([picture(index) for index in range(300)])
    sheet = to_pdf(run, range(300), folders=NO_FONTS)
    pages = text_of(sheet)
    assert len(pages) == 15
    assert "15 / 15" in pages[-1]
    assert "299.jpg" in pages[-1]
    assert to_pdf(run, range(300), folders=NO_FONTS).data == sheet.data


@pytest.mark.usefixtures("chinese")
def test_chinese_names_can_be_read_and_searched_for() -> None:
    sheet = sheet_of("绿色沙发 照片.jpg", query="绿色沙发", language="zh")
    (page,) = text_of(sheet)
    assert "绿色沙发 照片.jpg" in page
    assert "1 张中的 1 张" in page
    assert sheet.unshown == 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_without_a_font_for_them_a_sign_stands_for_letters_and_the_sheet_says_so(language: str) -> None:
    sheet = sheet_of("咖啡 a.jpg", "b.jpg", "沙发.jpg", folders=NO_FONTS, language=language)
    (page,) = text_of(sheet)
    assert sheet.unshown == 2
    assert "?? a.jpg" in page
    assert "2 names have letters that no font of this machine has" in " ".join(page.split())


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    (page,) = text_of(sheet_of(LONG, folders=NO_FONTS))
    found = "".join(page.split())
    assert "holiday-aaaa" in found
    assert "...aaaaaaaa-042.jpg"[-12:] in found
    assert LONG not in found


def test_lines_end_between_words() -> None:
    name = "photograph of somebody's armchair beside a window.jpg"
    (page,) = text_of(sheet_of(name, folders=NO_FONTS))
    assert set(name.split()) <= set(page.split())
    assert name not in page, "it takes two lines"


@pytest.mark.parametrize("size", [(320, 3), (3, 320), (320, 320), (1, 1)])
def test_a_picture_is_whole_and_within_its_place(size: tuple[int, int]) -> None:
    (page,) = pypdfium2.PdfDocument(to_pdf(run_of([picture(0, size)]), [0]).data)
    (image,) = [one for one in page.get_objects() if isinstance(one, pypdfium2.PdfImage)]
    left, bottom, right, top = image.get_bounds()
    width, height = page.get_size()
    assert left >= 0
    assert bottom >= 0
    assert right <= width / 4 + 20
    assert top <= height
    assert (right - left) / (top - bottom) == pytest.approx(size[0] / size[1], rel=0.02)


def test_hostile_names_cost_nothing() -> None:
    (first, second) = text_of(sheet_of(*HOSTILE_NAMES))
    assert "con.jpg" in first + second


def test_an_image_without_a_score_has_its_place_too() -> None:
    run = run_of([picture(0), failed(1)])
    (page,) = text_of(to_pdf(run, [0, 1]))
    assert "1.jpg" in page


def test_of_no_picks_there_is_one_empty_page() -> None:
    assert len(text_of(to_pdf(run_of([picture(0)]), []))) == 1


def test_a_broken_font_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "DejaVuSans.ttf").write_bytes(b"\x00\x01\x00\x00" + b"nonsense" * 40)
    (page,) = text_of(sheet_of("a.jpg", folders=[tmp_path]))
    assert "a.jpg" in page
