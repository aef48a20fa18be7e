"""The ranking."""

from typing import Any

import dagster as dg

from meetbefore_assets.assets.columns import column_lineage
from meetbefore_assets.assets.common import OWNERS, Bench, column_schema, metadata
from meetbefore_assets.assets.encounter_scores import encounter_scores
from meetbefore_assets.schema import PEOPLE
from meetbefore_assets.steps.changed import rows_version
from meetbefore_assets.steps.scoring import rank


@dg.asset(
    group_name="matching",
    kinds={"polars", "parquet"},
    deps=[dg.AssetDep(encounter_scores, partition_mapping=dg.AllPartitionMapping())],
    owners=OWNERS,
    metadata=column_schema(PEOPLE),
)
def people(bench: Bench) -> dg.MaterializeResult[None]:
    """One row a person: encounters, days, first and last seen, span, score, role; the most remarkable first."""
    ranked = rank(bench)
    again = ranked.filter(ranked["encounters"] > 1).height
    shown: dict[str, Any] = {**metadata({"met again": again}, ranked.height), **column_lineage("people")}
    return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(rows_version(ranked)))
