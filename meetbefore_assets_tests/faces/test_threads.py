"""Several threads at one video find what one finds."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from meetbefore_assets.core.ports import U8
from meetbefore_assets.core.schema.faces import DETECTIONS
from meetbefore_assets.faces.kept_pictures import best_faces
from meetbefore_assets.faces.scan_video import MAX_CHUNK_FRAMES, chunk_starts
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.open_home import open_home
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets_tests.support.builders import corrupt, draw_clip

SIZE = (640, 360)


@pytest.fixture(name="clip", scope="module")
def _clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people who drift through the picture, a third of whose packets are damaged."""
    spec = importlib.util.find_spec("insightface")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    six = cv2.imread(str(Path(spec.submodule_search_locations[0]) / "data" / "images" / "t1.jpg"))
    wide = cv2.resize(six, (720, 405))

    def draw(number: int, size: tuple[int, int]) -> U8:
        x = (number * 3) % 80
        return np.ascontiguousarray(wide[20 : 20 + size[1], x : x + size[0]])

    path = tmp_path_factory.mktemp("videos") / "20250307081205.mp4"
    draw_clip(path, seconds=2.2 * MAX_CHUNK_FRAMES, fps=4, gop=6, size=SIZE, bframes=1, draw=draw)
    return corrupt(path, 0.3)


def tables(home_folder: Path, clip: Path, threads: int) -> dict[str, pl.DataFrame]:
    home_folder.mkdir()
    settings = settings_file.effective(home_folder, [f"models.threads={threads}", "models.device=cpu"])
    home = open_home(home_folder, settings)
    told = []
    home.progress = lambda _video_id, done, total: told.append((done, total))
    import_recordings(home, [clip])
    (video_id,) = home.store.keys("sources")
    for make in STAGES.values():
        make(home, video_id)
    moments = home.store.get("frames", video_id).height
    assert moments > 2 * MAX_CHUNK_FRAMES
    assert told == [(done, moments) for done in range(1, moments + 1)]
    stamp = home.store.stamp("detections", video_id)
    assert stamp is not None
    told_of = {name: value for name, value in stamp.facts.items() if "second" not in name and "_s" not in name and name != "preview"}
    facts = pl.DataFrame({"name": list(told_of), "value": list(told_of.values())})
    return {"facts": facts, **{asset: home.store.get(asset, video_id) for asset in ("detections", "embeddings", "tracks")}}


@pytest.mark.slow
def test_several_threads_find_what_one_finds(clip: Path, tmp_path: Path) -> None:
    alone = tables(tmp_path / "one", clip, 1)
    assert alone["detections"].height > 2 * MAX_CHUNK_FRAMES
    assert dict(alone["facts"].iter_rows())["frames not decodable"] != "0"
    together = tables(tmp_path / "three", clip, 3)
    for name, table in alone.items():
        assert together[name].equals(table), name


@pytest.mark.parametrize(
    ("keyframes", "moments", "expected"),
    [
        ([], 0, []),
        ([], 1, [0]),
        ([0, 1, 2], 3, [0, 1, 2]),
        ([2, 5], 7, [0, 2, 5]),
        ([0], 2 * MAX_CHUNK_FRAMES + 1, [0, MAX_CHUNK_FRAMES, 2 * MAX_CHUNK_FRAMES]),
        ([0, 3], MAX_CHUNK_FRAMES + 4, [0, 3, MAX_CHUNK_FRAMES + 3]),
    ],
)
def test_pieces_begin_at_keyframes_and_are_never_long(keyframes: list[int], moments: int, expected: list[int]) -> None:
    assert chunk_starts([moment in keyframes for moment in range(moments)]) == expected


def test_the_best_faces_hold_on_to_no_others() -> None:
    rng = np.random.default_rng(1)
    rows = [{"face_id": str(number), "quality": number / 100, "thumbnail": rng.bytes(1000)} for number in range(100)]
    schema = {name: DETECTIONS.dtypes[name] for name in ("face_id", "quality", "thumbnail")}
    best = best_faces(pl.DataFrame(rows, schema=schema))
    assert best["face_id"].to_list() == [str(number) for number in range(99, 75, -1)]
    # As it lies in memory, with the buffers that rows may share.
    assert best["thumbnail"].to_arrow(compat_level=pl.CompatLevel.newest()).get_total_buffer_size() < 30 * 1000
