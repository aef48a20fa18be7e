"""Opens the files of a `whois` query: photographs, folders of photographs, short videos."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meetbefore_assets.core.errors import UnreadableVideoError, UsageError, VideoError
from meetbefore_assets.faces.picture_faces import FacesFound, faces_of_picture, faces_of_video
from meetbefore_assets.home.home import Home
from meetbefore_assets.recordings.file_kinds import PHOTOGRAPH_SUFFIXES, VIDEO_SUFFIXES

# Larger files are no photographs.
MAX_BYTES = 1 << 30


class NoAnswerError(UsageError):
    """There is nothing to ask with: no picture, or no face in it."""


@dataclass(frozen=True)
class Asked:
    """A photograph or video, and the faces in it.

    Attributes:
        size: width and height of the upright photograph, pixels; (0, 0) of a video.
        is_video: `time_s` of a face means something.
    """

    name: str
    faces: FacesFound
    size: tuple[int, int] = (0, 0)
    is_video: bool = False


def photographs_in(paths: Sequence[Path]) -> list[Path]:
    """Files as they are named, and of folders the photographs and videos in them (and in folders in them), in order.

    Raises:
        UsageError: a folder has none.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = [each for each in sorted(path.rglob("*")) if each.suffix.lower() in PHOTOGRAPH_SUFFIXES | VIDEO_SUFFIXES]
        inside = [each for each in inside if each.is_file() and not each.name.startswith(".")]
        if not inside:
            raise UsageError(f"{path} has no photograph in it; expected JPEG, PNG, WebP or HEIC, or a short video.")
        found += inside
    return found


def faces_in_file(home: Home, path: Path) -> Asked:
    """The faces of a photograph, or of a short video.

    Raises:
        NoAnswerError: it is neither, or has no face.
        ModelError: the pack cannot be loaded.
    """
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return _faces_in_video(home, path)
    try:
        if not path.is_file():
            raise NoAnswerError(f"{path.name} is no file; expected a photograph.")
        if path.stat().st_size > MAX_BYTES:
            raise NoAnswerError(f"{path.name} is no photograph: it has {path.stat().st_size:,} bytes.")
        data = path.read_bytes()
    except OSError as error:
        raise NoAnswerError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    return faces_in_bytes(home, data, path.name)


def faces_in_bytes(home: Home, data: bytes, name: str) -> Asked:
    """The faces of the photograph that these bytes are; see `faces_in_file`."""
    image, reason = home.adapters.recordings.decode_picture(data, name)
    if image is None:
        raise NoAnswerError(f"{reason}.")
    faces = faces_of_picture(home, image)
    if not len(faces):
        raise NoAnswerError(f"no face was found in {name}{_dropped(faces)}.")
    return Asked(name, faces, (image.shape[1], image.shape[0]))


def _faces_in_video(home: Home, path: Path) -> Asked:
    try:
        with home.adapters.recordings.open_video(str(path.absolute()), True) as reader:
            faces = faces_of_video(home, reader)
    except UnreadableVideoError as error:
        raise NoAnswerError(str(error)) from error
    except VideoError as error:
        raise NoAnswerError(f"{path.name} cannot be read: {error.message}") from error
    if not len(faces):
        raise NoAnswerError(f"no face was found in {path.name}{_dropped(faces)}.")
    return Asked(path.name, faces, is_video=True)


def _dropped(faces: FacesFound) -> str:
    """Why faces that are there do not count: ' (2 too small, 1 blurred)'."""
    told = [f"{number} {reason}" for reason, number in sorted(faces.dropped.items()) if number]
    return f" (left out: {', '.join(told)})" if told else ""
