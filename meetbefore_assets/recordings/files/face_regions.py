"""Named faces that photo programs write into XMP: MWG regions, as digiKam, Lightroom, Picasa and others write them.

Pillow takes the packet out of a photograph (or it lies beside it, as `photo.jpg.xmp` or `photo.xmp`); what it holds is RDF, in which the
same statement may stand as an attribute or as an element, and a description may be wrapped in another.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from meetbefore_assets.core.ports import NamedRegion

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_MWG = "{http://www.metadataworkinggroup.com/schemas/regions/}"
_AREA = "{http://ns.adobe.com/xmp/sType/Area#}"
# A packet of a photograph with hundreds of faces has some hundred kilobytes.
_MAX_BYTES = 16 << 20
_FACE = "face"


def sidecar_packet(photograph: Path) -> bytes:
    """The XMP that lies beside a photograph; b"" where there is none."""
    for name in (f"{photograph.name}.xmp", f"{photograph.stem}.xmp"):
        path = photograph.with_name(name)
        if path.is_file() and path.stat().st_size <= _MAX_BYTES:
            return path.read_bytes()
    return b""


def face_regions(packet: bytes) -> tuple[NamedRegion, ...]:
    """The faces with a name in an XMP packet, in its order; none where it is no XMP, or is a bomb.

    >>> face_regions(b"no XML")
    ()
    """
    if not packet or len(packet) > _MAX_BYTES:
        return ()
    try:
        root = fromstring(packet.strip(b"\x00\r\n\t "))
    except (ParseError, DefusedXmlException, ValueError):
        return ()
    found = []
    for region_list in root.iter(f"{_MWG}RegionList"):
        for item in region_list.iter(f"{_RDF}li"):
            region = _region(item)
            if region is not None:
                found.append(region)
    return tuple(found)


def _region(item: Element) -> NamedRegion | None:
    name, kind = _text(item, f"{_MWG}Name"), _text(item, f"{_MWG}Type")
    area = next(_elements(item, f"{_MWG}Area"), None)
    if not name or area is None or kind.lower() not in ("", _FACE):
        return None
    try:
        x, y, width, height = (float(_text(area, f"{_AREA}{part}")) for part in ("x", "y", "w", "h"))
    except ValueError:
        return None
    box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    is_possible = width > 0 and height > 0 and all(-1 <= number <= 2 for number in box)  # also false of NaN
    return NamedRegion(name, box) if is_possible else None


def _holders(element: Element) -> Iterator[Element]:
    """An element, and the descriptions in it that stand for it."""
    yield element
    for inner in element.findall(f"{_RDF}Description"):
        yield from _holders(inner)


def _elements(element: Element, tag: str) -> Iterator[Element]:
    for holder in _holders(element):
        yield from holder.findall(tag)


def _text(element: Element, tag: str) -> str:
    """What is said of an element: as its attribute, or as an element in it; "" where nothing is."""
    for holder in _holders(element):
        if tag in holder.attrib:
            return " ".join(holder.attrib[tag].split())
        for inner in holder.findall(tag):
            return " ".join("".join(inner.itertext()).split())
    return ""
