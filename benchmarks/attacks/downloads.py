"""Attacks on the download of a pack: a URL without https, a wrong archive, an endless one."""

import contextlib
import http.server
import io
import os
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.attacks.attack import Attack, Outcome
from meetbefore_assets.core.model_packs import PACKS
from meetbefore_assets_tests.support.certificates import write_certificate

# `meetbefore run` with the address of InsightFace exchanged for one of this machine.
RUN = """
import sys
from meetbefore_assets.faces.models import download_pack
url = sys.argv.pop()
download_pack._download_url = lambda name: url
from meetbefore_assets.cli.main import main
main()
"""
PACK = "buffalo_sc"
ENDLESS_BYTES = 400 << 20


class _Handler(http.server.BaseHTTPRequestHandler):
    """/redirect leads to the server without https; /another.zip is an archive; /endless.zip never ends."""

    plain_url = ""
    sent_bytes = 0

    def do_GET(self) -> None:
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", f"{self.plain_url}/another.zip")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):  # whoever hangs up has had enough
            for block in self._blocks():
                self.wfile.write(block)
                _Handler.sent_bytes += len(block)

    def _blocks(self) -> Iterator[bytes]:
        if self.path != "/endless.zip":
            archive = io.BytesIO()
            with zipfile.ZipFile(archive, "w") as packed:
                packed.writestr("det_10g.onnx", b"exchanged")
            yield archive.getvalue().rjust(PACKS[PACK].size_bytes, b"\0")  # as long as the one that is known
            return
        for _ in range(ENDLESS_BYTES >> 20):
            yield bytes(1 << 20)

    def log_message(self, *args: object) -> None:
        """Suppress the server's log."""


@contextlib.contextmanager
def _served(context: ssl.SSLContext | None) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
        server.shutdown()


def _fetch(folder: Path, path: str, *, is_plain: bool = False) -> Outcome:
    certificate = write_certificate(folder / "localhost.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    _Handler.sent_bytes = 0
    with _served(None) as plain, _served(context) as secure:
        _Handler.plain_url = plain
        command = [sys.executable, "-c", RUN, "run", "--home", str(folder / "home"), "--set", f"models.pack={PACK}"]
        done = subprocess.run(
            [*command, (plain if is_plain else secure) + path],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "NO_PROXY": "127.0.0.1", "REQUESTS_CA_BUNDLE": str(certificate), "HOME": str(folder)},
        )
    said = " ".join(done.stderr.split())
    left = [entry.name for entry in folder.rglob("*") if entry.suffix in (".zip", ".onnx")]
    held = done.returncode == 2 and "Traceback" not in said and not left and _Handler.sent_bytes < ENDLESS_BYTES / 2
    expected = "without https" if is_plain or path == "/redirect" else "expected sha256"
    return Outcome(f"exit {done.returncode}, {_Handler.sent_bytes / 1e6:.1f} MB sent: {said[:400]}", held and expected in said)


ATTACKS = [
    Attack("19", "pack download: https that redirects to http", lambda folder: _fetch(folder, "/redirect")),
    Attack("19b", "pack download: an address without https", lambda folder: _fetch(folder, "/another.zip", is_plain=True)),
    Attack("19c", "pack download: another archive of the same size", lambda folder: _fetch(folder, "/another.zip")),
    Attack("19d", "pack download: 400 MB where 15 MB are known", lambda folder: _fetch(folder, "/endless.zip")),
]
