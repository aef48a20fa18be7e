"""A table that is declared is made, published, verified, dropped and forgotten without another edit."""

from pathlib import Path

import duckdb
import polars as pl
import pytest

from meetbefore_assets.core.ports import WHOLE, Stamp
from meetbefore_assets.core.schema import lists
from meetbefore_assets.core.schema.columns import FACE_ID, PERSON_ID, TEXT, VIDEO_ID
from meetbefore_assets.core.schema.table import Column, Table, check
from meetbefore_assets.defs.column_lineage import sources_of
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.table_writer import WrittenTable, start_table
from meetbefore_assets.publishing.database import database_path, is_published, publish
from meetbefore_assets.recordings.intake import drop_video
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.upkeep.checks import database_equals_record
from meetbefore_assets.upkeep.verify_record import maintain_home
from meetbefore_assets_tests.defs.test_pipeline import three_days
from meetbefore_assets_tests.support.searchable import SearchableHome, most_met, of_person, run, searchable_home
from meetbefore_assets_tests.support.traces import traces

pytestmark = pytest.mark.slow

MOODS = Table(
    "moods",
    "how a face looks",
    ("face_id",),
    (FACE_ID, VIDEO_ID, Column("mood", TEXT, "a word")),
    job="process_video",
    made_from="detections",
    redaction="rows",
    is_published=True,
)
FAME = Table(
    "fame",
    "how well known a person is",
    ("person_id",),
    (PERSON_ID, Column("fame", TEXT, "a word")),
    objects="whole",
    job="match",
    redaction="rebuild",
    is_published=True,
)


def make_moods(home: Home, video_id: str) -> WrittenTable:
    """The stage that makes a table of a video is a function and a line in `faces.stages`."""
    builder = start_table(home, MOODS, video_id)
    faces = home.store.get("detections", video_id, ["face_id", "video_id"])
    return builder.write(faces.with_columns(pl.lit("glad").alias("mood")), {})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SearchableHome:
    """Three days that are done, and two more tables that somebody has just declared and filled."""
    monkeypatch.setattr(lists, "TABLES", (*lists.TABLES, MOODS, FAME))
    monkeypatch.setitem(STAGES, MOODS.name, make_moods)
    project = searchable_home(tmp_path)
    three_days(project)
    run(project)
    store = project.home.store
    people = store.get("people", WHOLE).select("person_id", pl.lit("great").alias("fame"))
    store.put(FAME.name, WHOLE, check(FAME, people), Stamp("v1", {}, {}, people.height))
    publish(project.home)
    return project


def published(project: SearchableHome, table: str) -> int:
    with duckdb.connect(str(database_path(project.home)), read_only=True) as reader:
        return int(reader.execute(f"select count(*) from {table}").fetchall()[0][0])


def test_it_is_published_as_it_is_on_record(project: SearchableHome) -> None:
    home = project.home
    assert published(project, "moods") == sum(home.store.get("moods", key).height for key in home.store.keys("moods")) > 0
    assert published(project, "fame") == home.store.get("fame", WHOLE).height > 0
    assert database_equals_record(home).findings == []
    assert is_published(home)


def test_a_person_who_is_forgotten_is_forgotten_there_too(project: SearchableHome) -> None:
    person = most_met(project)
    needles, before = of_person(project, person), published(project, "moods")
    assert {"moods", "fame"} <= {name.split("/")[1] for name in traces(project.folder, needles) if name.startswith("record/")}
    done = forget.forget_people(project.home, [person])
    assert traces(project.folder, needles) == set()
    assert published(project, "moods") == before - done.faces > 0
    assert project.home.store.keys("fame") == [], "whatever makes it makes it again"
    assert set().union(*run(project).values()) == {"moods"}
    assert traces(project.folder, needles) == set()


def test_a_video_that_goes_takes_its_part_with_it(project: SearchableHome) -> None:
    gone, *others = project.home.store.keys("moods")
    drop_video(project.home, gone)
    assert project.home.store.keys("moods") == others


def test_it_is_verified_and_dropped_where_it_is_torn_or_of_nobody(project: SearchableHome) -> None:
    home = project.home
    torn, *_ = home.store.keys("moods")
    path = home.folder / "record" / "moods" / f"{torn}.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    home.store.put("moods", "ghost", MOODS.empty(), Stamp("v1", {}, {}, 0))
    found = maintain_home(home)
    assert found.torn == [("moods", torn)]
    assert found.orphans == [("moods", "ghost")]
    assert torn not in home.store.keys("moods")


def test_its_columns_have_a_lineage(project: SearchableHome) -> None:
    assert sources_of("moods") == {"face_id": ("face_id",), "video_id": ("video_id",)}
    assert sources_of("fame") == {}
    assert lists.pipeline_assets()[-1] == "moods"
    assert "fame" in lists.assets_of("match")


def test_it_is_made_from_crops_while_the_file_is_away(project: SearchableHome) -> None:
    assert lists.crop_assets() == ("embeddings", "tracks", "moods")
    store = project.home.store
    store.drop("moods", store.keys("moods")[0])
    for path in project.videos.iterdir():
        path.unlink()
    assert [status.todo for status in all_statuses(project.home) if status.todo] == [("moods",)]
