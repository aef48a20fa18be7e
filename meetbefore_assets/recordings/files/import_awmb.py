"""`meetbefore import seed`: registers the days of an AreWeMeetBefore archive as recordings."""

from dataclasses import dataclass
from pathlib import Path

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import Recording, ScanResult
from meetbefore_assets.home.home import Home
from meetbefore_assets.recordings.intake import register_recordings
from meetbefore_assets.recordings.video.awmb_archive import METADATA, awmb_days, read_people


@dataclass(frozen=True)
class ImportedArchive:
    """The result of an import: number of people in the archive, of days, and of days that were not known before."""

    people: int
    days: int
    new: int


def import_awmb(home: Home, folder: Path) -> ImportedArchive:
    """Register every day of an archive as a recording; its files stay where they are.

    Raises:
        UsageError: the folder holds no such archive, or none of its pictures.
        UnreadableVideoError: a line of its metadata is broken.
    """
    metadata = _metadata(folder.expanduser().absolute())
    people = read_people(metadata)
    if not any(person.picture.is_file() for person in people):
        raise UsageError(
            f"{folder} holds {len(people)} people and none of their pictures; expected them beside {METADATA}, or in faces/.",
            remedy="Name the folder that holds both db and faces.",
        )
    status = metadata.stat()
    days = [_day(metadata, day, status.st_size, status.st_mtime_ns) for day in awmb_days(metadata)]
    intake = register_recordings(home, ScanResult(tuple(days), (), ()))
    return ImportedArchive(len(people), len(days), len(intake.new))


def _day(metadata: Path, day: str, size_bytes: int, mtime_ns: int) -> Recording:
    first = min(moment for person in read_people(metadata) for moment in person.seen if f"{moment:%Y%m%d}" == day)
    return Recording(f"{metadata}?day={day}", f"{first:%Y%m%d%H%M%S}.jpg", size_bytes, mtime_ns, "seed")


def _metadata(folder: Path) -> Path:
    for candidate in (folder / METADATA, folder / "db" / METADATA):
        if candidate.is_file():
            return candidate
    raise UsageError(f"{folder} holds no {METADATA}, neither itself nor in db/; expected the archive of AreWeMeetBefore.")
