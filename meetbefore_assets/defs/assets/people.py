"""Asset `people`: the ranking."""

from typing import Any

import dagster as dg

from meetbefore_assets.core.schema.encounters import PEOPLE
from meetbefore_assets.defs.assets.encounter_scores import encounter_scores
from meetbefore_assets.defs.column_lineage import column_lineage
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, column_schema, metadata
from meetbefore_assets.encounters.make_tables import make_people
from meetbefore_assets.encounters.news import since
from meetbefore_assets.home.record.changed_partitions import rows_version
from meetbefore_assets.publishing.news import counts


@dg.asset(
    group_name="matching",
    kinds={"polars", "parquet"},
    deps=[dg.AssetDep(encounter_scores, partition_mapping=dg.AllPartitionMapping())],
    owners=OWNERS,
    metadata=column_schema(PEOPLE),
)
def people(home: HomeResource) -> dg.MaterializeResult[None]:
    """People, ranked: encounters, days, first and last seen, span, score, role.

    To see them, name them and put them right: [the app](/people), which `meetbefore ui` serves beside this UI.
    """
    ranked = make_people(home)
    again = ranked.filter(ranked["encounters"] > 1).height
    facts: dict[str, object] = {
        "met more than once": again,
        "how people are told apart": home.model_pack().recogniser.not_measured or "by evidence",
    }
    facts |= {f"news: {kind}": number for kind, number in counts(since(home)).items()}
    shown: dict[str, Any] = {**metadata(facts, ranked.height), **column_lineage("people")}
    return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(rows_version(ranked)))
