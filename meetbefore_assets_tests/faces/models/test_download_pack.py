"""Packs that are downloaded by name: once, whole, over https, and nothing else."""

import hashlib
import http.server
import re
import socket
import ssl
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from meetbefore_assets.core.errors import PackBrokenError, PackNotFoundError
from meetbefore_assets.core.model_packs import PACKS
from meetbefore_assets.faces.models import download_pack
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets_tests.support.certificates import write_certificate
from meetbefore_assets_tests.support.model_files import pack_of_insightface, scrfd

pytestmark = pytest.mark.usefixtures("own_user")


@pytest.fixture(name="certificate", scope="module")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine, with its key, which nobody else trusts."""
    return write_certificate(tmp_path_factory.mktemp("certificate") / "localhost.pem")


@dataclass(frozen=True)
class Server:
    """A folder that is served over https in the place of InsightFace's downloads.

    Attributes:
        folder: what is served.
        redirects: path -> address that the server leads to instead.
    """

    folder: Path
    url: str
    redirects: dict[str, str]


@pytest.fixture(name="server")
def _server(tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    folder, redirects = tmp_path / "served", dict[str, str]()
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))

        def do_GET(self) -> None:
            if self.path not in redirects:
                super().do_GET()
                return
            self.send_response(302)
            self.send_header("Location", redirects[self.path])
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        url = f"https://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(download_pack, "_download_url", lambda name: f"{url}/{name}.zip")
        yield Server(folder, url, redirects)
        server.shutdown()


def archive(path: Path, folder: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for file in sorted(folder.iterdir()):
            packed.write(file, inside + file.name)
    return path


def make_known(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the program know an archive as the one of InsightFace."""
    content = path.read_bytes()
    known = replace(PACKS[path.stem], sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    monkeypatch.setitem(PACKS, path.stem, known)


@pytest.mark.parametrize("inside", ["", "buffalo_l/"])
def test_a_pack_is_downloaded_once_and_then_there(
    home_folder: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    served = archive(server.folder / "buffalo_l.zip", pack_of_insightface(tmp_path / "source"), inside)
    make_known(served, monkeypatch)
    left_over = home_folder / "models" / ".buffalo_l-killed"
    left_over.mkdir(parents=True)
    steps: list[tuple[int, int]] = []
    first = find_pack("buffalo_l", home_folder, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (served.stat().st_size,) * 2
    assert first.detector_path.is_relative_to(home_folder / "models" / "buffalo_l")
    assert not left_over.exists()
    served.unlink()
    assert find_pack("buffalo_l", home_folder) == first


def nothing_is_left(home_folder: Path) -> bool:
    return [path.name for path in (home_folder / "models").iterdir() if path.name != ".buffalo_l.lock"] == []


def test_every_pack_that_is_downloaded_is_known_by_its_sum_and_size() -> None:
    downloaded = {name: pack for name, pack in PACKS.items() if not pack.files}
    assert len(downloaded) == 5
    assert all(re.fullmatch("[0-9a-f]{64}", pack.sha256) and pack.size_bytes > 1e7 for pack in downloaded.values())
    assert len({pack.sha256 for pack in downloaded.values()}) == 5


def test_another_archive_than_the_known_one_is_refused(
    home_folder: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = archive(server.folder / "buffalo_l.zip", pack_of_insightface(tmp_path / "source"))
    make_known(served, monkeypatch)
    data = bytearray(served.read_bytes())
    data[100] ^= 1
    served.write_bytes(data)
    with pytest.raises(PackBrokenError, match=f"expected sha256 {PACKS['buffalo_l'].sha256}, found sha256 "):
        find_pack("buffalo_l", home_folder)
    assert nothing_is_left(home_folder)


def test_more_bytes_than_are_known_are_not_waited_for(
    home_folder: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = archive(server.folder / "buffalo_l.zip", pack_of_insightface(tmp_path / "source"))
    make_known(served, monkeypatch)
    with served.open("ab") as file:
        file.truncate(served.stat().st_size + (64 << 20))
    steps: list[int] = []
    with pytest.raises(PackBrokenError, match="found more than the"):
        find_pack("buffalo_l", home_folder, progress=lambda done, _total: steps.append(done))
    assert not steps, "the first megabyte is too much"
    assert nothing_is_left(home_folder)


@pytest.mark.parametrize("is_redirected", [True, False])
def test_an_address_without_https_is_refused(
    home_folder: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, *, is_redirected: bool
) -> None:
    served = archive(server.folder / "buffalo_l.zip", pack_of_insightface(tmp_path / "source"))
    make_known(served, monkeypatch)
    if is_redirected:
        server.redirects["/buffalo_l.zip"] = "http://127.0.0.1:9/buffalo_l.zip"
    else:
        monkeypatch.setattr(download_pack, "_download_url", lambda name: f"http://127.0.0.1:9/{name}.zip")
    with pytest.raises(PackNotFoundError, match=r"without https .*http://127\.0\.0\.1:9/"):
        find_pack("buffalo_l", home_folder)
    assert nothing_is_left(home_folder)


def test_a_redirect_that_stays_with_https_is_followed(
    home_folder: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_known(archive(server.folder / "buffalo_l.zip", pack_of_insightface(tmp_path / "source")), monkeypatch)
    (server.folder / "buffalo_l.zip").rename(server.folder / "elsewhere.zip")
    server.redirects["/buffalo_l.zip"] = f"{server.url}/elsewhere.zip"
    assert find_pack("buffalo_l", home_folder).detector_path.is_file()


def test_a_server_that_cannot_prove_who_it_is_is_refused(home_folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(PackNotFoundError, match="could not prove who it is"):
        find_pack("buffalo_l", home_folder)
    assert nothing_is_left(home_folder)


def test_a_download_that_holds_no_pack_leaves_nothing(
    home_folder: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_known(archive(server.folder / "buffalo_l.zip", scrfd(tmp_path / "source" / "d.onnx").parent), monkeypatch)
    with pytest.raises(PackBrokenError, match="exactly one"):
        find_pack("buffalo_l", home_folder)
    assert nothing_is_left(home_folder)


def test_a_download_that_is_no_archive_leaves_nothing(home_folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    (server.folder / "buffalo_l.zip").write_bytes(b"PK\x03\x04 and no more")
    make_known(server.folder / "buffalo_l.zip", monkeypatch)
    with pytest.raises(PackBrokenError, match="no whole zip"):
        find_pack("buffalo_l", home_folder)
    assert nothing_is_left(home_folder)


def test_a_download_that_breaks_off_leaves_nothing(home_folder: Path, server: Server) -> None:
    (server.folder / "buffalo_l.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(PackNotFoundError, match="the connection ended after 16 of 288,621,354 bytes"):
        find_pack("buffalo_l", home_folder)
    assert nothing_is_left(home_folder)


def test_an_archive_that_reaches_out_of_its_folder_is_refused(home_folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(server.folder / "buffalo_l.zip", "w") as packed:
        packed.writestr("../../escaped.onnx", b"x")
    make_known(server.folder / "buffalo_l.zip", monkeypatch)
    with pytest.raises(PackBrokenError, match="outside of its folder"):
        find_pack("buffalo_l", home_folder)
    assert nothing_is_left(home_folder)
    assert not list(home_folder.rglob("escaped.onnx"))


def test_a_server_without_the_pack_is_one_sentence_with_all_that_helps(home_folder: Path, server: Server) -> None:
    with pytest.raises(PackNotFoundError) as caught:
        find_pack("buffalo_l", home_folder)
    text = str(caught.value)
    for part in (str(home_folder / "models"), ".insightface", "buffalo_l.zip", "answered 404", "by hand", "research only", "sface"):
        assert part in text
    assert nothing_is_left(home_folder)


def test_a_network_that_never_answers_is_given_up_soon(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(download_pack, "_download_url", lambda name: f"https://127.0.0.1:{silent.getsockname()[1]}/{name}")
        monkeypatch.setattr(download_pack, "ANSWER_TIMEOUT_S", 0.3)
        started = time.monotonic()
        with pytest.raises(PackNotFoundError, match="no answer within"):
            find_pack("buffalo_l", home_folder)
        assert time.monotonic() - started < 5
    assert download_pack.CONNECT_TIMEOUT_S <= 5


def test_no_network_at_all_is_given_up_at_once(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_pack, "_download_url", lambda name: f"https://127.0.0.1:9/{name}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(PackNotFoundError, match="no connection"):
        find_pack("buffalo_l", home_folder)
    assert nothing_is_left(home_folder)


def test_the_address_is_insightfaces_own() -> None:
    assert download_pack._download_url("buffalo_l").endswith("/buffalo_l.zip")
