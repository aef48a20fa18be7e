"""Cleans up the Dagster instance: deletes old runs and forgotten videos, and reports tables on record to the UI."""

import contextlib
import datetime as dt
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.schedules.schema import JobTickTable
from dagster._core.storage.schedules.sql_schedule_storage import SqlScheduleStorage

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.core.schema.lists import decided_per_video, pipeline_assets
from meetbefore_assets.home.home import Home
from meetbefore_assets.open_home import open_home
from meetbefore_assets.running import instance as instances
from meetbefore_assets.running.instance import BUSY
from meetbefore_assets.running.instance_folder import prepare

_BATCH = 200

_PARTITION_TAG = "dagster/partition"
_PAGE = 500


def prune_runs(instance: dg.DagsterInstance, keep_days: int) -> int:
    """Delete runs that ended more than `keep_days` ago (0 keeps all), with their events and logs; returns how many.

    No results are lost, because they are on record. But the UI knows materializations only from events of runs: call `report_record`
    afterwards.
    """
    if not keep_days:
        return 0
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=keep_days)
    ended = [status for status in dg.DagsterRunStatus if status not in BUSY]
    count = 0
    while records := instance.get_run_records(dg.RunsFilter(created_before=before, statuses=ended), limit=_BATCH, ascending=True):
        for record in records:
            delete_run(instance, record.dagster_run.run_id)
        count += len(records)
    return count


def delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run with its events and logs, and their files."""
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.delete_run(run_id)
    # SQLite storage has a file for each run, which is empty now.
    shard = getattr(instance.event_log_storage, "path_for_shard", None)
    if shard is not None:
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(shard(run_id) + ending).unlink()


def report_record(instance: dg.DagsterInstance, home: Home, per_video: tuple[str, ...], anew: tuple[str, ...] = ()) -> int:
    """Report tables on record to the UI, if it has no materialization of them; returns how many.

    Args:
        instance: the home's instance.
        home: the home.
        per_video: names of assets.
        anew: those of them that are reported in any case, because they changed without a run.
    """
    partitions = set(instance.get_dynamic_partitions("videos"))
    count = 0
    for asset in per_video:
        shown = set() if asset in anew else instance.get_materialized_partitions(dg.AssetKey(asset))
        for key in sorted((set(home.store.keys(asset)) & partitions) - shown - {WHOLE}):
            stamp = home.store.stamp(asset, key)
            if stamp is not None:
                _report(instance, asset, key, stamp.data_version, stamp.rows, stamp.facts)
                count += 1
    return count


def _report(instance: dg.DagsterInstance, asset: str, key: str, version: str, rows: int, facts: Mapping[str, str]) -> None:
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            asset_key=asset,
            partition=key,
            description="Told from the record: the run that made it is not kept any more.",
            metadata={**facts, "dagster/row_count": rows},
            tags={"dagster/data_version": version},
        )
    )


def forget_videos_in_dagster(home_folder: Path, video_ids: Iterable[str]) -> int:
    """Delete the partitions of some videos and all finished runs that name them; returns the number of deleted runs.

    Runs of `match` are about many videos, so the tables of the others are reported again, and the UI still shows them.

    Raises:
        StoreError: the files of the instance are in use.
    """
    if not (home_folder / "dagster" / "dagster.yaml").exists():
        return 0
    folder = prepare(home_folder)
    with instances.open_instance(home_folder) as instance:
        instances.close_dead_runs(instance)
        deleted = forget_in_instance(instance, video_ids)
        for left in (path for run_id in deleted for path in folder.rglob(run_id)):
            shutil.rmtree(left)
        report_matching_tables(instance, open_home(home_folder))
    vacuum_instance(home_folder)
    return len(deleted)


def forget_in_instance(instance: dg.DagsterInstance, video_ids: Iterable[str]) -> list[str]:
    """Delete partitions and finished runs of some videos; returns the ids of the deleted runs."""
    videos = list(video_ids)
    instances.drop_partitions(instance, videos)
    naming = {run_id for video_id in videos for run_id in _runs_naming(instance, video_id)}
    finished = [run.run_id for run in instance.get_runs(dg.RunsFilter(run_ids=sorted(naming))) if run.is_finished] if naming else []
    for run_id in finished:
        delete_run(instance, run_id)
    _forget_notes(instance, videos, finished)
    return sorted(finished)


def _forget_notes(instance: dg.DagsterInstance, videos: list[str], run_ids: list[str]) -> None:
    """Delete check results, reported events and sensor ticks of some videos, which Dagster keeps when their runs are deleted."""
    events = instance.event_log_storage
    if isinstance(events, SqlEventLogStorage):
        checks, told = AssetCheckExecutionsTable, SqlEventLogStorageTable
        without_a_run = told.delete().where(told.c.partition.in_(videos) & (told.c.run_id == ""))
        with events.index_connection() as connection:
            connection.execute(checks.delete().where(checks.c.partition.in_(videos) | checks.c.run_id.in_(run_ids)))
            connection.execute(without_a_run)
        shard = getattr(events, "path_for_shard", None)
        if shard is None or Path(shard("")).exists():
            with events.run_connection("") as connection:
                connection.execute(without_a_run)
    schedules = instance.schedule_storage
    if isinstance(schedules, SqlScheduleStorage):
        with schedules.connect() as connection:
            for video_id in videos:
                connection.execute(JobTickTable.delete().where(JobTickTable.c.tick_body.contains(video_id, autoescape=True)))


def _runs_naming(instance: dg.DagsterInstance, video_id: str) -> Iterator[str]:
    yield from (run.run_id for run in instance.get_runs(dg.RunsFilter(tags={_PARTITION_TAG: video_id})))
    for asset in (*pipeline_assets(), *decided_per_video()):
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[video_id])
        cursor: str | None = None
        while True:
            found = instance.fetch_materializations(wanted, limit=_PAGE, cursor=cursor)
            yield from (record.run_id for record in found.records)
            if not found.has_more:
                break
            cursor = found.cursor


def report_matching_tables(instance: dg.DagsterInstance, home: Home) -> int:
    """Report the tables of `match` to the UI, after runs were deleted and videos matched without a run; returns how many."""
    return report_record(instance, home, (*pipeline_assets(), *decided_per_video()), anew=decided_per_video())


def vacuum_instance(home_folder: Path) -> None:
    """Rewrite the SQLite files of a home's instance, if it has any. Raises StoreError."""
    for path in sorted((home_folder / "dagster").rglob("*.db")):
        vacuum_database(path)


def vacuum_database(path: Path) -> None:
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
