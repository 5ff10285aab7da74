"""Every kind of pixel becomes the RGB a viewer would show: checked against colours worked out by hand."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from lychee_app.intake.decode import BAND_PX, decode
from lychee_app.reasons import Reason
from lychee_app.records import ImageBudget
from tests.intake.test_decode import decoded, difference
from tests.support import pictures


def mean(data: bytes) -> np.ndarray:
    """Mean colour of what the model sees, (3,)."""
    return np.asarray(decoded(data).image, dtype=float).mean(axis=(0, 1))


def ramp(data: bytes) -> np.ndarray:
    """Grey of the middle row from left to right, and that it is grey."""
    pixels = np.asarray(decoded(data).image, dtype=float)
    assert np.ptp(pixels, axis=2).max() == 0
    return pixels[pixels.shape[0] // 2, :, 0]


def grey_ramp(top: int, dtype: type = np.uint16) -> np.ndarray:
    """(56, 112): from 0 on the left to `top` on the right."""
    return np.tile(np.linspace(0, top, 112), (56, 1)).astype(dtype)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(kind: str) -> None:
    row = ramp(pictures.encoded(Image.fromarray(grey_ramp(65535)), kind))
    assert np.abs(row - np.linspace(0, 255, 112)).max() <= 2


def test_a_dark_sixteen_bit_png_stays_dark() -> None:
    row = ramp(pictures.encoded(Image.fromarray(grey_ramp(2570)), "PNG"))
    assert row.max() == pytest.approx(10, abs=1)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bit_tiff_of_either_byte_order_is_scaled(order: str) -> None:
    data = pictures.tiff_grey(grey_ramp(65535).ravel().tolist(), 16, (112, 56), order=order)
    assert np.abs(ramp(data) - np.linspace(0, 255, 112)).max() <= 2


def test_a_tiff_whose_zero_is_white_is_turned_round() -> None:
    for bits, top in ((8, 255), (16, 65535)):
        data = pictures.tiff_grey(grey_ramp(top).ravel().tolist(), bits, (112, 56), photometric=0)
        assert np.abs(ramp(data) - np.linspace(255, 0, 112)).max() <= 2, bits


def test_twelve_bit_tiff_spans_twelve_bits() -> None:
    data = pictures.tiff_grey(grey_ramp(4095).ravel().tolist(), 12, (112, 56))
    assert np.abs(ramp(data) - np.linspace(0, 255, 112)).max() <= 2


def test_twelve_bit_data_in_a_sixteen_bit_tiff_is_seen_and_said() -> None:
    result = decoded(pictures.encoded(Image.fromarray(grey_ramp(4095)), "TIFF"))
    assert np.asarray(result.image).max() > 250
    assert result.notes == (Reason.of("few-bits", bits=12),)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 255.0), (-5.0, 1200.0)])
def test_float_tiff_is_scaled(low: float, high: float) -> None:
    values = np.tile(np.linspace(low, high, 112, dtype=np.float32), (56, 1))
    assert (
        np.abs(ramp(pictures.encoded(Image.fromarray(values), "TIFF")) - np.linspace(0, 255, 112)).max() <= 2
    )


def test_float_tiff_with_nan_and_infinity_is_scaled_by_its_finite_values() -> None:
    values = np.tile(np.linspace(0, 1, 112, dtype=np.float32), (56, 1))
    values[0, :4] = (np.nan, np.inf, -np.inf, 1e-30)
    assert ramp(pictures.encoded(Image.fromarray(values), "TIFF"))[60:].min() > 100
    blank = np.full((56, 112), np.nan, dtype=np.float32)
    assert mean(pictures.encoded(Image.fromarray(blank), "TIFF")).max() == 0


def test_signed_and_32_bit_tiff_span_their_own_range() -> None:
    values = np.tile(np.linspace(-3000, 90_000, 112), (56, 1)).astype(np.int32)
    result = decoded(pictures.encoded(Image.fromarray(values), "TIFF"))
    assert np.asarray(result.image).max() > 250
    assert result.notes == (Reason.of("own-range", low=-3000.0, high=90000.0),)


def test_sixteen_bit_rgb_keeps_its_colour() -> None:
    assert mean(pictures.png_16_bit_rgb((65535, 32896, 257))) == pytest.approx([255, 128, 1], abs=1)


def test_one_bit_images_are_black_and_white() -> None:
    image = Image.new("1", (112, 56))
    image.paste(1, (56, 0, 112, 56))
    for kind in ("PNG", "TIFF", "BMP", "GIF"):
        row = ramp(pictures.encoded(image, kind))
        assert row[0] == 0, kind
        assert row[-1] == 255, kind


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_palettes_are_looked_up(kind: str) -> None:
    image = pictures.scene().convert("P", palette=Image.Palette.ADAPTIVE)
    assert difference(decoded(pictures.encoded(image, kind)), image.convert("RGB")) < 1


def clear(mode: str) -> Image.Image:
    """Half transparent on the right; what is hidden there is black."""
    image = Image.new("RGBA", (112, 56), (200, 0, 0, 255))
    image.paste((0, 0, 0, 0), (56, 0, 112, 56))
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF"), ("LA", "TIFF")]
)
def test_what_is_transparent_is_white(mode: str, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels = np.asarray(decoded(pictures.encoded(clear(mode), kind, **options)).image)
    assert (pixels[:, 70:] == 255).all()
    assert pixels[20, 20].tolist() == ([200, 0, 0] if mode == "RGBA" else [60, 60, 60])


def test_half_transparent_is_half_white() -> None:
    image = Image.new("RGBA", (56, 56), (0, 0, 0, 128))
    assert mean(pictures.encoded(image, "PNG")) == pytest.approx([127, 127, 127], abs=1)


def test_a_premultiplied_tiff_is_divided_out_first() -> None:
    image = Image.new("RGBA", (56, 56), (200, 100, 0, 128))
    straight = mean(pictures.encoded(image, "TIFF"))
    data = bytearray(pictures.encoded(image.convert("RGBa").convert("RGBA"), "TIFF"))
    premultiplied = np.asarray(image, dtype=float)[..., :3] * 128 / 255
    body = np.dstack([premultiplied.round(), np.full((56, 56), 128)]).astype(np.uint8).tobytes()
    at = data.index(np.asarray(image.convert("RGBa").convert("RGBA")).tobytes()[:64])
    data[at : at + len(body)] = body
    extra = data.index(struct.pack("<HHI", 338, 3, 1))
    data[extra + 8 : extra + 10] = struct.pack("<H", 1)
    assert mean(bytes(data)) == pytest.approx(straight, abs=2)


def test_transparent_palette_entries_and_key_colours_are_white() -> None:
    palette = clear("RGBA").convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
    black = palette.getpixel((100, 20))
    key = {"RGB": (0, 0, 0), "L": 0, "1": 0}
    files = [pictures.encoded(palette, kind, transparency=black) for kind in ("PNG", "GIF")]
    files += [
        pictures.encoded(clear("RGB").convert(mode), "PNG", transparency=key[mode]) for mode in ("RGB", "L")
    ]
    for data in files:
        assert (np.asarray(decoded(data).image)[:, 70:] == 255).all()


def test_a_key_colour_of_sixteen_bits_is_white() -> None:
    grey = np.full((56, 112), 1000, dtype=np.uint16)
    grey[:, :56] = 40_000
    data = pictures.encoded(Image.fromarray(grey), "PNG")
    data = pictures.png_with(pictures.png_chunk(b"tRNS", struct.pack(">H", 1000)), data)
    assert (np.asarray(decoded(data).image)[:, 70:] == 255).all()
    assert mean(pictures.png_16_bit_rgb((1000, 2000, 3000), transparent=True)).min() == 255
    assert mean(pictures.png_16_bit_rgb((1000, 2000, 3000))).max() < 13


def test_cmyk_and_ycck_jpeg_show_the_scene() -> None:
    for data in (pictures.jpeg_cmyk(adobe=True), pictures.jpeg_cmyk(adobe=False), pictures.jpeg_ycck()):
        assert difference(decoded(data), pictures.scene()) < 4


def test_a_cmyk_tiff_shows_the_scene() -> None:
    assert (
        difference(decoded(pictures.encoded(pictures.scene().convert("CMYK"), "TIFF")), pictures.scene()) < 1
    )


def test_a_lab_tiff_shows_the_scene() -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.applyTransform(pictures.scene(), ImageCms.buildTransform(srgb, lab, "RGB", "LAB"))
    assert image is not None
    assert difference(decoded(pictures.encoded(image, "TIFF")), pictures.scene()) < 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_colour_profile_is_converted_to_srgb(kind: str) -> None:
    image = Image.new("RGB", (56, 56), (255, 0, 0))
    options = {"quality": 100} if kind in {"JPEG", "AVIF"} else {"lossless": True} if kind == "WEBP" else {}
    data = pictures.encoded(image, kind, icc_profile=pictures.swapped_profile(), **options)
    red, green, blue = mean(data)
    assert green > 200
    assert red < 60
    assert blue < 60


def test_an_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = pictures.encoded(pictures.scene(), "PNG", icc_profile=profile)
    assert difference(decoded(data), pictures.scene()) == 0


def test_a_profile_for_other_colours_than_the_pixels_is_ignored_and_said() -> None:
    image = pictures.scene().convert("L")
    result = decoded(pictures.encoded(image, "PNG", icc_profile=pictures.swapped_profile()))
    assert difference(result, image) == 0
    assert result.notes == (Reason.of("profile-broken"),)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "I;16", "CMYK"])
def test_a_large_image_handled_in_bands_looks_like_the_same_image_resized_whole(mode: str) -> None:
    size = (4001, BAND_PX // 4001 * 2 + 77)
    scene = pictures.scene(*size)
    image = (
        Image.fromarray(np.asarray(scene.convert("L")).astype(np.uint16) * 257)
        if mode == "I;16"
        else scene.convert(mode)
    )
    result = decode(pictures.encoded(image, "TIFF"), ImageBudget(28, max_tokens=256), 120_000_000)
    shown = scene.convert("L") if mode == "I;16" else image
    assert difference(result, shown) < 0.8


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_a_light_drawing_on_clear_is_shown_on_a_dark_ground_and_that_is_said(kind: str) -> None:
    result = decoded(pictures.drawing_on_clear("white", kind))
    assert result.notes == (Reason.of("dark-ground"),)
    assert mean(pictures.drawing_on_clear("white", kind)).max() < 128
    assert np.asarray(result.image).max() > 240


@pytest.mark.parametrize("colour", ["black", "navy", "red", "grey", "gold"])
def test_a_drawing_that_white_shows_stays_on_white(colour: str) -> None:
    result = decoded(pictures.drawing_on_clear(colour))
    assert result.notes == ()
    assert np.asarray(result.image)[0, 0].tolist() == [255, 255, 255]


def test_a_white_page_with_round_corners_and_text_stays_on_white() -> None:
    page = Image.new("RGBA", (400, 400), (255, 255, 255, 0))
    page.paste("white", (2, 0, 398, 400))
    page.paste("black", (40, 40, 360, 60))
    assert decoded(pictures.encoded(page, "PNG")).notes == ()


def test_a_drawing_all_in_its_transparency_is_seen_whatever_says_what_is_clear() -> None:
    ring = Image.open(io.BytesIO(pictures.drawing_on_clear("white")))
    palette = Image.new("P", ring.size, 1)
    palette.putpalette([255, 255, 255, 0, 0, 0])
    palette.paste(0, mask=ring.getchannel("A"))
    grey = Image.new("LA", ring.size, 255)
    grey.putalpha(ring.getchannel("A"))
    for data in (
        pictures.encoded(palette, "PNG", transparency=1),
        pictures.encoded(palette, "GIF", transparency=1),
        pictures.encoded(grey, "PNG"),
    ):
        assert decoded(data).notes == (Reason.of("dark-ground"),)


def test_a_picture_in_white_that_is_all_in_its_transparency_is_seen_though_nothing_is_quite_clear() -> None:
    image = Image.new("LA", (160, 120), 255)
    image.putalpha(pictures.scene().convert("L").point(lambda tone: 60 + tone // 2))
    assert decoded(pictures.encoded(image, "PNG")).notes == (Reason.of("dark-ground"),)


def test_a_large_light_drawing_has_one_ground_in_all_its_bands() -> None:
    assert BAND_PX < 4000 * 3000
    result = decoded(pictures.drawing_on_clear("white", size=(4000, 3000)))
    pixels = np.asarray(result.image, dtype=float)
    assert result.notes == (Reason.of("dark-ground"),)
    assert np.ptp(pixels[[0, -1]]) == 0
    assert pixels[0, 0, 0] < 40


def test_sixteen_bit_pnm_spans_its_bits_and_not_its_own_range() -> None:
    for top, white in ((65535, 255), (2570, 10)):
        row = ramp(pictures.encoded(Image.fromarray(grey_ramp(top)).convert("I"), "PPM"))
        assert row.max() == pytest.approx(white, abs=1)
