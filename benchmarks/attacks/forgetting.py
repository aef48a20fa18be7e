"""Attacks on forgetting: erasure that nobody asked for, and traces that stay after `forget`."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.attacks.attack import Attack, Outcome
from benchmarks.crash import ROOT, kill_all, prepare, run_command, start
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.demo.footage import write_clips
from meetbefore_assets.forgetting import erase
from meetbefore_assets.forgetting.erase_requests import erase_requests
from meetbefore_assets.identities.queries import find_person
from meetbefore_assets.open_home import open_home
from meetbefore_assets_tests.demo.test_footage import CLIPS, shortened
from meetbefore_assets_tests.support.traces import traces

WAIT_S = 300.0
CLIP_S = 2


def meetbefore(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a meetbefore command in its own process and wait for its end."""
    command = [sys.executable, "-m", "meetbefore_assets", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, check=False)


def filled_home(folder: Path, clips: int = 3) -> Path:
    """Make a home in which some short clips are processed; its sources are `folder/clips`."""
    write_clips(folder / "clips", tuple(shortened(clip, CLIP_S) for clip in CLIPS[:clips]))
    home_folder = folder / "home"
    prepare(home_folder, folder / "clips")
    done = meetbefore("run", "--home", home_folder)
    if done.returncode:
        raise SystemExit(f"the first run failed: {done.stdout}{done.stderr}")
    return home_folder


def videos_of(home_folder: Path) -> list[str]:
    return open_home(home_folder).store.keys("videos")


@contextmanager
def dagster_dev(home_folder: Path) -> Iterator[str]:
    """Start a plain `dagster dev` over a home; yields the URL of its web server."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    process = start([sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)], home_folder)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(lambda: _answers(address), process)
        yield address
    finally:
        kill_all(process)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/server_info", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def _wait_for(condition: Any, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("dagster dev did not answer in time")
        time.sleep(0.5)


def graphql(address: str, query: str, variables: dict[str, object] | None = None) -> dict[str, Any]:
    """POST a GraphQL query and return the response."""
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return dict(json.load(reply))


LOCATION = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } partitionSets { name } } } } }"
BACKFILL = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PartitionSetNotFoundError { message } ... on PythonError { message } } }"""
LAUNCH = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status eventConnection { events {
  ... on LogMessageEvent { message level } } } } } }"""


def erase_through_the_web_server(folder: Path) -> Outcome:
    """Backfill and launch the erasing job, as a web page or another user could; then request erasure as the owner, and launch it again."""
    home_folder = filled_home(folder)
    before = videos_of(home_folder)
    with dagster_dev(home_folder) as address:
        (repository,) = graphql(address, LOCATION)["data"]["repositoriesOrError"]["nodes"]
        selector = {"repositoryName": repository["name"], "repositoryLocationName": repository["location"]["name"]}
        answers = []
        for name in ("forget_video_partition_set", "forget_videos_partition_set"):
            params = {"selector": {"repositorySelector": selector, "partitionSetName": name}, "allPartitions": True}
            answers.append(graphql(address, BACKFILL, {"p": params})["data"]["launchPartitionBackfill"]["__typename"])
        unasked = _launch(address, selector)
        time.sleep(45)
        after = videos_of(home_folder)
        asked = meetbefore("forget", before[0], "--later", "--yes", "--home", home_folder)
        waiting = len(erase_requests(open_home(home_folder)))
        done = _launch(address, selector)
        left = videos_of(home_folder)
        _wait_until_idle(address)
    at_once = meetbefore("forget", before[1], "--yes", "--home", home_folder)
    rest = traces(home_folder, [before[0].encode(), before[1].encode()])
    held = (
        answers == ["PartitionSetNotFoundError"] * 2
        and after == before
        and "nobody asked for it" in unasked
        and (asked.returncode, waiting) == (0, 1)
        and left == before[1:]
        and at_once.returncode == 0
        and videos_of(home_folder) == before[2:]
        and not rest
    )
    told = (
        f"backfills: {', '.join(answers)}. Launched unasked: {unasked!r}; {len(before)} of {len(after)} videos there after 45 s. "
        f"{asked.stdout.strip()} Launched then: {done!r}; {len(left)} videos. forget at once: {at_once.stdout.strip()} "
        f"Files that still name the erased: {sorted(rest) or 'none'}."
    )
    return Outcome(told, held)


BUSY = """{ runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED]}) { ... on Runs { results { runId } } } }"""


def _wait_until_idle(address: str) -> None:
    """Wait until the sensors have found nothing to do for a while."""
    quiet, deadline = 0, time.monotonic() + WAIT_S
    while quiet < 10 and time.monotonic() < deadline:
        quiet = 0 if graphql(address, BUSY)["data"]["runsOrError"]["results"] else quiet + 1
        time.sleep(1)


def _launch(address: str, selector: dict[str, object]) -> str:
    """Launch the job as it is, wait for its end, and return what its log says of erasing."""
    params = {"selector": {**selector, "pipelineName": "forget_videos"}, "mode": "default", "runConfigData": {}}
    launched = graphql(address, LAUNCH, {"p": params})["data"]["launchRun"]
    if launched["__typename"] != "LaunchRunSuccess":
        return str(launched)
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        run = graphql(address, RUN, {"id": launched["run"]["runId"]})["data"]["runOrError"]
        if run["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
            said = [event["message"] for event in run["eventConnection"]["events"] if "erased" in str(event.get("message"))]
            return f"{run['status']}: {' '.join(said)}"
        time.sleep(1)
    return "did not end"


TIMINGS = 20
NAME = "Scheherazade"


def needles_of(home_folder: Path, person_id: str) -> list[bytes]:
    """All byte strings that identify a person: name, ids, crops, thumbnails, and vectors in half, single and double precision."""
    home = open_home(home_folder)
    faces = erase.person_faces(home, [person_id])
    videos = home.store.keys("detections")
    looks = home.store.scan("detections", videos, ["face_id", "crop", "thumbnail"]).join(faces, on="face_id", how="semi")
    vectors = home.store.scan("embeddings", videos, ["face_id", "vector"]).join(faces, on="face_id", how="semi")["vector"].to_list()
    tracks = home.store.scan("tracks", videos, ["track_id", "vector"]).filter(pl.col("track_id").is_in(faces["track_id"].to_list()))
    numbers = [np.array(vector) for vector in [*vectors, *tracks["vector"].to_list()]]
    aliases = home.store.get("identity_assignments", WHOLE).filter(pl.col("person_id") == person_id)["alias"]
    words = [NAME, person_id, *aliases, *faces["face_id"], *tracks["track_id"]]
    pictures = [*looks["crop"], *looks["thumbnail"]]
    return [
        *(word.encode() for word in words),
        *(bytes(picture) for picture in pictures),
        # From the middle: all pictures begin with the same header.
        *(encoded[len(encoded) // 2 :][:80] for picture in pictures if (encoded := base64.b64encode(picture))),
        *(vector.astype(kind).tobytes() for vector in numbers for kind in (np.float16, np.float32, np.float64)),
    ]


def forget_while_a_run_goes_on(folder: Path) -> Outcome:
    """Start `forget NAME` at twenty moments of a `run` that processes another video and matches again."""
    write_clips(folder / "more", (shortened(CLIPS[3], CLIP_S),))
    base = filled_home(folder)
    people = json.loads(meetbefore("people", "--all", "--format", "json", "--home", base).stdout)
    person_id = str(people[0]["person_id"])
    meetbefore("name", person_id, NAME, "--home", base)
    needles = needles_of(base, person_id)
    found_before = len(traces(base, needles))
    calm = _copied(base, folder / "calm")
    begun = time.monotonic()
    start(_taking_in(folder / "more", calm), calm).wait(timeout=WAIT_S)
    whole_s = time.monotonic() - begun
    bad: list[str] = []
    for number in range(TIMINGS):
        step = number * 7 % TIMINGS  # early and late ones by turns, for whoever breaks off
        home_folder = _copied(base, folder / f"race-{step}")
        if said := _race(home_folder, folder / "more", whole_s * step / TIMINGS, person_id, needles):
            bad.append(said)
        else:
            shutil.rmtree(home_folder)
    told = (
        f"{found_before} files told of {NAME} before; {TIMINGS} timings over the {whole_s:.0f} s of a run: {len(bad)} bad. {' '.join(bad)}"
    )
    return Outcome(told, not bad and found_before > 5)


def _taking_in(more: Path, home_folder: Path) -> list[str]:
    return [*run_command(more, home_folder), "--set", "matching.threshold=0.35"]


def _race(home_folder: Path, more: Path, after_s: float, person_id: str, needles: list[bytes]) -> str:
    """Start `forget` some seconds after a run began; returns what went wrong, "" if nothing."""
    running = start(_taking_in(more, home_folder), home_folder)
    time.sleep(after_s)
    was_running = running.poll() is None
    forgotten = meetbefore("forget", NAME, "--yes", "--home", home_folder)
    still_running = running.poll() is None
    ended = running.wait(timeout=WAIT_S)
    left = traces(home_folder, needles)
    try:
        leads_to = str(find_person(open_home(home_folder), person_id).row["person_id"])
    except UsageError:
        leads_to = "nobody"
    beside = f"run {'went on' if was_running else 'was over'} before and {'went on' if still_running else 'was over'} after"
    said = f"at {after_s:.1f} s ({beside}): forget {forgotten.returncode}, run {ended}, the id leads to {leads_to}, left {sorted(left)}"
    print(said, flush=True)
    return f"{said} {forgotten.stderr.strip()}" if forgotten.returncode or ended or left or leads_to != "nobody" else ""


def _copied(base: Path, home_folder: Path) -> Path:
    shutil.copytree(base, home_folder)
    return home_folder


ATTACKS = [
    Attack("6", f"`forget NAME` at {TIMINGS} moments of a `run`; then every byte of the home is searched", forget_while_a_run_goes_on),
    Attack("1e", "launch and backfill the job that erases through a plain `dagster dev`, unasked and asked", erase_through_the_web_server),
]
