"""The published database."""

import dagster as dg

from meetbefore_assets.assets.common import OWNERS, Bench, metadata
from meetbefore_assets.assets.embeddings import embeddings
from meetbefore_assets.assets.people import people
from meetbefore_assets.engines import op_tags
from meetbefore_assets.steps.publishing import publish


@dg.asset(
    group_name="publishing",
    kinds={"duckdb"},
    deps=[people, dg.AssetDep(embeddings, partition_mapping=dg.AllPartitionMapping())],
    owners=OWNERS,
    op_tags=op_tags("meetbefore_db"),
)
def meetbefore_db(bench: Bench) -> dg.MaterializeResult[None]:
    """`meetbefore.duckdb` with every table, replaced as a whole: whoever has it open keeps the old one and blocks nobody."""
    published = publish(bench)
    facts = {"parts changed": published.changed_parts}
    shown = {**metadata(facts, 0), "file": dg.MetadataValue.path(published.path)}
    del shown["dagster/row_count"]
    return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(published.version))
