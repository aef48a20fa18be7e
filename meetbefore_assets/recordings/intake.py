"""Imports recordings: registers which content is found where, and under which names."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import LockTimeoutError, UnreadableVideoError
from meetbefore_assets.core.ports import Recording, ScanResult, Stamp
from meetbefore_assets.core.schema.lists import per_video_tables
from meetbefore_assets.core.schema.recordings import SOURCES
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record import journal
from meetbefore_assets.home.record.home_files import kept_frames_folder, preview_path, remove_files
from meetbefore_assets.home.record.suppressions import carry_suppressions, suppressed_files
from meetbefore_assets.recordings.camera_names import read_names
from meetbefore_assets.recordings.identifiers import video_id

OTHERS_WAIT_S = 3600.0
SHORT_WAIT_S = 5.0
# A killed process loses at most the reading of this time.
SAVE_EVERY_S = 10.0

FORGOTTEN = "forgotten: `meetbefore forget --lift FILE` lets it in again"


@dataclass
class Intake:
    """The result of an import.

    Attributes:
        present: ids of the videos whose files were found, in order of their uris, none twice.
        new: ids that were not known before.
        duplicates: (uri, uri of the same content).
        replaced: ids whose file was overwritten by another version of the same recording; they were dropped.
        skipped, missing: as in `ports.ScanResult`.
        unreadable: (uri, reason) of files that could not be hashed.
        waiting: uris left for the next scan, because time was up or the video they replace is being processed.
    """

    present: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)


def import_recordings(
    home: Home,
    paths: Sequence[Path | str],
    progress: Callable[[int, int, str], None] | None = None,
    scanned: Callable[[int], None] | None = None,
) -> Intake:
    """Register every recording under some paths; files with known name, size and time are not read again.

    Args:
        progress: called with the number of registered recordings, their total, and the next one's name.
        scanned: called with the number of files found so far, while folders are searched.
    """
    return register_recordings(home, home.adapters.recordings.scan(paths, scanned), progress)


def register_recordings(
    home: Home, found: ScanResult, progress: Callable[[int, int, str], None] | None = None, patience_s: float | None = None
) -> Intake:
    """Register found recordings in the record, under a lock.

    Args:
        patience_s: after so many seconds, files that must be read are left waiting (at least one is always read); other processes are
            not waited for either. None: no limit.

    Raises:
        LockTimeoutError: another process is importing.
    """
    intake = Intake(skipped=list(found.skipped), missing=list(found.missing))
    until_s = time.monotonic() + (math.inf if patience_s is None else patience_s)
    wait_s = OTHERS_WAIT_S if patience_s is None else min(patience_s, SHORT_WAIT_S)
    with home.lock("intake", wait_s):
        catalogue = Catalogue(home, 0.0 if patience_s is not None else OTHERS_WAIT_S)
        saved_s = time.monotonic()
        is_first = True
        try:
            for done, recording in enumerate(found.recordings):
                if progress:
                    progress(done, len(found.recordings), recording.file_name)
                if time.monotonic() - saved_s > SAVE_EVERY_S:
                    catalogue.save()
                    saved_s = time.monotonic()
                if not catalogue.knows(recording):
                    if not is_first and time.monotonic() > until_s:
                        intake.waiting.append(recording.uri)
                        continue
                    is_first = False
                try:
                    catalogue.add(recording, intake)
                except UnreadableVideoError as error:
                    intake.unreadable.append((recording.uri, str(error)))
                except LockTimeoutError:
                    intake.waiting.append(recording.uri)
        finally:
            catalogue.save()  # also after Ctrl-C: what was read is not read again
    intake.present = list(dict.fromkeys(intake.present))
    return intake


class Catalogue:
    """All known locations and their content."""

    def __init__(self, home: Home, busy_wait_s: float = OTHERS_WAIT_S) -> None:
        self._home = home
        self._busy_wait_s = busy_wait_s
        table = home.store.scan("sources", readable_sources(home))
        rows = table.to_dicts() if table.height else []
        self._rows: dict[str, dict[str, object]] = {str(row["uri"]): row for row in rows}
        self._ids: dict[str, str] = {str(row["content_hash"]): str(row["video_id"]) for row in rows}
        # Locations of each video, in the order found; a search would be quadratic for 50,000 copies of one file.
        self._uris: dict[str, dict[str, None]] = {}
        for row in rows:
            self._uris.setdefault(str(row["video_id"]), {})[str(row["uri"])] = None
        self._touched: set[str] = set()
        self._forgotten = suppressed_files(home)

    def knows(self, recording: Recording) -> bool:
        """Whether the file is on record with the same size and time, so that it need not be read."""
        known = self._rows.get(recording.uri)
        return known is not None and (known["size_bytes"], known["mtime_ns"]) == (recording.size_bytes, recording.mtime_ns)

    def add(self, recording: Recording, intake: Intake) -> None:
        known = self._rows.get(recording.uri)
        if known and self.knows(recording):
            intake.present.append(str(known["video_id"]))
            return
        content_hash = self._home.adapters.recordings.content_hash(recording.uri)
        if content_hash in self._forgotten:
            intake.skipped.append((recording.uri, FORGOTTEN))
            return
        identity = self._ids.get(content_hash, video_id(recording.file_name, content_hash))
        if known and known["video_id"] != identity:
            self._release(known, recording, identity, intake)
        if content_hash not in self._ids:
            self._ids[content_hash] = identity
            intake.new.append(identity)
        else:
            self._note_duplicate(identity, recording, intake)
        self._rows[recording.uri] = {
            "video_id": identity,
            "content_hash": content_hash,
            "uri": recording.uri,
            "file_name": recording.file_name,
            "kind": recording.kind,
            "size_bytes": recording.size_bytes,
            "mtime_ns": recording.mtime_ns,
        }
        self._uris.setdefault(identity, {})[recording.uri] = None
        self._touched.add(identity)
        intake.present.append(identity)

    def _note_duplicate(self, identity: str, recording: Recording, intake: Intake) -> None:
        others = (uri for uri in self._uris.get(identity, ()) if uri != recording.uri)
        present = next((uri for uri in others if self._home.is_present([uri])), None)
        if present is not None:
            intake.duplicates.append((recording.uri, present))

    def _release(self, known: dict[str, object], recording: Recording, identity: str, intake: Intake) -> None:
        """Handle other content at a known location: a new version of the same recording replaces it, any other leaves it missing."""
        old = str(known["video_id"])
        elsewhere = any(uri != recording.uri for uri in self._uris[old])
        is_named_by_time = bool(read_names([recording.file_name], self._home.settings().time.patterns))
        is_superseded = not elsewhere and (is_named_by_time or self._home.store.stamp("tracks", old) is None)
        if is_superseded:
            # A run that is processing this video would write again what is dropped here.
            with self._home.lock(f"video-{old}", self._busy_wait_s):
                carry_suppressions(self._home, old, identity)
                drop_video(self._home, old)
            self._ids.pop(str(known["content_hash"]), None)
            self._touched.discard(old)
            intake.replaced.append(old)
        else:
            self._touched.add(old)
        del self._rows[recording.uri], self._uris[old][recording.uri]
        if not elsewhere and not is_superseded:
            kept = f"{recording.uri}#{old}"
            self._rows[kept] = {**known, "uri": kept}
            self._uris[old][kept] = None

    def save(self) -> None:
        """Write what changed since the last call to the record."""
        for identity in sorted(self._touched):
            rows = [self._rows[uri] for uri in sorted(self._uris[identity])]
            frame = check(SOURCES, SOURCES.frame(rows))
            version = digest("sources", [[row["file_name"], row["mtime_ns"]] for row in rows])
            self._home.store.put("sources", identity, frame, Stamp(version, {}, {}, len(rows)))
            self._touched.discard(identity)


def drop_video(home: Home, identity: str) -> None:
    """Remove a video from the record; `sources` last, so that an interrupted removal is noticed and completed."""
    remove_files(home, preview_path(home, identity), kept_frames_folder(home, identity))
    journal.erase_video_events(home, identity)
    for table in per_video_tables():
        home.store.drop(table.name, identity)


@dataclass(frozen=True)
class KnownVideo:
    """Imported content: its hash, its locations, and its file names (sorted)."""

    content_hash: str
    uris: tuple[str, ...]
    names: tuple[str, ...]


def readable_sources(home: Home) -> list[str]:
    """Ids of the videos whose locations can be read; a torn one is registered again when its file is found."""
    return [key for key in home.store.keys("sources") if home.store.stamp("sources", key) is not None]


def known_videos(home: Home, only: Sequence[str] | None = None) -> dict[str, KnownVideo]:
    """All known videos, or those in `only` (which must be known), in order of id."""
    keys = readable_sources(home) if only is None else sorted(only)
    if not keys:
        return {}
    table = home.store.scan("sources", keys, ["video_id", "content_hash", "uri", "file_name"]).sort("video_id", "uri")
    # A data frame per video took 0.4 s for two thousand.
    rows = table.group_by("video_id", maintain_order=True).agg("content_hash", "uri", "file_name").iter_rows()
    return {identity: KnownVideo(hashes[0], tuple(uris), tuple(sorted(set(names)))) for identity, hashes, uris, names in rows}
