"""The largest picture of a Windows icon, and no larger than icons are."""

import struct

import pytest
from PIL import Image

from tests.intake.test_decode import decoded, difference, refusal
from tests.support import pictures


@pytest.mark.parametrize("form", ["png", "bmp"])
def test_the_largest_picture_of_an_icon_is_scored(form: str) -> None:
    square = pictures.scene(120, 120)
    data = pictures.encoded(square, "ICO", sizes=[(16, 16), (96, 96), (32, 32)], bitmap_format=form)
    result = decoded(data)
    assert (result.width_px, result.height_px) == (96, 96)
    assert difference(result, square) < 8


def test_what_an_icon_s_list_says_of_a_picture_s_size_does_not_hide_how_large_it_is() -> None:
    bomb = pictures.icon_of(pictures.png_of_size(60_000, 60_000), sizes=(16,))
    assert refusal(bomb).code in {"pixels", "pixels-bomb"}
    lying = struct.pack("<IiiHHIIiiII", 40, 60_000, 120_000, 1, 32, 0, 0, 0, 0, 0, 0) + bytes(4000)
    assert refusal(pictures.icon_of(lying, sizes=(16,))).code == "corrupt"


def test_an_icon_of_pictures_cut_short_is_refused_and_a_light_one_is_seen() -> None:
    light = pictures.icon_of(pictures.drawing_on_clear("white"))
    assert [note.code for note in decoded(light).notes] == ["dark-ground"]
    whole = pictures.encoded(pictures.scene(), "ICO", sizes=[(96, 72)], bitmap_format="bmp")
    assert refusal(whole[: len(whole) // 2]).code == "truncated"
    assert isinstance(decoded(whole).image, Image.Image)
