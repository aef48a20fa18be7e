"""Watches the sources for the sensor: which files have stopped changing, and whether anything changed since the last scan."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import Recording, ScanResult
from meetbefore_assets.core.schema.recordings import SOURCES
from meetbefore_assets.home.home import Home
from meetbefore_assets.recordings.intake import readable_sources
from meetbefore_assets.recordings.status import program_version


@dataclass(frozen=True)
class ArrivalState:
    """State of the watcher between two scans; as text it is the sensor's cursor.

    Attributes:
        restless: uri -> size and time of files that are not on record as they were seen. A file is imported only if two scans agree.
            Files on record are not in it, so that it stays small.
        unreadable: uri -> size and time of files that could not be read; they are tried last, so that they hold up no other.
        quiet: hash of everything a scan depends on, if there was nothing to do; else "".
    """

    restless: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    quiet: str = ""

    def to_text(self) -> str:
        return json.dumps({"restless": dict(self.restless), "unreadable": dict(self.unreadable), "quiet": self.quiet}, sort_keys=True)

    @classmethod
    def from_text(cls, text: str | None) -> "ArrivalState":
        """Parse `to_text`; an empty state for other text (a cursor of an older version): every file is then scanned twice."""
        try:
            content = json.loads(text or "{}")
            return cls(dict(content["restless"]), dict(content["unreadable"]), str(content["quiet"]))
        except (ValueError, KeyError, TypeError):
            return cls()


@dataclass(frozen=True)
class Arrivals:
    """The result of one scan: `found` holds what may be imported, formerly unreadable files last; `restless` holds the rest."""

    found: ScanResult
    restless: dict[str, str]


def find_arrivals(home: Home, found: ScanResult, memory: ArrivalState) -> Arrivals:
    """Separate files that are on record, or did not change between two scans, from those that are still being written."""
    known = _known(home)
    ready: list[Recording] = []
    late: list[Recording] = []
    restless: dict[str, str] = {}
    for recording in found.recordings:
        state = file_signature(recording)
        if known.get(recording.uri) == state:
            ready.append(recording)
            continue
        restless[recording.uri] = state
        if recording.size_bytes > 0 and memory.restless.get(recording.uri) == state:
            (late if memory.unreadable.get(recording.uri) == state else ready).append(recording)
    return Arrivals(ScanResult((*ready, *late), found.skipped, found.missing, found.beside), restless)


def file_signature(recording: Recording) -> str:
    """Size and time of a file as text; changes when the file is written to."""
    return f"{recording.size_bytes}:{recording.mtime_ns}"


def scan_version(home: Home, found: ScanResult, hour: int) -> str:
    """Hash of what a scan depends on: files, settings, program, and the hour, so that a full check happens once an hour anyway."""
    files = [[recording.uri, file_signature(recording)] for recording in found.recordings]
    return digest("look", hour, files, list(found.missing), home.settings(), program_version())


def _known(home: Home) -> dict[str, str]:
    keys = readable_sources(home)
    if not keys:
        return {}
    rows = home.store.scan(SOURCES.name, keys, ["uri", "size_bytes", "mtime_ns"])
    return {uri: f"{size}:{mtime}" for uri, size, mtime in rows.rows()}
