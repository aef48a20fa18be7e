"""Weekly copies of all corrections, in files of the home beside the record: `corrections/2026-12-01.json`.

They are what `meetbefore corrections export` writes. A new one is written when something changed; the oldest go. `forget` takes the
forgotten out of every one. An archive in an object store has none: copies on other machines would be out of reach of `forget`.
"""

import datetime as dt
from pathlib import Path

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import name_hash, suppressed_names
from meetbefore_assets.identities.corrections_file import Carried, read_file, write_file
from meetbefore_assets.identities.forgotten_places import forgotten_among, without_forgotten
from meetbefore_assets.identities.known_people import KIND as KNOWN
from meetbefore_assets.recordings.intake import known_videos
from meetbefore_assets.review.export_corrections import export_corrections
from meetbefore_assets.storage.atomic_file import write_private

MOST_COPIES = 8


def copies_folder(home: Home) -> Path:
    """Folder of the copies."""
    return home.folder / "corrections"


def copies(home: Home) -> list[Path]:
    """The copies, oldest first."""
    return sorted(copies_folder(home).glob("[0-9]*.json"))


def write_copy(home: Home, today: dt.date | None = None) -> Path | None:
    """Write a copy if something was said, or taken back, since the last one; returns its path, or None.

    Args:
        home: the home.
        today: names the file; None: today, UTC.
    """
    if home.shared_uri:
        return None
    # Nobody is forgotten meanwhile: what is read here would come back.
    with home.lock("corrections"):
        data, said = export_corrections(home)
        before = copies(home)
        if (not said and not before) or (before and before[-1].read_bytes() == data):
            return None
        path = copies_folder(home) / f"{today or dt.datetime.now(dt.UTC).date()}.json"
        write_private(path, data, durable=True)
        for old in copies(home)[:-MOST_COPIES]:
            old.unlink(missing_ok=True)
    return path


def forget_in_copies(home: Home, dropped: list[str]) -> None:
    """Take forgotten faces, erased videos and forgotten imported names out of every copy; one that cannot be read is deleted."""
    with home.lock("corrections"):
        known = set(known_videos(home)) - set(dropped)
        for left_over in copies_folder(home).glob(".*.tmp"):  # nobody writes one while this lock is held
            left_over.unlink(missing_ok=True)
        for path in copies(home):
            _forget_in(home, path, known)


def _forget_in(home: Home, path: Path, known: set[str]) -> None:
    try:
        data = path.read_bytes()
        file = read_file(data)
    except UsageError:
        path.unlink(missing_ok=True)  # it may name a forgotten person
        return
    gone = suppressed_names(home)
    kept = [one for one in (_kept(home, one, known) for one in file.carried if not _is_forgotten_name(one, gone)) if one is not None]
    rest = write_file(file.videos, kept)
    if not kept:
        path.unlink(missing_ok=True)
    elif rest != data:
        write_private(path, rest, durable=True)


def _is_forgotten_name(one: Carried, gone: set[str]) -> bool:
    return one.correction.kind == KNOWN and name_hash(one.correction.correction_id) in gone


def _kept(home: Home, one: Carried, known: set[str]) -> Carried | None:
    correction = without_forgotten(home, one.correction, known)
    if correction is None:
        return None
    gone = forgotten_among(home, [other for others in one.also.values() for other in others], known)
    return Carried(correction, {at: tuple(other for other in others if other not in gone) for at, others in one.also.items()}, one.faces)
