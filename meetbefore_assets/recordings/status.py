"""Status of each video: which of its tables are out of date, from the record alone."""

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from meetbefore_assets.core.errors import RecordTornError
from meetbefore_assets.core.schema.lists import crop_assets
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import suppressions_version
from meetbefore_assets.home.record.versions import (
    Parameters,
    expected_version,
    expected_versions,
    failure_version,
    outdated,
    parameters,
    source_of,
)
from meetbefore_assets.recordings.intake import KnownVideo, known_videos


@dataclass(frozen=True)
class VideoStatus:
    """Status of one video.

    Attributes:
        todo: assets to compute, in order; empty if up to date.
        is_present: whether its file can be reached.
        failed_before: it failed with the same file, settings and program, so it is only tried again on request.
        failure_version: version recorded with a failure.
    """

    video_id: str
    todo: tuple[str, ...]
    is_present: bool
    failed_before: bool
    failure_version: str


@cache
def program_version() -> str:
    """Version of this program; a new one may be able to read a video that an old one could not."""
    return version("meetbefore")


def video_status(home: Home, video_id: str, known: KnownVideo, given: Parameters) -> VideoStatus:
    """Compare the versions a video's tables should have with those they have; `given`: see `versions.parameters`."""
    store, suppressions = home.store, _suppressions(home, video_id)
    expected = expected_versions(known.content_hash, given, suppressions)
    found = {asset: stamp.data_version if (stamp := store.stamp(asset, video_id)) else None for asset in expected}
    present = home.is_present(known.uris)
    only_crops = not present and found["detections"] is not None
    todo = _outdated_crops(found, given, suppressions) if only_crops else outdated(expected, found)
    fingerprint = failure_version(expected, program_version())
    failure = store.stamp("failures", video_id)
    failed_before = bool(todo) and failure is not None and failure.data_version == fingerprint
    return VideoStatus(video_id, tuple(todo), present, failed_before, fingerprint)


def _suppressions(home: Home, video_id: str) -> str:
    """Version of a video's suppressions; "unknown" if they cannot be read: then the tables are out of date, and making them says why."""
    try:
        return suppressions_version(home, video_id)
    except RecordTornError:
        return "unknown"


def _outdated_crops(found: dict[str, str | None], given: Parameters, suppressions: str) -> list[str]:
    """Outdated assets of a video whose file is away: it keeps its detections, and only what is made from its crops can be recomputed."""
    assets = crop_assets()
    for position, asset in enumerate(assets):
        source_version = str(found[source_of(asset)])
        if found[asset] != expected_version(asset, source_version, given, suppressions).data_version:
            return list(assets[position:])
    return []


def all_statuses(home: Home, only: list[str] | None = None) -> list[VideoStatus]:
    """Status of all known videos, or of those in `only`, in order of id."""
    settings = home.settings()
    given = parameters(settings, home.models(settings))
    known = known_videos(home)
    wanted = sorted(known if only is None else set(only) & set(known))
    return [video_status(home, video_id, known[video_id], given) for video_id in wanted]
