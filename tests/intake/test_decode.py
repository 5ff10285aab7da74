"""The pure function from a file's bytes to what the model sees."""

import io
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image, ImageChops, TiffImagePlugin, TiffTags

from lychee_app.errors import ImageError
from lychee_app.intake.decode import THUMBNAIL_PX, Decoded, decode
from lychee_app.reasons import Reason
from lychee_app.records import ImageBudget
from lychee_app.views import BYTES
from tests.support import hostile, pictures

PHOTOS = Path(skimage.__file__).parent / "data"
BUDGET = ImageBudget(28)
MAX_PX = 120_000_000


def decoded(data: bytes, max_px: int = MAX_PX, budget: ImageBudget = BUDGET) -> Decoded:
    return decode(data, budget, max_px)


def refusal(data: bytes, max_px: int = MAX_PX) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode(data, BUDGET, max_px)
    return caught.value


def expected(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC), dtype=float)


def difference(result: Decoded, image: Image.Image) -> float:
    """Mean absolute difference from `image`, in steps of 0 to 255."""
    return float(np.abs(np.asarray(result.image, dtype=float) - expected(image, result.image.size)).mean())


@pytest.mark.parametrize("kind", pictures.KINDS)
def test_every_accepted_format_shows_the_scene(kind: str) -> None:
    result = decoded(pictures.good(kind))
    assert result.image.mode == "RGB"
    assert result.image.size == (168, 112)
    assert (result.width_px, result.height_px) == (160, 120)
    assert difference(result, pictures.scene()) < (8 if kind == "GIF" else 3)
    assert result.notes == ()


def test_what_is_shaken_grainy_or_too_light_is_less_sharp_and_what_is_blank_has_no_views() -> None:
    photo = Image.open(PHOTOS / "astronaut.png").convert("RGB")
    shaken = ImageChops.blend(photo, ImageChops.offset(photo, 3, 0), 0.5)
    grain = Image.effect_noise(photo.size, 30).convert("RGB")
    grainy = ImageChops.add(shaken, grain, offset=-128)
    light = photo.point([min(255, round(1.8 * level)) for level in range(256)] * 3)
    dark = photo.point([round(0.6 * level) for level in range(256)] * 3)
    told = [decoded(pictures.encoded(image, "PNG")) for image in (photo, shaken, grainy, light, dark)]
    assert told[0].sharpness > 1.2 * told[1].sharpness > 0
    assert told[0].sharpness > 1.2 * told[2].sharpness
    assert told[0].sharpness > 1.2 * told[3].sharpness
    assert told[4].sharpness == pytest.approx(told[0].sharpness, rel=0.1), "the same in any light"
    assert len(told[0].views) == BYTES
    line, blank = (decoded(pictures.encoded(Image.new("L", size, 90), "PNG")) for size in ((1, 60), (60, 60)))
    assert (line.sharpness, line.views, blank.views) == (0, b"", b"")


def published(data: bytes) -> np.ndarray:
    """What the published path gives the model, (height, width, 3) from 0 to 255.

    `process_vision_info`, then the processor, whose patches are put together again and denormalised.
    """
    from qwen_vl_utils import process_vision_info
    from transformers import Qwen2VLImageProcessor

    processor = Qwen2VLImageProcessor(size={"shortest_edge": 4 * 784, "longest_edge": 1280 * 784})
    with Image.open(io.BytesIO(data)) as photo:
        content = [{"type": "image", "image": photo}]
        images = process_vision_info([{"role": "user", "content": content}])[0]
    given = processor(images=images, return_tensors="np")
    rows, columns = given["image_grid_thw"][0][1:]
    patches = given["pixel_values"].reshape(rows // 2, columns // 2, 2, 2, 3, 2, 14, 14)[:, :, :, :, :, 0]
    pixels = patches.transpose(0, 2, 5, 1, 3, 6, 4).reshape(rows * 14, columns * 14, 3)
    return 255 * (pixels * np.array(processor.image_std) + np.array(processor.image_mean))


@pytest.mark.parametrize(
    "name", ["astronaut.png", "coffee.png", "chelsea.png", "motorcycle_left.png", "camera.png", "ihc.png"]
)
def test_a_photo_reaches_the_model_exactly_as_by_the_published_path(name: str) -> None:
    data = (PHOTOS / name).read_bytes()
    assert np.abs(np.asarray(decoded(data).image) - published(data)).max() < 0.01


def test_a_photo_over_the_budget_reaches_the_model_within_a_step_of_the_published_path() -> None:
    """The published path resizes twice, to 16384 and then to 1280 tokens; here it is once."""
    data = (PHOTOS / "retina.jpg").read_bytes()
    difference = np.abs(np.asarray(decoded(data).image) - published(data))
    assert difference.mean() < 0.3
    assert np.percentile(difference, 99) <= 1.01


@pytest.mark.parametrize("size", [(4000, 3000), (2300, 1736)])
def test_decoding_a_jpeg_at_reduced_scale_changes_a_pixel_by_half_a_step_on_average(
    size: tuple[int, int],
) -> None:
    with Image.open(PHOTOS / "coffee.png") as photo:
        large = photo.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    data = pictures.encoded(large, "JPEG", quality=92)
    with Image.open(io.BytesIO(data)) as whole:
        assert difference(decoded(data), whole) < 0.6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_all_eight_orientations_come_out_upright(kind: str, orientation: int) -> None:
    stored = pictures.stored_as(pictures.scene(), orientation)
    result = decoded(pictures.with_exif(kind, orientation, stored))
    assert (result.width_px, result.height_px) == (160, 120)
    assert difference(result, pictures.scene()) < 4


def test_a_large_jpeg_on_its_side_is_upright_too() -> None:
    scene = pictures.scene(3000, 2000)
    data = pictures.with_exif("JPEG", 6, pictures.stored_as(scene, 6))
    result = decoded(data)
    assert result.image.width > result.image.height
    assert difference(result, scene) < 4


def test_the_first_frame_of_an_animation_is_scored_with_a_note() -> None:
    for kind in ("GIF", "WEBP", "PNG", "AVIF"):
        result = decoded(pictures.animated(kind))
        assert difference(result, pictures.scene()) < 8, kind
        assert result.notes == (Reason.of("first-frame"),), kind


@pytest.mark.parametrize(
    "tags",
    [{254: 1, 330: 8}, {254: 1, 50706: b"\1\4\0\0"}, {254: 1, 271: "NIKON CORPORATION"}],
    ids=["more pictures inside", "DNG", "of a camera"],
)
def test_a_camera_raw_file_is_not_taken_for_its_small_preview(tags: dict[int, object]) -> None:
    with pytest.raises(ImageError, match=r"camera raw file.*Export it as JPEG") as caught:
        decoded(tiff_with(tags))
    assert caught.value.code == "raw-unread"


@pytest.mark.parametrize(
    "tags", [{254: 0, 271: "Canon", 330: 8}, {254: 1}, {271: "EPSON"}, {254: 2, 330: 8}, {254: "x", 271: "y"}]
)
def test_a_scan_or_an_export_with_a_camera_s_name_is_a_picture(tags: dict[int, object]) -> None:
    assert decoded(tiff_with(tags)).width_px == 160


def tiff_with(tags: dict[int, object]) -> bytes:
    ifd, file = TiffImagePlugin.ImageFileDirectory_v2(), io.BytesIO()
    for tag, value in tags.items():
        if isinstance(value, str):
            ifd.tagtype[tag] = TiffTags.ASCII
        ifd[tag] = value
    Image.new("RGB", (160, 120), "red").save(file, "TIFF", tiffinfo=ifd)
    return file.getvalue()


def test_the_first_page_of_a_tiff_is_scored_with_a_note() -> None:
    result = decoded(pictures.animated("TIFF"))
    assert difference(result, pictures.scene()) < 1
    assert result.notes == (Reason.of("first-page"),)


def test_a_multi_picture_jpeg_counts_as_jpeg() -> None:
    other = Image.new("RGB", (160, 120), "black")
    data = pictures.encoded(pictures.scene(), "MPO", save_all=True, append_images=[other], quality=95)
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "MPO"
    result = decoded(data)
    assert difference(result, pictures.scene()) < 3
    assert result.notes == ()


@pytest.mark.parametrize(("name", "data"), hostile.FOREIGN.items())
def test_what_is_not_accepted_is_refused_by_name(name: str, data: bytes) -> None:
    error = refusal(data)
    assert error.code == ("archive" if "archive" in str(error) else "format")
    assert name in str(error)


@pytest.mark.parametrize("kind", ["EPS", "PCX", "DDS", "ICNS"])
def test_real_pictures_of_other_kinds_reach_no_decoder_and_are_named(kind: str) -> None:
    error = refusal(pictures.encoded(pictures.scene(128, 128), kind))
    assert (error.code, kind in str(error)) == ("format", True)


@pytest.mark.parametrize(("name", "data"), hostile.EMPTY.items())
def test_an_accepted_format_with_nothing_behind_its_first_bytes_is_refused_as_that(
    name: str, data: bytes
) -> None:
    raw = name in hostile.RAW_HEADERS
    assert refusal(data).code in ({"raw-unread"} if raw else {"corrupt", "truncated"})


def test_a_heic_without_its_library_names_the_library() -> None:
    without = (
        "import sys, importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'pillow_heif' else find(name, *rest)\n"
        "from tests.intake.test_decode import refusal\n"
        "from tests.support import hostile\n"
        "error = refusal(hostile.HEIC_HEADER)\n"
        "print(error.code, error)"
    )
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("no-decoder")
    assert "pillow-heif" in done.stdout


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_and_avif_are_upright_whether_their_boxes_or_their_exif_alone_turn_them(
    orientation: int, kind: str
) -> None:
    stored = pictures.stored_as(pictures.scene(), orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    both = pictures.encoded(stored, kind, quality=95, exif=exif.tobytes())
    for data in (both, pictures.turned_by_exif(kind, orientation, stored)):
        result = decoded(data)
        assert (result.width_px, result.height_px) == (160, 120)
        assert difference(result, pictures.scene()) < 6


def test_a_heic_is_decoded() -> None:
    assert difference(decoded(pictures.encoded(pictures.scene(), "HEIF", quality=95)), pictures.scene()) < 4


def test_an_empty_file_and_a_text_file_say_so() -> None:
    assert refusal(b"").code == "empty"
    assert refusal(b"hello, world").code == "not-an-image"
    assert refusal(bytes(1000)).code == "not-copied"


@pytest.mark.parametrize(("name", "data"), hostile.bombs().items())
def test_a_decompression_bomb_is_refused_before_it_is_decoded(name: str, data: bytes) -> None:
    error = refusal(data)
    assert error.code in {"pixels", "pixels-bomb"} | (
        {"corrupt"} if name in {"WEBP", "AVIF", "JPEG 2000"} else set()
    )


def test_the_pixel_limit_names_the_value_and_the_limit() -> None:
    error = refusal(pictures.png_of_size(4000, 3000), max_px=10_000_000)
    assert error.code == "pixels"
    assert "4000 x 3000" in str(error)
    assert "10 megapixels" in str(error)


@pytest.mark.parametrize("size", [(1, 30_000), (30_000, 1), (10, 2001)])
def test_a_strip_is_refused_with_a_reason(size: tuple[int, int]) -> None:
    error = refusal(pictures.encoded(Image.new("RGB", size), "PNG"))
    assert error.code == "aspect"
    assert f"{size[0]} x {size[1]}" in str(error)


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (3, 3), (30, 6000), (5000, 28)])
def test_odd_shapes_the_model_takes_are_shown(size: tuple[int, int]) -> None:
    result = decoded(pictures.encoded(Image.new("RGB", size, "teal"), "PNG"))
    assert all(side % 28 == 0 for side in result.image.size)
    assert BUDGET.min_tokens <= math.prod(result.image.size) // 784 <= BUDGET.max_tokens


@pytest.mark.parametrize("kind", pictures.KINDS)
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_file_cut_short_is_refused_as_that(kind: str, share: float) -> None:
    data = pictures.good(kind)
    code = "truncated-share" if kind in {"JPEG", "PNG"} else "truncated"
    assert refusal(data[: int(len(data) * share)]).code == code


@pytest.mark.parametrize(("name", "data"), hostile.broken_metadata().items())
def test_a_good_picture_with_broken_metadata_is_scored(name: str, data: bytes) -> None:
    assert difference(decoded(data), pictures.scene()) < 4


def test_broken_metadata_that_had_to_go_is_said() -> None:
    assert decoded(hostile.broken_metadata()["zTXt bomb"]).notes == (Reason.of("metadata-broken"),)
    assert decoded(hostile.broken_metadata()["PNG broken ICC"]).notes == (Reason.of("profile-broken"),)


def test_a_broken_orientation_does_not_hide_that_pixels_are_missing() -> None:
    data = pictures.jpeg_with(pictures.jpeg_segment(0xE1, b"Exif\x00\x00II*\x00\xff\xff\xff\x7f"))
    assert refusal(data[: len(data) // 2]).code == "truncated-share"


@pytest.mark.parametrize("kept", [45, 60, 100, 200, 350])
def test_a_png_overwritten_in_the_middle_is_refused_and_not_scored_as_black(kept: int) -> None:
    data = pictures.good("PNG")
    error = refusal(data[:kept] + bytes(400))
    assert error.code in {"corrupt", "truncated"}


def test_a_png_with_a_bit_turned_round_is_refused_though_it_unpacks() -> None:
    noise = Image.effect_noise((64, 64), 50)
    data = bytearray(pictures.encoded(noise, "PNG", compress_level=0))
    data[len(data) // 2] ^= 1
    assert refusal(bytes(data)).code == "corrupt"


def test_a_png_whose_text_alone_is_damaged_is_scored() -> None:
    chunk = bytearray(pictures.png_chunk(b"tEXt", b"Comment\0hello"))
    chunk[-1] ^= 255
    assert difference(decoded(pictures.png_with(bytes(chunk))), pictures.scene()) < 4


def test_the_thumbnail_is_a_small_webp_in_the_shape_of_the_original() -> None:
    result = decoded(pictures.encoded(pictures.scene(1500, 500), "JPEG"))
    with Image.open(io.BytesIO(result.thumbnail)) as thumbnail:
        assert thumbnail.format == "WEBP"
        assert thumbnail.size == (THUMBNAIL_PX, round(THUMBNAIL_PX / 3))


def test_a_smaller_budget_gives_a_smaller_image() -> None:
    result = decoded(
        pictures.encoded(pictures.scene(1500, 500), "JPEG"), budget=ImageBudget(28, max_tokens=64)
    )
    assert math.prod(result.image.size) // 784 <= 64


def test_decoding_leaves_pillow_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS
    decoded(pictures.good("PNG"))
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("kind", pictures.KINDS)
def test_a_mutated_file_gives_an_image_or_a_reason_whatever_its_decoder_raises(kind: str) -> None:
    for data in hostile.mutants(pictures.good(kind), seed=7, count=60):
        outcome = _image_or_reason(data)
        assert isinstance(outcome, Image.Image) or outcome.endswith(".")


def _image_or_reason(data: bytes) -> Image.Image | str:
    try:
        return decoded(data, max_px=4_000_000).image
    except ImageError as error:
        return str(error)


def test_images_that_take_much_memory_are_told_apart_before_they_are_decoded() -> None:
    with pytest.raises(ImageError) as caught:
        decode(pictures.png_black(9000, 9000), BUDGET, MAX_PX, light_bytes=20_000_000)
    assert caught.value.code == "heavy"
