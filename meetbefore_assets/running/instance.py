"""The Dagster instance of a home: one for the command line, the UI and the daemon."""

import contextlib
import logging
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
from alembic.util.exc import CommandError
from dagster._core.launcher import RunLauncher, WorkerStatus
from sqlalchemy.exc import DBAPIError

from meetbefore_assets.core.errors import MeetbeforeError, StoreError
from meetbefore_assets.running.partitions import AT_ONCE, PARTITIONS_NAME
from meetbefore_assets.storage.atomic_file import write_private
from meetbefore_assets.storage.file_locks import hold

HOST_TAG, BOOT_TAG, PID_TAG, BORN_TAG = (
    ".dagster/meetbefore_host",
    ".dagster/meetbefore_boot",
    ".dagster/meetbefore_pid",
    ".dagster/meetbefore_born",
)
# A run that is executed once more takes over the tags of the first: they count for the run that they name.
RUN_TAG = ".dagster/meetbefore_run"
_LAID_OUT_S = 300.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ALIVE = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
BUSY = [dg.DagsterRunStatus.QUEUED, *_ALIVE]

_CONFIG = """\
# Written by meetbefore for this home; edit it as you like, it is not written again.
# No folder is named: everything lies beside this file, wherever the home is moved to.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 2
run_monitoring:
  enabled: true
retention:
  sensor:
    purge_after_days: {skipped: 2, success: 14, failure: 30, started: 7}
  schedule:
    purge_after_days: 90
"""


def prepare(home_folder: Path) -> Path:
    """Make the instance's folder and point this process (and its children) to it."""
    folder = home_folder.absolute() / "dagster"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = folder / "dagster.yaml"
    if not config.exists():
        write_private(config, _CONFIG.encode(), durable=True)
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    os.environ["MEETBEFORE_HOME"] = str(home_folder.absolute())
    return folder


def enter_instance(home_folder: Path) -> dg.DagsterInstance:
    """The instance of a home; whoever calls this closes it.

    Of processes that come at the same time, one lays out Dagster's databases while the others wait: at once, they would note two
    beginnings there, which Dagster never reads again.

    Raises:
        StoreError: what Dagster keeps there is torn.
    """
    prepare(home_folder)
    with hold(home_folder / "locks", "dagster", _LAID_OUT_S):
        try:
            return dg.DagsterInstance.get()
        except CommandError as error:
            raise StoreError(
                f"what Dagster notes in {home_folder / 'dagster'} is torn ({error}).",
                remedy=f"Delete {home_folder / 'dagster' / 'history'} and run again: Dagster forgets old runs, what they made is kept.",
            ) from error


@contextlib.contextmanager
def open_instance(home_folder: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of a home.

    Raises:
        StoreError: what Dagster keeps there cannot be read or written, or is torn.
    """
    try:
        with enter_instance(home_folder) as instance:
            yield instance
    except DBAPIError as error:
        raise explain_error(home_folder, error) from error


def explain_error(home_folder: Path, error: Exception) -> MeetbeforeError:
    """This machine's trouble in words: a full disk, a file that must not be written to; no video is to blame."""
    if isinstance(error, MeetbeforeError):
        return error
    said = str(error.orig) if isinstance(error, DBAPIError) else f"{type(error).__name__}: {error}"
    return StoreError(
        f"what Dagster notes in {home_folder / 'dagster'} could not be read or written ({said}); the disk has "
        f"{shutil.disk_usage(home_folder).free / 1e6:.1f} MB free.",
        remedy="Free some space or check the permissions, then run again: what was finished is kept.",
    )


def process_tags(run_id: str) -> dict[str, str]:
    """Tells whether the process behind a run is alive, whoever asks."""
    return {
        RUN_TAG: run_id,
        HOST_TAG: socket.gethostname(),
        BOOT_TAG: _boot(),
        PID_TAG: f"{os.getpid()}",
        BORN_TAG: f"{_born_s(psutil.Process()):.2f}",
    }


def _boot() -> str:
    """Names this start of the machine; the time of it moves when the clock is set."""
    return _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.exists() else str(int(psutil.boot_time()))


def _is_this_boot(boot: str) -> bool:
    now = _boot()
    return boot == now or (boot.isdecimal() and abs(int(boot) - int(psutil.boot_time())) < 120)


def _born_s(process: psutil.Process) -> float:
    """Seconds from the start of the machine to that of a process, which setting the clock does not change."""
    return float(process.create_time() - psutil.boot_time())


def claim_run(instance: dg.DagsterInstance, run: dg.DagsterRun | None) -> None:
    """Write down which process is behind a run, unless its tags say so: Dagster's launcher cannot tell a dead one."""
    if run is not None and run.tags.get(RUN_TAG) != run.run_id and instance.has_run(run.run_id):
        instance.add_run_tags(run.run_id, process_tags(run.run_id))


def dead_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that look busy although their process is gone."""
    return [run for run in instance.get_runs(dg.RunsFilter(statuses=_ALIVE)) if _is_dead(run.run_id, run.tags)]


def never_started(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that were handed to a cluster, which lost them before they began; Dagster itself waits for those until it gives up."""
    launcher = instance.run_launcher
    if not launcher.supports_check_run_worker_health:
        return []
    starting = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING]))
    return [run for run in starting if _is_lost(launcher, run)]


def _is_lost(launcher: RunLauncher[Any], run: dg.DagsterRun) -> bool:
    try:
        return launcher.check_run_worker_health(run).status is WorkerStatus.FAILED
    except Exception as error:  # each launcher has its own; a cluster that cannot be asked has lost nothing as far as we know
        logging.getLogger(__name__).warning("%s could not be asked for run %s: %s", type(launcher).__name__, run.run_id, error)
        return False


def close_dead_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs whose process is gone as failed, so that they neither look busy nor hold anything."""
    dead = dead_runs(instance) + never_started(instance)
    for run in dead:
        message = "The process behind this run is gone; what it had written is kept, and the next run goes on."
        if run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, message)
        else:
            instance.report_run_failed(run, message)
    return len(dead)


def _is_dead(run_id: str, tags: Mapping[str, str]) -> bool:
    """Whether the process is known to be gone; of other machines nothing is known."""
    if tags.get(RUN_TAG) != run_id or tags.get(HOST_TAG) != socket.gethostname():
        return False
    if not _is_this_boot(tags[BOOT_TAG]):
        return True
    try:
        process = psutil.Process(int(tags[PID_TAG]))
        # The number may have gone to another process since.
        is_other = BORN_TAG in tags and abs(_born_s(process) - float(tags[BORN_TAG])) > 2
        return is_other or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def add_partitions(instance: dg.DagsterInstance, video_ids: Iterable[str]) -> None:
    """Have the UI know these videos."""
    known = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
    new = [video_id for video_id in dict.fromkeys(video_ids) if video_id not in known]
    for at in range(0, len(new), AT_ONCE):
        instance.add_dynamic_partitions(PARTITIONS_NAME, new[at : at + AT_ONCE])


def drop_partitions(instance: dg.DagsterInstance, video_ids: Iterable[str]) -> None:
    """Have the UI forget these videos."""
    known = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
    for video_id in video_ids:
        if video_id in known:
            instance.delete_dynamic_partition(PARTITIONS_NAME, video_id)
