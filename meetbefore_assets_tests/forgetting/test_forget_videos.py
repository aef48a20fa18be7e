"""Videos are forgotten, with all that was made from them, and not taken in again."""

from pathlib import Path

import dagster as dg
import pytest

from meetbefore_assets.definitions import build_definitions
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.record.home_files import preview_path
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.running.partitions import PARTITIONS_NAME
from meetbefore_assets_tests.defs.test_pipeline import MONDAY, TUESDAY, three_days
from meetbefore_assets_tests.support.fakes import write_video
from meetbefore_assets_tests.support.project import Project
from meetbefore_assets_tests.support.searchable import SearchableHome, in_step, person_at, run, searchable_home
from meetbefore_assets_tests.support.traces import traces


@pytest.fixture
def project(tmp_path: Path) -> SearchableHome:
    return searchable_home(tmp_path)


def test_a_forgotten_video_is_found_nowhere_and_not_taken_in_again(project: SearchableHome) -> None:
    three_days(project)
    run(project)
    video_id = forget.find_one_video(project.home, MONDAY)
    faces = assigned_faces(project.home, [video_id])["face_id"].to_list()
    needles = [video_id.encode(), MONDAY.encode(), *(face.encode() for face in faces)]
    assert preview_path(project.home, video_id).exists()
    assert traces(project.folder, needles)
    forget.forget_videos(project.home, [video_id])
    assert traces(project.folder, needles) == set()
    assert run(project) == {}
    assert people_table(project.home)["encounters"].to_list() == [2, 1, 1]
    skipped = import_recordings(project.home, [project.videos]).skipped
    assert [uri.rpartition("/")[2] for uri, reason in skipped if "forget --lift" in reason] == [MONDAY]
    assert traces(project.folder, needles) == set()
    assert in_step(project)


def test_the_last_video_can_be_forgotten(project: SearchableHome) -> None:
    write_video(project.videos, MONDAY, [[1]])
    run(project)
    forget.forget_videos(project.home, project.home.store.keys("videos"))
    assert people_table(project.home).height == 0
    assert in_step(project)


def test_a_forgotten_file_can_be_let_in_again(project: SearchableHome) -> None:
    path = write_video(project.videos, MONDAY, [[1], [2]])
    run(project)
    forget.forget_people(project.home, [person_at(project, 0.0, 0.0)])
    forget.forget_videos(project.home, project.home.store.keys("videos"))
    assert [kind for kind, _, _ in forget.suppressions_kept(project.home)] == ["file"]
    assert "taken in again" in forget.lift_suppression(project.home, str(path))
    run(project)
    assert people_table(project.home).height == 2


def test_the_job_erases_a_video_and_its_runs(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        _erase_by_job(Project(tmp_path, instance))


def _erase_by_job(project: Project) -> None:
    three_days(project)
    project.process()
    project.match()
    video_id = forget.find_one_video(project.home, TUESDAY)
    runs = {entry.run_id for entry in project.instance.get_runs() if entry.tags.get("dagster/partition") == video_id}
    assert runs
    job = build_definitions(project.home).resolve_job_def("forget_video")
    assert job.execute_in_process(instance=project.instance, partition_key=video_id).success
    assert video_id not in project.instance.get_dynamic_partitions(PARTITIONS_NAME)
    assert not runs & {entry.run_id for entry in project.instance.get_runs()}
    others = set(project.home.store.keys("videos"))
    assert set(project.instance.get_materialized_partitions(dg.AssetKey("identity_assignments"))) == others
    assert people_table(project.home)["encounters"].to_list() == [2, 2]
