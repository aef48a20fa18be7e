"""Where who was forgotten cannot be read, nobody comes back: the video is left as it is, and a sentence says so."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.core.errors import RecordTornError
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.forgetting import erase, forget
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.queries import assigned_faces
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets_tests.defs.test_pipeline import FRIDAY, MONDAY, three_days
from meetbefore_assets_tests.support.fakes import fake_home
from meetbefore_assets_tests.support.s3 import new_bucket
from meetbefore_assets_tests.support.searchable import SearchableHome, most_met, person_at, run, searchable_home

pytestmark = pytest.mark.slow

COPIES = ("forgotten_faces", "forgotten_faces_copy")
Write = Callable[[SearchableHome, str, str], None]


def in_folder(project: SearchableHome, folder: str, video_id: str) -> None:
    (project.folder / "record" / folder / f"{video_id}.parquet").write_bytes(b"PAR1 torn")


def in_object_store(project: SearchableHome, folder: str, video_id: str) -> None:
    project.home.store._store._objects.put(f"{folder}/{video_id}.parquet", b"PAR1 torn")  # type: ignore[attr-defined]


@pytest.fixture(params=[in_folder, in_object_store], ids=["folder", "s3"])
def tear(request: pytest.FixtureRequest) -> Write:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def project(tmp_path: Path, tear: Write) -> SearchableHome:
    """Whoever is met most was forgotten."""
    project = searchable_home(tmp_path)
    if tear is in_object_store:
        settings_file.apply(project.folder, [f"store.uri='{new_bucket()}/archive'"])
    three_days(project)
    run(project)
    forget.forget_people(project.home, [most_met(project)])
    return project


def reopened(project: SearchableHome) -> None:
    home = fake_home(project.folder)
    home.adapters.faces.open_imaging = project.home.adapters.faces.open_imaging
    project.home = home


def test_one_torn_copy_changes_nothing(project: SearchableHome, tear: Write) -> None:
    monday = forget.find_one_video(project.home, MONDAY)
    for folder in COPIES:
        tear(project, folder, monday)
        reopened(project)
        before = assigned_faces(project.home)
        for asset in ("detections", "embeddings", "tracks"):
            project.home.store.drop(asset, monday)
        run(project)
        assert assigned_faces(project.home).equals(before)


def test_two_torn_copies_keep_their_video_unprocessed_and_no_other(project: SearchableHome, tear: Write) -> None:
    monday, friday = (forget.find_one_video(project.home, name) for name in (MONDAY, FRIDAY))
    before = assigned_faces(project.home)
    for folder in COPIES:
        tear(project, folder, monday)
    reopened(project)
    for video_id in (monday, friday):
        for asset in ("detections", "embeddings", "tracks"):
            project.home.store.drop(asset, video_id)
    assert not forget.complete_forgetting(project.home), "nothing is pending that could be done"
    todo = {status.video_id: status.todo for status in all_statuses(project.home) if status.todo}
    assert set(todo) == {monday, friday}
    for asset in todo[friday]:
        STAGES[asset](project.home, friday)
    with pytest.raises(RecordTornError, match="is left as it is: people were forgotten in it") as caught:
        STAGES[todo[monday][0]](project.home, monday)
    assert all(f"{folder}/{monday}" in str(caught.value) for folder in COPIES)
    assert "made again" not in str(caught.value)
    forget.rebuild(project.home)
    assert assigned_faces(project.home, [friday])["face_id"].equals(before.filter(pl.col("video_id") == friday)["face_id"])
    assert project.home.store.stamp("detections", monday) is None


def test_nobody_else_is_forgotten_there_by_halves_and_the_whole_video_can_be(project: SearchableHome, tear: Write) -> None:
    monday = forget.find_one_video(project.home, MONDAY)
    another = person_at(project, 1.0, 64.0)
    for folder in COPIES:
        tear(project, folder, monday)
    reopened(project)
    before = assigned_faces(project.home)
    with pytest.raises(RecordTornError, match="left as it is"):
        forget.forget_people(project.home, [another])
    assert not erase.is_pending(project.home)
    assert assigned_faces(project.home).equals(before)
    assert forget.forget_videos(project.home, [monday]).dropped == [monday]
    assert forget.forget_people(project.home, [most_met(project)]).faces
