"""A face keeps its id when its video is searched anew, and no id goes from one face to another."""

import random
from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.core.ports import U8, FaceBatch
from meetbefore_assets.faces.lasting_ids import LastingIds
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.record.forgotten_ids import ForgottenIds, forgotten_ids, keep_forgotten_ids
from meetbefore_assets.recordings.identifiers import face_id
from meetbefore_assets_tests.support.fakes import FakeDetector, fake_home, write_video
from meetbefore_assets_tests.support.searchable import SearchableHome, person_at, run, searchable_home

PTS = 40
NOBODY = ForgottenIds(frozenset())
COLUMNS = ("face_id", "pts", "x1", "y1", "x2", "y2")


def found(*lefts: float, pts: int = PTS) -> list[dict[str, object]]:
    """Faces of a moment, 100 pixels wide, as a detector lists them: their ids are made of their ordinals."""
    boxes = [{"x1": left, "y1": 0.0, "x2": left + 100.0, "y2": 100.0} for left in lefts]
    return [{"face_id": face_id("hash", pts, ordinal), "pts": pts, **box} for ordinal, box in enumerate(boxes)]


def on_record(faces: list[dict[str, object]]) -> pl.DataFrame:
    schema = {"face_id": pl.String, "pts": pl.Int64} | dict.fromkeys(COLUMNS[2:], pl.Float64)
    return pl.DataFrame([{name: face[name] for name in COLUMNS} for face in faces], schema=schema)


def ids(faces: list[dict[str, object]]) -> list[object]:
    return [face["face_id"] for face in faces]


def test_where_nothing_was_found_before_ids_are_made_of_ordinals() -> None:
    faces = found(0, 300)
    assert LastingIds("hash", on_record([]), NOBODY).give(faces) == faces
    assert LastingIds("hash", on_record(found(0, pts=7)), NOBODY).give(faces) == faces
    assert LastingIds("hash", on_record(faces), NOBODY).give([]) == []


def test_found_again_in_the_same_way_ids_are_the_same() -> None:
    faces = found(0, 300, 600)
    assert LastingIds("hash", on_record(faces), NOBODY).give(faces) == faces


def test_a_face_behind_one_that_is_not_found_any_more_keeps_its_id() -> None:
    before = found(0, 300, 600)
    after = LastingIds("hash", on_record(before), NOBODY).give(found(302, 598))
    assert ids(after) == ids(before)[1:]


def test_a_new_face_gets_no_id_that_another_has() -> None:
    before = found(300, 600)
    after = LastingIds("hash", on_record(before), NOBODY).give(found(0, 300, 600))
    assert ids(after)[1:] == ids(before)
    assert ids(after)[0] not in ids(before)
    assert len(set(ids(after))) == 3
    assert after == LastingIds("hash", on_record(before), NOBODY).give(found(0, 300, 600))


def test_an_id_that_was_forgotten_is_given_to_nobody(tmp_path: Path) -> None:
    home = fake_home(tmp_path)
    keep_forgotten_ids(home, "v", [face_id("hash", PTS, 0)])
    (after,) = LastingIds("hash", on_record([]), forgotten_ids(home)).give(found(300))
    assert after["face_id"] != face_id("hash", PTS, 0)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_found_before_and_after_no_id_changes_its_face(seed: int) -> None:
    """Faces stand 200 pixels apart, and are found or not by chance: whoever has an id at both times stands where it stood."""
    dice = random.Random(seed)
    places = [200.0 * place for place in range(8)]
    for _ in range(20):
        before = found(*dice.sample(places, dice.randint(0, 8)))
        after = LastingIds("hash", on_record(before), NOBODY).give(found(*dice.sample(places, dice.randint(0, 8))))
        assert len(set(ids(after))) == len(after)
        stood = {face["face_id"]: face["x1"] for face in before}
        assert all(stood.get(face["face_id"], face["x1"]) == face["x1"] for face in after)
        known = {face["x1"] for face in before}
        assert {face["face_id"] for face in after if face["x1"] in known} <= set(stood), "whoever was known keeps the id"


class _Shortsighted(FakeDetector):
    """Does not find whoever stands on the left."""

    def detect(self, image: U8, *, min_score: float, max_side: int) -> FaceBatch:
        found = super().detect(image, min_score=min_score, max_side=max_side)
        kept = found.boxes[:, 0] > 0
        return FaceBatch(found.boxes[kept], found.landmarks[kept], found.scores[kept])


@pytest.fixture
def project(tmp_path: Path) -> SearchableHome:
    return searchable_home(tmp_path)


def use(project: SearchableHome, detector: FakeDetector) -> None:
    """Search with another detector from now on."""
    home = fake_home(project.folder, detector.model_id)
    home.adapters.faces.open_imaging = project.home.adapters.faces.open_imaging
    load = home.adapters.faces.load_models

    def load_models(*arguments: object) -> object:
        pack = load(*arguments)  # type: ignore[arg-type]
        object.__setattr__(pack, "detector", detector)
        return pack

    home.adapters.faces.load_models = load_models  # type: ignore[method-assign, assignment]
    project.home = home


def test_another_detector_gives_no_face_the_id_of_another(project: SearchableHome) -> None:
    write_video(project.videos, "DJI_20250303080000_0001_D.mp4", [[1, 2], [1], [2]])
    run(project)
    (video_id,) = project.home.store.keys("detections")
    columns = ["face_id", "pts", "x1"]
    before = project.home.store.get("detections", video_id, columns)
    right = person_at(project, 0.0, 64.0)
    use(project, _Shortsighted("squares-2"))
    run(project)
    after = project.home.store.get("detections", video_id, columns)
    assert after.rows() == before.filter(pl.col("x1") == 64.0).rows()
    use(project, FakeDetector("squares-1"))
    run(project)
    assert project.home.store.get("detections", video_id, columns).equals(before)
    assert person_at(project, 0.0, 64.0) == right


def test_a_stranger_does_not_get_the_id_of_somebody_who_was_forgotten(project: SearchableHome) -> None:
    write_video(project.videos, "DJI_20250303080000_0001_D.mp4", [[1, 2]])
    run(project)
    (video_id,) = project.home.store.keys("detections")
    forgotten = person_at(project, 0.0, 0.0)
    forget.forget_people(project.home, [forgotten])
    for asset in ("detections", "embeddings", "tracks"):
        project.home.store.drop(asset, video_id)
    use(project, _Shortsighted("squares-2"))
    run(project)
    assert project.home.store.get("detections", video_id).height == 1
    assert person_at(project, 0.0, 64.0) != forgotten
