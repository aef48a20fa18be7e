"""A real `meetbefore app` of an empty home: what it prints, who is let in, and how it ends."""

import http.client
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from meetbefore_assets.cli import serving
from meetbefore_assets.cli.main import cli
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.storage.file_locks import hold

pytestmark = pytest.mark.slow

# Far more than it takes: a guard against hanging, on however busy a machine.
LONGEST_S = 300.0
LINK = r"http://(127\.0\.0\.1:[0-9]+)(/enter\?token=\S+)"


def command(home: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "meetbefore_assets", "app", "--home", str(home), *words]


class App:
    """A `meetbefore app`, called in an empty folder."""

    def __init__(self, folder: Path, *words: str, environment: dict[str, str] | None = None) -> None:
        self.home, self.printed = folder / "home", folder / "printed.txt"
        variables = os.environ | {"PYTHONUNBUFFERED": "1"} | (environment or {})
        with self.printed.open("wb") as out:
            self.process = subprocess.Popen(command(self.home, *words), cwd=folder, stdout=out, stderr=out, env=variables)

    def link(self) -> tuple[str, str]:
        """The address, and the path that lets in."""
        begun = time.monotonic()
        while not (found := re.search(LINK, self.printed.read_text())) or "Ctrl-C" not in self.printed.read_text():
            assert self.process.poll() is None, self.printed.read_text()
            assert time.monotonic() - begun < LONGEST_S
            time.sleep(0.1)
        return found[1], found[2]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    started = App(tmp_path, "--no-browser")
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait()


def ask(address: str, path: str, cookie: str = "") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("GET", path, headers={"Cookie": cookie, "Accept": "text/html"})
    return connection.getresponse()


def again(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(home, *words), capture_output=True, text=True, check=False, timeout=LONGEST_S)


def test_each_address_lets_one_browser_in_and_sigterm_ends_it(app: App) -> None:
    address, path = app.link()
    cookie = str(ask(address, path).headers["set-cookie"]).partition(";")[0]
    assert ask(address, "/static/enter.css", cookie).status == 200
    assert ask(address, "/people").status == 401
    assert ask(address, path).status == 403
    # A second start leads to the app that runs.
    for words in (("--link",), ("--no-browser",)):
        done = again(app.home, *words)
        assert done.returncode == 0, done.stderr
        found = re.search(LINK, done.stdout)
        assert found is not None
        assert found[1] == address
        assert ask(address, found[2]).status == 303
    assert stat.S_IMODE((app.home / "web").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (app.home / "web").rglob("*") if path.is_file()} == {0o600}
    app.process.send_signal(signal.SIGTERM)
    assert app.process.wait(LONGEST_S) == 0
    assert app.printed.read_text().endswith("Stopped.\n")
    assert "Traceback" not in app.printed.read_text()
    assert "is running" in again(app.home, "--link").stderr


def test_one_that_was_killed_is_started_again_at_once(app: App) -> None:
    app.link()
    app.process.kill()
    app.process.wait()
    assert "no app" in again(app.home, "--link").stderr
    started = App(app.printed.parent, "--no-browser")
    try:
        assert ask(*started.link()).status == 303
        started.process.send_signal(signal.SIGINT)
        assert started.process.wait(LONGEST_S) == 0
    finally:
        started.process.kill()


def test_the_token_stands_in_no_command_line(tmp_path: Path) -> None:
    """Every account of the machine sees how a browser was started."""
    seen, browser = tmp_path / "seen.txt", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" >> {seen}\n')
    browser.chmod(0o755)
    started = App(tmp_path, environment={"BROWSER": str(browser), "DISPLAY": ":1"})
    try:
        _, path = started.link()
        begun = time.monotonic()
        while not seen.exists():
            assert time.monotonic() - begun < LONGEST_S
            time.sleep(0.1)
        told = seen.read_text().strip()
        assert told == (tmp_path / "home" / "web" / "open.html").as_uri()
        assert path in (tmp_path / "home" / "web" / "open.html").read_text()
    finally:
        started.process.kill()
        started.process.wait()


def test_it_loads_no_dagster_and_no_models() -> None:
    modules = "meetbefore_assets.cli.app, meetbefore_assets.web.serve, meetbefore_assets.open_home"
    heavy = {"dagster", "cv2", "onnxruntime", "faiss", "insightface", "av", "duckdb", "scipy"}
    code = f"import sys, {modules}; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_that_is_just_starting_is_said(tmp_path: Path) -> None:
    with hold(tmp_path / "locks", serving.LOCK, 0):
        result = CliRunner().invoke(cli, ["app", "--home", str(tmp_path)])
    assert "just starting" in str(result.exception)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_other_machines_need_a_password(tmp_path: Path, host: str) -> None:
    for name in ("app", "ui"):
        result = CliRunner().invoke(cli, [name, "--home", str(tmp_path), "--host", host])
        assert isinstance(result.exception, UsageError)
        assert "no password" in str(result.exception)


@pytest.mark.parametrize("host", ["faces.example", "127.0.0.1:3000", "1", ""])
def test_a_host_is_an_address(tmp_path: Path, host: str) -> None:
    result = CliRunner().invoke(cli, ["app", "--home", str(tmp_path), "--host", host])
    assert result.exit_code == 2
    assert "is no address" in result.output


def test_a_password_comes_from_a_file_of_ones_own_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(serving.PASSWORD, raising=False)
    assert serving.read_password(None) == ""
    monkeypatch.setenv(serving.PASSWORD, "of the environment")
    assert serving.read_password(None) == "of the environment"
    assert serving.PASSWORD not in os.environ  # what is started from here on need not know it
    path = tmp_path / "password"
    for text, problem in (("short\n", "found 5"), ("", "found 0"), ("long enough, truly\n", "")):
        path.write_text(text)
        path.chmod(0o600)
        if problem:
            with pytest.raises(UsageError, match=problem):
                serving.read_password(path)
    assert serving.read_password(path) == "long enough, truly"
    path.chmod(0o640)
    with pytest.raises(UsageError, match="others can read"):
        serving.read_password(path)


@pytest.mark.parametrize(
    ("host", "address", "is_alone"),
    [("127.0.0.1", "127.0.0.1", True), ("::1", "[::1]", True), ("0.0.0.0", "127.0.0.1", False), ("::", "[::1]", False)],
)
def test_what_is_printed_fits_the_host(host: str, address: str, is_alone: bool) -> None:
    try:
        listener = serving.listen(None, host)
    except UsageError:
        pytest.skip("this machine has no IPv6")
    with listener:
        door = serving.Door(listener, host, "")
        assert door.address == f"http://{address}:{door.port}"
        assert ("For this machine only" in door.reach) == is_alone
        assert ("not encrypted" in door.reach.replace("\n", " ")) != is_alone
