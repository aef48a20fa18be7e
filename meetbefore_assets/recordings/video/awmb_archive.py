"""Reads each day of an AreWeMeetBefore archive as if it were a recording.

Such an archive holds one picture of each person, and the names (times) of the pictures they were seen in. A frame of the recording shows
the pictures of everybody seen at that time, side by side.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.core.ports import I64, U8, MediaFacts, PacketIndex, Picture
from meetbefore_assets.recordings.camera_names import picture_time
from meetbefore_assets.recordings.identifiers import split_uri
from meetbefore_assets.recordings.video.limits import DEFAULT_MAX_MEGAPIXELS
from meetbefore_assets.recordings.video.picture_file import read_picture
from meetbefore_assets.recordings.video.picture_folder import TIME_BASE

METADATA = "face_metadata.jsonl"
# Margin around a face in the pictures of such an archive; the same is left between two pictures, or faces would merge.
_GAP_PX = 30
_FIELDS = ("face_id", "appearances", "face_image")


@dataclass(frozen=True)
class AwmbPerson:
    """One line of the metadata: the person, their picture, and the times they were seen."""

    face_id: int
    picture: Path
    seen: tuple[datetime, ...]


def is_awmb(uri: str) -> bool:
    """Whether a uri is a day of such an archive: `<…/face_metadata.jsonl>?day=YYYYMMDD`."""
    return Path(split_uri(uri)[0]).name == METADATA


def awmb_days(metadata: Path) -> list[str]:
    """The local days (YYYYMMDD) on which somebody was seen, in order. Raises UnreadableVideoError."""
    return sorted({f"{moment:%Y%m%d}" for person in read_people(metadata) for moment in person.seen})


def read_people(metadata: Path) -> tuple[AwmbPerson, ...]:
    """All people in an archive, sorted by `face_id`; cached until the file changes.

    Raises:
        UnreadableVideoError: a line is invalid; the message names it.
    """
    try:
        status = metadata.stat()
    except OSError as error:
        raise UnreadableVideoError(f"{metadata} cannot be read: {error.strerror}.", remedy="Attach the disk.") from error
    return _read_people(metadata, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4)
def _read_people(metadata: Path, _size: int, _mtime_ns: int) -> tuple[AwmbPerson, ...]:
    people = []
    for number, line in enumerate(metadata.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            face_id, names, picture = (row[field] for field in _FIELDS)
            moments = sorted({moment for name in names if (moment := picture_time(str(name)))})
            people.append(AwmbPerson(int(face_id), _picture(metadata.parent, str(picture)), tuple(moments)))
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableVideoError(
                f"{metadata.name}, line {number}: expected an object with {', '.join(_FIELDS)}, found {line[:60]!r} ({error!r}).",
                remedy="Write it again with AreWeMeetBefore, or remove that line.",
            ) from error
    return tuple(sorted(people, key=lambda person: person.face_id))


def _picture(folder: Path, name: str) -> Path:
    """Path of a person's picture: beside the metadata, or in the folder `faces` next to theirs; a name that leads elsewhere is refused."""
    safe = Path(name).name
    beside = folder / safe
    return beside if beside.is_file() else folder.parent / "faces" / safe


def awmb_hash(uri: str) -> str:
    """SHA-256 of a day: who was seen when, and the sizes of their pictures. Raises UnreadableVideoError."""
    path, day = split_uri(uri)
    digest = hashlib.sha256(b"seed\n")
    for person in read_people(Path(path)):
        moments = [f"{moment:%Y%m%d%H%M%S%f}" for moment in person.seen if f"{moment:%Y%m%d}" == day]
        if moments:
            size = person.picture.stat().st_size if person.picture.is_file() else -1
            digest.update(json.dumps([person.face_id, size, moments]).encode())
    return digest.hexdigest()


class AwmbReader:
    """One day of an archive; implements `VideoReader`. The pts of a picture counts milliseconds since the day's first sighting.

    Raises:
        UnreadableVideoError: nobody was seen on that day.
    """

    def __init__(self, uri: str, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS) -> None:
        path, day = split_uri(uri)
        self._max_megapixels = max_megapixels
        self._who: dict[datetime, list[AwmbPerson]] = {}
        for person in read_people(Path(path)):
            for moment in person.seen:
                if f"{moment:%Y%m%d}" == day:
                    self._who.setdefault(moment, []).append(person)
        if not self._who:
            raise UnreadableVideoError(f"{path}: expected somebody who was seen on {day}, found nobody.")
        first = min(self._who)
        self._moments = {round((moment - first).total_seconds() * 1000): moment for moment in sorted(self._who)}

    def facts(self) -> MediaFacts:
        sizes = {person.face_id: _size(person.picture, self._max_megapixels) for people in self._who.values() for person in people}
        height = max(size[0] for size in sizes.values())
        width = max(sum(sizes[person.face_id][1] + _GAP_PX for person in people) for people in self._who.values())
        return MediaFacts(max(self._moments) / 1000, width, height, 0, 0.0, "jpg", "seed")

    def index(self) -> PacketIndex:
        pts = np.array(list(self._moments), np.int64)
        return PacketIndex(pts, np.ones(len(pts), bool), TIME_BASE)

    def is_sought(self) -> bool:
        return True

    def pictures(self, pts: I64) -> Iterator[Picture]:
        for value in pts.tolist():
            image, missing = _tiled(self._who[self._moments[value]], self._max_megapixels)
            yield Picture(value, image, f"{missing} has no picture") if image.size else Picture(value, None, f"{missing} has no picture")

    def close(self) -> None:
        """Nothing to close: no file stays open between two pictures."""

    def __enter__(self) -> "AwmbReader":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _tiled(people: list[AwmbPerson], max_megapixels: float) -> tuple[U8, str]:
    """The pictures of some people side by side on black, and the name of the last missing one."""
    images, missing = [], ""
    for person in people:
        image = _opened(person.picture, max_megapixels)
        if image is None:
            missing = person.picture.name
        else:
            images.append(image)
    if not images:
        return np.zeros((0, 0, 3), np.uint8), missing
    canvas = np.zeros((max(image.shape[0] for image in images), sum(image.shape[1] + _GAP_PX for image in images), 3), np.uint8)
    at = 0
    for image in images:
        canvas[: image.shape[0], at : at + image.shape[1]] = image
        at += image.shape[1] + _GAP_PX
    return canvas, missing


def _size(path: Path, max_megapixels: float) -> tuple[int, int]:
    image = _opened(path, max_megapixels)
    return (0, 0) if image is None else (image.shape[0], image.shape[1])


@lru_cache(maxsize=64)
def _opened(path: Path, max_megapixels: float) -> U8 | None:
    return read_picture(path, max_megapixels)[0] if path.is_file() else None
