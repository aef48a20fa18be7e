"""What is out of date: told from the record alone."""

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from meetbefore_assets.domain import lineage
from meetbefore_assets.settings import Settings
from meetbefore_assets.steps.forgotten import graves_version
from meetbefore_assets.steps.intake import Known, known_videos
from meetbefore_assets.workbench import Workbench

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


def video_status(
    bench: Workbench, video_id: str, known: Known, settings: Settings, models: lineage.Models, given: lineage.Parameters | None = None
) -> VideoStatus:
    """Compare the versions a video's tables should have with those they have; `given`: lineage.all_parameters, if known."""
    store = bench.store
    steps = lineage.expected_steps(known.content_hash, settings, models, graves_version(bench, video_id), given)
    found = {asset: stamp.data_version if (stamp := store.stamp(asset, video_id)) else None for asset in lineage.PER_VIDEO}
    present = bench.is_present(known.uris)
    only_crops = not present and found["detections"] is not None
    todo = _outdated_crops(found, settings, models) if only_crops else lineage.outdated(steps, found)
    fingerprint = lineage.failure_version(steps, program_version())
    failure = store.stamp("failures", video_id)
    failed_before = bool(todo) and failure is not None and failure.data_version == fingerprint
    return VideoStatus(video_id, tuple(todo), present, failed_before, fingerprint)


def _outdated_crops(found: dict[str, str | None], settings: Settings, models: lineage.Models) -> list[str]:
    """A video whose file is away keeps its detections; only what is made from its crops can be made anew."""
    source = found["detections"]
    for position, asset in enumerate(FROM_CROPS):
        step = lineage.step(asset, str(source), settings, models)
        if found[asset] != step.data_version:
            return list(FROM_CROPS[position:])
        source = found[asset]
    return []


def all_statuses(bench: Workbench, only: list[str] | None = None) -> list[VideoStatus]:
    """Status of every known video (or of some), in order of id."""
    settings = bench.settings()
    models = bench.models(settings)
    known = known_videos(bench)
    wanted = sorted(known if only is None else set(only) & set(known))
    given = lineage.all_parameters(settings, models)
    return [video_status(bench, video_id, known[video_id], settings, models, given) for video_id in wanted]
