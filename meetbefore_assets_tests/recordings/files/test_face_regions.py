"""Faces that photo programs named: every way in which XMP may say so, and what must not be read."""

import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from meetbefore_assets.core.ports import NamedRegion
from meetbefore_assets.recordings.adapters import Recordings
from meetbefore_assets.recordings.files.face_regions import face_regions, sidecar_packet

HEAD = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#">'
    '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>'
)
TAIL = "</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions></rdf:Description></rdf:RDF></x:xmpmeta>"
ANN = NamedRegion("Ann", (0.25, 0.25, 0.75, 0.5))
AREA = 'stArea:x="0.5" stArea:y="0.375" stArea:w="0.5" stArea:h="0.25"'
ANNS = 'mwg-rs:Name="Ann" mwg-rs:Type="Face"'
WAYS = {
    "attributes, as digiKam": f"<rdf:li><rdf:Description {ANNS}><mwg-rs:Area {AREA}/></rdf:Description></rdf:li>",
    "elements, as exiftool": (
        '<rdf:li rdf:parseType="Resource"><mwg-rs:Area rdf:parseType="Resource"><stArea:h>0.25</stArea:h><stArea:w>0.5</stArea:w>'
        "<stArea:x>0.5</stArea:x><stArea:y>0.375</stArea:y></mwg-rs:Area><mwg-rs:Name>Ann</mwg-rs:Name><mwg-rs:Type>Face</mwg-rs:Type></rdf:li>"
    ),
    "on the item itself": f"<rdf:li {ANNS}><mwg-rs:Area {AREA}/></rdf:li>",
    "a described area": (
        f'<rdf:li><rdf:Description mwg-rs:Name="Ann"><mwg-rs:Area><rdf:Description {AREA}/></mwg-rs:Area></rdf:Description></rdf:li>'
    ),
}


def packet(*items: str) -> bytes:
    return f"{HEAD}{''.join(items)}{TAIL}".encode()


@pytest.mark.parametrize("way", WAYS)
def test_a_named_face_is_read_however_it_is_written(way: str) -> None:
    assert face_regions(packet(WAYS[way])) == (ANN,)


def test_what_is_no_face_has_no_name_or_no_place_is_left_out() -> None:
    pet = WAYS["on the item itself"].replace('"Face"', '"Pet"')
    nameless = WAYS["on the item itself"].replace('"Ann"', '""')
    nowhere = '<rdf:li mwg-rs:Name="Ann"/>'
    wrong = [WAYS["on the item itself"].replace('"0.25"', f'"{number}"') for number in ("nan", "x", "-0.25", "1e9", "")]
    assert face_regions(packet(pet, nameless, nowhere, *wrong, WAYS["elements, as exiftool"])) == (ANN,)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no XML",
        packet()[:-30],
        b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]>' + packet(WAYS["on the item itself"]).replace(b'"Ann"', b'"&c;"'),
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + packet(WAYS["elements, as exiftool"]).replace(b">Ann<", b">&b;<"),
    ],
    ids=["nothing", "no XML", "cut short", "a bomb", "a file of the machine"],
)
def test_what_is_no_xmp_or_a_bomb_names_nobody(data: bytes) -> None:
    assert face_regions(data) == ()


def test_it_may_lie_beside_the_photograph(tmp_path: Path) -> None:
    photograph = tmp_path / "a.jpg"
    assert sidecar_packet(photograph) == b""
    (tmp_path / "a.xmp").write_bytes(b"lightroom")
    assert sidecar_packet(photograph) == b"lightroom"
    (tmp_path / "a.jpg.xmp").write_bytes(b"digikam")
    assert sidecar_packet(photograph) == b"digikam"


@pytest.mark.parametrize("program", ["exiftool", "exiv2"])
def test_what_real_programs_write_is_read(program: str, tmp_path: Path) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    photograph = tmp_path / "a.jpg"
    Image.new("RGB", (400, 300), "gray").save(photograph)
    _write_region(program, photograph)
    found = Recordings(tmp_path).named_faces(photograph, photograph.read_bytes())
    assert [region.name for region in found.regions] == ["Änn & Bob"]
    assert found.regions[0].box == pytest.approx(ANN.box)
    assert found.orientation == 6


def _write_region(program: str, photograph: Path) -> None:
    name = "Änn & Bob"
    if program == "exiftool":
        info = (
            f"{{AppliedToDimensions={{W=400,H=300,Unit=pixel}},RegionList=[{{Area={{X=0.5,Y=0.375,W=0.5,H=0.25,Unit=normalized}},"
            f"Name={name},Type=Face}}]}}"
        )
        words = ["exiftool", "-q", "-overwrite_original", f"-XMP-mwg-rs:RegionInfo={info}", "-Orientation#=6", str(photograph)]
        subprocess.run(words, check=True)
        return
    regions, face = "Xmp.mwg-rs.Regions", "Xmp.mwg-rs.Regions/mwg-rs:RegionList[1]"
    lines = ["set Exif.Image.Orientation 6", f"set {regions} XmpText type=Struct", f"set {regions}/mwg-rs:RegionList XmpText type=Bag"]
    lines += [f"set {face} XmpText type=Struct", f"set {face}/mwg-rs:Name XmpText {name}", f"set {face}/mwg-rs:Type XmpText Face"]
    lines += [f"set {face}/mwg-rs:Area XmpText type=Struct"]
    lines += [f"set {face}/mwg-rs:Area/stArea:{key} XmpText {value}" for key, value in zip("xywh", (0.5, 0.375, 0.5, 0.25), strict=True)]
    commands = photograph.with_suffix(".txt")
    commands.write_text("\n".join(lines) + "\n", encoding="utf-8")
    subprocess.run(["exiv2", "-m", str(commands), str(photograph)], check=True)
