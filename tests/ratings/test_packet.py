"""What is changed in a packet is what is asked for, and nothing else."""

import re
import time

import pytest
from lxml import etree

from lychee_app.errors import SidecarError
from lychee_app.ratings.packet import Rating, changed, read
from tests.ratings.conftest import DARKTABLE, LIGHTROOM


def test_a_new_packet_says_what_was_asked_for() -> None:
    wish = Rating(4, "Green", ("green sofa", "猫 & <Hund>"))
    assert read(changed(None, wish)) == wish


@pytest.mark.parametrize("packet", [LIGHTROOM, DARKTABLE], ids=["attributes", "elements"])
@pytest.mark.parametrize("stars", [-1, 0, 3, 5])
def test_only_the_rating_changes(packet: bytes, stars: int) -> None:
    there = read(packet)
    after = changed(packet, Rating(stars))
    assert read(after) == Rating(stars, there.label, there.keywords)
    assert without_rating(after) == without_rating(packet)


def without_rating(packet: bytes) -> bytes:
    """In one order of attributes and spaces."""
    text = re.sub(rb'(xmp:Rating="|<xmp:Rating[^>]*>)-?\d', rb"\1", packet)
    return etree.tostring(etree.fromstring(text), method="c14n")


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_what_stands_around_the_packet_its_line_ends_and_its_encoding_stay(codec: str, line_end: str) -> None:
    text = LIGHTROOM.decode().removeprefix("\ufeff").replace("\n", line_end)
    padded = text.replace("<?xpacket end", " " * 2048 + line_end + "<?xpacket end")
    if codec.startswith(("utf-16-", "utf-32-")):
        padded = "\ufeff" + padded
    after = changed(padded.encode(codec), Rating(5)).decode(codec)
    root = padded.index("<x:xmpmeta"), padded.index("</x:xmpmeta>")
    assert after.startswith(padded[: root[0]])
    assert after.endswith(padded[root[1] :])
    assert after.count(line_end) >= padded.count(line_end) - 5  # within the tag whose attribute changed
    assert (after.count("\n") == after.count("\r\n")) == (line_end == "\r\n")
    assert read(after.encode(codec)).stars == 5


def test_comments_instructions_and_the_declaration_stay() -> None:
    assert b"<!-- somebody's note -->" in changed(LIGHTROOM, Rating(5))
    assert changed(LIGHTROOM, Rating(5)).startswith(b"<?xpacket begin=")
    assert changed(LIGHTROOM, Rating(5)).rstrip().endswith(b'<?xpacket end="w"?>')
    assert changed(DARKTABLE, Rating(5)).startswith(b"<?xml ")


def test_keywords_are_added_once_and_none_is_lost() -> None:
    once = changed(LIGHTROOM, Rating(keywords=("green sofa", "holiday")))
    assert read(once).keywords == ("holiday", "green sofa")
    assert changed(once, Rating(keywords=("green sofa",))) is once
    assert read(changed(DARKTABLE, Rating(keywords=("cat",)))).keywords == ("cat",)


def test_a_keyword_loses_what_xml_cannot_say_and_is_added_once() -> None:
    once = changed(None, Rating(keywords=("red\x01 um\ud800brella\n猫👍\ufffe",)))
    assert read(once).keywords == ("red umbrella 猫👍",)
    assert changed(once, Rating(keywords=("red\x01 umbrella 猫👍", "\x02"))) is once


def test_what_says_it_already_is_the_same_bytes() -> None:
    assert changed(LIGHTROOM, Rating(1)) is LIGHTROOM
    assert changed(LIGHTROOM, Rating()) is LIGHTROOM


def test_no_prefix_is_made_up() -> None:
    bare = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    after = changed(bare, Rating(3, "Green", ("cat",)))
    assert read(after) == Rating(3, "Green", ("cat",))
    assert b"ns0" not in after
    assert b'xmlns:xmp="http://ns.adobe.com/xap/1.0/"' in after


@pytest.mark.parametrize(("told", "stars"), [("4.0", 4), ("99", 5), ("-7", -1), ("", None), ("many", None)])
def test_odd_ratings_are_read_as_far_as_they_say_anything(told: str, stars: int | None) -> None:
    packet = LIGHTROOM.replace(b'xmp:Rating="1"', f'xmp:Rating="{told}"'.encode())
    assert read(packet).stars == stars


ENTITIES = b"""<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description>&f;</rdf:Description>
</rdf:RDF>"""


def test_what_digikam_flags_as_rejected_is_until_it_gets_stars() -> None:
    """As digiKam writes it: the flag beside a rating of its own."""
    flag = b'xmlns:digiKam="http://www.digikam.org/ns/1.0/" digiKam:PickLabel="%d" xmp:Rating="2" rdf:about='
    plain = changed(None, Rating(label="Red"))
    rejected, accepted = (plain.replace(b"rdf:about=", flag % pick) for pick in (1, 3))
    assert (read(rejected).stars, read(accepted).stars) == (-1, 2)
    assert changed(rejected, Rating(-1)) == rejected
    assert read(changed(rejected, Rating(2))) == Rating(2, "Red")
    assert b'PickLabel="3"' in changed(accepted, Rating(4))


def test_no_file_is_read_that_a_packet_names() -> None:
    assert read(ENTITIES) == Rating()


INTERNAL = LIGHTROOM.replace(b"<x:xmpmeta", b'<!DOCTYPE x [<!ENTITY a "b">]>\n<x:xmpmeta', 1).replace(
    b"xmp:Rating", b'xmp:Label="&a;" xmp:Rating'
)


@pytest.mark.parametrize(
    "packet", [ENTITIES, INTERNAL, LIGHTROOM.replace(b"<x:xmpmeta", b"<!DOCTYPE x>\n<x:xmpmeta", 1)]
)
def test_a_packet_with_a_doctype_is_read_and_never_changed(packet: bytes) -> None:
    with pytest.raises(SidecarError, match="has a DOCTYPE"):
        changed(packet, Rating(2))
    assert changed(packet, Rating(read(packet).stars)) is packet


def test_entities_are_read_as_what_they_stand_for() -> None:
    assert read(INTERNAL) == Rating(1, "b", ("holiday",))


@pytest.mark.parametrize("declared", ["ISO-8859-1", "windows-1252", "GB18030", "us-ascii", "UTF-8", "UTF-16"])
def test_the_encoding_that_a_packet_declares_is_kept(declared: str) -> None:
    """Also for words that it has no characters for."""
    note = {"GB18030": "家", "us-ascii": "home"}.get(declared, "é")
    text = (
        LIGHTROOM.decode().replace('<?xpacket begin="\ufeff"', '<?xpacket begin=""').replace("somebody", note)
    )
    packet = f'<?xml version="1.0" encoding="{declared}"?>\n{text}'
    codec = "utf-8" if declared == "UTF-16" else declared  # it lies, as some programs do
    after = changed(packet.encode(codec), Rating(5, keywords=("猫",)))
    assert f"<!-- {note}'s note -->" in after.decode(codec)
    assert read(after) == Rating(5, "", ("holiday", "猫"))
    if declared != "UTF-16":
        assert [item.text for item in etree.fromstring(after).iter("{*}li")][:2] == ["holiday", "猫"]


def test_a_packet_in_an_encoding_that_nobody_knows_is_broken() -> None:
    with pytest.raises(SidecarError):
        changed(b'<?xml version="1.0" encoding="klingon"?>' + LIGHTROOM, Rating(2))


@pytest.mark.parametrize(
    "packet", [b"", b"\0", b"<x", b"<html/>", b"JFIF" * 99, LIGHTROOM[:500], b"<a/><b/>"]
)
def test_what_is_no_xmp_is_an_error(packet: bytes) -> None:
    with pytest.raises(SidecarError):
        read(packet)
    with pytest.raises(SidecarError):
        changed(packet, Rating(2))


def test_a_packet_full_of_spaces_is_read_as_quickly_as_any() -> None:
    """Some programs leave room to write in: a search that began anew at each space took minutes."""
    room = b" " * 300_000
    packet = LIGHTROOM.replace(b"<!-- somebody's note -->", room).replace(
        b"<?xpacket end", room + b"<?xpacket end"
    )
    started = time.process_time()
    assert read(packet).stars == 1
    assert changed(packet, Rating(5)).count(room) == 2
    assert time.process_time() - started < 5
