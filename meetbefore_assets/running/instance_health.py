"""Health of the Dagster instance, for doctor: runs, daemon, sensors, schedules."""

import datetime as dt
import time
from collections.abc import Iterator

from meetbefore_assets.home.home import Home

# (what was checked, a sentence, whether all is well)
Finding = tuple[str, str, bool]

LATEST_RUNS = 20
HEARTBEAT_S = 300.0
WEEK_DAYS = 7


def instance_findings(home: Home) -> Iterator[Finding]:
    """Check runs, daemon, sensors and schedules; empty if the home has no instance yet."""
    folder = home.folder / "dagster"
    if not (folder / "dagster.yaml").exists():
        return
    from meetbefore_assets.running.instance import open_instance

    with open_instance(home.folder) as instance:
        yield from _runs(instance)
        beats = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
        is_running = bool(beats) and time.time() - max(beats) < HEARTBEAT_S
        last = f"last seen {dt.datetime.fromtimestamp(max(beats)):%Y-%m-%d %H:%M}" if beats else "never started here"
        yield "daemon", "running: sensors and schedules work" if is_running else f"not running, {last}; to start it: meetbefore ui", True
        for state in instance.all_instigator_state():
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
            said = (
                f"last check {dt.datetime.fromtimestamp(ticks[0].timestamp):%Y-%m-%d %H:%M}: {_tick(ticks[0])}"
                if ticks
                else "never checked"
            )
            yield f"{state.instigator_type.value.lower()} {state.instigator_name}", said, not ticks or ticks[0].status.value != "FAILURE"


def _tick(tick: object) -> str:
    status = str(getattr(tick, "status").value).lower()  # noqa: B009 (Dagster's type is not public)
    return f"{status} ({reason})" if (reason := getattr(tick, "skip_reason", None)) else status


def _runs(instance: object) -> Iterator[Finding]:
    import dagster as dg

    from meetbefore_assets.running.instance import BUSY, dead_runs

    assert isinstance(instance, dg.DagsterInstance)
    since = dt.datetime.now(dt.UTC) - dt.timedelta(days=WEEK_DAYS)
    recent = instance.get_run_records(dg.RunsFilter(created_after=since))
    failed = [record for record in recent if record.dagster_run.status is dg.DagsterRunStatus.FAILURE]
    busy = [record for record in recent if record.dagster_run.status in BUSY]
    text = f"{len(recent)} in {WEEK_DAYS} days, {len(failed)} failed, {len(busy)} running"
    last = f"; last: {recent[0].dagster_run.job_name}, {recent[0].dagster_run.status.value.lower()}" if recent else ""
    yield "runs", text + last, True
    dead = dead_runs(instance)
    if dead:
        yield "dead runs", f"{len(dead)} of crashed processes; the next check closes them", True
