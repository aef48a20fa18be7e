"""A cluster on one machine (S3 server, Postgres, Ray with two workers, Dagster's daemon) must find the same people as `meetbefore run`.

    python -m benchmarks.cluster --videos DIR --clips 4 --spread runs
    python -m benchmarks.cluster --videos DIR --clips 4 --spread steps --kill

The recordings are uploaded to a bucket, the parts of the cluster are started by deploy/ray/start.sh, and the sensors do the rest. With
--kill a worker is killed (-9) with all that runs on it as soon as something is on record, and stays away; the other one takes over its
work. In the end the content tables of the published database are compared with those of a plain run over the same files.

Everything listens on this machine; ray, dagster-ray and dagster-postgres are needed (`uv sync --group ray --group postgres`).
"""

import argparse
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import requests

from benchmarks.crash import ROOT, is_done, kill_all, prepare, run_command
from meetbefore_assets.core.schema.lists import published_tables
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.open_home import open_home
from meetbefore_assets.publishing.database import database_path, open_published, vector_size
from meetbefore_assets_tests.support import postgres, s3

WORKERS = ("first", "second")
# Names of the machine, not of what was found.
ELSEWHERE = {"videos": ["uri"]}
BOX = {"x1", "y1", "x2", "y2"}
START = [str(ROOT / "deploy" / "ray" / "start.sh")]


def differences(one: Path, other: Path) -> list[str]:
    """Content tables of two published databases that differ: floats by more than 1e-4, boxes by more than 0.1 pixels."""
    found = []
    for table in published_tables():
        if table.is_history:
            continue
        first, second = (_rows(path, table.name).sort(list(table.key)) for path in (one, other))
        if first.height != second.height:
            found.append(f"{table.name}: {first.height} and {second.height} rows")
            continue
        found += [f"{table.name}.{column}" for column in first.columns if not _same(first[column], second[column], column in BOX)]
    return found


def _rows(path: Path, table: str) -> pl.DataFrame:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.sql(
            f"select * exclude ({', '.join(ELSEWHERE.get(table, ['none']))}) from {table}".replace(" exclude (none)", "")
        ).pl()


def _same(one: pl.Series, other: pl.Series, is_box: bool) -> bool:
    if one.dtype.is_nested():
        one, other = (series.explode() for series in (one, other))
    if not one.dtype.is_float():
        return one.equals(other)
    apart = (one - other).abs().max()
    return (one.is_null() == other.is_null()).all() and (apart is None or float(apart) <= (0.1 if is_box else 1e-4))  # type: ignore[arg-type]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """The processes of deploy/ray/start.sh; all are killed in the end."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder, self.parts = folder, dict[str, subprocess.Popen[bytes]]()
        self._ports = {"RAY_PORT": str(free_port()), "RAY_DASHBOARD_PORT": str(free_port())}
        lines = {**variables, **self._ports, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(folder / "token")}
        self._file = folder / "cluster.env"
        self._file.write_text("".join(f"{name}='{value}'\n" for name, value in lines.items()))
        self._file.chmod(0o600)

    def start(self, part: str, name: str = "", options: str = "", said: str = "") -> None:
        """Start a part and wait until its log contains certain words."""
        key = name or part
        environment = {
            **{variable: value for variable, value in os.environ.items() if not variable.startswith(("AWS_", "MEETBEFORE_", "DAGSTER_"))},
            "MEETBEFORE_ENV": str(self._file),
            "OMP_NUM_THREADS": "1",
            "RAY_WORKER_OPTIONS": options,
            "RAY_HEAD_OPTIONS": options,
        }
        log = self._folder / f"{key}.log"
        with log.open("ab") as target:
            command = [*START, part, str(self._folder), *([name] if name else [])]
            self.parts[key] = subprocess.Popen(command, stdout=target, stderr=target, env=environment, cwd=self._folder)
        deadline = time.monotonic() + 180
        while said not in log.read_text():
            if self.parts[key].poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{key} did not start: {log.read_text()[-2000:]}")
            time.sleep(0.5)

    def kill(self, key: str) -> int:
        """Kill -9 a part with all its child processes, as if its machine lost power."""
        return kill_all(self.parts.pop(key))

    def stop(self) -> None:
        for key in reversed(list(self.parts)):
            self.kill(key)


@contextmanager
def cluster(folder: Path, variables: Mapping[str, str]) -> Iterator[Cluster]:
    made = Cluster(folder, variables)
    try:
        # Ray's own client server is not needed; it has a port of its own all the same.
        made.start(
            "head",
            options=f"--ray-client-server-port={free_port()} --object-store-memory=100000000 --temp-dir={folder / 'ray'}",
            said="block",
        )
        for name in WORKERS:
            options = f"--num-cpus=1 --object-store-memory=100000000 --dashboard-agent-listen-port={free_port()}"
            made.start("worker", name, options, said="block forever")
        made.start("daemon")
        yield made
    finally:
        made.stop()


def upload(videos: list[Path], bucket: str) -> None:
    for video in videos:
        address = f"{s3.endpoint()}/{bucket.removeprefix('s3://')}/videos/{video.name}"
        requests.put(address, data=video.read_bytes(), timeout=60).raise_for_status()


def wait(home_folder: Path, watched: Cluster, longest_s: float, is_killed: bool) -> str:
    """Wait until everything is processed, matched and published; prints what was killed meanwhile."""
    told, deadline, before = "nobody was killed", time.monotonic() + longest_s, Counter[str]()
    while not is_done(home_folder):
        home = open_home(home_folder)
        now = Counter({asset: len(home.store.keys(asset)) for asset in ("videos", "detections", "tracks", "people")})
        if now != before:
            print(f"  {time.strftime('%T')} on record: {dict(now)}", flush=True)
            before = now
        if is_killed and now["videos"] and WORKERS[0] in watched.parts:
            told = f"{WORKERS[0]} was killed with {watched.kill(WORKERS[0])} processes when {dict(now)} were on record"
            print(f"  {time.strftime('%T')} {told}", flush=True)
        dead = [key for key, process in watched.parts.items() if process.poll() is not None]
        if dead or time.monotonic() > deadline:
            raise SystemExit(f"{', '.join(dead) or 'nothing'} ended; not done after {longest_s:.0f} s")
        time.sleep(4)
    return told


def made_where(folder: Path) -> dict[str, int]:
    """Number of tables that each part of the cluster has written."""
    logs = {path.parents[2].name: path for path in folder.glob("*/dagster/logs/meetbefore.jsonl")}
    return {name: sum(json.loads(line).get("event") == "made" for line in path.read_text().splitlines()) for name, path in logs.items()}


def runs_of(folder: Path, database: str) -> dict[str, int]:
    """Number of runs by job and status, and of retried steps."""
    os.environ["DAGSTER_HOME"], os.environ["MEETBEFORE_LOGS"] = str(folder / "dagster"), str(folder / "logs")
    os.environ["DAGSTER_POSTGRES"] = f"postgresql+psycopg2://{database.partition('://')[2]}"
    os.environ["RAY_API_SERVER_ADDRESS"] = "http://127.0.0.1:1"
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs()
        counts = Counter(f"{run.job_name} {run.status.value}" for run in runs)
        retried = sum(len(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)) for run in runs)
    return {**counts, "steps tried again": retried}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, required=True, help="folder with recordings")
    parser.add_argument("--clips", type=int, default=4, help="how many of them")
    parser.add_argument("--spread", choices=["runs", "steps"], default="runs", help="what becomes a job of the cluster")
    parser.add_argument("--pieces", type=int, default=0, help="moments of a piece, where videos are shared too (with --spread steps)")
    parser.add_argument("--kill", action="store_true", help="kill a worker in the middle")
    parser.add_argument("--longest-s", type=float, default=1800.0)
    parser.add_argument("--postgres", default="", help="postgresql://… of a server with an empty database; one is started otherwise")
    chosen = parser.parse_args()
    database = chosen.postgres or postgres.address()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
    folder = Path(tempfile.mkdtemp(prefix="mb-cluster-"))
    clips = folder / "clips"
    clips.mkdir()
    for video in sorted(path for path in chosen.videos.iterdir() if path.suffix.lower() in (".mp4", ".mov"))[: chosen.clips]:
        shutil.copy2(video, clips)
    prepare(folder / "plain", clips)
    begun = time.monotonic()
    subprocess.run([*run_command(clips, folder / "plain"), "--jobs", "2"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    print(f"one machine: {chosen.clips} recordings in {time.monotonic() - begun:.0f} s", flush=True)

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    bucket = s3.new_bucket()
    upload(sorted(clips.iterdir()), bucket)
    variables = {
        **s3.environment(),
        "MEETBEFORE_STORE": f"{bucket}/archive",
        "MEETBEFORE_POSTGRES": database,
        "MEETBEFORE_SPREAD": chosen.spread,
        "MEETBEFORE_CPUS": "1",
        **({"MEETBEFORE_PIECE_MOMENTS": str(chosen.pieces)} if chosen.pieces else {}),
    }
    os.environ.update(variables)
    home_folder = folder / "looker"
    settings_file.apply(home_folder, [f"sources=['{bucket}/videos']", "time.zone='UTC'", "upkeep.watch_s=5"])
    begun = time.monotonic()
    with cluster(folder, variables) as made:
        print(f"cluster of {len(WORKERS)} workers: started in {time.monotonic() - begun:.0f} s", flush=True)
        begun = time.monotonic()
        told = wait(home_folder, made, chosen.longest_s, chosen.kill)
        print(f"cluster, {chosen.spread}: done in {time.monotonic() - begun:.0f} s; {told}", flush=True)
        home = open_home(home_folder)
        with open_published(home).snapshot(vector_size(home)):
            wrong = differences(folder / "plain" / "meetbefore.duckdb", database_path(home))
        print(f"tables written by: {made_where(folder)}")
        print(f"runs: {runs_of(folder, database)}")
    print(f"content tables that differ from those of one machine: {wrong or 'none'}", flush=True)
    if wrong:
        raise SystemExit(f"kept in {folder}")
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
