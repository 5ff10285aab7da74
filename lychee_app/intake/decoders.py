"""Which of the accepted formats this installation decodes, and what the others need."""

import importlib.util
from functools import cache

from PIL import features

from lychee_app.errors import ImageError

SPOKEN = {"WEBP": "WebP", "HEIF": "HEIC"}
_PACKAGES = {"HEIF": "pillow-heif", "WEBP": "pillow (libwebp)", "AVIF": "pillow (libavif)"}


@cache
def loaded() -> frozenset[str]:
    """Loads the decoders there are and says which, by Pillow's names. Each is held to one thread."""
    from PIL import (  # noqa: F401
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        MpoImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
    )

    found = {"JPEG", "PNG", "GIF", "BMP", "TIFF"}
    if features.check("webp"):
        from PIL import WebPImagePlugin  # noqa: F401

        found.add("WEBP")
    if features.check("avif"):
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        found.add("AVIF")
    if importlib.util.find_spec("pillow_heif"):
        import pillow_heif  # type: ignore[import-not-found]

        pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)
        found.add("HEIF")
    return frozenset(found)


def need(kind: str) -> None:
    """Raises ImageError "no-decoder" if this installation cannot decode `kind`."""
    if kind in loaded():
        return
    raise ImageError("no-decoder", kind=SPOKEN.get(kind, kind), package=_PACKAGES[kind])
