"""Reads a day of pictures in a folder, named by the time they were taken, as if it were a video."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.core.ports import I64, MediaFacts, PacketIndex, Picture
from meetbefore_assets.recordings.camera_names import picture_time
from meetbefore_assets.recordings.video.limits import DEFAULT_MAX_MEGAPIXELS
from meetbefore_assets.recordings.video.picture_file import read_picture

TIME_BASE = Fraction(1, 1000)
_STEP = timedelta(milliseconds=1)


class PicturesReader:
    """The pictures of one day in one folder; implements `VideoReader`.

    The pts of a picture counts milliseconds since the day's first picture; pictures of the same time follow each other by a millisecond,
    in order of name.

    Args:
        folder: folder of the pictures (sub-folders are not searched).
        day: YYYYMMDD, as in the names.
        max_megapixels: larger pictures are not decoded.

    Raises:
        UnreadableVideoError: no such folder, or no picture of that day in it.
    """

    def __init__(self, folder: str, day: str, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS) -> None:
        self._folder, self._day, self._max_megapixels = Path(folder), day, max_megapixels
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
        image, reason = None, ""
        for picture in self.pictures(np.array(pts)):
            image, reason = picture.image, reason or picture.error
            if image is not None:
                break
        else:
            raise UnreadableVideoError(
                f"{self._folder.name}: none of the {len(pts)} pictures of {self._day} can be read; of the first: {reason}.",
                remedy="Copy them again.",
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
            image, error = read_picture(self._folder / self._names[value], self._max_megapixels)
            yield Picture(value, image, error)

    def close(self) -> None:
        """Nothing to close: no file stays open between two pictures."""

    def __enter__(self) -> "PicturesReader":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _timed(self) -> list[tuple[datetime, str]]:
        """Time and name of every picture of the day, sorted."""
        try:
            names = [entry.name for entry in os.scandir(self._folder) if entry.is_file()]
        except OSError as error:
            raise UnreadableVideoError(
                f"{self._folder.name}: expected a folder of pictures, found none that can be read ({error.strerror}).",
                remedy="Attach the disk, or give yourself the right to read it.",
            ) from error
        timed = [(moment, name) for name in names if (moment := picture_time(name)) is not None]
        return sorted((moment, name) for moment, name in timed if f"{moment:%Y%m%d}" == self._day)
