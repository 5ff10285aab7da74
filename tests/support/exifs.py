"""EXIF for pictures, as cameras write it."""

from typing import Any

from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import IFDRational

OF_PICTURE = {Base.Make, Base.Model, Base.DateTime}


def exif(time: str = "2024:05:04 13:02:11", **more: Any) -> Image.Exif:
    """`more`: further tags by their names in Pillow's ExifTags.Base; None takes one of these away."""
    usual = {
        "Make": "NIKON CORPORATION",
        "Model": "NIKON Z 6",
        "DateTimeOriginal": time,
        "LensModel": "NIKKOR Z 24-70mm f/4 S",
        "ExposureTime": IFDRational(1, 250),
        "FNumber": IFDRational(4, 1),
        "FocalLength": IFDRational(50, 1),
        "ISOSpeedRatings": 400,
    }
    made = Image.Exif()
    made.endian = "<"
    inner = made.get_ifd(IFD.Exif)
    for name, value in (usual | more).items():
        if value is not None:
            tag = Base[name]
            (made if tag in OF_PICTURE else inner)[tag] = value
    return made
