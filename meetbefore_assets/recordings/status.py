"""Tells which tables of each video are out of date, from the record alone."""

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import suppressions_version
from meetbefore_assets.home.record.versions import (
    Parameters,
    expected_version,
    expected_versions,
    failure_version,
    outdated,
    parameters,
)
from meetbefore_assets.recordings.intake import KnownVideo, known_videos

# The tables that can be made without the video file.
FROM_CROPS = ("embeddings", "tracks")


@dataclass(frozen=True)
class VideoStatus:
    """What one video lacks.

    Attributes:
        todo: assets to make, in order; empty if in step.
        is_present: whether its file can be reached.
        failed_before: it failed with the same file, settings and program, so it is not tried again unasked.
        failure_version: written beside a failure.
    """

    video_id: str
    todo: tuple[str, ...]
    is_present: bool
    failed_before: bool
    failure_version: str


@cache
def program_version() -> str:
    """Version of this program: a new one may be able to read what an old one could not."""
    return version("meetbefore")


def video_status(home: Home, video_id: str, known: KnownVideo, given: Parameters) -> VideoStatus:
    """Compare the versions a video's tables should have with those they have; `given`: see `versions.parameters`."""
    store, suppressions = home.store, suppressions_version(home, video_id)
    expected = expected_versions(known.content_hash, given, suppressions)
    found = {asset: stamp.data_version if (stamp := store.stamp(asset, video_id)) else None for asset in expected}
    present = home.is_present(known.uris)
    only_crops = not present and found["detections"] is not None
    todo = _outdated_crops(found, given, suppressions) if only_crops else outdated(expected, found)
    fingerprint = failure_version(expected, program_version())
    failure = store.stamp("failures", video_id)
    failed_before = bool(todo) and failure is not None and failure.data_version == fingerprint
    return VideoStatus(video_id, tuple(todo), present, failed_before, fingerprint)


def _outdated_crops(found: dict[str, str | None], given: Parameters, suppressions: str) -> list[str]:
    """A video whose file is away keeps its detections; only what is made from its crops can be made anew."""
    source = found["detections"]
    for position, asset in enumerate(FROM_CROPS):
        if found[asset] != expected_version(asset, str(source), given, suppressions).data_version:
            return list(FROM_CROPS[position:])
        source = found[asset]
    return []


def all_statuses(home: Home, only: list[str] | None = None) -> list[VideoStatus]:
    """Status of every known video (or of some), in order of id."""
    settings = home.settings()
    given = parameters(settings, home.models(settings))
    known = known_videos(home)
    wanted = sorted(known if only is None else set(only) & set(known))
    return [video_status(home, video_id, known[video_id], given) for video_id in wanted]
