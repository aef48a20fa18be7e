"""Implements the port `RecordingAdapters`; each library is loaded when it is first needed, so that reading commands start fast."""

import os
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from meetbefore_assets.core.ports import GpsFix, ScanResult, VideoReader
from meetbefore_assets.core.uris import is_remote
from meetbefore_assets.home.settings.settings_file import load

if TYPE_CHECKING:
    from meetbefore_assets.recordings.files.scan_buckets import Copies

# Folders of a home that are not looked into for recordings.
HOME_FOLDERS = ("record", "frames", "previews", "index", "dagster", "models", "locks", "cache")


class Recordings:
    """Recordings on the disks of this machine and in object stores, for one home."""

    def __init__(self, home_folder: Path) -> None:
        self._home_folder = home_folder

    def scan(self, sources: Sequence[Path | str]) -> ScanResult:
        from meetbefore_assets.recordings.files.scan_folders import scan

        folders = [source for source in sources if isinstance(source, Path)]
        found = [scan(folders, exclude=[self._home_folder / name for name in HOME_FOLDERS])]
        for address in (source for source in sources if isinstance(source, str)):
            from meetbefore_assets.recordings.files import scan_buckets

            found.append(scan_buckets.scan(address))
        recordings = {each.uri: each for part in found for each in part.recordings}
        skipped, missing = (tuple(each for part in found for each in getattr(part, name)) for name in ("skipped", "missing"))
        return ScanResult(tuple(recordings[uri] for uri in sorted(recordings)), skipped, missing)

    def content_hash(self, uri: str) -> str:
        from meetbefore_assets.recordings.files.content_hash import content_hash
        from meetbefore_assets.recordings.video.awmb_archive import awmb_hash, is_awmb

        if is_remote(uri):
            from meetbefore_assets.recordings.files import scan_buckets

            return scan_buckets.content_hash(uri)
        return awmb_hash(uri) if is_awmb(uri) else content_hash(uri)

    def size_and_time(self, uri: str) -> tuple[int, int] | None:
        if is_remote(uri):
            from meetbefore_assets.recordings.files import scan_buckets

            return scan_buckets.size_and_time(uri)
        try:
            status = os.stat(uri)
        except OSError:
            return None
        return status.st_size, status.st_mtime_ns

    def local_path(self, uri: str) -> str:
        return str(self._copies.fetch(uri)) if is_remote(uri) else uri

    def open_video(self, uri: str, allow_truncated: bool) -> VideoReader:
        from meetbefore_assets.recordings.video.awmb_archive import AwmbReader, is_awmb
        from meetbefore_assets.recordings.video.pyav_reader import open_video

        return AwmbReader(uri) if is_awmb(uri) else open_video(self.local_path(uri), allow_truncated=allow_truncated)

    def sidecar_start(self, uri: str) -> str:
        from meetbefore_assets.recordings.files.sidecars import sidecar_start

        return sidecar_start(self.local_path(uri))

    def place_files(self, uris: Sequence[str]) -> list[tuple[tuple[str, int, int], ...]]:
        from meetbefore_assets.recordings.files.gps_files import place_files

        return place_files(uris)

    def read_fixes(self, path: str, started_at: datetime | None) -> list[GpsFix]:
        from meetbefore_assets.recordings.files.gps_files import read_fixes

        return read_fixes(path, started_at)

    def machine_zone(self) -> str:
        from meetbefore_assets.recordings.files.local_zone import machine_zone

        return machine_zone()

    @cached_property
    def _copies(self) -> "Copies":
        """Copies of remote recordings on this machine, as many bytes as `store.cache_gib` allows."""
        from meetbefore_assets.recordings.files.scan_buckets import Copies

        return Copies(self._home_folder / "cache" / "recordings", round(load(self._home_folder).store.cache_gib * 2**30))
