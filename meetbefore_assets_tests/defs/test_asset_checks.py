"""The checks on assets: all pass on a sound home, and each fails on data damaged where it looks."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest
from dagster import AssetSelection

from meetbefore_assets.core.ports import WHOLE, Stamp
from meetbefore_assets.core.schema.identities import SIMILAR_TRACKS
from meetbefore_assets.definitions import build_definitions
from meetbefore_assets.defs.asset_checks import build_checks
from meetbefore_assets.encounters.make_tables import make_encounter_scores, make_people
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.identities.match import match
from meetbefore_assets.identities.policy import policy
from meetbefore_assets.identities.policy_history import BY_SETTINGS, record_policy
from meetbefore_assets.identities.stored_edges import edge_store
from meetbefore_assets.publishing.database import database_path, publish
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.running.partitions import PARTITIONS_NAME
from meetbefore_assets.upkeep.checks import database_equals_record
from meetbefore_assets_tests.support.fakes import fake_home, write_video

pytestmark = pytest.mark.slow

Damage = Callable[[Home, str], None]
DAYS = tuple(f"DJI_202503{day:02}080000_{day:04}_D.mp4" for day in range(1, 6))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five videos that are done, matched and published."""
    folder = tmp_path_factory.mktemp("sound")
    home = fake_home(folder / "home")
    for name in DAYS:
        write_video(folder / "videos", name, [[1, 2], [1, 3]] * 15)
    for video_id in import_recordings(home, [folder / "videos"]).present:
        for make in STAGES.values():
            make(home, video_id)
    for step in (build_face_index, match, make_encounter_scores, make_people):
        step(home)
    record_policy(home, policy(home), BY_SETTINGS)
    publish(home)
    return folder / "home"


@pytest.fixture
def home(sound: Path, tmp_path: Path) -> Home:
    """The same home, to be damaged."""
    shutil.copytree(sound, tmp_path / "home")
    return fake_home(tmp_path / "home")


def third(home: Home) -> str:
    return home.store.keys("videos")[2]


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(PARTITIONS_NAME, home.store.keys("videos"))
        yield instance


def evaluate(home: Home, instance: dg.DagsterInstance, only: str = "") -> dict[str, bool]:
    """Every check (or one), over the third video where it is by video; 'asset/check' -> passed."""
    asset, _, name = only.partition("/")
    selection = AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(asset), name)) if only else AssetSelection.all_asset_checks()
    definitions = dg.Definitions(
        assets=list(build_definitions(home).assets or []),
        asset_checks=build_checks(),
        resources={"home": home},
        jobs=[dg.define_asset_job("checks_only", selection=selection)],
        executor=dg.in_process_executor,
    )
    job = definitions.resolve_job_def("checks_only")
    # A job of checks alone takes no partition_key (dagster 1.13), but the tag that it stands for.
    result = job.execute_in_process(instance=instance, tags={"dagster/partition": third(home)}, raise_on_error=False)
    return {f"{found.asset_key.to_user_string()}/{found.check_name}": found.passed for found in result.get_asset_check_evaluations()}


def test_before_anything_is_matched_the_database_equals_the_record(tmp_path: Path) -> None:
    home = fake_home(tmp_path / "home")
    assert not database_equals_record(home).looked_at
    write_video(tmp_path / "videos", DAYS[0], [[1]])
    import_recordings(home, [tmp_path / "videos"])
    publish(home)
    assert database_equals_record(home).findings == []
    with duckdb.connect(str(database_path(home))) as connection:
        connection.execute("insert into person_aliases values ('a', 'b')")
    assert "person_aliases: 1 rows belong to nothing that was published" in database_equals_record(home).findings[0]


def rewrite(asset: str, key: str | None, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Damage:
    """Change rows of an object of the record and leave its stamp."""

    def damage(home: Home, video_id: str) -> None:
        stamp = home.store.stamp(asset, key or video_id)
        assert stamp is not None
        home.store.put(asset, key or video_id, change(home.store.get(asset, key or video_id)), stamp)

    return damage


def tear(asset: str) -> Damage:
    """Damage the body of a file of the record and leave its footer."""

    def damage(home: Home, video_id: str) -> None:
        path = home.folder / "record" / asset / f"{video_id}.parquet"
        data = bytearray(path.read_bytes())
        data[4:120] = bytes(255 - value for value in data[4:120])
        path.write_bytes(data)

    return damage


def no_faces(home: Home, video_id: str) -> None:
    stamp = home.store.stamp("detections", video_id)
    assert stamp is not None
    empty = home.store.get("detections", video_id).clear()
    home.store.put("detections", video_id, empty, Stamp(stamp.data_version, stamp.inputs, stamp.facts, 0))


def one_row_less(home: Home, _video_id: str) -> None:
    with duckdb.connect(str(database_path(home))) as connection:
        connection.execute("delete from tracks where track_id = (select min(track_id) from tracks)")


def another_value(home: Home, _video_id: str) -> None:
    with duckdb.connect(str(database_path(home))) as connection:
        connection.execute("update people set score = score + 1")


def in_the_future(home: Home, _video_id: str) -> None:
    (home.folder / "settings.toml").write_text('[[clocks]]\nfiles = "DJI_*"\noffset_s = 900000000\n')


def all_at_once(home: Home, video_id: str) -> None:
    names = pl.lit(DAYS[0])
    for key in home.store.keys("videos"):
        rewrite("sources", key, lambda rows: rows.with_columns(names.alias("file_name")))(home, video_id)


def twice(rows: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([rows, rows.head(1)])


def edges_changed(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Damage:
    def damage(home: Home, video_id: str) -> None:
        stamp = edge_store(home).stamp(SIMILAR_TRACKS.name, video_id)
        assert stamp is not None
        edge_store(home).put(SIMILAR_TRACKS.name, video_id, change(edge_store(home).get(SIMILAR_TRACKS.name, video_id)), stamp)

    return damage


def short_index(home: Home, video_id: str) -> None:
    path = home.folder / "index" / SIMILAR_TRACKS.name / f"{video_id}.parquet"
    path.write_bytes(path.read_bytes()[:-8])


DAMAGES: dict[str, tuple[str, Damage]] = {
    "a score of 1.5": (
        "detections/schema_and_ranges",
        rewrite("detections", None, lambda r: r.with_columns(det_score=pl.lit(1.5, pl.Float32))),
    ),
    "a box turned inside out": ("detections/schema_and_ranges", rewrite("detections", None, lambda r: r.with_columns(x2=pl.col("x1") - 1))),
    "a width of 0": ("videos/schema_and_ranges", rewrite("videos", None, lambda r: r.with_columns(width=pl.lit(0, pl.Int64)))),
    "a moment before the beginning": ("frames/schema_and_ranges", rewrite("frames", None, lambda r: r.with_columns(pl.col("time_s") - 1))),
    "a track of no faces": ("tracks/schema_and_ranges", rewrite("tracks", None, lambda r: r.with_columns(faces=pl.lit(0, pl.Int64)))),
    "a rotten file": ("embeddings/schema_and_ranges", tear("embeddings")),
    "vectors twice as long": (
        "embeddings/unit_vectors",
        rewrite("embeddings", None, lambda r: r.with_columns(pl.col("vector").list.eval(pl.element() * 2))),
    ),
    "vectors cut short": ("embeddings/unit_vectors", rewrite("embeddings", None, lambda r: r.with_columns(pl.col("vector").list.head(3)))),
    "no faces among neighbours with many": ("detections/faces_as_in_neighbours", no_faces),
    "a clock in the future": ("videos/clock_is_plausible", in_the_future),
    "five files of one camera at once": ("matching_policy/cameras_record_one_at_a_time", all_at_once),
    "a face of nobody": ("identity_assignments/every_face_once", rewrite("identity_assignments", None, lambda r: r.tail(r.height - 1))),
    "a face of two": ("identity_assignments/every_face_once", rewrite("identity_assignments", None, twice)),
    "everybody is one": (
        "identity_assignments/nobody_twice_in_a_frame",
        rewrite("identity_assignments", None, lambda r: r.with_columns(person_id=pl.lit("p"))),
    ),
    "a similarity of 3": (
        "identity_assignments/schema_and_ranges",
        rewrite("identity_assignments", None, lambda r: r.with_columns(similarity=pl.lit(3.0, pl.Float32))),
    ),
    "an encounter of no faces": (
        "encounter_scores/schema_and_ranges",
        rewrite("encounter_scores", None, lambda r: r.with_columns(faces=pl.lit(0, pl.Int64))),
    ),
    "a person of no encounters": (
        "people/schema_and_ranges",
        rewrite("people", WHOLE, lambda r: r.with_columns(encounters=pl.lit(0, pl.Int64))),
    ),
    "edges of tracks that are not there": (
        "face_index/edges_are_sound",
        edges_changed(lambda r: r.with_columns(row=pl.lit(99, r.schema["row"]))),
    ),
    "edges of a similarity of 3": ("face_index/edges_are_sound", edges_changed(lambda r: r.with_columns(cosine=pl.lit(3.0, pl.Float32)))),
    "an index cut short": ("face_index/edges_are_sound", short_index),
    "a published row less": ("meetbefore_db/equals_the_record", one_row_less),
    "another published value": ("meetbefore_db/equals_the_record", another_value),
    "a home that others can list": ("meetbefore_db/only_its_owner_can_read_it", lambda home, _: home.folder.chmod(0o755)),
    "a source that is away": ("meetbefore_db/sources_are_there", lambda home, _: settings_file.apply(home.folder, ["sources=['/gone']"])),
}


def test_a_sound_home_passes_every_check(home: Home, instance: dg.DagsterInstance) -> None:
    verdicts = evaluate(home, instance)
    assert [name for name, passed in verdicts.items() if not passed] == []
    assert {name for name, _ in DAMAGES.values()} == set(verdicts), "every check has data on which it fails"


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_check_fails_on_damaged_data(home: Home, instance: dg.DagsterInstance, damage: str) -> None:
    name, do = DAMAGES[damage]
    do(home, third(home))
    assert evaluate(home, instance, name) == {name: False}


def test_a_blocking_check_stops_what_would_build_on_it(home: Home, instance: dg.DagsterInstance) -> None:
    before = database_path(home).read_bytes()
    rewrite("identity_assignments", None, lambda r: r.with_columns(person_id=pl.lit("p")))(home, third(home))
    job = build_definitions(home).resolve_job_def("match")
    result = job.execute_in_process(instance=instance, partition_key=third(home), raise_on_error=False)
    assert not result.success
    made = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key}
    assert made == {"matching_policy", "face_index", "identity_assignments"}
    assert database_path(home).read_bytes() == before
