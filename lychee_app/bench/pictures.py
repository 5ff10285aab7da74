"""Picture files for benches and tests: good ones of every kind, and ones made to hurt.

Everything is drawn and built here; no file is kept.
"""

import io
import random
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageCms

from lychee_app.intake import decoders

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


def scene(width_px: int = 160, height_px: int = 120) -> Image.Image:
    """RGB: red grows to the right, green downwards, the top left corner is blue: every turn shows."""
    red = Image.linear_gradient("L").rotate(90).resize((width_px, height_px))
    green = Image.linear_gradient("L").resize((width_px, height_px))
    image = Image.merge("RGB", (red, green, Image.new("L", (width_px, height_px), 40)))
    image.paste((0, 0, 255), (0, 0, width_px // 4, height_px // 4))
    return image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
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


FOREIGN: dict[str, bytes] = {
    "a JPEG 2000 picture": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(200),
    "an EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n",
    "a Photoshop": b"8BPS\x00\x01" + bytes(200),
    "an SVG": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9"/>',
    "a PDF": b"%PDF-1.7\n1 0 obj\n",
    "a web page": b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>404</body></html>",
    "a JPEG XL": b"\x00\x00\x00\x0cJXL \r\n\x87\n",
    "a camera raw": b"II*\x00\x10\x00\x00\x00CR\x02\x00" + bytes(100),
    "a video": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(100),
    "a ZIP": b"PK\x03\x04" + bytes(100),
    "a Windows icon": b"\x00\x00\x01\x00\x01\x00" + bytes(100),
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
    "a program": b"\x7fELF" + bytes(100),
}

HEIC_HEADER = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(64)


def bombs() -> dict[str, bytes]:
    """Small files that say they are huge."""
    bmp = bytearray(good("BMP"))
    bmp[18:26] = struct.pack("<ii", 100_000, 100_000)
    gif = bytearray(good("GIF"))
    gif[6:10] = struct.pack("<HH", 65_535, 65_535)
    tiff = bytearray(good("TIFF"))
    for tag in (256, 257):
        at = tiff.index(struct.pack("<HHI", tag, 3, 1)) if struct.pack("<HHI", tag, 3, 1) in tiff else -1
        entry = struct.pack("<HHII", tag, 4, 1, 90_000)
        at = at if at >= 0 else tiff.index(struct.pack("<HHI", tag, 4, 1))
        tiff[at : at + 12] = entry
    webp = bytearray(animated("WEBP"))
    webp[24:30] = (20_000 - 1).to_bytes(3, "little") * 2
    avif = bytearray(good("AVIF"))
    at = avif.index(b"ispe") + 8
    avif[at : at + 8] = struct.pack(">II", 30_000, 30_000)
    return {
        "PNG": png_of_size(60_000, 60_000),
        "JPEG": jpeg_of_size(65_500, 65_500),
        "BMP": bytes(bmp),
        "GIF": bytes(gif),
        "TIFF": bytes(tiff),
        "WEBP": bytes(webp),
        "AVIF": bytes(avif),
        "PNG 200 MP": png_of_size(20_000, 10_000),
    }


def broken_metadata() -> dict[str, bytes]:
    """Good pictures whose metadata is bad: each must be scored."""
    text_bomb = zlib.compress(bytes(80_000_000), 9)
    icc = b"name\x00\x00" + zlib.compress(b"no profile at all")
    return {
        "zTXt bomb": png_with(png_chunk(b"zTXt", b"Comment\x00\x00" + text_bomb)),
        "iTXt bomb": png_with(png_chunk(b"iTXt", b"k\x00\x01\x00\x00\x00" + text_bomb)),
        "PNG broken ICC": png_with(png_chunk(b"iCCP", icc)),
        "PNG broken eXIf": png_with(png_chunk(b"eXIf", b"II*\x00\xff\xff\xff\xff")),
        "PNG cut eXIf": png_with(png_chunk(b"eXIf", b"MM")),
        "PNG text without end": png_with(png_chunk(b"iTXt", b"k")),
        "JPEG broken EXIF": jpeg_with(jpeg_segment(0xE1, b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")),
        "JPEG cut EXIF": jpeg_with(jpeg_segment(0xE1, b"Exif\x00\x00")),
        "JPEG EXIF garbage": jpeg_with(jpeg_segment(0xE1, b"Exif\x00\x00" + bytes(range(256)) * 4)),
        "JPEG broken XMP": jpeg_with(
            jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta <<&\xff")
        ),
        "JPEG broken ICC": jpeg_with(jpeg_segment(0xE2, b"ICC_PROFILE\x00\x01\x01rubbish")),
        "JPEG ICC part 9 of 1": jpeg_with(jpeg_segment(0xE2, b"ICC_PROFILE\x00\x09\x01rubbish")),
        "JPEG broken MPF": jpeg_with(jpeg_segment(0xE2, b"MPF\x00II*\x00\x08\x00\x00\x00\xff\xff")),
        "JPEG broken Photoshop": jpeg_with(jpeg_segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\x05xxxxx")),
        "JPEG short JFIF": jpeg_with(jpeg_segment(0xE0, b"JFIF\x00\x01")),
        "JPEG trailing bytes": good("JPEG") + b"more" * 100,
        "WebP broken EXIF": good("WEBP", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f"),
        "WebP broken ICC": good("WEBP", icc_profile=b"no profile"),
        "AVIF broken EXIF": _avif_with_broken_exif(),
        "TIFF broken ICC": good("TIFF", icc_profile=b"no profile"),
        "orientation 9": with_exif("JPEG", 9),
        "orientation 0": with_exif("JPEG", 0),
    }


def _avif_with_broken_exif() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow reads the EXIF it is to write
        return good("AVIF", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")


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
    }


def mutants(data: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Variants of a file: bits flipped, bytes overwritten, pieces cut out or doubled, the end cut off."""
    chance = random.Random(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            _mutate(changed, chance)
        yield bytes(changed)


_NASTY = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
)


def _mutate(data: bytearray, chance: random.Random) -> None:
    if not data:
        return
    near_start = chance.random() < 0.5
    at = chance.randrange(min(len(data), 200) if near_start else len(data))
    length = chance.randrange(1, 1 + max(1, len(data) // 8))
    match chance.randrange(6):
        case 0:
            data[at] ^= 1 << chance.randrange(8)
        case 1:
            piece = chance.choice(_NASTY)
            data[at : at + len(piece)] = piece
        case 2:
            data[at : at + length] = chance.randbytes(length)
        case 3:
            del data[at : at + length]
        case 4:
            data[at:at] = data[at : at + length]
        case _:
            del data[at:]
