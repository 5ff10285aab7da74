"""Files made to hurt: what is no picture, pictures that lie about their size, bad metadata, mutants.

Built from the good ones of `pictures`. Knows file formats; does not know what refuses them.
"""

import random
import struct
import warnings
import zlib
from collections.abc import Iterator

from tests.support import raws
from tests.support.pictures import (
    animated,
    encoded,
    good,
    icon_of,
    jpeg_of_size,
    jpeg_segment,
    jpeg_with,
    png_chunk,
    png_of_size,
    png_with,
    scene,
    with_exif,
)

FOREIGN: dict[str, bytes] = {
    "an EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n",
    "a Photoshop": b"8BPS\x00\x01" + bytes(200),
    "an SVG": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9"/>',
    "a PDF": b"%PDF-1.7\n1 0 obj\n",
    "a web page": b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>404</body></html>",
    "a JPEG XL": b"\x00\x00\x00\x0cJXL \r\n\x87\n",
    "a video": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(100),
    "a tar": bytes(1) + b"x" * 256 + b"ustar\x0000" + bytes(100),
    "an OpenEXR": b"v/1\x01" + bytes(100),
    "a JPEG XR": b"II\xbc\x01" + bytes(100),
    "a GIMP": b"gimp xcf file\x00" + bytes(100),
    "a ZIP": b"PK\x03\x04" + bytes(100),
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
    "a program": b"\x7fELF" + bytes(100),
}

RAW_HEADERS: dict[str, bytes] = {
    "CR2": b"II*\x00\x10\x00\x00\x00CR\x02\x00" + bytes(200),
    "CR3": b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x00crx isom" + bytes(200),
    "CRW": b"II\x1a\x00\x00\x00HEAPCCDR" + bytes(200),
    "ORF": b"IIRO\x08\x00\x00\x00" + bytes(200),
    "RW2": b"IIU\x00\x18\x00\x00\x00" + bytes(200),
    "RAF": b"FUJIFILMCCD-RAW 0201" + bytes(200),
    "X3F": b"FOVb" + bytes(200),
    "MRW": b"\x00MRM" + bytes(200),
}
"""Cameras' raw files by their first bytes, with nothing behind them."""

EMPTY: dict[str, bytes] = {
    "JPEG 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(200),
    "codestream": b"\xff\x4f\xff\x51" + bytes(200),
    "ICO": b"\x00\x00\x01\x00\x01\x00" + bytes(100),
    "ICO of nothing": b"\x00\x00\x01\x00\x00\x00" + bytes(100),
    "PNM": b"P6 9 9 255\n",
    "TGA": b"\x00\x00\x02" + bytes(9) + b"\x10\x00\x10\x00\x18\x00",
    **RAW_HEADERS,
}
"""Accepted by their first bytes, and broken behind them."""

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
        "PPM": b"P6 60000 60000 255\n" + bytes(1000),
        "plain PGM": b"P2 60000 60000 255\n" + b"1 " * 500,
        "TGA": b"\x00\x00\x0a" + bytes(9) + struct.pack("<HH", 60_000, 60_000) + b"\x18\x00" + bytes(500),
        "JPEG 2000": _jpeg_2000_of_size(60_000, 60_000),
        "ICO with a PNG": icon_of(png_of_size(60_000, 60_000)),
        "DNG": raws.dng(stated_px=(60_000, 60_000)),
    }


def _jpeg_2000_of_size(width_px: int, height_px: int) -> bytes:
    data = bytearray(encoded(scene(), "JPEG2000"))
    box, size = data.index(b"ihdr"), data.index(b"\xff\x51")
    data[box + 4 : box + 12] = struct.pack(">II", height_px, width_px)
    data[size + 6 : size + 14] = struct.pack(">II", width_px, height_px)
    return bytes(data)


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
