"""`meetbefore doctor`: checks the installation, the models, the home and the Dagster instance."""

import platform
import shutil
import statistics
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

import polars as pl
from rich.console import Console

from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.encounters.make_tables import is_scored
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.run_history import all_runs
from meetbefore_assets.identities.match import is_matched
from meetbefore_assets.identities.policy import policy, usable_tracks
from meetbefore_assets.publishing.database import database_path, failure_rows, is_published
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.running.instance_health import LATEST_RUNS, Finding, instance_findings
from meetbefore_assets.upkeep.checks import index_in_step, torn_as_finding
from meetbefore_assets.upkeep.verify_record import litter_of

PACKAGES = (
    *("meetbefore", "dagster", "duckdb", "polars", "av", "opencv-python-headless", "insightface", "onnxruntime", "onnxruntime-gpu"),
    *("onnxruntime-openvino", "faiss-cpu", "faiss-gpu"),
)
LITTLE_FREE_BYTES = 2 * 2**30


def examine(home: Home, console: Console) -> bool:
    """Print the findings; False if something needs attention."""
    sections: tuple[Callable[[Home], Iterator[Finding]], ...] = (
        *(_installed, _place, _models, _policy, _state),
        *(index_findings, litter_findings, pace_findings, instance_findings),
    )
    is_well = True
    for section in sections:
        try:
            for name, text, is_good in section(home):
                console.print(f"{'[green]ok[/green]  ' if is_good else '[red]look[/red]'} {name}: {printable(text)}")
                is_well &= is_good
        except MeetbeforeError as error:
            console.print(f"[red]look[/red] {printable(str(error))}")
            is_well = False
    return is_well


def _installed(_home: Home) -> Iterator[Finding]:
    found = [f"{name} {text}" for name in PACKAGES if (text := _version(name))]
    yield "installed", f"Python {platform.python_version()}, " + ", ".join(found), True
    runtimes = [name for name in PACKAGES if name.startswith("onnxruntime") and _version(name)]
    if len(runtimes) > 1:
        yield "onnxruntime", f"{' and '.join(runtimes)} are installed, and overwrite each other; expected one of them", False


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _place(home: Home) -> Iterator[Finding]:
    existing = next(folder for folder in (home.folder, *home.folder.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    yield "home", f"{home.folder}, {free / 2**30:.1f} GiB free", free > LITTLE_FREE_BYTES
    for source in home.sources():
        is_there = not home.adapters.recordings.scan([source]).missing if isinstance(source, str) else source.exists()
        yield "source", f"{source}{'' if is_there else ' is not there'}", is_there or not home.settings().sources
    if home.shared_uri:
        yield "store", f"{home.shared_uri}, {len(home.store.keys('sources'))} videos on record", True
        has_locks = bool(home.settings().store.postgres)
        locks = (
            "in Postgres" if has_locks else "in this home only: one machine at a time may work on the archive (store.postgres lets several)"
        )
        yield "locks", locks, True
    yield "time zone", home.zone(), True


def _models(home: Home) -> Iterator[Finding]:
    found = home.found_pack()
    yield "pack", f"{found.name}: {found.detector_id}, {found.recogniser_id}. {found.licence}", True
    wanted = home.settings().models.device
    pack = home.loaded_pack()
    yield "device", f"asked for {wanted}, obtained {pack.device} (detector: {pack.detector_device})", wanted in ("auto", pack.device)


def _policy(home: Home) -> Iterator[Finding]:
    decided = policy(home)
    yield "matching", f"threshold {decided.threshold:.3f} ({decided.threshold_source})", True


def _state(home: Home) -> Iterator[Finding]:
    statuses = all_statuses(home)
    if not statuses:
        yield "record", "empty: `meetbefore run FOLDER` takes recordings in", True
        return
    failed = failure_rows(home)
    waiting = [status.video_id for status in statuses if status.todo and status.video_id not in failed and status.is_present]
    away = [status.video_id for status in statuses if not status.is_present]
    yield "videos", f"{len(statuses)} known, {len(failed)} failed, {len(away)} whose file is not there", not failed
    yield "to compute", f"{len(waiting)} videos" + (": `meetbefore run` does it" if waiting else ""), not waiting
    if usable_tracks(home, home.found_pack().recogniser_id):
        yield "identities", _step(is_matched(home)), is_matched(home)
        yield "scores", _step(is_scored(home)), is_scored(home)
    yield "database", f"{database_path(home)} {_step(is_published(home))}", is_published(home)


def _step(is_in_step: bool) -> str:
    return "in step" if is_in_step else "out of step: `meetbefore run` mends it"


def index_findings(home: Home) -> Iterator[Finding]:
    """Whether the face index holds just the tracks on record."""
    if usable_tracks(home, home.found_pack().recogniser_id):
        found = torn_as_finding(lambda: index_in_step(home)).findings
        yield "index", "in step" if not found else f"{' '.join(found)} `meetbefore run` builds it anew", not found


def litter_findings(home: Home) -> Iterator[Finding]:
    """Temporary files of processes that died."""
    found = litter_of(home)
    if found:
        size = sum(path.stat().st_size for path in found)
        yield "litter", f"{len(found)} temporary files, {size / 2**20:.1f} MiB, of processes that died: the job upkeep deletes them", True


def pace_findings(home: Home) -> Iterator[Finding]:
    """How fast videos were searched lately, and before."""
    done = all_runs(home).filter(pl.col("outcome") == "done")
    for asset, column, unit in (("detections", "moments_per_s", "moments"), ("embeddings", "faces_per_s", "faces")):
        paces = done.filter((pl.col("asset") == asset) & pl.col(column).is_not_null())[column]
        if paces.is_empty():
            continue
        numbers = paces.to_list()
        latest, before = numbers[-LATEST_RUNS:], numbers[:-LATEST_RUNS]
        was = f" ({statistics.median(before):.1f} before)" if before else ""
        yield (
            f"pace of {asset}",
            f"{statistics.median(latest):.1f} {unit} a second in the middle of the last {len(latest)} videos{was}",
            True,
        )
