"""A real `dagster dev`, with daemon and webserver on loopback, watching a folder."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import psutil
import pytest

from meetbefore_assets.core.schema.lists import pipeline_assets
from meetbefore_assets.demo.footage import write_clips
from meetbefore_assets.encounters.make_tables import is_scored
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.match import is_matched
from meetbefore_assets.identities.queries import assigned_faces
from meetbefore_assets.open_home import open_home
from meetbefore_assets.publishing.database import is_published, video_rows
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.running import instance
from meetbefore_assets.running.partitions import PARTITIONS_NAME
from meetbefore_assets_tests.demo.test_footage import CLIPS, shortened

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# Far more than it takes: a guard against hanging, on however busy a machine.
LONGEST_S = 300.0


def free_port() -> int:
    try:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            return int(listener.getsockname()[1])
    except OSError as error:
        pytest.skip(f"no port can be opened on this machine: {error}")


@dataclass
class Server:
    """A home that is watched, and what its instance knows."""

    card: Path
    port: int
    process: "subprocess.Popen[bytes]"
    home: Home
    dagster: dg.DagsterInstance
    seconds: dict[str, float] = field(default_factory=dict)

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        begun = time.monotonic()
        while not condition():
            assert self.process.poll() is None, "dagster dev ended"
            assert time.monotonic() - begun < LONGEST_S, f"waited in vain: {what}"
            time.sleep(0.2)
        self.seconds[what] = round(time.monotonic() - begun, 1)

    def in_step(self, videos: int) -> bool:
        statuses = all_statuses(self.home)
        is_made = len(statuses) == videos and not any(status.todo for status in statuses)
        return is_made and is_matched(self.home) and is_scored(self.home) and is_published(self.home) and not self.busy()

    def busy(self) -> list[dg.DagsterRun]:
        return list(self.dagster.get_runs(dg.RunsFilter(statuses=instance.BUSY)))

    def groups(self) -> set[frozenset[str]]:
        return {frozenset(rows["face_id"]) for _, rows in assigned_faces(self.home).group_by("person_id")}

    def per_video_files(self) -> dict[Path, int]:
        return {
            path: path.stat().st_mtime_ns for asset in pipeline_assets() for path in (self.home.folder / "record" / asset).glob("*.parquet")
        }

    def jobs_since(self, run_ids: set[str]) -> list[str]:
        return [run.job_name for run in self.dagster.get_runs() if run.run_id not in run_ids]

    def drop(self, name: str, clip: Path) -> None:
        """Copy a file in as people do: not all at once."""
        data = clip.read_bytes()
        with (self.card / name).open("wb") as file:
            for part in (data[: len(data) // 2], data[len(data) // 2 :]):
                file.write(part)
                file.flush()
                time.sleep(0.1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    home_folder, folder, port = tmp_path / "home", tmp_path / "card", free_port()
    folder.mkdir()
    settings_file.apply(home_folder, [f"sources=['{folder}']", "time.zone='UTC'", "upkeep.watch_s=2"])
    before = dict(os.environ)
    with instance.open_instance(home_folder):
        pass  # lays out the databases, before `dagster dev` and this test open them at the same moment
    environment = dict(os.environ)
    os.environ.clear()
    os.environ.update(before)
    command = [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)]
    log = (tmp_path / "dev.log").open("wb")
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        with dg.DagsterInstance.from_config(str(home_folder / "dagster")) as dagster:
            yield Server(folder, port, process, open_home(home_folder), dagster)
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, alive = psutil.wait_procs([psutil.Process(process.pid), *children], timeout=20)
        for member in alive:
            member.kill()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2) as reply:
            return "dagster_version" in json.load(reply)
    except OSError:
        return False


def test_files_settings_and_replacements_are_followed(server: Server, tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    write_clips(clips, (shortened(CLIPS[0], 3), shortened(CLIPS[3], 3), shortened(CLIPS[1], 3)))
    first, second, third = sorted(clips.iterdir(), key=lambda path: [CLIPS[0].name, CLIPS[3].name, CLIPS[1].name].index(path.name))
    server.wait("the webserver answers", lambda: answers(server.port))

    # Files that are dropped in arrive.
    server.drop(first.name, first)
    server.drop(second.name, second)
    server.wait("two files are done", lambda: server.in_step(2))
    assert sorted(server.dagster.get_dynamic_partitions(PARTITIONS_NAME)) == server.home.store.keys("tracks")
    groups, made, runs = server.groups(), server.per_video_files(), {run.run_id for run in server.dagster.get_runs()}
    assert groups

    # Another threshold, and back again while its run is under way: only matching runs, and the last word holds.
    settings_file.apply(server.home.folder, ["matching.threshold=0.99"])
    server.wait("the run for the new threshold begins", lambda: any(run.job_name == "match" for run in server.busy()))
    server.wait("0.99 is decided", lambda: len(server.groups()) > len(groups))
    settings_file.apply(server.home.folder, ["matching.threshold='auto'"])
    server.wait("auto is decided", lambda: server.in_step(2) and server.groups() == groups)
    assert server.per_video_files() == made
    assert set(server.jobs_since(runs)) == {"match"}
    assert len(server.jobs_since(runs)) == 2

    # A recording that is overwritten by another of its name takes its place.
    server.drop(second.name, third)
    server.wait("the replacement is done", lambda: set(server.per_video_files()) != set(made) and server.in_step(2))
    assert sorted(server.dagster.get_dynamic_partitions(PARTITIONS_NAME)) == server.home.store.keys("tracks")
    kept = {path: when for path, when in server.per_video_files().items() if path in made}
    assert len(kept) == len(pipeline_assets())
    assert kept.items() <= made.items(), "the other video was left alone"

    # A file that is taken away stays known.
    (server.card / first.name).unlink()
    assert sorted(video_rows(server.home)["status"]) == ["done", "missing"]
    assert len(server.dagster.get_dynamic_partitions(PARTITIONS_NAME)) == 2
    failed = server.dagster.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    assert [run.job_name for run in failed] == []
    print("\nseconds:", server.seconds)
