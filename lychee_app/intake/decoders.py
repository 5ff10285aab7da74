"""Which of the accepted formats this installation decodes, and what the others need."""

import importlib.util
from functools import cache

from PIL import features

from lychee_app.errors import ImageError
from lychee_app.intake.sniff import RAW

SPOKEN = {"WEBP": "WebP", "HEIF": "HEIC", "JPEG2000": "JPEG 2000", "PPM": "PNM"}
_PACKAGES = {
    "HEIF": "pillow-heif",
    "WEBP": "pillow (libwebp)",
    "AVIF": "pillow (libavif)",
    "JPEG2000": "pillow (openjpeg)",
}


@cache
def loaded() -> frozenset[str]:
    """Loads the decoders there are and says which, by Pillow's names. Each is held to one thread."""
    from PIL import (  # noqa: F401
        BmpImagePlugin,
        GifImagePlugin,
        IcoImagePlugin,
        JpegImagePlugin,
        MpoImagePlugin,
        PngImagePlugin,
        PpmImagePlugin,
        TgaImagePlugin,
        TiffImagePlugin,
    )

    found = {"JPEG", "PNG", "GIF", "BMP", "TIFF", "ICO", "PPM", "TGA"}
    if features.check("webp"):
        from PIL import WebPImagePlugin  # noqa: F401

        found.add("WEBP")
    if features.check("jpg_2000"):
        from PIL import Jpeg2KImagePlugin  # noqa: F401

        found.add("JPEG2000")
    if features.check("avif"):
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        found.add("AVIF")
    if importlib.util.find_spec("pillow_heif"):
        import pillow_heif  # type: ignore[import-not-found]

        pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)
        found.add("HEIF")
    if importlib.util.find_spec("rawpy"):  # loaded when the first raw file comes: it takes its time
        found.add(RAW)
    return frozenset(found)


def need(kind: str) -> None:
    """Raises ImageError "no-decoder" or "camera-raw" if this installation cannot decode `kind`."""
    if kind in loaded():
        return
    if kind == RAW:
        raise ImageError("camera-raw")
    raise ImageError("no-decoder", kind=SPOKEN.get(kind, kind), package=_PACKAGES[kind])
