"""The recording adapters of a home (port `RecordingAdapters`). Libraries are imported at first use, so that commands start fast."""

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from meetbefore_assets.core.ports import U8, GpsFix, NamedFaces, ScanResult, VideoReader
from meetbefore_assets.core.uris import is_remote
from meetbefore_assets.home.settings.settings_file import load

if TYPE_CHECKING:
    from meetbefore_assets.recordings.files.scan_buckets import Copies

# Folders of a home that are not searched for recordings.
HOME_FOLDERS = ("record", "frames", "previews", "index", "dagster", "models", "locks", "cache", "tmp", "web")


class Recordings:
    """Recordings on this machine's disks and in object stores, for one home."""

    def __init__(self, home_folder: Path) -> None:
        self._home_folder = home_folder

    def scan(self, sources: Sequence[Path | str], progress: Callable[[int], None] | None = None) -> ScanResult:
        from meetbefore_assets.recordings.files.scan_folders import scan

        folders = [source for source in sources if isinstance(source, Path)]
        found = [scan(folders, exclude=[self._home_folder / name for name in HOME_FOLDERS], progress=progress)]
        for address in (source for source in sources if isinstance(source, str)):
            from meetbefore_assets.recordings.files import scan_buckets

            found.append(scan_buckets.scan(address))
        recordings = {each.uri: each for part in found for each in part.recordings}
        others = [tuple(each for part in found for each in getattr(part, name)) for name in ("skipped", "missing", "beside")]
        return ScanResult(tuple(recordings[uri] for uri in sorted(recordings)), *others)

    def is_away(self, source: Path | str) -> bool:
        if isinstance(source, str):
            return bool(self.scan([source]).missing)
        from meetbefore_assets.recordings.files.scan_folders import is_away

        return is_away(source)

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

        max_megapixels = load(self._home_folder).limits.picture_megapixels
        if is_awmb(uri):
            return AwmbReader(uri, max_megapixels)
        return open_video(self.local_path(uri), allow_truncated=allow_truncated, max_megapixels=max_megapixels)

    def decode_picture(self, data: bytes, name: str) -> tuple[U8 | None, str]:
        from meetbefore_assets.recordings.video.picture_file import decode_picture

        return decode_picture(data, name, load(self._home_folder).limits.picture_megapixels)

    def named_faces(self, photograph: Path, data: bytes) -> NamedFaces:
        from meetbefore_assets.recordings.files.face_regions import face_regions, sidecar_packet
        from meetbefore_assets.recordings.video.picture_file import picture_tags

        packet, orientation = picture_tags(data)
        return NamedFaces(face_regions(packet) or face_regions(sidecar_packet(photograph)), orientation)

    def encode_clip(self, pictures: Iterable[tuple[float, U8]], kind: str) -> bytes:
        from meetbefore_assets.recordings.video.encode_clip import encode_clip

        return encode_clip(pictures, kind)

    def sidecar_start(self, uri: str) -> str:
        from meetbefore_assets.recordings.files.sidecars import sidecar_start

        return sidecar_start(self.local_path(uri))

    def place_files(self, uris: Sequence[str]) -> list[tuple[tuple[str, int, int], ...]]:
        from meetbefore_assets.recordings.files.gps_files import place_files

        return place_files(uris)

    def read_fixes(self, path: str, started_at: datetime | None, duration_s: float) -> list[GpsFix]:
        from meetbefore_assets.recordings.files.gps_files import read_fixes

        return read_fixes(path, started_at, duration_s)

    def machine_zone(self) -> str:
        from meetbefore_assets.recordings.files.local_zone import machine_zone

        return machine_zone()

    @cached_property
    def _copies(self) -> "Copies":
        """Local copies of remote recordings, limited by the setting `store.cache_gib`."""
        from meetbefore_assets.recordings.files.scan_buckets import Copies

        return Copies(self._home_folder / "cache" / "recordings", round(load(self._home_folder).store.cache_gib * 2**30))
