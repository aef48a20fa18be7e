"""Declarations of tables: what follows from them, and what they may not leave open."""

import pytest

from meetbefore_assets.core.schema.columns import BLOB, FACE_ID, PERSON_ID, VECTOR
from meetbefore_assets.core.schema.lists import (
    TABLES,
    assets_of,
    decided_per_video,
    per_video_tables,
    personal_tables,
    pipeline_assets,
    published_tables,
    recorded_tables,
    table_of,
)
from meetbefore_assets.core.schema.table import Table
from meetbefore_assets.definitions import defs
from meetbefore_assets.faces.stages import STAGES

ABOUT_PEOPLE = {FACE_ID.name, PERSON_ID.name, "vector", "crop", "thumbnail", "name", "face_ids", "track_id"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_holds_faces_or_people_says_how_it_is_redacted(table: Table) -> None:
    holds_people = any(column.name in ABOUT_PEOPLE or column.dtype in (BLOB, VECTOR) for column in table.columns)
    assert not holds_people or table.redaction != "none"
    if table.redaction == "rows":
        assert table.objects == "video"
        assert FACE_ID in table.columns
    if table.redaction == "rebuild":
        assert table.job or table.is_cached, "something must make it again"
        assert not table.is_original


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_keys_are_columns_and_columns_have_one_name(table: Table) -> None:
    names = [column.name for column in table.columns]
    assert set(table.key) <= set(names)
    assert len(set(names)) == len(names)
    assert bool(table.asset) == bool(table.job)


def test_each_asset_of_a_video_is_made_from_the_file_or_from_an_earlier_one() -> None:
    first, *later = pipeline_assets()
    assert (first, table_of(first).made_from) == ("videos", "")
    for place, asset in enumerate(later, start=1):
        assert table_of(asset).made_from in pipeline_assets()[:place]
    assert tuple(STAGES) == pipeline_assets()


def test_every_asset_of_a_job_is_an_asset_of_dagster() -> None:
    known = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert {*pipeline_assets(), *assets_of("match")} == known - {"meetbefore_db", "encounter_report"}
    assert decided_per_video() == ("identity_assignments", "encounter_scores")


def test_sources_are_dropped_last() -> None:
    """A broken attempt to drop a video is seen by its `sources`, and done again."""
    assert per_video_tables()[-1].name == "sources"
    assert {table.name for table in per_video_tables()} == {
        *pipeline_assets(),
        "portraits",
        *decided_per_video(),
        *("failures", "runs", "places", "forgotten_faces", "forgotten_ids", "sources"),
    }


def test_tables_have_one_name_each_in_every_list() -> None:
    for tables in (recorded_tables(), published_tables(), personal_tables()):
        names = [table.name for table in tables]
        assert len(set(names)) == len(names)
    stored = [(table.record_name, table.objects == "whole") for table in recorded_tables()]
    assert len(set(stored)) == len(stored), "two tables would overwrite each other"


def test_an_unknown_asset_has_no_table() -> None:
    with pytest.raises(KeyError):
        table_of("meetbefore_db")
