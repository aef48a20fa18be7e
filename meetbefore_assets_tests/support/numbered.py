"""Drawn clips and pictures, read back as the numbers they show."""

from datetime import datetime, timedelta
from pathlib import Path

import cv2

from meetbefore_assets.core.ports import Picture
from meetbefore_assets.recordings.identifiers import pictures_uri
from meetbefore_assets.recordings.video.pyav_reader import open_video
from meetbefore_assets_tests.support.builders import draw_number, read_number

SMALL = (160, 96)
FOOTAGE = Path(__file__).parents[3] / "shared" / "footage"
FOOTAGE_FILES = sorted(file for file in FOOTAGE.glob("*/*") if file.suffix.lower() in (".mp4", ".mov")) if FOOTAGE.exists() else []
DAY = "20250307"


def numbers(pictures: list[Picture]) -> list[int | None]:
    return [None if picture.image is None else read_number(picture.image) for picture in pictures]


def all_numbers(path: Path) -> list[int | None]:
    with open_video(str(path)) as reader:
        return numbers(list(reader.pictures(reader.index().pts)))


def draw_pictures(folder: Path, times_s: list[float], size: tuple[int, int] = SMALL) -> str:
    """Pictures of one day, the i-th showing the number i."""
    folder.mkdir()
    for number, time_s in enumerate(times_s):
        moment = datetime(2025, 3, 7, 12, 0) + timedelta(seconds=time_s)
        cv2.imwrite(str(folder / f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}.png"), draw_number(number, size))
    return pictures_uri(str(folder), DAY)
