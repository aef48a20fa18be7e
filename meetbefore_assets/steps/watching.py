"""Watching the source folders: which files have come to rest, and when there is nothing to look at again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from meetbefore_assets.schema import SOURCES
from meetbefore_assets.settings import digest
from meetbefore_assets.steps.intake import readable_sources
from meetbefore_assets.steps.status import program_version
from meetbefore_assets.workbench import Found, Recording, Workbench


@dataclass(frozen=True)
class Memory:
    """What the watcher keeps from one look to the next; as text it is a sensor's cursor.

    Attributes:
        restless: uri -> size and time of the files that are not on record as they were seen, so that a file is taken only when
            two looks agree. Files that are on record are not in it, so it stays small however many there are.
        unreadable: uri -> size and time of the files that could not be read; they come last, so that they hold up no other.
        quiet: hash of everything that was looked at when there was nothing to do; "" if there was.
    """

    restless: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    quiet: str = ""

    def to_text(self) -> str:
        return json.dumps({"restless": dict(self.restless), "unreadable": dict(self.unreadable), "quiet": self.quiet}, sort_keys=True)

    @classmethod
    def from_text(cls, text: str | None) -> "Memory":
        """What `to_text` wrote; nothing where it is no such text (a cursor of an older version): every file is then looked at twice."""
        try:
            content = json.loads(text or "{}")
            return cls(dict(content["restless"]), dict(content["unreadable"]), str(content["quiet"]))
        except (ValueError, KeyError, TypeError):
            return cls()


@dataclass(frozen=True)
class Settled:
    """One look: `found` holds what may be taken in, the files that could not be read before last; `restless` the rest."""

    found: Found
    restless: dict[str, str]


def settle(bench: Workbench, found: Found, memory: Memory) -> Settled:
    """Tell files that are on record, or that did not change between two looks, from those that are still being written."""
    known = _known(bench)
    ready: list[Recording] = []
    late: list[Recording] = []
    restless: dict[str, str] = {}
    for recording in found.recordings:
        state = signature(recording)
        if known.get(recording.uri) == state:
            ready.append(recording)
            continue
        restless[recording.uri] = state
        if recording.size_bytes > 0 and memory.restless.get(recording.uri) == state:
            (late if memory.unreadable.get(recording.uri) == state else ready).append(recording)
    return Settled(Found((*ready, *late), found.skipped, found.missing), restless)


def signature(recording: Recording) -> str:
    """Changes when a file is written to."""
    return f"{recording.size_bytes}:{recording.mtime_ns}"


def look_version(bench: Workbench, found: Found, hour: int) -> str:
    """Hash of what a look depends on: files, settings, program; and the hour, so that the whole is looked at once an hour anyway."""
    files = [[recording.uri, signature(recording)] for recording in found.recordings]
    return digest("look", hour, files, list(found.missing), bench.settings(), program_version())


def _known(bench: Workbench) -> dict[str, str]:
    keys = readable_sources(bench)
    if not keys:
        return {}
    rows = bench.store.scan(SOURCES.name, keys, ["uri", "size_bytes", "mtime_ns"])
    return {uri: f"{size}:{mtime}" for uri, size, mtime in rows.rows()}
