"""Which frame of several is shown."""

import io

import pytest
from PIL import Image, ImageDraw

from lychee_app.reasons import Reason
from tests.intake.test_decode import decoded, difference
from tests.support import pictures

WHITE, BLACK = (Image.new("RGB", (160, 120), colour) for colour in ("white", "black"))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "TIFF", "HEIF"])
@pytest.mark.parametrize("blank", [WHITE, BLACK], ids=["white", "black"])
def test_the_first_frame_that_is_not_blank_is_scored(kind: str, blank: Image.Image) -> None:
    result = decoded(pictures.animated_after(blank, kind))
    word = "page" if kind == "TIFF" else "frame"
    assert difference(result, pictures.scene()) < 8
    assert result.notes == (Reason.of(f"later-{word}", number=3, of=3),)


def test_an_animation_that_stays_blank_shows_its_first_frame() -> None:
    data = pictures.encoded(
        WHITE, "GIF", save_all=True, append_images=[Image.new("RGB", WHITE.size, (250, 250, 250))], duration=9
    )
    assert decoded(data).notes == (Reason.of("first-frame"),)


def test_a_scanned_page_with_specks_of_dust_is_blank_and_one_with_a_line_is_not() -> None:
    dusty, lined = (Image.new("L", (600, 800), 250) for _ in range(2))
    ImageDraw.Draw(dusty).ellipse((300, 300, 310, 310), fill=0)
    ImageDraw.Draw(lined).line((50, 400, 550, 400), fill=0, width=2)
    page = pictures.scene(600, 800)
    for cover, shown in ((dusty, 2), (lined, None)):
        data = pictures.encoded(cover, "TIFF", save_all=True, append_images=[page])
        (note,) = decoded(data).notes
        assert note.values.get("number") == shown


def test_a_page_of_another_size_has_its_own() -> None:
    data = pictures.encoded(WHITE, "TIFF", save_all=True, append_images=[pictures.scene(300, 200)])
    assert (decoded(data).width_px, decoded(data).height_px) == (300, 200)


def test_a_page_over_the_limit_is_passed_over_and_a_broken_one_ends_the_search() -> None:
    data = pictures.encoded(WHITE, "TIFF", save_all=True, append_images=[pictures.scene(900, 900)])
    result = decoded(data, max_px=500_000)
    assert result.notes == (Reason.of("first-page"),)
    assert result.width_px == 160
    gif = pictures.animated_after(WHITE, "GIF")
    with Image.open(io.BytesIO(gif)) as image:
        image.seek(2)
    assert difference(decoded(gif[: len(gif) * 6 // 10]), WHITE) < 1


def test_the_transparent_first_frame_of_an_animation_is_blank() -> None:
    clear = Image.new("RGBA", (160, 120), (90, 10, 10, 0))
    data = pictures.encoded(
        clear, "WEBP", save_all=True, append_images=[pictures.scene().convert("RGBA")], lossless=True
    )
    assert decoded(data).notes == (Reason.of("later-frame", number=2, of=2),)
