"""Reports materializations of the other partitions that a run over all videos rewrote."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from meetbefore_assets.defs.column_lineage import column_lineage
from meetbefore_assets.home.home import Home


def report_partitions(
    context: dg.AssetExecutionContext,
    home: Home,
    asset: str,
    changed: Mapping[str, tuple[str, int]],
    shown: Mapping[str, dg.MetadataValue],
) -> dg.MaterializeResult[None]:
    """Report a materialization of every other rewritten partition; the run's own partition is the returned result.

    Raises:
        dg.Failure: the run's own partition is a video without tracks, so there is nothing to decide for it.
    """
    anchor = context.partition_key
    for video_id, (version, rows) in changed.items():
        if video_id != anchor:
            context.log_event(
                dg.AssetMaterialization(
                    asset_key=asset,
                    partition=video_id,
                    metadata={"dagster/row_count": rows, "decided with": anchor},
                    tags={"dagster/data_version": version},
                )
            )
    stamp = home.store.stamp(asset, anchor)
    if stamp is None:
        raise dg.Failure(
            description=f"{anchor} has no tracks, so there is nothing to decide for it; all other videos were brought up to date. "
            "Materialise its tracks first (job process_video); if that failed, its run says why.",
            allow_retries=False,
        )
    own: dict[str, Any] = {**shown, "dagster/row_count": dg.MetadataValue.int(stamp.rows)}
    own |= column_lineage(asset)
    own |= {f"{name} in this video": dg.MetadataValue.int(int(value)) for name, value in stamp.facts.items()}
    return dg.MaterializeResult(metadata=own, data_version=dg.DataVersion(stamp.data_version))
