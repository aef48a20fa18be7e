"""`meetbefore doctor`: what is installed, where models run, and whether everything is in step."""

import platform
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console

from meetbefore_assets.errors import MeetbeforeError
from meetbefore_assets.report import doctor_operations as operations
from meetbefore_assets.report.terminal import printable
from meetbefore_assets.steps.matching import is_matched
from meetbefore_assets.steps.policy import policy, usable_tracks
from meetbefore_assets.steps.publishing import database_path, failure_rows, is_published
from meetbefore_assets.steps.scoring import is_scored
from meetbefore_assets.steps.status import all_statuses
from meetbefore_assets.workbench import Workbench

PACKAGES = (
    *("meetbefore", "dagster", "duckdb", "polars", "av", "opencv-python-headless", "insightface", "onnxruntime", "onnxruntime-gpu"),
    *("onnxruntime-openvino", "faiss-cpu", "faiss-gpu"),
)
LITTLE_FREE_BYTES = 2 * 2**30

Finding = tuple[str, str, bool]


def examine(bench: Workbench, console: Console) -> bool:
    """Print the findings; False if something needs attention."""
    sections: tuple[Callable[[Workbench], Iterator[Finding]], ...] = (
        *(_installed, _place, _models, _policy, _state),
        *(operations.index, operations.litter, operations.pace, operations.operations),
    )
    is_well = True
    for section in sections:
        try:
            for name, text, is_good in section(bench):
                console.print(f"{'[green]ok[/green]  ' if is_good else '[red]look[/red]'} {name}: {printable(text)}")
                is_well &= is_good
        except MeetbeforeError as error:
            console.print(f"[red]look[/red] {printable(str(error))}")
            is_well = False
    return is_well


def _installed(_bench: Workbench) -> Iterator[Finding]:
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


def _place(bench: Workbench) -> Iterator[Finding]:
    existing = next(folder for folder in (bench.home, *bench.home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    yield "home", f"{bench.home}, {free / 2**30:.1f} GiB free", free > LITTLE_FREE_BYTES
    for source in bench.sources():
        is_there = not bench.tools.scan([source]).missing if isinstance(source, str) else source.exists()
        yield "source", f"{source}{'' if is_there else ' is not there'}", is_there or not bench.settings().sources
    if bench.shared_uri:
        yield "store", f"{bench.shared_uri}, {len(bench.store.keys('sources'))} videos on record", True
        has_locks = bool(bench.settings().store.postgres)
        locks = (
            "in Postgres" if has_locks else "in this home only: one machine at a time may work on the archive (store.postgres lets several)"
        )
        yield "locks", locks, True
    yield "time zone", bench.zone(), True


def _models(bench: Workbench) -> Iterator[Finding]:
    found = bench.found_pack()
    yield "pack", f"{found.name}: {found.detector_id}, {found.recogniser_id}. {found.licence}", True
    wanted = bench.settings().models.device
    pack = bench.pack()
    yield "device", f"asked for {wanted}, obtained {pack.device} (detector: {pack.detector_device})", wanted in ("auto", pack.device)


def _policy(bench: Workbench) -> Iterator[Finding]:
    decided = policy(bench)
    yield "matching", f"threshold {decided.threshold:.3f} ({decided.threshold_source})", True


def _state(bench: Workbench) -> Iterator[Finding]:
    statuses = all_statuses(bench)
    if not statuses:
        yield "record", "empty: `meetbefore run FOLDER` takes recordings in", True
        return
    failed = failure_rows(bench)
    waiting = [status.video_id for status in statuses if status.todo and status.video_id not in failed and status.is_present]
    away = [status.video_id for status in statuses if not status.is_present]
    yield "videos", f"{len(statuses)} known, {len(failed)} failed, {len(away)} whose file is not there", not failed
    yield "to compute", f"{len(waiting)} videos" + (": `meetbefore run` does it" if waiting else ""), not waiting
    if usable_tracks(bench, bench.found_pack().recogniser_id):
        yield "identities", _step(is_matched(bench)), is_matched(bench)
        yield "scores", _step(is_scored(bench)), is_scored(bench)
    yield "database", f"{database_path(bench)} {_step(is_published(bench))}", is_published(bench)


def _step(is_in_step: bool) -> str:
    return "in step" if is_in_step else "out of step: `meetbefore run` mends it"
