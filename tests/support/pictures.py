"""Picture files for benches and tests: of every kind, size and way of packing, and what they are built of.

Everything is drawn and built here; no file is kept.
"""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageCms, ImageColor, ImageDraw

from lychee_app.intake import decoders

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA")


def scene(width_px: int = 160, height_px: int = 120) -> Image.Image:
    """RGB: red grows to the right, green downwards, the top left corner is blue: every turn shows."""
    red = Image.linear_gradient("L").rotate(90).resize((width_px, height_px))
    green = Image.linear_gradient("L").resize((width_px, height_px))
    image = Image.merge("RGB", (red, green, Image.new("L", (width_px, height_px), 40)))
    image.paste((0, 0, 255), (0, 0, width_px // 4, height_px // 4))
    return image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    decoders.loaded()
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def good(kind: str, **options: Any) -> bytes:
    if kind in {"JPEG", "WEBP", "AVIF"}:
        options = {"quality": 95} | options
    return encoded(scene(), kind, **options)


def animated(kind: str) -> bytes:
    """Three frames: the scene, then black, then white."""
    size = scene().size
    frames = [Image.new("RGB", size, colour) for colour in ("black", "white")]
    options = {"lossless": True} if kind == "WEBP" else {}
    return encoded(scene(), kind, save_all=True, append_images=frames, duration=100, **options)


def animated_after(blank: Image.Image, kind: str, **options: Any) -> bytes:
    """One colour twice, then the scene."""
    options = {"duration": 100} | ({"lossless": True} if kind == "WEBP" else {}) | options
    frames = [blank.copy(), scene().resize(blank.size)]
    frames[0].putpixel((0, 0), (1, 1, 1))  # equal frames may be stored as one
    return encoded(blank, kind, save_all=True, append_images=frames, **options)


def drawing_on_clear(colour: str, kind: str = "PNG", size: tuple[int, int] = (160, 120)) -> bytes:
    """A ring of that colour on nothing: what is clear has the same colour."""
    image = Image.new("RGBA", size, (*ImageColor.getrgb(colour)[:3], 0))
    width, height = size
    box = (width // 4, height // 4, 3 * width // 4, 3 * height // 4)
    ImageDraw.Draw(image).ellipse(box, outline=colour, width=height // 12)
    return encoded(image, kind, **({"lossless": True} if kind == "WEBP" else {}))


def icon_of(*pictures: bytes, sizes: tuple[int, ...] = ()) -> bytes:
    """An icon that lists these (PNGs, or bitmaps without their file header) as so large."""
    sides = sizes or (0,) * len(pictures)
    at, entries = 6 + 16 * len(pictures), b""
    for side, picture in zip(sides, pictures, strict=True):
        entries += struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(picture), at)
        at += len(picture)
    return struct.pack("<HHH", 0, 1, len(pictures)) + entries + b"".join(pictures)


def turned_by_exif(kind: str, orientation: int, image: Image.Image | None = None) -> bytes:
    """A HEIF or AVIF that no box of its own turns, with an orientation in its EXIF."""
    unused, orientation_tag = 0x0113, 0x0112  # Pillow makes a box of an orientation
    exif = Image.Exif()
    exif[unused] = 1
    data = encoded(image or scene(), kind, quality=95, exif=exif.tobytes())
    before, found, after = data.partition(struct.pack(">HHIH", unused, 3, 1, 1))
    assert found
    assert b"irot" not in data
    return before + struct.pack(">HHIH", orientation_tag, 3, 1, orientation) + after


def with_exif(kind: str, orientation: int, image: Image.Image | None = None) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}, "AVIF": {"quality": 95}}
    return encoded(image or scene(), kind, exif=exif, **options.get(kind, {}))


def stored_as(image: Image.Image, orientation: int) -> Image.Image:
    """The pixels a camera would store so that `orientation` shows `image`."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return image.transpose(undo[orientation]) if orientation in undo else image


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(chunk: bytes, data: bytes | None = None) -> bytes:
    """A good PNG with one more chunk after its header."""
    data = good("PNG") if data is None else data
    return data[:33] + chunk + data[33:]


def png_of_size(width_px: int, height_px: int, mode: int = 2) -> bytes:
    """A PNG that says it is this large and holds almost nothing."""
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, mode, 0, 0, 0)
    return (
        PNG_MAGIC
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
        + png_chunk(b"IEND", b"")
    )


def png_black(width_px: int, height_px: int, bits: int = 1) -> bytes:
    """A whole black PNG of 1 (grey) or 24 (RGB) bits a pixel: large once decoded, small as a file."""
    zeros = height_px * (1 + (width_px * bits + 7) // 8)
    header = struct.pack(">IIBBBBB", width_px, height_px, min(bits, 8), 0 if bits == 1 else 2, 0, 0, 0)
    return (
        PNG_MAGIC
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", _deflated(zeros))
        + png_chunk(b"IEND", b"")
    )


def _deflated(zeros: int) -> bytes:
    """zlib's form of so many zero bytes: one block, repeated, for a flushed one depends on nothing before."""
    squeeze = zlib.compressobj(1, wbits=-15)
    million = squeeze.compress(bytes(1 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    count, rest = divmod(zeros, 1 << 20)
    end = zlib.compressobj(1, wbits=-15)
    last = end.compress(bytes(rest)) + end.flush()
    checksum = struct.pack(">HH", zeros % 65521, 1)  # Adler-32 of zeros
    return b"\x78\x01" + million * count + last + checksum


def png_16_bit_rgb(value: tuple[int, int, int], size: int = 40, transparent: bool = False) -> bytes:
    """A PNG of one colour, 16 bits a sample; with tRNS that colour is the transparent one."""
    header = struct.pack(">IIBBBBB", size, size, 16, 2, 0, 0, 0)
    row = b"\x00" + struct.pack(">HHH", *value) * size
    clear = png_chunk(b"tRNS", struct.pack(">HHH", *value)) if transparent else b""
    body = png_chunk(b"IDAT", zlib.compress(row * size))
    return PNG_MAGIC + png_chunk(b"IHDR", header) + clear + body + png_chunk(b"IEND", b"")


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg_with(segment: bytes, data: bytes | None = None) -> bytes:
    """A good JPEG with one more segment at its start."""
    data = good("JPEG") if data is None else data
    return data[:2] + segment + data[2:]


def jpeg_of_size(width_px: int, height_px: int) -> bytes:
    """A good JPEG whose header says another size."""
    data = bytearray(good("JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height_px, width_px)
    return bytes(data)


def jpeg_cmyk(adobe: bool) -> bytes:
    """The scene in CMYK, stored inverted with Adobe's marker, or as it is without."""
    cmyk = scene().convert("CMYK")
    if adobe:
        return encoded(cmyk, "JPEG", quality=100, subsampling=0)
    data = encoded(ImageChops.invert(cmyk), "JPEG", quality=100, subsampling=0)
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]


def jpeg_ycck() -> bytes:
    """The scene as YCCK: Adobe's inverted CMY turned into YCbCr, and a marker that says so."""
    image = scene()
    inks = ImageChops.invert(image).convert("YCbCr").split()
    stored = ImageChops.invert(
        Image.merge("CMYK", (*inks, Image.new("L", image.size, 255)))
    )  # and Pillow again
    data = bytearray(encoded(stored, "JPEG", quality=100, subsampling=0))
    at = data.index(b"\xff\xee")
    data[at + 15] = 2
    return bytes(data)


def tiff_grey(
    values: list[int], bits: int, size: tuple[int, int], photometric: int = 1, order: str = "<"
) -> bytes:
    """An uncompressed grey TIFF of 8, 12 or 16 bits a sample, of either byte order."""
    pixels = _packed(values, bits, order)
    mark = b"II" if order == "<" else b"MM"
    tags = [
        (256, 4, size[0]), (257, 4, size[1]), (258, 3, bits), (259, 3, 1), (262, 3, photometric),
        (273, 4, 8), (277, 3, 1), (278, 4, size[1]), (279, 4, len(pixels)),
    ]  # fmt: skip
    entries = b"".join(_tiff_entry(order, *tag) for tag in tags)
    directory = struct.pack(order + "H", len(tags)) + entries + bytes(4)
    return mark + struct.pack(order + "HI", 42, 8 + len(pixels)) + pixels + directory


def _tiff_entry(order: str, tag: int, kind: int, value: int) -> bytes:
    held = struct.pack(order + ("HH" if kind == 3 else "I"), *((value, 0) if kind == 3 else (value,)))
    return struct.pack(order + "HHI", tag, kind, 1) + held


def _packed(values: list[int], bits: int, order: str) -> bytes:
    if bits == 12:
        pairs = zip(values[::2], values[1::2], strict=True)
        return b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs)
    return struct.pack(order + str(len(values)) + ("H" if bits == 16 else "B"), *values)


def swapped_profile() -> bytes:
    """An RGB profile as far from sRGB as can be: its red and green are exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ", 128), profile.index(b"gXYZ", 128)
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))


def seeds() -> dict[str, bytes]:
    """A good file of every kind and way of packing: what is mutated."""
    grey = Image.fromarray(np.asarray(scene().convert("L")).astype(np.uint16) * 257)
    clear = scene().convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    packed = {
        f"TIFF {way}": good("TIFF", compression=way)
        for way in ("tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits")
    }
    installed = {"HEIF": good("HEIF", quality=90)} if "HEIF" in decoders.loaded() else {}
    return {
        **{kind: good(kind) for kind in KINDS},
        **installed,
        **{f"animated {kind}": animated(kind) for kind in ("GIF", "WEBP", "PNG", "TIFF", "AVIF")},
        **{f"EXIF {kind}": with_exif(kind, 6) for kind in ("JPEG", "PNG", "WEBP", "TIFF")},
        **{f"alpha {kind}": encoded(clear, kind) for kind in ("PNG", "WEBP", "TIFF", "AVIF")},
        **{f"grey 16 {kind}": encoded(grey, kind) for kind in ("PNG", "TIFF")},
        **packed,
        "TIFF fax": encoded(scene().convert("1"), "TIFF", compression="group4"),
        "JPEG progressive": good("JPEG", progressive=True),
        "JPEG CMYK": jpeg_cmyk(adobe=True),
        "JPEG ICC": good("JPEG", icc_profile=swapped_profile()),
        "PNG palette": encoded(scene().convert("P"), "PNG", transparency=3),
        "BMP palette": encoded(scene().convert("P"), "BMP"),
        "WEBP lossless": good("WEBP", lossless=True),
        "JPEG 2000 codestream": good("JPEG2000", no_jp2=True, irreversible=True),
        "TGA packed": good("TGA", compression="tga_rle"),
        "TGA palette": encoded(scene().convert("P"), "TGA"),
        "PGM 16": encoded(grey.convert("I"), "PPM"),
        "PGM plain": b"P2 3 2 255\n0 50 100 150 200 250\n",
        "ICO": encoded(scene(), "ICO", sizes=[(16, 16), (48, 48)]),
        "ICO of bitmaps": encoded(scene(), "ICO", sizes=[(16, 16), (48, 48)], bitmap_format="bmp"),
        "blank first GIF": animated_after(Image.new("RGB", (160, 120), "white"), "GIF"),
        "tall PNG": encoded(scene(260, 16_000), "PNG"),
    }
