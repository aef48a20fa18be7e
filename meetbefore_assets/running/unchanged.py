"""Finds out from directory entries alone whether anything changed since a run that had nothing to do.

The result of a run depends on the recordings and the files beside them, the record, the database, the settings, the models and the
program. A run that has nothing to do notes the state of all of these; the next one compares one directory entry and one `stat` per file
and, if they are the same, reads nothing else. For 2,000 videos that takes 0.5 CPU seconds instead of 3.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

import meetbefore_assets
from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.core.ports import ScanResult
from meetbefore_assets.core.uris import is_remote, path_of
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.home_files import quiet_run_path
from meetbefore_assets.publishing.database import database_path
from meetbefore_assets.recordings.intake import known_videos
from meetbefore_assets.recordings.status import program_version
from meetbefore_assets.storage.atomic_file import write_private

_PROGRAM = Path(meetbefore_assets.__file__).parent


@dataclass(frozen=True)
class QuietRun:
    """The note of a run that had nothing to do.

    Attributes:
        state: see `state_of`.
        elsewhere: uris of known videos that lie in no source; these are checked one by one.
        elsewhere_state: the state of those.
        present: ids of the videos whose files were found.
        failed: ids of those that cannot be used.
        undated: ids of those whose only date is the modification time of their file.
    """

    state: str
    elsewhere: list[str]
    elsewhere_state: str
    present: list[str]
    failed: list[str]
    undated: list[str]


def state_of(home: Home, found: ScanResult) -> str:
    """Return the state of everything that a run depends on, except recordings that lie in no source.

    Args:
        home: the home.
        found: what was found in its sources.

    Returns:
        A text to compare; "" if files alone cannot tell.
    """
    settings = home.settings()
    record = settings.store.uri or str(home.folder / "record")
    if settings.store.postgres or is_remote(record) or any(is_remote(recording.uri) for recording in found.recordings):
        return ""
    seen = [(one.uri, one.size_bytes, one.mtime_ns, one.kind) for one in found.recordings]
    known = (settings.model_dump_json(), home.zone(), repr(home.models(settings)), repr(home.model_pack(settings)))
    hashed = blake2b(repr((seen, found.beside, found.missing, program_version(), *known)).encode(), digest_size=16)
    for line in (*_files_of(_PROGRAM), *_files_of(path_of(record)), *_identities([database_path(home)])):
        hashed.update(line.encode("utf-8", "surrogateescape"))
    return hashed.hexdigest()


def _files_of(root: Path) -> Iterator[str]:
    """Return a line per file below a folder, without hidden files (caches, temporary files)."""
    folders = [str(root)]
    while folders:
        folder = folders.pop()
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name[0] == "." or entry.name == "__pycache__":
                    continue
                if entry.is_dir():
                    folders.append(entry.path)
                    continue
                status = entry.stat()
                yield f"{entry.path} {status.st_ino} {status.st_size} {status.st_mtime_ns}\n"


def _identities(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        try:
            status = path.stat()
            yield f"{path} {status.st_ino} {status.st_size} {status.st_mtime_ns}\n"
        except OSError:
            yield f"{path} -\n"


def _elsewhere_state(home: Home, uris: Sequence[str]) -> str:
    recordings = home.adapters.recordings
    sizes = [recordings.size_and_time(uri.partition("?day=")[0]) for uri in uris]
    return digest("elsewhere", [[uri, list(size or ())] for uri, size in zip(uris, sizes, strict=True)], str(recordings.place_files(uris)))


def last_quiet_run(home: Home, state: str) -> QuietRun | None:
    """Return the note of the last run that had nothing to do, if nothing changed since; else None."""
    if not state:
        return None
    try:
        last = QuietRun(**json.loads(quiet_run_path(home).read_bytes()))
    except (OSError, ValueError, TypeError):  # no note, or a damaged one, or one of another version: everything is checked
        return None
    return last if (last.state, last.elsewhere_state) == (state, _elsewhere_state(home, last.elsewhere)) else None


def note_quiet_run(home: Home, state: str, found: ScanResult, present: list[str], failed: list[str], undated: list[str]) -> None:
    """Note that a run had nothing to do; skipped without error if the disk is full or read-only.

    Args:
        home: the home.
        state: result of `state_of` from before the run.
        found: what was found in the sources.
        present, failed, undated: see `QuietRun`.
    """
    if not state:
        return
    here = {recording.uri for recording in found.recordings}
    elsewhere = sorted({uri for known in known_videos(home).values() for uri in known.uris} - here)
    if any(is_remote(uri) for uri in elsewhere):
        return
    run = QuietRun(state, elsewhere, _elsewhere_state(home, elsewhere), present, failed, undated)
    with contextlib.suppress(StoreError):
        write_private(quiet_run_path(home), json.dumps(asdict(run)).encode())
