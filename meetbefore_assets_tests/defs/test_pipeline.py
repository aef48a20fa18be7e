"""The assets through Dagster, with fake models and small made-up videos: what is computed, when, and what comes out."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from meetbefore_assets.core.schema.lists import published_tables
from meetbefore_assets.definitions import build_definitions
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.publishing.database import failure_rows
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.review.what_if import what_if
from meetbefore_assets.running.partitions import PARTITIONS_NAME
from meetbefore_assets.running.worker import failure_message
from meetbefore_assets_tests.support.fakes import fake_home, write_video
from meetbefore_assets_tests.support.project import Project

pytestmark = pytest.mark.slow

MONDAY, TUESDAY, FRIDAY = "DJI_20250303080000_0001_D.mp4", "DJI_20250304080000_0002_D.mp4", "DJI_20250307080000_0003_D.mp4"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Project(tmp_path, instance)


def three_days(project: Project) -> None:
    """Person 1 is met on three days, person 2 on two, person 3 once; 1 and 2 are once seen together."""
    write_video(project.videos, MONDAY, [[1], [1, 2], [2], []])
    write_video(project.videos, TUESDAY, [[1], [1], [3]])
    write_video(project.videos, FRIDAY, [[2], [1], [], [1]])


def test_whom_one_keeps_meeting(project: Project) -> None:
    three_days(project)
    project.process()
    project.match()
    people = people_table(project.home)
    assert people["encounters"].to_list() == [3, 2, 1]
    assert people["days"].to_list() == [3, 2, 1]
    assert people["score"].is_sorted(descending=True)
    assert people["score"][2] == 0
    assert people["first_seen"][0] == dt.datetime(2025, 3, 3, 8, 0, 0)
    assert people["last_seen"][0] == dt.datetime(2025, 3, 7, 8, 0, 3)


def test_nothing_is_computed_twice(project: Project) -> None:
    three_days(project)
    made = project.process()
    assert len(made) == 3
    assert all(assets == ["videos", "frames", "detections", "embeddings", "tracks"] for assets in made.values())
    assert project.process() == {}
    first = project.match()
    assert len(project.partitions_written(first, "identity_assignments")) == 3
    again = project.match()
    assert project.partitions_written(again, "identity_assignments") == {min(project.home.store.keys("tracks"))}


def test_matching_without_a_chosen_partition_does_nothing_and_says_what_to_choose(project: Project) -> None:
    three_days(project)
    project.process()
    match, config = build_definitions(project.home).resolve_job_def("match"), {"ops": {"matching_policy": {"config": {"threshold": 0.9}}}}
    result = match.execute_in_process(instance=project.instance, run_config=config, raise_on_error=False)
    assert "Choose any one video" in failure_message(result.all_events)
    assert project.home.settings().matching.threshold == "auto"


def test_one_more_video_is_computed_alone(project: Project) -> None:
    three_days(project)
    (project.videos / FRIDAY).rename(project.folder.parent / "later.mp4")
    project.process()
    project.match()
    (project.folder.parent / "later.mp4").rename(project.videos / FRIDAY)
    assert [video.rpartition("-")[0] for video in project.process()] == [Path(FRIDAY).stem]


@pytest.mark.parametrize("order", [[MONDAY, TUESDAY, FRIDAY], [FRIDAY, TUESDAY, MONDAY], [TUESDAY, FRIDAY, MONDAY]])
def test_ids_do_not_depend_on_the_order_of_arrival(project: Project, tmp_path: Path, order: list[str]) -> None:
    three_days(project)
    project.process()
    project.match()
    at_once = assigned_faces(project.home).select("face_id", "person_id", "track_id").sort("face_id")
    (tmp_path / "other").mkdir()
    with dg.DagsterInstance.ephemeral() as instance:
        other = Project(tmp_path / "other", instance)
        for name in order:
            (other.videos / name).write_bytes((project.videos / name).read_bytes())
            other.process()
            other.match()
        one_by_one = assigned_faces(other.home).select("face_id", "person_id", "track_id").sort("face_id")
    assert one_by_one.equals(at_once)


def test_a_new_threshold_matches_again_and_computes_nothing_else(project: Project) -> None:
    three_days(project)
    project.process()
    project.match()
    before = project.groups()
    settings_file.apply(project.folder, ["matching.threshold=0.999"])
    assert project.process() == {}
    project.match()
    assert len(project.groups()) > len(before)
    settings_file.apply(project.folder, ["matching.threshold=auto"])
    project.match()
    assert project.groups() == before


def test_ids_that_went_out_of_use_lead_to_their_heirs(project: Project) -> None:
    three_days(project)
    project.process()
    settings_file.apply(project.folder, ["matching.threshold=0.999"])
    project.match()
    split = set(people_table(project.home)["person_id"])
    settings_file.apply(project.folder, ["matching.threshold=auto"])
    project.match()
    now = set(people_table(project.home)["person_id"])
    aliases = project.home.store.get("identity_assignments", "_all")
    assert set(aliases["alias"]) == split - now
    assert set(aliases["person_id"]) <= now


def test_a_broken_video_fails_alone_and_is_not_tried_again(project: Project) -> None:
    three_days(project)
    (project.videos / TUESDAY).write_text("this is no video")
    made = project.process(raise_on_error=False)
    assert sorted(len(assets) for assets in made.values()) == [0, 5, 5]
    (failure,) = failure_rows(project.home).values()
    assert "is no video" in str(failure["message"])
    assert failure["stage"] == "videos"
    project.match()
    assert people_table(project.home)["encounters"].to_list() == [2, 2]
    assert project.process(raise_on_error=False) == {}
    settings_file.apply(project.folder, ["sampling.interval_s=2"])
    assert len(project.process(raise_on_error=False)) == 3


def test_a_moment_that_cannot_be_decoded_costs_that_moment(project: Project) -> None:
    write_video(project.videos, MONDAY, [[1], "broken", [1]])
    project.process()
    stamp = project.home.store.stamp("detections", project.home.store.keys("detections")[0])
    assert stamp is not None
    assert stamp.rows == 2
    assert stamp.facts["frames not decodable"] == "1"


def test_a_video_without_any_decodable_moment_fails(project: Project) -> None:
    write_video(project.videos, MONDAY, ["broken", "broken"])
    project.process(raise_on_error=False)
    (failure,) = failure_rows(project.home).values()
    assert "none of its 2 sampled frames" in str(failure["message"])


def test_a_video_with_nobody_is_done(project: Project) -> None:
    write_video(project.videos, MONDAY, [[], []])
    project.process()
    project.match()
    assert people_table(project.home).height == 0
    assert failure_rows(project.home) == {}


def test_another_recogniser_embeds_again_from_the_crops(project: Project) -> None:
    three_days(project)
    project.process()
    project.match()
    before = project.groups()
    for path in project.videos.iterdir():
        path.unlink()
    project.home = fake_home(project.folder, embedder="colours-of-another-kind")
    made = {video: assets for video, assets in _process_without_files(project).items()}
    assert set(map(tuple, made.values())) == {("embeddings", "tracks")}
    project.match()
    assert project.groups() == before


def _process_without_files(project: Project) -> dict[str, list[str]]:
    made = {}
    for status in all_statuses(project.home):
        project.job("process_video", status.video_id, list(status.todo))
        made[status.video_id] = list(status.todo)
    return made


def test_the_published_database_holds_every_table_and_opens_while_it_is_replaced(project: Project) -> None:
    three_days(project)
    project.process()
    project.match()
    path = str(project.folder / "meetbefore.duckdb")
    with duckdb.connect(path, read_only=True) as reader:
        counts = {table.name: reader.execute(f"select count(*) from {table.name}").fetchall()[0][0] for table in published_tables()}
        write_video(project.videos, "DJI_20250310080000_0004_D.mp4", [[1], [2]])
        project.process()
        project.match()
        assert reader.execute("select count(*) from videos").fetchall() == [(3,)]
    assert {name for name, count in counts.items() if not count} == {"person_aliases", "corrections", "identity_history"}
    assert counts["videos"] == 3
    with duckdb.connect(path, read_only=True) as reader:
        assert reader.execute("select count(*) from videos").fetchall() == [(4,)]
        seen = reader.execute("select min(seen_at) from detections").fetchall()
        assert seen == [(dt.datetime(2025, 3, 3, 8, 0, 0),)]
        faces, assigned = (
            reader.execute("select count(distinct face_id) from detections").fetchall(),
            reader.execute("select count(*) from identity_assignments").fetchall(),
        )
        assert faces == assigned


def test_a_corrected_clock_decodes_nothing_and_moves_everything(project: Project) -> None:
    three_days(project)
    project.process()
    project.match()
    before = people_table(project.home).sort("person_id")
    (project.folder / "settings.toml").write_text('[[clocks]]\nfiles = "DJI_*"\noffset_s = 3600\n')
    assert project.process() == {}
    project.match()
    after = people_table(project.home).sort("person_id")
    assert after["person_id"].to_list() == before["person_id"].to_list()
    assert (after["first_seen"] - before["first_seen"]).unique().to_list() == [dt.timedelta(hours=1)]


def test_the_same_content_under_another_name_is_one_video(project: Project) -> None:
    path = write_video(project.videos, MONDAY, [[1]])
    project.process()
    (project.videos / "copy of it.mp4").write_bytes(path.read_bytes())
    intake = import_recordings(project.home, [project.videos])
    assert len(intake.present) == 1
    assert [Path(uri).name for pair in intake.duplicates for uri in pair] == ["copy of it.mp4", MONDAY]


def test_a_recording_that_was_written_anew_replaces_the_old_one(project: Project) -> None:
    write_video(project.videos, MONDAY, [[1]])
    project.process()
    write_video(project.videos, MONDAY, [[1], [2]])
    intake = import_recordings(project.home, [project.videos])
    assert len(intake.new) == 1
    assert len(intake.replaced) == 1
    assert project.home.store.keys("tracks") == []


def test_faces_of_one_picture_are_never_one_person(project: Project) -> None:
    write_video(project.videos, MONDAY, [[5, 5], [5, 5]])
    settings_file.apply(project.folder, ["matching.threshold=-0.9", "tracks.min_similarity=-0.9"])
    project.process()
    project.match()
    moments = assigned_faces(project.home).group_by("video_id", "pts").agg(pl.col("person_id").n_unique(), pl.len())
    assert moments.filter(pl.col("person_id") != pl.col("len")).is_empty()


def test_matching_a_video_without_tracks_says_so(project: Project) -> None:
    three_days(project)
    project.process()
    project.instance.add_dynamic_partitions(PARTITIONS_NAME, ["nobody-00000000"])
    result = project.job("match", "nobody-00000000", raise_on_error=False)
    assert not result.success
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert any(data.user_failure_data and "has no tracks" in str(data.user_failure_data.description) for data in failures)


def test_events_carry_no_person(project: Project) -> None:
    three_days(project)
    project.process()
    project.match()
    ids = people_table(project.home)["person_id"].to_list()
    for record in project.instance.get_runs():
        for entry in project.instance.all_logs(record.run_id):
            assert not any(person in str(entry) for person in ids)


def test_a_contact_sheet_is_linked_and_goes_with_its_video(project: Project) -> None:
    path = write_video(project.videos, MONDAY, [[1, 2], [1]])
    (video_id,) = project.process()
    event = project.instance.get_latest_materialization_event(dg.AssetKey("detections"))
    assert event is not None
    assert event.asset_materialization is not None
    preview = Path(str(event.asset_materialization.metadata["preview"].value))
    assert preview.read_bytes().startswith(b"\xff\xd8")
    assert preview.stem == video_id
    path.write_text(path.read_text().replace("1", "3"))
    assert import_recordings(project.home, [project.videos]).replaced == [video_id]
    assert not preview.exists()


def test_whole_pictures_are_kept_on_request_named_by_local_time(project: Project) -> None:
    write_video(project.videos, MONDAY, [[1], []])
    settings_file.apply(project.folder, ["frames.keep=full", "time.zone='Asia/Shanghai'"])
    (video_id,) = project.process()
    assert sorted(path.name for path in (project.folder / "frames" / video_id).iterdir()) == ["20250303080000.jpg", "20250303080001.jpg"]


def test_what_if_tells_what_a_threshold_would_change_and_writes_nothing(project: Project) -> None:
    three_days(project)
    project.process()
    project.match()
    before = {path: path.stat().st_mtime_ns for path in project.folder.rglob("*") if path.is_file() and path.suffix != ".lock"}
    now, (same, stricter) = what_if(project.home, [0.5, 0.999])
    assert now == 0.5
    assert (same.change.people, same.change.met_again, same.gained, same.lost) == (3, 2, [], [])
    assert stricter.change.people > 3
    assert 0 < len(stricter.change.lost) <= 3
    assert stricter.lost[0].earlier.file_name.startswith("DJI_")
    assert {path: path.stat().st_mtime_ns for path in project.folder.rglob("*") if path.is_file() and path.suffix != ".lock"} == before
