"""Materializes one table of one video, and turns its facts into metadata (never anything that might have to be forgotten)."""

import datetime as dt
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from meetbefore_assets.core.errors import ClusterError, MeetbeforeError, StoreError, VideoError
from meetbefore_assets.core.schema.lists import pipeline_assets
from meetbefore_assets.core.schema.table import Table
from meetbefore_assets.defs.column_lineage import column_lineage
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record import journal
from meetbefore_assets.home.record.run_history import record_run
from meetbefore_assets.home.record.table_writer import WrittenTable, current_table
from meetbefore_assets.recordings.failures import clear_failure, record_failure
from meetbefore_assets.running.partitions import ONLY_MISSING_TAG

OWNERS = ["team:meetbefore"]
HomeResource = dg.ResourceParam[Home]


def metadata(facts: Mapping[str, object], rows: int) -> dict[str, dg.MetadataValue]:
    """Turn facts into Dagster metadata: counts, words and numbers; never names, pictures or person ids, which events would keep."""
    values: dict[str, dg.MetadataValue] = {"dagster/row_count": dg.MetadataValue.int(rows)}
    for name, value in facts.items():
        if isinstance(value, bool):
            values[name] = dg.MetadataValue.bool(value)
        elif isinstance(value, int):
            values[name] = dg.MetadataValue.int(value)
        elif isinstance(value, float):
            values[name] = dg.MetadataValue.float(value)
        elif isinstance(value, Path):
            values[name] = dg.MetadataValue.path(value)
        else:
            values[name] = dg.MetadataValue.text(str(value))
    return values


def column_schema(table: Table) -> dict[str, dg.TableSchema]:
    """The declared columns as metadata for the UI."""
    columns = [dg.TableColumn(column.name, str(column.dtype), column.meaning) for column in table.columns]
    return {"dagster/column_schema": dg.TableSchema(columns)}


def materialize(
    context: dg.AssetExecutionContext,
    home: Home,
    asset: str,
    told: Callable[[Home, str], Mapping[str, object]] = lambda _home, _video_id: {},
) -> dg.MaterializeResult[None]:
    """Compute and write one table of the run's video, under the lock of the video.

    Args:
        context: of the run.
        home: the home.
        asset: name of the table.
        told: returns more facts about the video for the metadata, called once the table is written.

    Raises:
        dg.Failure: the video cannot be used; the message is for people, and the failure is on record.
    """
    video_id = context.partition_key
    place = {"run_id": context.run.run_id, "video_id": video_id, "asset": asset}
    with home.lock(f"video-{video_id}"):
        begun = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        done = current_table(home, asset, video_id) if context.run.tags.get(ONLY_MISSING_TAG) else None
        if done is not None:
            return _result(asset, done, {"was up to date": True, **told(home, video_id)})
        try:
            made: WrittenTable = STAGES[asset](home, video_id)
        except MeetbeforeError as error:
            journal.log_event(home, "failed", level="error", **place, message=str(error))
            if isinstance(error, VideoError):
                record_failure(home, video_id, asset, str(error))
                record_run(home, video_id, asset, context.run.run_id, begun, {})
            context.log.error(traceback.format_exc())
            # Executors with retries try again if a store or worker was away, but not if the video cannot be used.
            is_passing = isinstance(error, StoreError | ClusterError)
            raise dg.Failure(description=str(error), metadata={"video": video_id, "stage": asset}, allow_retries=is_passing) from error
        except (OSError, MemoryError) as error:
            journal.log_event(home, "failed", level="error", **place, message=f"{type(error).__name__}: {error}")
            raise  # a problem of this machine, not of the video: the next run tries again
        except Exception as error:
            journal.log_event(home, "failed", level="error", **place, message=traceback.format_exc())
            record_failure(
                home, video_id, asset, f"Unexpected {type(error).__name__}: {error}. This is a fault of the program, please report it."
            )
            raise
        if asset == pipeline_assets()[-1]:
            clear_failure(home, video_id)
        record_run(home, video_id, asset, context.run.run_id, begun, {**made.facts, "rows": made.rows})
        journal.log_event(home, "made", **place, rows=made.rows, seconds=made.facts.get("seconds"))
    return _result(asset, made, told(home, video_id))


def _result(asset: str, made: WrittenTable, told: Mapping[str, object]) -> dg.MaterializeResult[None]:
    shown: dict[str, Any] = {**metadata({**made.facts, **told}, made.rows), **column_lineage(asset)}
    return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(made.data_version))
