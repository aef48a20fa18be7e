"""Mirror images are embedded of all faces, of none, or of the best of each track."""

from pathlib import Path

import numpy as np
import pytest

from meetbefore_assets.core.model_packs import MIRRORED
from meetbefore_assets.core.ports import F32, U8, FaceEmbedder
from meetbefore_assets.faces import embed
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.faces.unit_vectors import to_unit_vectors
from meetbefore_assets.home.settings.settings_file import apply
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets_tests.support.fakes import fake_home, write_video

NAME = "DJI_20250303080000_0001_D.mp4"


def mirrored_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str) -> dict[int, list[bool]]:
    """Second of the video -> whether each face of it was embedded with its mirror image; vectors grow a little with every second."""
    write_video(tmp_path / "videos", NAME, [[1, 2], [1], [1, 2], [2]])
    home = fake_home(tmp_path / "home")
    home.folder.mkdir()
    apply(home.folder, [f"models.mirror={setting}"])
    monkeypatch.setitem(MIRRORED, home.model_pack().detector_kind, "best")
    plain = embed.embed_crops

    def embedded(embedder: FaceEmbedder, crops: U8, is_mirrored: bool) -> F32:
        vectors = to_unit_vectors(plain(embedder, crops, False))[0]
        if not is_mirrored:
            return np.asarray(vectors * (1 + 0.01 * np.arange(len(crops)))[:, None], np.float32)
        return np.asarray(vectors * 100, np.float32)

    monkeypatch.setattr(embed, "embed_crops", embedded)
    (video_id,) = import_recordings(home, [tmp_path / "videos"]).new
    for stage in ("videos", "frames", "detections", "embeddings"):
        STAGES[stage](home, video_id)
    faces = home.store.get("detections", video_id, ["face_id", "time_s"]).join(
        home.store.get("embeddings", video_id, ["face_id", "raw_norm"]), on="face_id", maintain_order="left"
    )
    least = faces["raw_norm"].min()
    assert isinstance(least, float)
    found: dict[int, list[bool]] = {}
    for time_s, norm in faces.select("time_s", "raw_norm").rows():
        found.setdefault(round(time_s), []).append(norm > 50 or (setting == "true" and norm >= least))
    return found


def test_of_each_track_the_face_with_the_longest_vector_is_mirrored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mirrored_faces(tmp_path, monkeypatch, "auto") == {0: [False, False], 1: [False], 2: [True, False], 3: [True]}


@pytest.mark.parametrize(("setting", "is_mirrored"), [("true", True), ("false", False)])
def test_all_faces_or_none_are_mirrored_where_somebody_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, *, is_mirrored: bool
) -> None:
    found = mirrored_faces(tmp_path, monkeypatch, setting)
    assert {value for values in found.values() for value in values} == {is_mirrored}
