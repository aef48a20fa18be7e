"""A client for a `meetbefore app` in its own process. It sends the cookie and the form tokens, as a browser does."""

import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import psutil

from benchmarks.crash import kill_all

LONGEST_S = 600.0
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    """A response: status, location, body, and the seconds it took."""

    status: int
    location: str
    body: str
    seconds: float


class App:
    """A context manager: starts the app on entering, ends it as Ctrl-C does on leaving."""

    def __init__(self, home_folder: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="meetbefore-app-")
        self._log = Path(self._folder.name) / "printed.txt"
        command = [sys.executable, "-u", "-m", "meetbefore_assets", "app", "--home", str(home_folder), "--no-browser"]
        self._begun = time.monotonic()
        with self._log.open("w") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "NO_COLOR": "1"})
        self._cookie = ""
        self._peak = 0

    def __enter__(self) -> "App":
        while not (found := re.search(r"http://(\S+)(/enter\?token=\S+)", self._printed())):
            if self.process.poll() is not None or time.monotonic() - self._begun > LONGEST_S:
                raise SystemExit(f"meetbefore app did not answer: {self._printed()}")
            time.sleep(0.02)
        self.link_after_s = time.monotonic() - self._begun
        self._host = found[1]
        self._cookie = str(self._ask("GET", found[2])[0].headers["set-cookie"]).partition(";")[0]
        self.page_after_s = 0.0
        while self.get("/people").status == 503:  # it reads the archive
            time.sleep(0.1)
        self.page_after_s = time.monotonic() - self._begun
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(120)
        self._folder.cleanup()

    def _printed(self) -> str:
        return self._log.read_text()

    def address(self, path: str) -> str:
        """URL of a path of the app."""
        return f"http://{self._host}{path}"

    def for_browser(self) -> dict[str, Any]:
        """What Playwright's `storage_state` takes: the cookie."""
        name, _, value = self._cookie.partition("=")
        return {"cookies": [{"name": name, "value": value, "url": self.address("/")}]}

    def kill(self) -> None:
        """Kill the app and all its child processes."""
        kill_all(self.process)

    def get(self, path: str) -> Answer:
        """GET a page or a picture."""
        return self._answer("GET", path)

    def post(self, path: str, token: str, **fields: str | list[str]) -> Answer:
        """POST a form and return the response; redirects are not followed."""
        return self._answer("POST", path, urllib.parse.urlencode({"token": token, **fields}, doseq=True))

    def memory_bytes(self) -> int:
        """Peak resident memory of the server's own process seen so far, bytes."""
        self._peak = max(self._peak, psutil.Process(self.process.pid).memory_info().rss)
        return self._peak

    def cpu_s(self) -> float:
        """CPU seconds used by the server's own process."""
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)

    def _answer(self, method: str, path: str, body: str | None = None) -> Answer:
        begun = time.perf_counter()
        reply, content = self._ask(method, path, body)
        seconds = time.perf_counter() - begun
        return Answer(reply.status, reply.headers.get("location") or "", content.decode("utf-8", "replace"), seconds)

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(self._host, timeout=LONGEST_S)
        try:
            connection.request(method, path, body, {"Cookie": self._cookie, "Accept": "text/html", "Content-Type": FORM})
            reply = connection.getresponse()
            return reply, reply.read()
        finally:
            connection.close()


def field_of(page: str, name: str) -> str:
    """The first value of a hidden field of a page; "" where there is none."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return unescape(found[1]) if found else ""


def pictures_of(page: str, most: int) -> list[str]:
    """URLs of the first pictures of a page."""
    return [unescape(address) for address in re.findall(r'<img[^>]* src="(/media/[^"]+)"', page)[:most]]
