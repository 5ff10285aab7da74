"""Images in a folder, a run over them, and what other programs leave beside them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lychee_app.records import Run, Source
from tests.support.fakes import picture
from tests.support.rows import row, run_of

LIGHTROOM = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
   xmp:Rating="1" xmp:CreatorTool="Lightroom" crs:Exposure2012="+0.35">
   <!-- somebody's note -->
   <dc:subject><rdf:Bag><rdf:li>holiday</rdf:li></rdf:Bag></dc:subject>
   <crs:ToneCurvePV2012><rdf:Seq><rdf:li>0, 0</rdf:li></rdf:Seq></crs:ToneCurvePV2012>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()

DARKTABLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:darktable="http://darktable.sf.net/" darktable:history_end="4">
   <xmp:Rating xmlns:xmp="http://ns.adobe.com/xap/1.0/">0</xmp:Rating>
   <darktable:history><rdf:Seq><rdf:li darktable:num="0"/></rdf:Seq></darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""


@pytest.fixture
def shoot(tmp_path: Path) -> Callable[..., tuple[Run, list[tuple[int, Source]], Path]]:
    """shoot({"a.jpg": 9.5}, {"a.xmp": b"..."}): a run over files of these scores, and their folder."""

    def make(
        scores: dict[str, float | None], beside: dict[str, bytes] | None = None
    ) -> tuple[Run, list[tuple[int, Source]], Path]:
        folder = tmp_path / "shoot"
        folder.mkdir()
        for name, data in {**dict.fromkeys(scores, picture()), **(beside or {})}.items():
            (folder / name).write_bytes(data)
        rows = [row(index, score=score, name=name) for index, (name, score) in enumerate(scores.items())]
        sources = [(index, Source(name, path=folder / name)) for index, name in enumerate(scores)]
        return run_of(rows, query="green sofa"), sources, folder

    return make
