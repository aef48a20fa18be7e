"""`meetbefore doctor`: checks the installation, the models, the home and the Dagster instance."""

import platform
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence

import polars as pl
from rich.console import Console

from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core import words
from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.core.installing import installed_version
from meetbefore_assets.encounters.make_tables import is_scored
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.run_history import all_runs
from meetbefore_assets.identities.match import is_matched
from meetbefore_assets.identities.policy import policy, usable_tracks
from meetbefore_assets.identities.stored_corrections import torn_corrections
from meetbefore_assets.publishing.database import database_path, failure_rows, is_published
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.running.instance_health import LATEST_RUNS, Finding, instance_findings
from meetbefore_assets.running.libraries import broken_libraries
from meetbefore_assets.upkeep.access import access_of_home, close_home
from meetbefore_assets.upkeep.checks import index_in_step, torn_as_finding
from meetbefore_assets.upkeep.verify_record import litter_of

PACKAGES = ("meetbefore", "dagster", "duckdb", "polars", "av", "opencv-python-headless", "opencv-python", "insightface")
# Packages that install the same module: the one installed last overwrites the others.
RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino")
SEARCHES = ("faiss-cpu", "faiss-gpu")
LITTLE_FREE_BYTES = 2 * 2**30


def examine(home: Home, console: Console) -> bool:
    """Print the findings; False if something needs attention."""
    sections: tuple[Callable[[Home], Iterator[Finding]], ...] = (
        *(_installed, _place, _models, _policy, _state),
        *(access_findings, index_findings, leftover_findings, pace_findings, instance_findings),
    )
    is_well = True
    for section in sections:
        try:
            for name, text, is_good in section(home):
                console.print(f"{'[green]ok[/green]   ' if is_good else '[red]check[/red]'} {name}: {printable(text)}")
                is_well &= is_good
        except MeetbeforeError as error:
            console.print(f"[red]check[/red] {printable(str(error))}")
            is_well = False
        except (ImportError, AttributeError) as error:
            if not broken_libraries():
                raise
            console.print(f"[red]check[/red] {section.__name__.strip('_')}: not checked: a library is missing ({printable(str(error))})")
            is_well = False
    return is_well


def _installed(_home: Home) -> Iterator[Finding]:
    yield "installed", f"Python {platform.python_version()}, {', '.join(_versions(PACKAGES))}", True
    broken = broken_libraries()
    for error in broken:
        yield "library", str(error), False
    if broken:
        return
    from meetbefore_assets.faces.models.devices import runtime_in_force
    from meetbefore_assets.identities.vector_index.faiss_memory import faiss_in_force

    yield "models run on", _in_force(runtime_in_force(), RUNTIMES), True
    yield "search runs on", _in_force(faiss_in_force(), SEARCHES), True


def _in_force(name: str, packages: Sequence[str]) -> str:
    others = [text for text in _versions(packages) if text != name]
    return f"{name}, installed over {' and '.join(others)}" if others else name


def _versions(packages: Sequence[str]) -> list[str]:
    return [f"{name} {text}" for name in packages if (text := installed_version(name))]


def _place(home: Home) -> Iterator[Finding]:
    existing = next(folder for folder in (home.folder, *home.folder.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    yield "home", f"{home.folder}, {free / 2**30:.1f} GiB free", free > LITTLE_FREE_BYTES
    for source in home.sources():
        if not home.adapters.recordings.is_away(source):
            yield "source", str(source), True
        elif home.settings().sources:
            yield "source", words.folder_not_found(str(source)), False
        else:
            yield "source", f"none yet: `meetbefore run FOLDER` adds one, or put recordings into {source}", True
    if home.shared_uri:
        yield "store", f"{home.shared_uri}, {len(home.store.keys('sources'))} videos", True
        has_locks = bool(home.settings().store.postgres)
        locks = (
            "in Postgres"
            if has_locks
            else "in this home only: one machine at a time may work on the archive (for several, set store.postgres)"
        )
        yield "locks", locks, True
    yield "time zone", home.zone(), True


def _models(home: Home) -> Iterator[Finding]:
    found = home.model_pack()
    yield "pack", f"{found.name}: {found.detector_id}, {found.recogniser_id}. {found.licence}", True
    about = found.recogniser
    if about.separation is not None:
        fed = "as they are" if about.input_std == 1 else f"as (pixel - {about.input_mean:g}) / {about.input_std:g}"
        apart = f"one person's and strangers' pictures lie {about.separation:.1f} standard deviations apart"
        yield "recogniser", f"unknown, so it was tried on eight faces: it is given {about.colour_order}, pixels {fed} ({apart})", True
    wanted = home.settings().models.device
    pack = home.loaded_models()
    yield "device", f"{pack.device} (detector: {pack.detector_device}; setting: {wanted})", wanted in ("auto", pack.device)


def _policy(home: Home) -> Iterator[Finding]:
    decided = policy(home)
    about = home.model_pack().recogniser
    sure = about.evidence.sureness(decided.threshold) if about.evidence else None
    joins = f"joins from {words.sureness(sure)} sure on; " if sure is not None else ""
    yield "matching", f"threshold {decided.threshold:.3f} ({joins}{decided.threshold_source})", True
    if about.not_measured:
        yield "evidence", about.not_measured, True


def _state(home: Home) -> Iterator[Finding]:
    for error in torn_corrections(home):
        yield "correction", str(error), False
    statuses = all_statuses(home)
    if not statuses:
        yield "record", "empty; to import recordings: meetbefore run FOLDER", True
        return
    failed = failure_rows(home)
    waiting = [status.video_id for status in statuses if status.todo and status.video_id not in failed and status.is_present]
    away = [status.video_id for status in statuses if not status.is_present]
    yield "videos", f"{len(statuses)} known, {len(failed)} failed, {len(away)} whose file was not found", not failed
    yield "to process", f"{len(waiting)} videos" + (": run `meetbefore run`" if waiting else ""), not waiting
    if usable_tracks(home, home.model_pack().recogniser_id):
        yield "identities", _up_to_date(is_matched(home)), is_matched(home)
        yield "scores", _up_to_date(is_scored(home)), is_scored(home)
    yield "database", f"{database_path(home)} {_up_to_date(is_published(home))}", is_published(home)


def _up_to_date(is_current: bool) -> str:
    return "up to date" if is_current else "not up to date: run `meetbefore run`"


def index_findings(home: Home) -> Iterator[Finding]:
    """Check that the face index holds exactly the tracks on record."""
    if usable_tracks(home, home.model_pack().recogniser_id):
        found = torn_as_finding(lambda: index_in_step(home)).findings
        yield "index", "up to date" if not found else f"{' '.join(found)} To rebuild it: meetbefore run", not found


def access_findings(home: Home) -> Iterator[Finding]:
    """Check that other users of this machine cannot read the home."""
    if home.folder.is_dir():
        found = access_of_home(home).findings
        whose = "only you and its group" if home.settings().privacy.group_access else "only you"
        yield "access", found[0] if found else f"{whose} can read the home", not found


def fix_access(home: Home, console: Console) -> None:
    """Remove other users' access to the home, and print how many files were changed."""
    changed, refused = close_home(home)
    if changed:
        console.print(f"[green]fixed[/green] access: {words.count(changed, 'file or folder', 'files and folders')} closed to other users")
    if refused:
        console.print(
            f"[red]check[/red] access of {printable(str(refused[0]))} and {len(refused) - 1:,} more could not be changed: ask their owner"
        )


def leftover_findings(home: Home) -> Iterator[Finding]:
    """Report temporary files of crashed processes."""
    found = litter_of(home)
    if found:
        size = sum(path.stat().st_size for path in found)
        yield "leftovers", f"{len(found)} temporary files of crashed processes, {size / 2**20:.1f} MiB: the next run deletes them", True


def pace_findings(home: Home) -> Iterator[Finding]:
    """Report the speed of the latest videos, and of those before."""
    done = all_runs(home).filter(pl.col("outcome") == "done")
    for asset, column, unit in (("detections", "moments_per_s", "frames"), ("embeddings", "faces_per_s", "faces")):
        paces = done.filter((pl.col("asset") == asset) & pl.col(column).is_not_null())[column]
        if paces.is_empty():
            continue
        numbers = paces.to_list()
        latest, before = numbers[-LATEST_RUNS:], numbers[:-LATEST_RUNS]
        was = f" ({statistics.median(before):.1f} before)" if before else ""
        yield (
            f"speed of {asset}",
            f"{statistics.median(latest):.1f} {unit} per second, median of the last {len(latest)} videos{was}",
            True,
        )
