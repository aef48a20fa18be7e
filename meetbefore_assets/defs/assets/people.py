"""The ranking."""

from typing import Any

import dagster as dg

from meetbefore_assets.core.schema.encounters import PEOPLE
from meetbefore_assets.defs.assets.encounter_scores import encounter_scores
from meetbefore_assets.defs.column_lineage import column_lineage
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, column_schema, metadata
from meetbefore_assets.encounters.make_tables import make_people
from meetbefore_assets.home.record.changed_partitions import rows_version


@dg.asset(
    group_name="matching",
    kinds={"polars", "parquet"},
    deps=[dg.AssetDep(encounter_scores, partition_mapping=dg.AllPartitionMapping())],
    owners=OWNERS,
    metadata=column_schema(PEOPLE),
)
def people(home: HomeResource) -> dg.MaterializeResult[None]:
    """One row a person: encounters, days, first and last seen, span, score, role; the most remarkable first."""
    ranked = make_people(home)
    again = ranked.filter(ranked["encounters"] > 1).height
    shown: dict[str, Any] = {**metadata({"met again": again}, ranked.height), **column_lineage("people")}
    return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(rows_version(ranked)))
