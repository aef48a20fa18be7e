"""Attacks of a web page on the servers of this machine: `meetbefore ui`, which is guarded, and a plain `dagster dev`, which is not."""

import http.client
import json
import re
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.attacks.attack import Attack, Outcome
from benchmarks.attacks.forgetting import WAIT_S, dagster_dev, filled_home, meetbefore, videos_of
from benchmarks.crash import kill_all, prepare, start
from meetbefore_assets.open_home import open_home

EVIL = "http://evil.example"
# As a browser sends it for an image of another site, and for a form of another site.
IMAGE = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
FORM = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Protocol": "graphql-ws",
}
REPOSITORY = 'repositoryName: "__repository__", repositoryLocationName: "meetbefore"'
# The name of the job when all of this was first tried, and its name of today.
ERASE = [
    f"mutation {{ launchPartitionBackfill(backfillParams: {{selector: {{repositorySelector: {{{REPOSITORY}}}, "
    f'partitionSetName: "{name}"}}, allPartitions: true}}) {{ __typename }} }}'
    for name in ("forget_video_partition_set", "forget_videos_partition_set")
]
SPOIL = (
    f'mutation {{ launchRun(executionParams: {{selector: {{{REPOSITORY}, pipelineName: "match"}}, mode: "default", '
    'executionMetadata: {tags: [{key: "dagster/partition", value: "VIDEO"}]}, '
    'runConfigData: "{\\"ops\\": {\\"matching_policy\\": {\\"config\\": {\\"threshold\\": 0.9}}}}"}) { __typename } }'
)
READ = "{ runsOrError(limit: 50) { ... on Runs { results { runId runConfigYaml tags { key value } } } } }"


def ask(address: str, method: str, path: str, headers: dict[str, str], body: str | None = None) -> tuple[int, str]:
    """Send a request; returns the status and the body."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=120)
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        return reply.status, "" if reply.status == 101 else reply.read().decode("utf-8", "replace")
    finally:
        connection.close()


def by_get(query: str, prefix: str = "") -> str:
    return f"{prefix}/graphql?query={urllib.parse.quote(query)}"


def let_in(link: str) -> tuple[str, dict[str, str]]:
    """Open a one-time link; returns the server's URL and the session cookie as headers."""
    address, _, path = link.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(address, timeout=120)
    try:
        connection.request("GET", f"/{path}")
        return f"http://{address}", {"Cookie": str(connection.getresponse().headers["Set-Cookie"]).partition(";")[0]}
    finally:
        connection.close()


@contextmanager
def served(home_folder: Path, command: str, until: str) -> Iterator[str]:
    """Start `meetbefore ui` or `meetbefore app` over a home and wait until it printed `until`; yields the unused link that it printed."""
    log = home_folder.parent / f"{home_folder.name}.log"
    log.write_text("")
    process = start([sys.executable, "-u", "-m", "meetbefore_assets", command, "--home", str(home_folder), "--no-browser"], home_folder)
    try:
        deadline = time.monotonic() + WAIT_S
        while not (until in log.read_text() and (found := re.search(r"http://\S+/enter\?token=\S+", log.read_text()))):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"meetbefore {command} did not answer: {log.read_text()}")
            time.sleep(0.5)
        yield found[0]
        process.send_signal(signal.SIGINT)
        process.wait(60)
    except subprocess.TimeoutExpired as error:
        raise SystemExit(f"meetbefore {command} did not end") from error
    finally:
        kill_all(process)


@contextmanager
def guarded_ui(home_folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Start `meetbefore ui` over a home; yields its URL and the cookie of a logged-in browser."""
    with served(home_folder, "ui", "Dagster UI: http") as link:
        yield let_in(link)


def every_way(address: str, query: str, cookie: dict[str, str]) -> dict[str, int]:
    """Send one GraphQL document in each way that a page of another site can; returns the statuses.

    The cookie goes with all of it, although browsers would keep it back: the guard must hold alone.
    """
    own, json_body = address.removeprefix("http://"), json.dumps({"query": query})
    rebound = {"Host": f"evil.example:{own.rpartition(':')[2]}", "Content-Type": "application/json"}
    rebound["Origin"] = f"http://{rebound['Host']}"
    path, by_get_path = "/dagster/graphql", by_get(query, "/dagster")
    ways: dict[str, tuple[str, str, dict[str, str], str | None]] = {
        "image": ("GET", by_get_path, IMAGE, None),
        "image of a browser without Sec-Fetch and Origin": ("GET", by_get_path, {}, None),
        "link": ("GET", by_get_path, {**FORM, "Origin": ""} | {"Accept": "application/json"}, None),
        "form of text/plain": ("POST", by_get_path, {**FORM, "Content-Type": "text/plain"}, json_body),
        "form, browser without Sec-Fetch": ("POST", by_get_path, {"Origin": EVIL, "Content-Type": "text/plain"}, "x="),
        "form, origin null": ("POST", by_get_path, {"Origin": "null", "Content-Type": "text/plain"}, "x="),
        "fetch of JSON": ("POST", path, {"Origin": EVIL, "Content-Type": "application/json"}, json_body),
        "DNS rebinding": ("POST", path, rebound, json_body),
        "WebSocket": ("GET", path, UPGRADE | {"Origin": EVIL}, None),
        "WebSocket, DNS rebinding": ("GET", path, UPGRADE | {key: rebound[key] for key in ("Host", "Origin")}, None),
    }
    return {name: ask(address, method, where, headers | cookie, body)[0] for name, (method, where, headers, body) in ways.items()}


def change_through_the_guard(folder: Path) -> Outcome:
    """Erase all videos and change the threshold through `meetbefore ui`, in every way a page of another site has."""
    home_folder = filled_home(folder)
    before = videos_of(home_folder)
    with guarded_ui(home_folder) as (address, cookie):
        answers = [every_way(address, query, cookie) for query in (*ERASE, SPOIL.replace("VIDEO", before[0]))]
        json_body, kind = json.dumps({"query": ERASE[1]}), {"Content-Type": "application/json"}
        unknown = {
            ask(address, "POST", "/dagster/graphql", kind, json_body)[0],
            ask(address, "POST", "/dagster/graphql", kind | {"Cookie": "meetbefore_3000=x"}, json_body)[0],
            ask(address, "GET", "/dagster/runs", {})[0],
        }
        time.sleep(45)
    statuses = {status for answer in answers for status in answer.values()}
    threshold = open_home(home_folder).settings().matching.threshold
    left = videos_of(home_folder)
    told = f"{len(answers) * len(answers[0])} requests with the user's cookie: statuses {sorted(statuses)}; without it: {sorted(unknown)}; "
    told += f"after 45 s {len(left)} of {len(before)} videos, threshold {threshold}"
    return Outcome(told, statuses <= {403, 405, 415} and unknown == {401} and left == before and threshold == "auto")


def read_through_the_guard(folder: Path) -> Outcome:
    """Read runs, logs and pages of `meetbefore ui` under a foreign name (DNS rebinding), over HTTP and WebSocket."""
    home_folder = folder / "home"
    prepare(home_folder, folder)
    with guarded_ui(home_folder) as (address, cookie):
        host = {"Host": f"evil.example:{address.rpartition(':')[2]}", **cookie}
        origin = {"Origin": f"http://{host['Host']}", "Sec-Fetch-Site": "same-origin"}
        dagster = ("", "/runs", "/server_info", "/download_debug/x", "/logs/x/compute_logs/y.out")
        paths = ("/", "/people", *(f"/dagster{path}" for path in dagster), by_get(READ, "/dagster"))
        tried = {path: ask(address, "GET", path, host | origin) for path in paths}
        tried["POST /graphql"] = ask(
            address, "POST", "/dagster/graphql", host | origin | {"Content-Type": "application/json"}, json.dumps({"query": READ})
        )
        tried["WebSocket"] = ask(address, "GET", "/dagster/graphql", host | origin | UPGRADE)
        own = ask(address, "POST", "/dagster/graphql", cookie | {"Content-Type": "application/json"}, json.dumps({"query": READ}))[0]
    statuses = {status for status, _ in tried.values()}
    held = statuses == {403} and own == 200 and not any("runId" in body or "dagster" in body for _, body in tried.values())
    return Outcome(
        f"{len(tried)} requests with Host evil.example: statuses {sorted(statuses)}; the same query of its own page: {own}", held
    )


def change_through_dagster_dev(folder: Path) -> Outcome:
    """A plain `dagster dev`: an image of another site erases nothing; what it does to the threshold is taken back by one command."""
    home_folder = filled_home(folder)
    before = videos_of(home_folder)
    home = open_home(home_folder)
    with dagster_dev(home_folder) as address:
        answers = [json.loads(ask(address, "GET", by_get(query), IMAGE)[1]) for query in ERASE]
        backfills = [answer["data"]["launchPartitionBackfill"]["__typename"] for answer in answers]
        over_websocket = ask(address, "GET", "/graphql", UPGRADE | {"Origin": EVIL})[0]
        launched = ask(address, "GET", by_get(SPOIL.replace("VIDEO", before[0])), IMAGE)[0]
        deadline = time.monotonic() + WAIT_S
        while home.settings().matching.threshold == "auto" and time.monotonic() < deadline:
            time.sleep(1)
        spoilt = home.settings().matching.threshold
        time.sleep(45)
        left = videos_of(home_folder)
    undone = meetbefore("config", "--undo-threshold", "--home", home_folder)
    threshold = home.settings().matching.threshold
    told = (
        f"backfills: {backfills}; {len(left)} of {len(before)} videos after 45 s. WebSocket of another site: {over_websocket}. "
        f"match launched with 0.9: {launched}, threshold then {spoilt} (open, as docs say); {undone.stderr.strip()} Threshold: {threshold}"
    )
    return Outcome(told, left == before and undone.returncode == 0 and threshold == "auto")


ATTACKS = [
    Attack("1", "cross-site mutations against `meetbefore ui`: GET, forms, rebinding, WebSocket", change_through_the_guard),
    Attack("1b", "a cross-site image against a plain `dagster dev`: erase all, threshold 0.9", change_through_dagster_dev),
    Attack("2", "Host evil.example (DNS rebinding) against `meetbefore ui`, HTTP and WebSocket", read_through_the_guard),
]
