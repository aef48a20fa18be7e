"""What a reader shows does not depend on what it showed before, damaged or not."""

from pathlib import Path

import numpy as np
import pytest

from meetbefore_assets.core.ports import I64, U8
from meetbefore_assets.recordings.video.pyav_reader import open_video
from meetbefore_assets_tests.support.builders import corrupt, draw_clip

GOP, FPS = 6, 4
WALL = np.random.default_rng(5).integers(0, 256, (60, 120, 3)).repeat(6, axis=0).repeat(6, axis=1).astype(np.uint8)


def draw(number: int, size: tuple[int, int]) -> U8:
    """A camera that pans over a wall."""
    x = (number * 3) % 80
    return np.ascontiguousarray(WALL[: size[1], x : x + size[0]])


def shown(path: Path, runs: list[I64], *, is_fresh: bool) -> dict[int, bytes | None]:
    found: dict[int, bytes | None] = {}
    reader = open_video(str(path))
    for run in runs:
        if is_fresh:
            reader.close()
            reader = open_video(str(path))
        found |= {picture.pts: None if picture.image is None else picture.image.tobytes() for picture in reader.pictures(run)}
    reader.close()
    return found


@pytest.mark.parametrize("bframes", [0, 1])
@pytest.mark.parametrize("at", [0.2, 0.3])
def test_a_reader_that_met_damage_shows_what_a_new_one_shows(tmp_path: Path, at: float, bframes: int) -> None:
    path = draw_clip(tmp_path / "20250307081205.mp4", seconds=18, fps=FPS, gop=GOP, size=(640, 360), bframes=bframes, draw=draw)
    pts = open_video(str(corrupt(path, at))).index().pts
    runs = [pts[start : start + GOP : FPS] for start in range(0, len(pts), GOP)]
    together = shown(path, runs, is_fresh=False)
    assert None in together.values()
    assert together == shown(path, runs, is_fresh=True)
