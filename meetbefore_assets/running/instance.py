"""The Dagster instance of a home, shared by the command line, the UI and the daemon; finds and closes runs of dead processes."""

import contextlib
import logging
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import dagster as dg
import psutil
from alembic.util.exc import CommandError
from dagster._core.launcher import WorkerStatus
from sqlalchemy.exc import DBAPIError

from meetbefore_assets.core.errors import MeetbeforeError, StoreError
from meetbefore_assets.running.instance_folder import prepare
from meetbefore_assets.running.instance_storage import keep_what_is_the_same
from meetbefore_assets.running.partitions import AT_ONCE, PARTITIONS_NAME
from meetbefore_assets.storage.file_locks import hold
from meetbefore_assets.storage.private_folder import is_shared, set_access

HOST_TAG, BOOT_TAG, PID_TAG, BORN_TAG = (
    ".dagster/meetbefore_host",
    ".dagster/meetbefore_boot",
    ".dagster/meetbefore_pid",
    ".dagster/meetbefore_born",
)
# A re-executed run copies the tags of the first run; they only count for the run whose id is in this tag.
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


def enter_instance(home_folder: Path) -> dg.DagsterInstance:
    """Open the instance of a home; the caller closes it.

    If several processes open it at the same time, one creates Dagster's databases while the others wait: otherwise they would record two
    initial revisions, which Dagster cannot read.

    Raises:
        StoreError: Dagster's files are damaged.
    """
    prepare(home_folder)
    keep_what_is_the_same()
    with hold(home_folder / "locks", "dagster", _LAID_OUT_S):
        try:
            instance = dg.DagsterInstance.get()
            if is_shared(home_folder):  # SQLite's files are writable only for the user who created them
                set_access([home_folder / "dagster"], has_group=True)
            return instance
        except CommandError as error:
            raise StoreError(
                f"Dagster's files in {home_folder / 'dagster'} are damaged ({error}).",
                remedy=f"Delete {home_folder / 'dagster' / 'history'} and run again: old runs are forgotten, results are kept.",
            ) from error


@contextlib.contextmanager
def open_instance(home_folder: Path) -> Iterator[dg.DagsterInstance]:
    """Open the instance of a home, and close it at the end.

    Raises:
        StoreError: Dagster's files cannot be read or written, or are damaged.
    """
    try:
        with enter_instance(home_folder) as instance:
            yield instance
    except DBAPIError as error:
        raise explain_error(home_folder, error) from error


def explain_error(home_folder: Path, error: Exception) -> MeetbeforeError:
    """Explain an error of Dagster's storage (a full disk, missing permissions), which is not the fault of a video."""
    if isinstance(error, MeetbeforeError):
        return error
    said = str(error.orig) if isinstance(error, DBAPIError) else f"{type(error).__name__}: {error}"
    return StoreError(
        f"Dagster's files in {home_folder / 'dagster'} could not be read or written ({said}); the disk has "
        f"{shutil.disk_usage(home_folder).free / 1e6:.1f} MB free.",
        remedy="Free some space or check the permissions, then run again: finished work is kept.",
    )


def process_tags(run_id: str) -> dict[str, str]:
    """Tags that identify the process behind a run, so that anybody can tell whether it is alive."""
    return {
        RUN_TAG: run_id,
        HOST_TAG: socket.gethostname(),
        BOOT_TAG: _boot(),
        PID_TAG: f"{os.getpid()}",
        BORN_TAG: f"{_born_s(psutil.Process()):.2f}",
    }


def _boot() -> str:
    """Id of this boot of the machine (a boot time would change when the clock is set)."""
    return _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.exists() else str(int(psutil.boot_time()))


def _is_this_boot(boot: str) -> bool:
    now = _boot()
    return boot == now or (boot.isdecimal() and abs(int(boot) - int(psutil.boot_time())) < 120)


def _born_s(process: psutil.Process) -> float:
    """Seconds from boot to the start of a process, which setting the clock does not change."""
    return float(process.create_time() - psutil.boot_time())


def claim_run(instance: dg.DagsterInstance, run: dg.DagsterRun | None) -> None:
    """Tag a run with this process, unless it has such tags: Dagster's launcher does not notice that a process died."""
    if run is not None and run.tags.get(RUN_TAG) != run.run_id and instance.has_run(run.run_id):
        instance.add_run_tags(run.run_id, process_tags(run.run_id))


def dead_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Unfinished runs whose process is gone."""
    return [run for run in instance.get_runs(dg.RunsFilter(statuses=_ALIVE)) if _is_dead(run.run_id, run.tags)]


def never_started(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that a cluster lost before they started; Dagster itself waits for them until its timeout."""
    if not instance.run_launcher.supports_check_run_worker_health:
        return []
    starting = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING]))
    return [run for run in starting if _is_lost(instance, run)]


def _is_lost(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    launcher = instance.run_launcher
    try:
        return launcher.check_run_worker_health(run).status is WorkerStatus.FAILED
    except Exception as error:  # each launcher raises its own; a run counts as lost only if the cluster says so
        logging.getLogger(__name__).warning("%s could not be asked for run %s: %s", type(launcher).__name__, run.run_id, error)
        return False


def close_dead_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs whose process is gone as failed, so that nothing waits for them; returns how many."""
    dead = dead_runs(instance) + never_started(instance)
    for run in dead:
        message = "The process behind this run is gone; what it had written is kept, and the next run goes on."
        if run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, message)
        else:
            instance.report_run_failed(run, message)
    return len(dead)


def _is_dead(run_id: str, tags: Mapping[str, str]) -> bool:
    """Whether the process of a run is gone; False for processes of other machines, which cannot be checked."""
    if tags.get(RUN_TAG) != run_id or tags.get(HOST_TAG) != socket.gethostname():
        return False
    if not _is_this_boot(tags[BOOT_TAG]):
        return True
    try:
        process = psutil.Process(int(tags[PID_TAG]))
        # Another process may have the same number by now.
        is_other = BORN_TAG in tags and abs(_born_s(process) - float(tags[BORN_TAG])) > 2
        return is_other or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def add_partitions(instance: dg.DagsterInstance, video_ids: Iterable[str]) -> None:
    """Add these videos to the partitions in the UI."""
    known = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
    new = [video_id for video_id in dict.fromkeys(video_ids) if video_id not in known]
    for at in range(0, len(new), AT_ONCE):
        instance.add_dynamic_partitions(PARTITIONS_NAME, new[at : at + AT_ONCE])


def drop_partitions(instance: dg.DagsterInstance, video_ids: Iterable[str]) -> None:
    """Delete these videos from the partitions in the UI."""
    known = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
    for video_id in video_ids:
        if video_id in known:
            instance.delete_dynamic_partition(PARTITIONS_NAME, video_id)
