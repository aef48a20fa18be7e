"""Videos are forgotten, with all that was made from them, and not taken in again."""

import logging
import stat
from pathlib import Path

import dagster as dg
import pytest

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.definitions import build_definitions
from meetbefore_assets.forgetting import erase, forget
from meetbefore_assets.forgetting.erase_requests import erase_requests, request_erasure
from meetbefore_assets.home.record.home_files import preview_path
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.running.partitions import PARTITIONS_NAME
from meetbefore_assets_tests.defs.test_pipeline import MONDAY, TUESDAY, three_days
from meetbefore_assets_tests.support.fakes import write_video
from meetbefore_assets_tests.support.project import Project
from meetbefore_assets_tests.support.searchable import SearchableHome, in_step, person_at, run, searchable_home
from meetbefore_assets_tests.support.traces import traces

pytestmark = pytest.mark.slow


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
    assert "imported again" in forget.lift_suppression(project.home, str(path))
    run(project)
    assert people_table(project.home).height == 2


def test_the_job_erases_what_was_asked_for_and_its_runs(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        project = Project(tmp_path, instance)
        three_days(project)
        project.process()
        project.match()
        _assert_the_job_erases_nothing_unasked(project)
        _assert_the_job_erases_once(project)


def _job(project: Project) -> dg.ExecuteInProcessResult:
    return build_definitions(project.home).resolve_job_def("forget_videos").execute_in_process(instance=project.instance)


def _assert_the_job_erases_nothing_unasked(project: Project) -> None:
    before = {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file() and path.suffix != ".lock"}
    done = _job(project)
    assert done.success
    said = [entry.user_message for entry in project.instance.all_logs(done.run_id) if entry.level == logging.WARNING]
    assert [text for text in said if "nobody asked for it" in text]
    assert {path: path.read_bytes() for path in before} == before


def _assert_the_job_erases_once(project: Project) -> None:
    video_id = forget.find_one_video(project.home, TUESDAY)
    others = set(project.home.store.keys("videos")) - {video_id}
    runs = {entry.run_id for entry in project.instance.get_runs() if entry.tags.get("dagster/partition") == video_id}
    assert runs
    request = request_erasure(project.home, [video_id])
    assert stat.S_IMODE(request.path.stat().st_mode) == 0o600
    done = _job(project)
    assert done.success
    assert not request.path.exists()
    assert video_id not in project.instance.get_dynamic_partitions(PARTITIONS_NAME)
    assert not runs & {entry.run_id for entry in project.instance.get_runs()}
    told = [entry.to_json() for run in project.instance.get_runs() for entry in project.instance.all_logs(run.run_id)]
    assert not [text for text in told if video_id in text], "the run that erased it does not name it either"
    assert set(project.home.store.keys("videos")) == others
    assert set(project.instance.get_materialized_partitions(dg.AssetKey("identity_assignments"))) == others
    assert people_table(project.home)["encounters"].to_list() == [2, 2]
    assert [run for run in project.instance.get_runs() if run.job_name == "forget_videos"]
    forget.lift_suppression(project.home, str(project.videos / TUESDAY))
    project.process()
    _job(project)
    assert video_id in project.home.store.keys("videos"), "a request is good for one time"


def test_there_is_nothing_to_tell_the_job(tmp_path: Path) -> None:
    """Neither a partition nor a configuration says what to erase: those come from whoever reaches the web server."""
    job = build_definitions(searchable_home(tmp_path).home).resolve_job_def("forget_videos")
    assert job.partitions_def is None
    config = job.nodes[0].definition.config_schema.config_type  # type: ignore[attr-defined]
    assert not config or config.given_name == "Any"


def test_a_request_survives_whoever_was_to_carry_it_out(project: SearchableHome, monkeypatch: pytest.MonkeyPatch) -> None:
    three_days(project)
    run(project)
    video_id = forget.find_one_video(project.home, MONDAY)
    request = request_erasure(project.home, [video_id])
    told: list[list[str]] = []

    def forget_in_dagster(videos: list[str]) -> int:
        told.append(videos)
        return 0

    def pull_the_plug(*_: object) -> None:
        raise KeyboardInterrupt

    for place in ("suppress_file", "drop_video", "_remove_derived_files"):
        with monkeypatch.context() as patch:
            patch.setattr(erase, place, pull_the_plug)
            with pytest.raises(KeyboardInterrupt):
                forget.forget_requested(project.home, forget_in_dagster)
        assert request.path.exists(), place
    with pytest.raises(KeyboardInterrupt):
        forget.forget_requested(project.home, pull_the_plug)  # type: ignore[arg-type]
    assert request.path.exists()
    assert forget.forget_requested(project.home, forget_in_dagster) is not None
    assert told == [[video_id]]
    assert traces(project.folder, [video_id.encode(), MONDAY.encode()]) == set()
    assert forget.forget_requested(project.home, forget_in_dagster) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"videos": "all"}', '{"videos": [1]}', "{}"])
def test_what_is_no_request_erases_nothing_and_is_named(project: SearchableHome, text: str) -> None:
    path = request_erasure(project.home, []).path
    path.write_text(text)
    with pytest.raises(StoreError, match=f"{path.name} is no request"):
        erase_requests(project.home)


def test_a_request_that_anybody_could_have_written_is_refused(project: SearchableHome, tmp_path: Path) -> None:
    path = request_erasure(project.home, ["v"]).path
    path.chmod(0o666)
    with pytest.raises(StoreError, match="everybody can write to"):
        erase_requests(project.home)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="no regular file"):
        erase_requests(project.home)
