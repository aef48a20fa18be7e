"""A real `meetbefore ui`: its processes, what it answers, and how it ends."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
from click.testing import CliRunner

from meetbefore_assets.cli.main import cli
from meetbefore_assets.cli.serving import listen
from meetbefore_assets.running import instance
from meetbefore_assets.running.execute_job import execute_job
from meetbefore_assets.storage.file_locks import hold

pytestmark = pytest.mark.slow

# Far more than it takes: a guard against hanging, on however busy a machine.
LONGEST_S = 300.0


def run_of_the_command_line(home: Path) -> str:
    """A run of the job match, executed as `meetbefore run` does."""

    @dg.op
    def nothing() -> None: ...

    @dg.job
    def match() -> None:
        nothing()

    run_id, before = str(uuid.uuid4()), dict(os.environ)
    with instance.open_instance(home) as dagster:
        assert execute_job(dagster, match, run_id, "v1", (), {}).is_success
    os.environ.clear()
    os.environ.update(before)
    return run_id


class Ui:
    """A `meetbefore ui` of an empty home, called in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.run_id = run_of_the_command_line(self.home)
        command = [sys.executable, "-m", "meetbefore_assets", "ui", "--home", str(self.home), "--no-browser"]
        self.printed = folder / "printed.txt"
        with self.printed.open("wb") as out:
            self.process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env=os.environ | {"PYTHONUNBUFFERED": "1"})

    def wait_for(self, pattern: str) -> str:
        begun = time.monotonic()
        while not (found := re.search(pattern, self.printed.read_text())):
            assert self.process.poll() is None, self.printed.read_text()
            assert time.monotonic() - begun < LONGEST_S
            time.sleep(0.2)
        return found[1]

    def enter(self) -> tuple[str, dict[str, str]]:
        """The address, and the cookie of a browser that was let in, as headers."""
        link = self.wait_for(r"http://(127\.0\.0\.1:[0-9]+/enter\S+)")
        address, _, path = link.partition("/")
        connection = http.client.HTTPConnection(address, timeout=60)
        connection.request("GET", f"/{path}")
        return address, {"Cookie": str(connection.getresponse().headers["set-cookie"]).partition(";")[0]}

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(LONGEST_S)


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[Ui]:
    started = Ui(tmp_path)
    yield started
    if started.process.poll() is None:
        for process in (*started.children(), started.process):
            process.kill()
        started.process.wait()


def answer(address: str, method: str, path: str, headers: dict[str, str], body: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(method, path, body, {"Host": address, **headers})
        reply = connection.getresponse()
        return reply.status, "" if reply.status == 101 else reply.read().decode()
    finally:
        connection.close()


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Protocol": "graphql-ws",
}
RUNS = """{ pipelineOrError(params: {pipelineName: "match", repositoryName: "__repository__", repositoryLocationName: "meetbefore"}) {
    ... on Pipeline { runs { runId hasReExecutePermission repositoryOrigin { repositoryLocationName repositoryName } } } } }"""
JOBS = "{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { ... on RepositoryLocation { name } } } } } }"


def test_it_answers_pages_of_its_own_that_were_let_in_and_ctrl_c_leaves_no_process(ui: Ui) -> None:
    address, cookie = ui.enter()
    while (found := answer(address, "GET", "/people", cookie)[0]) == 503:  # the archive is being read; Dagster need not have loaded
        time.sleep(0.5)
    assert found == 200
    ui.wait_for(r"Dagster UI: http://(127\.0\.0\.1:[0-9]+)/dagster")
    own = {"Origin": f"http://{address}", "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json", **cookie}
    found, text = answer(address, "POST", "/dagster/graphql", own, json.dumps({"query": JOBS}))
    assert found == 200
    (entry,) = json.loads(text)["data"]["workspaceOrError"]["locationEntries"]
    assert entry == {"name": "meetbefore", "locationOrLoadError": {"name": "meetbefore"}}
    found, text = answer(address, "POST", "/dagster/graphql", own, json.dumps({"query": RUNS}))
    (run,) = json.loads(text)["data"]["pipelineOrError"]["runs"]
    assert run == {
        "runId": ui.run_id,
        "hasReExecutePermission": True,
        "repositoryOrigin": {"repositoryLocationName": "meetbefore", "repositoryName": "__repository__"},
    }
    assert answer(address, "GET", "/dagster/runs", cookie | {"Accept": "text/html"})[0] == 200
    assert answer(address, "GET", "/dagster/graphql", UPGRADE | cookie | {"Origin": f"http://{address}"})[0] == 101

    # Nobody who was not let in reaches anything, and nobody from elsewhere does with the user's cookie.
    for path in ("/people", "/dagster/runs", "/dagster/server_info"):
        assert answer(address, "GET", path, {})[0] == 401
    assert answer(address, "POST", "/dagster/graphql", {"Content-Type": "application/json"}, json.dumps({"query": JOBS}))[0] == 401
    assert answer(address, "GET", "/dagster/graphql", UPGRADE)[0] == 403
    assert answer(address, "GET", "/dagster/runs", cookie | {"Host": "evil.example"})[0] == 403
    assert answer(address, "GET", "/dagster/graphql", UPGRADE | cookie | {"Origin": "http://evil.example"})[0] == 403
    assert (
        answer(address, "GET", "/dagster/graphql", UPGRADE | cookie | {"Host": "evil.example", "Origin": "http://evil.example"})[0] == 403
    )
    assert answer(address, "GET", "/dagster/graphql?query=mutation%7B__typename%7D", cookie)[0] == 405
    assert (
        answer(address, "POST", "/dagster/graphql?query=mutation%7B__typename%7D", cookie | {"Content-Type": "text/plain"}, "x")[0] == 415
    )

    children = ui.children()
    assert len(children) >= 3
    assert ui.end(signal.SIGINT) == 0
    assert not any(child.is_running() for child in children)
    printed = ui.printed.read_text()
    assert printed.endswith("…\nStopped.\n")
    assert "Traceback" not in printed + (ui.home / "dagster" / "logs" / "ui.log").read_text()
    assert "arning" not in printed


def test_a_child_that_dies_ends_all_with_a_sentence(ui: Ui) -> None:
    while len(children := ui.children()) < 2:
        time.sleep(0.05)
    next(child for child in children if "code-server" in child.cmdline()).kill()
    assert ui.process.wait(LONGEST_S) == 2
    assert not any(child.is_running() for child in children)
    assert "The definitions ended unexpectedly" in ui.printed.read_text()
    assert "Traceback" not in ui.printed.read_text()


def test_a_home_has_one_ui_at_a_time(tmp_path: Path) -> None:
    with hold(tmp_path / "locks", "ui", 0):
        result = CliRunner().invoke(cli, ["ui", "--home", str(tmp_path)])
    assert "is running already" in str(result.exception)


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with listen(None) as first:
        result = CliRunner().invoke(cli, ["ui", "--home", str(tmp_path), "--port", str(first.getsockname()[1])])
    assert "cannot be used" in str(result.exception)
    assert "--port" in result.exception.remedy  # type: ignore[union-attr]


def test_it_listens_on_this_machine_only_unless_told() -> None:
    default = next(option.default for option in cli.commands["ui"].params if option.name == "host")
    for address in (default, "0.0.0.0"):
        with listen(None, address) as listener:
            assert listener.getsockname()[0] == address
    assert default == "127.0.0.1"
