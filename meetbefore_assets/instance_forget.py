"""A forgotten video leaves Dagster too: its partition, the runs that name it, and what they logged."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from meetbefore_assets import instance as instances
from meetbefore_assets.domain.lineage import PER_VIDEO
from meetbefore_assets.errors import StoreError
from meetbefore_assets.instance_upkeep import delete_run, report_record
from meetbefore_assets.wiring import build_workbench
from meetbefore_assets.workbench import Workbench

_PARTITION_TAG = "dagster/partition"
_DECIDED = ("identity_assignments", "encounter_scores")
_PAGE = 500


def forget_in_dagster(home: Path, video_ids: Iterable[str]) -> int:
    """Delete the partitions of some videos and every finished run that names them; returns how many runs that were.

    Runs decide for many videos at once; what the record holds of the others is reported anew, so that the UI still shows it.

    Raises:
        StoreError: the files of the instance are in use.
    """
    if not (home / "dagster" / "dagster.yaml").exists():
        return 0
    folder = instances.prepare(home)
    with instances.opened(home) as instance:
        deleted = forget_in_instance(instance, video_ids)
        for left in (path for run_id in deleted for path in folder.rglob(run_id)):
            shutil.rmtree(left)
        report_decided(instance, build_workbench(home))
    for path in sorted(folder.rglob("*.db")):
        compact(path)
    return len(deleted)


def forget_in_instance(instance: dg.DagsterInstance, video_ids: Iterable[str]) -> list[str]:
    """Delete partitions and runs; returns the ids of the runs. Runs that are under way are left alone."""
    videos = list(video_ids)
    instances.drop_partitions(instance, videos)
    naming = {run_id for video_id in videos for run_id in _runs_naming(instance, video_id)}
    finished = [run.run_id for run in instance.get_runs(dg.RunsFilter(run_ids=sorted(naming))) if run.is_finished] if naming else []
    for run_id in finished:
        delete_run(instance, run_id)
    _forget_checks(instance, videos, finished)
    return sorted(finished)


def _forget_checks(instance: dg.DagsterInstance, videos: list[str], run_ids: list[str]) -> None:
    """What checks found stays when their run is deleted, and Dagster has no call that takes it away."""
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        checks = AssetCheckExecutionsTable
        with storage.index_connection() as connection:
            connection.execute(checks.delete().where(checks.c.partition.in_(videos) | checks.c.run_id.in_(run_ids)))


def _runs_naming(instance: dg.DagsterInstance, video_id: str) -> Iterator[str]:
    yield from (run.run_id for run in instance.get_runs(dg.RunsFilter(tags={_PARTITION_TAG: video_id})))
    for asset in (*PER_VIDEO, *_DECIDED):
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[video_id])
        cursor: str | None = None
        while True:
            found = instance.fetch_materializations(wanted, limit=_PAGE, cursor=cursor)
            yield from (record.run_id for record in found.records)
            if not found.has_more:
                break
            cursor = found.cursor


def report_decided(instance: dg.DagsterInstance, bench: Workbench) -> int:
    """Tell the UI what is on record now that runs are gone, and who is who was decided without one; returns how many tables."""
    return report_record(instance, bench, (*PER_VIDEO, *_DECIDED), anew=_DECIDED)


def compact(path: Path) -> None:
    """Rewrite a SQLite file, so that deleted rows leave no bytes in it.

    Raises:
        StoreError: somebody else has it open for longer than 30 s.
    """
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)")
    except sqlite3.OperationalError as error:
        raise StoreError(
            f"{path} is in use ({error}): what was deleted may still have bytes in it.",
            remedy="Stop `dagster dev`, then forget any video again, or delete that file: nothing depends on it.",
        ) from error
