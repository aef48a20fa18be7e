"""What all asset modules share: partitions, run of one step, events without anything that must be forgettable."""

import datetime as dt
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from meetbefore_assets.assets.columns import column_lineage
from meetbefore_assets.errors import ClusterError, MeetbeforeError, StoreError, VideoError
from meetbefore_assets.partitions import ONLY_MISSING_TAG, videos_partitions
from meetbefore_assets.schema import Table
from meetbefore_assets.steps import journal
from meetbefore_assets.steps.failing import forget_failure, remember_failure
from meetbefore_assets.steps.made import Made, already_made
from meetbefore_assets.steps.per_video import MAKERS
from meetbefore_assets.steps.run_history import note_run
from meetbefore_assets.workbench import Workbench

OWNERS = ["team:meetbefore"]
Bench = dg.ResourceParam[Workbench]

__all__ = ["OWNERS", "Bench", "column_schema", "make", "metadata", "videos_partitions"]


def metadata(facts: Mapping[str, object], rows: int) -> dict[str, dg.MetadataValue]:
    """Counts, words and numbers for people; never names, pictures or person ids, which could not be erased from events."""
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
    """The declared columns, as the UI shows them."""
    columns = [dg.TableColumn(column.name, str(column.dtype), column.meaning) for column in table.columns]
    return {"dagster/column_schema": dg.TableSchema(columns)}


def make(
    context: dg.AssetExecutionContext,
    bench: Workbench,
    asset: str,
    told: Callable[[Workbench, str], Mapping[str, object]] = lambda _bench, _video_id: {},
) -> dg.MaterializeResult[None]:
    """Make one table of the run's video.

    Args:
        context: of the run.
        bench: the home.
        asset: the table's name.
        told: what else people want to know of the video, asked when the table is there.

    Raises:
        dg.Failure: with a message for people; what happened is remembered beside the video, and the others go on.
    """
    video_id = context.partition_key
    place = {"run_id": context.run.run_id, "video_id": video_id, "asset": asset}
    with bench.lock(f"video-{video_id}"):
        begun = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        done = already_made(bench, asset, video_id) if context.run.tags.get(ONLY_MISSING_TAG) else None
        if done is not None:
            return _result(asset, done, {"was in step": True, **told(bench, video_id)})
        try:
            made: Made = MAKERS[asset](bench, video_id)
        except MeetbeforeError as error:
            journal.note(bench, "failed", level="error", **place, message=str(error))
            if isinstance(error, VideoError):
                remember_failure(bench, video_id, asset, str(error))
                note_run(bench, video_id, asset, context.run.run_id, begun, {})
            context.log.error(traceback.format_exc())
            # A store or a worker that was away is worth another try in engines that try again; a video that cannot be used is not.
            is_passing = isinstance(error, StoreError | ClusterError)
            raise dg.Failure(description=str(error), metadata={"video": video_id, "stage": asset}, allow_retries=is_passing) from error
        except (OSError, MemoryError) as error:
            journal.note(bench, "failed", level="error", **place, message=f"{type(error).__name__}: {error}")
            raise  # this machine's trouble, not the video's: the next run tries again
        except Exception as error:
            journal.note(bench, "failed", level="error", **place, message=traceback.format_exc())
            remember_failure(
                bench, video_id, asset, f"Unexpected {type(error).__name__}: {error}. This is a fault of the program, please report it."
            )
            raise
        if asset == "tracks":
            forget_failure(bench, video_id)
        note_run(bench, video_id, asset, context.run.run_id, begun, {**made.facts, "rows": made.rows})
        journal.note(bench, "made", **place, rows=made.rows, seconds=made.facts.get("seconds"))
    return _result(asset, made, told(bench, video_id))


def _result(asset: str, made: Made, told: Mapping[str, object]) -> dg.MaterializeResult[None]:
    shown: dict[str, Any] = {**metadata({**made.facts, **told}, made.rows), **column_lineage(asset)}
    return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(made.data_version))
