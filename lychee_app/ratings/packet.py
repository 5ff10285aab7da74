"""An XMP packet, as a sidecar holds it: rating, colour label and keywords read, or changed and nothing else.

XMP specification part 1 (ISO 16684-1): RDF/XML, where a simple property is an attribute of an rdf:Description
or an element in it. `xmp:Rating` is -1 (rejected) to 5; `xmp:Label` a name; `dc:subject` a bag of keywords.
digiKam keeps its flag apart: `digiKam:PickLabel` is 1 for rejected, whatever the rating says.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from lychee_app.errors import SidecarError

REJECTED, MOST_STARS = -1, 5
XMP: Final = "http://ns.adobe.com/xap/1.0/"
DC: Final = "http://purl.org/dc/elements/1.1/"
DIGIKAM: Final = "http://www.digikam.org/ns/1.0/"
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
META: Final = "adobe:ns:meta/"
RATING, LABEL, SUBJECT = f"{{{XMP}}}Rating", f"{{{XMP}}}Label", f"{{{DC}}}subject"
PICK_LABEL, PICK_REJECTED, PICK_NONE = f"{{{DIGIKAM}}}PickLabel", "1", "0"
_ABOUT, _DESCRIPTION, _LI, _BAG = f"{{{RDF}}}about", f"{{{RDF}}}Description", f"{{{RDF}}}li", f"{{{RDF}}}Bag"
_NEW = (
    f'<x:xmpmeta xmlns:x="{META}" x:xmptk="Lychee">\n <rdf:RDF xmlns:rdf="{RDF}">\n'
    f'  <rdf:Description rdf:about="" xmlns:xmp="{XMP}" xmlns:dc="{DC}"/>\n </rdf:RDF>\n</x:xmpmeta>\n'
).encode()


@dataclass(frozen=True)
class Rating:
    """`stars` is -1 for rejected, None where there is no rating; `label` "" where there is none."""

    stars: int | None = None
    label: str = ""
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Packet:
    """A packet taken apart: what stands around its root element stays as it is, and so do its line ends."""

    root: etree._Element
    before: str
    after: str
    codec: str
    line_end: str
    has_doctype: bool
    """It may define entities, which the rest speaks of: such a packet is read, never written."""

    @classmethod
    def of(cls, packet: bytes) -> "_Packet":
        """Raises SidecarError."""
        if not packet.strip(b"\0 \t\r\n"):
            raise SidecarError("sidecar-empty")
        try:
            codec = next((codec for mark, codec in _MARKS if packet.startswith(mark)), "") or _declared(
                packet
            )
            text = packet.decode(codec)
            before, after = _AHEAD.match(text), _BEHIND_REVERSED.match(text[::-1])
            start, end = before.end() if before else 0, len(text) - (after.end() if after else 0)
            parser = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False)
            root = etree.fromstring(text[start:end].encode(), parser)
        except etree.XMLSyntaxError as error:
            raise SidecarError("sidecar-broken", detail=error.msg or "XML") from error
        except (ValueError, LookupError) as error:
            raise SidecarError("sidecar-broken", detail=str(error)) from error
        if next(root.iter(f"{{{RDF}}}RDF"), None) is None:
            raise SidecarError("sidecar-no-xmp")
        line_end = "\r\n" if "\r\n" in text and text.count("\r\n") == text.count("\n") else "\n"
        has_doctype = root.getroottree().docinfo.internalDTD is not None
        return cls(root, text[:start], text[end:], codec, line_end, has_doctype)

    def bytes(self) -> bytes:
        told = etree.tostring(self.root, encoding="unicode", with_tail=False)
        text = self.before + told.replace("\n", self.line_end) + self.after
        return text.encode(self.codec, "xmlcharrefreplace")


def _declared(packet: bytes) -> str:
    """The encoding that its first line names; UTF-8 where that cannot be. Raises LookupError: unknown."""
    declared = _DECLARATION.match(packet)
    codec = codecs.lookup(declared[1].decode()).name if declared else "utf-8"
    return "utf-8" if codec.startswith(("utf-16", "utf-32")) else codec


_MARKS = (
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_DECLARATION = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml\s[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""", re.ASCII)
_AHEAD = re.compile(r"(?:[\s\0\ufeff]|<\?(?:(?!\?>).)*\?>|<!--(?:(?!-->).)*-->)*", re.DOTALL)
_BEHIND_REVERSED = re.compile(r"(?:[\s\0\ufeff]|>\?(?:(?!\?<).)*\?<|>--(?:(?!--!<).)*--!<)*", re.DOTALL)
"""Spaces, byte order marks, instructions and comments around the root element. Those behind it are read from
the end: a search for them would begin anew at every space of the packet.
"""


_UNSAYABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(packet: bytes) -> Rating:
    """Raises SidecarError for what is no XMP."""
    return _rating(_Packet.of(packet).root)


def changed(packet: bytes | None, rating: Rating) -> bytes:
    """The packet with this rating; all else in it stays, but for the spacing within a tag. None makes a new
    one.

    What `rating` does not name is left as it is; keywords are added to those there. The same bytes where
    there is nothing to change. Raises SidecarError for a packet that is no XMP, or has a DOCTYPE.
    """
    parts = _Packet.of(_NEW if packet is None else packet)
    there = _rating(parts.root)
    rating = Rating(
        rating.stars if rating.stars != there.stars else None,
        rating.label if rating.label != there.label else "",
        tuple(word for word in map(_sayable, rating.keywords) if word and word not in there.keywords),
    )
    if packet is not None and rating == Rating():
        return packet
    if parts.has_doctype:
        raise SidecarError("sidecar-doctype")
    if rating.stars is not None:
        _put(parts.root, RATING, str(rating.stars))
        if _value(parts.root, PICK_LABEL) == PICK_REJECTED:
            _put(parts.root, PICK_LABEL, PICK_NONE)
    if rating.label:
        _put(parts.root, LABEL, rating.label)
    if rating.keywords:
        _add_keywords(parts.root, rating.keywords)
    return parts.bytes()


def _sayable(word: str) -> str:
    """Without the characters that XML has no way to say, lone surrogates among them; in one line."""
    return " ".join(_UNSAYABLE.sub("", word).split())


def _rating(root: etree._Element) -> Rating:
    told = _value(root, RATING)
    try:
        stars = None if told is None else max(REJECTED, min(MOST_STARS, round(float(told))))
    except (ValueError, OverflowError):
        stars = None
    if _value(root, PICK_LABEL) == PICK_REJECTED:
        stars = REJECTED
    keywords = tuple(
        item.text for bag in root.iter(SUBJECT) for item in bag.iter(_LI) if isinstance(item.text, str)
    )
    return Rating(stars, _value(root, LABEL) or "", keywords)


def _descriptions(root: etree._Element) -> Iterator[etree._Element]:
    """Of the picture itself: those at the top."""
    for rdf in root.iter(f"{{{RDF}}}RDF"):
        yield from rdf.iterchildren(_DESCRIPTION)


def _value(root: etree._Element, name: str) -> str | None:
    for description in _descriptions(root):
        if (told := description.get(name)) is not None:
            return str(told)
        if (child := description.find(name)) is not None:
            return str(child.text or "")
    return None


def _put(root: etree._Element, name: str, value: str) -> None:
    """Where it stands, in the form it has there; as an attribute where there is none."""
    for description in _descriptions(root):
        if name in description.attrib:
            description.set(name, value)
            return
        if (child := description.find(name)) is not None:
            child.text = value
            return
    _description_with(root, XMP, "xmp").set(name, value)


def _add_keywords(root: etree._Element, keywords: tuple[str, ...]) -> None:
    subject = next(root.iter(SUBJECT), None)
    if subject is None:
        subject = etree.SubElement(_description_with(root, DC, "dc"), SUBJECT)
    bag = next(iter(subject), None)
    if bag is None:
        bag = etree.SubElement(subject, _BAG)
    for word in keywords:
        etree.SubElement(bag, _LI).text = word


def _description_with(root: etree._Element, namespace: str, prefix: str) -> etree._Element:
    """One that knows the namespace; a new one beside the others, so that none gets a made-up prefix."""
    about = ""
    for description in _descriptions(root):
        if namespace in description.nsmap.values():
            return description
        about = str(description.get(_ABOUT) or about)
    rdf = next(root.iter(f"{{{RDF}}}RDF"))
    return etree.SubElement(rdf, _DESCRIPTION, {_ABOUT: about}, nsmap={prefix: namespace})
