"""An XMP packet, as a sidecar holds it: rating, colour label and keywords read, or changed and nothing else.

XMP specification part 1 (ISO 16684-1): RDF/XML, where a simple property is an attribute of an rdf:Description
or an element in it. `xmp:Rating` is -1 (rejected) to 5; `xmp:Label` a name; `dc:subject` a bag of keywords.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from lychee_app.errors import SidecarError

REJECTED, MOST_STARS = -1, 5
XMP: Final = "http://ns.adobe.com/xap/1.0/"
DC: Final = "http://purl.org/dc/elements/1.1/"
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
META: Final = "adobe:ns:meta/"
RATING, LABEL, SUBJECT = f"{{{XMP}}}Rating", f"{{{XMP}}}Label", f"{{{DC}}}subject"
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


def read(packet: bytes) -> Rating:
    """Raises SidecarError for what is no XMP."""
    tree = _parsed(packet)
    told = _value(tree, RATING)
    try:
        stars = None if told is None else max(REJECTED, min(MOST_STARS, round(float(told))))
    except (ValueError, OverflowError):
        stars = None
    keywords = tuple(
        item.text for bag in tree.iter(SUBJECT) for item in bag.iter(_LI) if isinstance(item.text, str)
    )
    return Rating(stars, _value(tree, LABEL) or "", keywords)


def changed(packet: bytes | None, rating: Rating) -> bytes:
    """The packet with this rating; all else in it stays. None makes a new one.

    What `rating` does not name is left as it is; keywords are added to those there. The same bytes where
    there is nothing to change. Raises SidecarError for a packet that is no XMP.
    """
    if packet is not None:
        there = read(packet)
        rating = Rating(
            rating.stars if rating.stars != there.stars else None,
            rating.label if rating.label != there.label else "",
            tuple(word for word in rating.keywords if word not in there.keywords),
        )
        if rating == Rating():
            return packet
    tree = _parsed(_NEW if packet is None else packet)
    if rating.stars is not None:
        _put(tree, RATING, str(rating.stars))
    if rating.label:
        _put(tree, LABEL, rating.label)
    if rating.keywords:
        _add_keywords(tree, rating.keywords)
    declared = packet is not None and packet.lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t").startswith(b"<?xml ")
    return etree.tostring(tree, encoding="UTF-8", xml_declaration=declared)


def _parsed(packet: bytes) -> etree._ElementTree:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, strip_cdata=False)
    try:
        root = etree.fromstring(packet.strip(b"\0"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SidecarError("sidecar-broken", detail=str(error).partition("\n")[0]) from error
    if next(root.iter(f"{{{RDF}}}RDF"), None) is None:
        raise SidecarError("sidecar-no-xmp")
    return root.getroottree()


def _descriptions(tree: etree._ElementTree) -> Iterator[etree._Element]:
    """Of the picture itself: those at the top."""
    for rdf in tree.iter(f"{{{RDF}}}RDF"):
        yield from rdf.iterchildren(_DESCRIPTION)


def _value(tree: etree._ElementTree, name: str) -> str | None:
    for description in _descriptions(tree):
        if (told := description.get(name)) is not None:
            return str(told)
        if (child := description.find(name)) is not None:
            return str(child.text or "")
    return None


def _put(tree: etree._ElementTree, name: str, value: str) -> None:
    """Where it stands, in the form it has there; as an attribute where there is none."""
    for description in _descriptions(tree):
        if name in description.attrib:
            description.set(name, value)
            return
        if (child := description.find(name)) is not None:
            child.text = value
            return
    _description_with(tree, XMP, "xmp").set(name, value)


def _add_keywords(tree: etree._ElementTree, keywords: tuple[str, ...]) -> None:
    subject = next(tree.iter(SUBJECT), None)
    if subject is None:
        subject = etree.SubElement(_description_with(tree, DC, "dc"), SUBJECT)
    bag = next(iter(subject), None)
    if bag is None:
        bag = etree.SubElement(subject, _BAG)
    for word in keywords:
        etree.SubElement(bag, _LI).text = word


def _description_with(tree: etree._ElementTree, namespace: str, prefix: str) -> etree._Element:
    """One that knows the namespace; a new one beside the others, so that none gets a made-up prefix."""
    about = ""
    for description in _descriptions(tree):
        if namespace in description.nsmap.values():
            return description
        about = str(description.get(_ABOUT) or about)
    rdf = next(tree.iter(f"{{{RDF}}}RDF"))
    return etree.SubElement(rdf, _DESCRIPTION, {_ABOUT: about}, nsmap={prefix: namespace})
