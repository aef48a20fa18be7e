"""Asset `meetbefore_db`: the published database."""

import dagster as dg

from meetbefore_assets.defs.assets.embeddings import embeddings
from meetbefore_assets.defs.assets.people import people
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, metadata
from meetbefore_assets.publishing.database import publish
from meetbefore_assets.running.executors import op_tags


@dg.asset(
    group_name="publishing",
    kinds={"duckdb"},
    deps=[people, dg.AssetDep(embeddings, partition_mapping=dg.AllPartitionMapping())],
    owners=OWNERS,
    op_tags=op_tags("meetbefore_db"),
)
def meetbefore_db(home: HomeResource) -> dg.MaterializeResult[None]:
    """`meetbefore.duckdb` with every published table; replaced as a whole, so that readers keep their open file."""
    published = publish(home)
    facts = {"parts changed": published.changed_parts}
    shown = {**metadata(facts, 0), "file": dg.MetadataValue.path(published.path)}
    del shown["dagster/row_count"]
    return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(published.version))
