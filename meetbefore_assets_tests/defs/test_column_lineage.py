"""Column lineage leads from columns that exist to columns that exist, along edges of the graph."""

import pytest

from meetbefore_assets.core.schema.encounters import ENCOUNTER_SCORES, PEOPLE
from meetbefore_assets.core.schema.faces import TRACKS
from meetbefore_assets.core.schema.lists import published_tables
from meetbefore_assets.core.schema.recordings import VIDEOS
from meetbefore_assets.defs.column_lineage import column_lineage, sources_of
from meetbefore_assets_tests.defs.test_graph import GRAPH

TABLES = {table.name: table for table in (*published_tables(), VIDEOS, TRACKS, ENCOUNTER_SCORES, PEOPLE)}
COLUMNS = {name: {column.name for column in table.columns} for name, table in TABLES.items()} | {
    "detections": {*TABLES["detections"].dtypes, "crop"},
    "embeddings": {*TABLES["embeddings"].dtypes, "raw_norm"},
}


PARENT = {table.name: table.made_from for table in TABLES.values() if table.made_from}


@pytest.mark.parametrize("asset", PARENT)
def test_columns_come_from_columns_of_the_parent(asset: str) -> None:
    assert PARENT[asset] in GRAPH[asset]
    sources = sources_of(asset)
    assert sources
    assert set(sources) <= COLUMNS[asset]
    assert {name for names in sources.values() for name in names} <= COLUMNS[PARENT[asset]]
    assert set(column_lineage(asset)["dagster/column_lineage"].deps_by_column) == set(sources)


def test_what_comes_from_the_file_itself_has_no_lineage() -> None:
    assert column_lineage("videos") == {}
