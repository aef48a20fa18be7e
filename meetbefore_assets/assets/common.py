"""What all asset modules share: partitions, run of one step, events without anything that must be forgettable."""

import traceback
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from meetbefore_assets.errors import MeetbeforeError, VideoError
from meetbefore_assets.partitions import videos_partitions
from meetbefore_assets.schema import Table
from meetbefore_assets.steps.failing import forget_failure, remember_failure
from meetbefore_assets.steps.made import Made
from meetbefore_assets.steps.per_video import MAKERS
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
    context: dg.AssetExecutionContext, bench: Workbench, asset: str, extra: Mapping[str, dg.MetadataValue] | None = None
) -> dg.MaterializeResult[None]:
    """Make one table of the run's video.

    Raises:
        dg.Failure: with a message for people; what happened is remembered beside the video, and the others go on.
    """
    video_id = context.partition_key
    with bench.lock(f"video-{video_id}"):
        try:
            made: Made = MAKERS[asset](bench, video_id)
        except MeetbeforeError as error:
            if isinstance(error, VideoError):
                remember_failure(bench, video_id, asset, str(error))
            context.log.error(traceback.format_exc())
            raise dg.Failure(description=str(error), metadata={"video": video_id, "stage": asset}, allow_retries=False) from error
        except (OSError, MemoryError):
            raise  # this machine's trouble, not the video's: the next run tries again
        except Exception as error:
            remember_failure(
                bench, video_id, asset, f"Unexpected {type(error).__name__}: {error}. This is a fault of the program, please report it."
            )
            raise
        if asset == "tracks":
            forget_failure(bench, video_id)
    return dg.MaterializeResult(
        metadata={**metadata(made.facts, made.rows), **(extra or {})}, data_version=dg.DataVersion(made.data_version)
    )
