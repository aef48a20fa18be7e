"""Keeping the Dagster instance small, and true to the record."""

import contextlib
import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from meetbefore_assets.instance import BUSY
from meetbefore_assets.workbench import WHOLE, Workbench

_BATCH = 200


def prune_runs(instance: dg.DagsterInstance, keep_days: int) -> int:
    """Delete runs, with their events and logs, that ended longer ago; returns how many. 0 days keeps all.

    Nothing is lost: what is done is read off the record. But the UI knows materializations from the events of their runs:
    call `report_record` afterwards.
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
    """Delete a run with its events and logs, and the files they were in."""
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.delete_run(run_id)
    # SQLite keeps a file for each run, which is empty now.
    shard = getattr(instance.event_log_storage, "path_for_shard", None)
    if shard is not None:
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(shard(run_id) + ending).unlink()


def report_record(instance: dg.DagsterInstance, bench: Workbench, per_video: tuple[str, ...], anew: tuple[str, ...] = ()) -> int:
    """Tell the UI of tables on record that it has no materialization of; returns how many.

    Args:
        instance: of the home.
        bench: the home.
        per_video: names of assets.
        anew: those of them that are told in any case, because they changed without a run.
    """
    partitions = set(instance.get_dynamic_partitions("videos"))
    count = 0
    for asset in per_video:
        shown = set() if asset in anew else instance.get_materialized_partitions(dg.AssetKey(asset))
        for key in sorted((set(bench.store.keys(asset)) & partitions) - shown - {WHOLE}):
            stamp = bench.store.stamp(asset, key)
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
