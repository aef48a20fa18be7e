"""Reads a day of pictures in a folder, named by the time they were taken, as if they were a video."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.core.ports import I64, U8, MediaFacts, PacketIndex, Picture
from meetbefore_assets.recordings.camera_names import picture_time

TIME_BASE = Fraction(1, 1000)
_STEP = timedelta(milliseconds=1)


class PicturesReader:
    """The pictures of one day in one folder; implements `VideoReader`.

    A picture's pts is the milliseconds from the day's first picture to it; of several that bear the same time,
    the later in order of name are put a millisecond each behind.

    Args:
        folder: where the pictures are (not in its sub-folders).
        day: YYYYMMDD, as the names tell it.

    Raises:
        UnreadableVideoError: no such folder, or no picture of that day in it.
    """

    def __init__(self, folder: str, day: str) -> None:
        self._folder, self._day = Path(folder), day
        timed = self._timed()
        if not timed:
            raise UnreadableVideoError(
                f"{self._folder.name}: expected pictures of {day} named by time, found none.",
                remedy="Names such as 20250307122924.jpg tell the time; attach the disk if they have been there.",
            )
        milliseconds = [(moment - timed[0][0]) // _STEP for moment, _ in timed]
        for i in range(1, len(milliseconds)):
            milliseconds[i] = max(milliseconds[i], milliseconds[i - 1] + 1)
        self._names = {pts: name for pts, (_, name) in zip(milliseconds, timed, strict=True)}

    def facts(self) -> MediaFacts:
        pts = list(self._names)
        image = next((picture.image for picture in self.pictures(np.array(pts)) if picture.image is not None), None)
        if image is None:
            raise UnreadableVideoError(
                f"{self._folder.name}: none of the {len(pts)} pictures of {self._day} can be read.", remedy="Copy them again."
            )
        duration_s = pts[-1] / 1000
        fps = (len(pts) - 1) / duration_s if duration_s else 0.0
        codec = Path(self._names[pts[0]]).suffix.lower().removeprefix(".")
        return MediaFacts(duration_s, image.shape[1], image.shape[0], 0, fps, codec, "pictures")

    def index(self) -> PacketIndex:
        pts = np.array(list(self._names), np.int64)
        return PacketIndex(pts, np.ones(len(pts), bool), TIME_BASE)

    def is_sought(self) -> bool:
        return True

    def pictures(self, pts: I64) -> Iterator[Picture]:
        for value in pts.tolist():
            if value not in self._names:
                yield Picture(value, None, "no picture has this time")
                continue
            image, error = _read(self._folder / self._names[value])
            yield Picture(value, image, error)

    def close(self) -> None:
        """Nothing stays open between two pictures."""

    def __enter__(self) -> "PicturesReader":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _timed(self) -> list[tuple[datetime, str]]:
        """Time and name of every picture of the day, in order."""
        try:
            names = [entry.name for entry in os.scandir(self._folder) if entry.is_file()]
        except OSError as error:
            raise UnreadableVideoError(
                f"{self._folder.name}: expected a folder of pictures, found none that can be read ({error.strerror}).",
                remedy="Attach the disk, or give yourself the right to read it.",
            ) from error
        timed = [(moment, name) for name in names if (moment := picture_time(name)) is not None]
        return sorted((moment, name) for moment, name in timed if f"{moment:%Y%m%d}" == self._day)


def _read(path: Path) -> tuple[U8 | None, str]:
    """Upright picture (EXIF rotation applied), or None and why."""
    try:
        data = np.fromfile(path, np.uint8)  # cv2.imread cannot open every name on every system
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error) as error:
        return None, f"{path.name} cannot be read: {getattr(error, 'strerror', None) or error}"
    if image is None:
        return None, f"{path.name} is no picture: expected JPEG, PNG or WebP, found {data.size} bytes that are none"
    return np.ascontiguousarray(image, np.uint8), ""
