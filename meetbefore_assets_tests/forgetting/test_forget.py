"""People are forgotten: out of every file of the home, and not back at the next run."""

import dagster as dg
import polars as pl
import pytest

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import VideoReader
from meetbefore_assets.core.schema.lists import pipeline_assets
from meetbefore_assets.definitions import build_definitions
from meetbefore_assets.forgetting import erase, forget
from meetbefore_assets.home.record import suppressions
from meetbefore_assets.home.record.home_files import kept_frames_folder
from meetbefore_assets.home.record.table_writer import current_table
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.running.partitions import ONLY_MISSING_TAG, PARTITIONS_NAME
from meetbefore_assets_tests.defs.test_pipeline import FRIDAY, MONDAY, TUESDAY, three_days
from meetbefore_assets_tests.support.fakes import write_video
from meetbefore_assets_tests.support.searchable import SearchableHome, in_step, most_met, of_person, person_at, run, tables
from meetbefore_assets_tests.support.traces import traces

pytestmark = pytest.mark.slow


def test_a_forgotten_person_is_found_in_no_byte_of_any_file(project: SearchableHome) -> None:
    three_days(project)
    run(project)
    person = most_met(project)
    needles, others = of_person(project, person), set(people_table(project.home)["person_id"]) - {person}
    before = traces(project.folder, needles)
    assert {"meetbefore.duckdb", "report.html"} <= before
    assert {name.split("/")[1] for name in before if name.startswith("record/")} >= {"detections", "embeddings", "tracks", "people"}
    assert any(name.startswith("previews/") for name in before)
    done = forget.forget_people(project.home, [person])
    assert (done.faces, len(done.videos)) == (6, 3)
    assert traces(project.folder, needles) == set()
    assert set(people_table(project.home)["person_id"]) == others
    assert in_step(project)
    assert not erase.is_pending(project.home)


def test_the_next_run_computes_nothing_and_brings_nobody_back(project: SearchableHome) -> None:
    three_days(project)
    run(project)
    needles = of_person(project, most_met(project))
    forget.forget_people(project.home, [most_met(project)])
    before = tables(project)
    assert run(project) == {}
    assert all(table.equals(before[asset]) for asset, table in tables(project).items())
    assert traces(project.folder, needles) == set()


def test_a_run_that_makes_what_is_missing_finds_all_tables_made(project: SearchableHome) -> None:
    """Runs of the sensor decode nothing again because somebody in the video was forgotten."""
    three_days(project)
    run(project)
    forget.forget_people(project.home, [most_met(project)])

    def refuse(uri: str, _allow_truncated: bool) -> VideoReader:
        raise AssertionError(f"{uri} was opened again")

    project.home.adapters.recordings.open_video = refuse
    for video_id in project.home.store.keys("sources"):
        for asset in pipeline_assets():
            assert current_table(project.home, asset, video_id) is not None, f"{asset} of {video_id} would be made again"
        with dg.DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions(PARTITIONS_NAME, [video_id])
            result = (
                build_definitions(project.home)
                .resolve_job_def("process_video")
                .execute_in_process(instance=instance, partition_key=video_id, tags={ONLY_MISSING_TAG: "true"})
            )
            assert result.success


def test_processing_the_videos_again_gives_the_same_tables_without_the_person(project: SearchableHome) -> None:
    three_days(project)
    run(project)
    needles = of_person(project, most_met(project))
    forget.forget_people(project.home, [most_met(project)])
    before = tables(project)
    for video_id in project.home.store.keys("videos"):
        for asset in ("frames", "detections", "embeddings", "tracks"):
            project.home.store.drop(asset, video_id)
    assert len(run(project)) == 3
    assert all(table.equals(before[asset]) for asset, table in tables(project).items())
    assert traces(project.folder, needles) == set()


def test_the_person_stays_away_at_moments_that_were_not_looked_at_before(project: SearchableHome) -> None:
    settings_file.apply(project.folder, ["sampling.interval_s=2"])
    write_video(project.videos, MONDAY, [[1], [1], [1, 2], [1], [1]])
    run(project)
    assert assigned_faces(project.home)["time_s"].to_list() == [0, 2, 2, 4]
    forget.forget_people(project.home, [most_met(project)])
    settings_file.apply(project.folder, ["sampling.interval_s=1"])
    run(project)
    assert assigned_faces(project.home)["time_s"].to_list() == [2]


def test_whoever_stood_beside_is_pictured_without_surroundings(project: SearchableHome) -> None:
    write_video(project.videos, MONDAY, [[1, 2], [1], [2]])
    run(project)
    pictures = project.home.store.get("detections", project.home.store.keys("detections")[0], ["time_s", "x1", "thumbnail"])
    forget.forget_people(project.home, [person_at(project, 0.0, 0.0)])
    (video_id,) = project.home.store.keys("detections")
    kept = project.home.store.get("detections", video_id, ["time_s", "x1", "thumbnail"])
    changed = kept.join(pictures, on=["time_s", "x1"], suffix="_before").filter(pl.col("thumbnail") != pl.col("thumbnail_before"))
    assert changed.select("time_s", "x1").rows() == [(0.0, 64.0)]


def test_whole_pictures_of_the_moments_go_too_and_are_not_kept_again(project: SearchableHome) -> None:
    settings_file.apply(project.folder, ["frames.keep=full"])
    write_video(project.videos, MONDAY, [[1], [2], []])
    (video_id,) = run(project)
    forget.forget_people(project.home, [person_at(project, 0.0, 0.0)])
    names = ["20250303080001.jpg", "20250303080002.jpg"]
    assert sorted(path.name for path in kept_frames_folder(project.home, video_id).iterdir()) == names
    project.home.store.drop("detections", video_id)
    run(project)
    assert sorted(path.name for path in kept_frames_folder(project.home, video_id).iterdir()) == names


def test_whole_pictures_that_another_clock_named_all_go(project: SearchableHome) -> None:
    settings_file.apply(project.folder, ["frames.keep=full"])
    write_video(project.videos, MONDAY, [[1], [2], []])
    (video_id,) = run(project)
    with (project.folder / "settings.toml").open("a") as file:
        file.write('\n[[clocks]]\nfiles = "DJI_*"\noffset_s = 3600\n')
    forget.forget_people(project.home, [person_at(project, 0.0, 0.0)])
    assert not kept_frames_folder(project.home, video_id).exists()


def test_a_recording_written_anew_does_not_bring_the_person_back(project: SearchableHome) -> None:
    write_video(project.videos, MONDAY, [[1], [2]])
    run(project)
    forget.forget_people(project.home, [person_at(project, 0.0, 0.0)])
    write_video(project.videos, MONDAY, [[1], [2], [3]])
    run(project)
    assert assigned_faces(project.home)["time_s"].to_list() == [1.0, 2.0]


def test_a_broken_attempt_is_completed_by_the_next_run(project: SearchableHome, monkeypatch: pytest.MonkeyPatch) -> None:
    three_days(project)
    run(project)
    needles = of_person(project, most_met(project))

    def pull_the_plug(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(erase, "_remove_derived_files", pull_the_plug)
        with pytest.raises(KeyboardInterrupt):
            forget.forget_people(project.home, [most_met(project)])
    assert traces(project.folder, needles)
    assert forget.complete_forgetting(project.home)
    assert traces(project.folder, needles) == set()
    assert not forget.complete_forgetting(project.home)


def test_hooks_are_told_of_videos_that_are_gone_and_can_ask_for_forgotten_places(
    project: SearchableHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_days(project)
    run(project)
    told: list[list[str]] = []
    monkeypatch.setattr(erase, "HOOKS", [lambda home, videos: told.append(videos)])
    (monday, *_rest) = project.home.store.keys("videos")
    forget.forget_people(project.home, [most_met(project)])
    forget.forget_videos(project.home, [monday])
    assert told == [[], [monday]]
    assert len(suppressions.suppressions_of(project.home, project.home.store.keys("videos")[0])) == 2


def test_who_is_on_the_block_list_is_dropped_at_sight_and_others_are_not(project: SearchableHome) -> None:
    write_video(project.videos, MONDAY, [[1], [1, 2]])
    run(project)
    done = forget.forget_people(project.home, [person_at(project, 0.0, 0.0)], is_blocked=True)
    write_video(project.videos, FRIDAY, [[1], [1, 3], [2]])
    run(project)
    friday = forget.find_one_video(project.home, FRIDAY)
    assert assigned_faces(project.home, [friday]).select("time_s", "x1").rows() == [(1.0, 64.0), (2.0, 0.0)]
    assert run(project) == {}
    forget.lift_suppression(project.home, done.block_id)
    write_video(project.videos, TUESDAY, [[1]])
    run(project)
    assert assigned_faces(project.home, [forget.find_one_video(project.home, TUESDAY)]).height == 1


def test_without_the_block_list_no_vector_is_kept(project: SearchableHome) -> None:
    write_video(project.videos, MONDAY, [[1]])
    run(project)
    forget.forget_people(project.home, [most_met(project)])
    assert project.home.store.keys("blocked_people") == []
    write_video(project.videos, FRIDAY, [[1]])
    run(project)
    assert people_table(project.home)["encounters"].to_list() == [1]


def test_nothing_is_lost_where_the_models_are_gone(project: SearchableHome) -> None:
    """Erasing needs no pack; deciding anew does, and is done by the next run."""
    three_days(project)
    run(project)
    needles = of_person(project, most_met(project))
    person = most_met(project)
    settings_file.apply(project.folder, ["models.pack=nowhere"])
    with pytest.raises(Exception, match="nowhere"):
        forget.forget_people(project.home, [person])
    assert {name.split("/")[1] for name in traces(project.folder, needles)} <= {"identity_assignments"}
    settings_file.apply(project.folder, ["models.pack=sface"])
    assert forget.complete_forgetting(project.home)
    assert traces(project.folder, needles) == set()
    assert run(project) == {} or in_step(project)


def test_what_nobody_knows_cannot_be_forgotten(project: SearchableHome) -> None:
    three_days(project)
    run(project)
    with pytest.raises(UsageError, match="nobody is called"):
        forget.find_target(project.home, "Aladdin")
    with pytest.raises(UsageError, match="fits 0 forgotten files"):
        forget.lift_suppression(project.home, "0123")
    assert forget.find_target(project.home, MONDAY)[0] == "video"
    assert forget.find_target(project.home, most_met(project))[0] == "person"
