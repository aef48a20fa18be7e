"""What doctor says of operations: index, pace over time, and what the Dagster instance of the home knows."""

import datetime as dt
import statistics
import time
from collections.abc import Iterator

import polars as pl

from meetbefore_assets.steps.checking import guarded, index_in_step
from meetbefore_assets.steps.policy import usable_tracks
from meetbefore_assets.steps.run_history import all_runs
from meetbefore_assets.steps.upkeep import litter_of
from meetbefore_assets.workbench import Workbench

Finding = tuple[str, str, bool]
LATEST_RUNS = 20
HEARTBEAT_S = 300.0
WEEK_DAYS = 7


def index(bench: Workbench) -> Iterator[Finding]:
    """Whether the face index holds just the tracks on record."""
    if usable_tracks(bench, bench.found_pack().recogniser_id):
        found = guarded(lambda: index_in_step(bench)).findings
        yield "index", "in step" if not found else f"{' '.join(found)} `meetbefore run` builds it anew", not found


def litter(bench: Workbench) -> Iterator[Finding]:
    """Temporary files of processes that died."""
    found = litter_of(bench)
    if found:
        size = sum(path.stat().st_size for path in found)
        yield "litter", f"{len(found)} temporary files, {size / 2**20:.1f} MiB, of processes that died: the job upkeep deletes them", True


def pace(bench: Workbench) -> Iterator[Finding]:
    """How fast videos were searched lately, and before."""
    done = all_runs(bench).filter(pl.col("outcome") == "done")
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


def operations(bench: Workbench) -> Iterator[Finding]:
    """Runs, daemon, sensors and schedules; nothing where the home has no instance yet."""
    folder = bench.home / "dagster"
    if not (folder / "dagster.yaml").exists():
        return
    from meetbefore_assets.instance import opened

    with opened(bench.home) as instance:
        yield from _runs(instance)
        beats = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
        is_running = bool(beats) and time.time() - max(beats) < HEARTBEAT_S
        last = f"last seen {dt.datetime.fromtimestamp(max(beats)):%Y-%m-%d %H:%M}" if beats else "never started here"
        yield "daemon", "running: sensors and schedules work" if is_running else f"not running, {last}; `dagster dev` starts it", True
        for state in instance.all_instigator_state():
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
            said = (
                f"last look {dt.datetime.fromtimestamp(ticks[0].timestamp):%Y-%m-%d %H:%M}: {_tick(ticks[0])}" if ticks else "never looked"
            )
            yield f"{state.instigator_type.value.lower()} {state.instigator_name}", said, not ticks or ticks[0].status.value != "FAILURE"


def _tick(tick: object) -> str:
    status = str(getattr(tick, "status").value).lower()  # noqa: B009 (Dagster's type is not public)
    return f"{status} ({reason})" if (reason := getattr(tick, "skip_reason", None)) else status


def _runs(instance: object) -> Iterator[Finding]:
    import dagster as dg

    from meetbefore_assets.instance import BUSY, dead_runs

    assert isinstance(instance, dg.DagsterInstance)
    since = dt.datetime.now(dt.UTC) - dt.timedelta(days=WEEK_DAYS)
    recent = instance.get_run_records(dg.RunsFilter(created_after=since))
    failed = [record for record in recent if record.dagster_run.status is dg.DagsterRunStatus.FAILURE]
    busy = [record for record in recent if record.dagster_run.status in BUSY]
    text = f"{len(recent)} in {WEEK_DAYS} days, {len(failed)} failed, {len(busy)} under way"
    last = f"; the last: {recent[0].dagster_run.job_name}, {recent[0].dagster_run.status.value.lower()}" if recent else ""
    yield "runs", text + last, True
    dead = dead_runs(instance)
    if dead:
        yield "dead runs", f"{len(dead)} of processes that are gone; whatever looks next closes them", True
