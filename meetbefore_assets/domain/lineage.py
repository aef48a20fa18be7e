"""What is out of date: every table's version can be told from its inputs before anything is computed."""

from collections.abc import Mapping
from dataclasses import dataclass

from meetbefore_assets.settings import Settings, digest

# Raise an asset's number when its code gives other answers: everything made by the old code is then made again.
CODE_VERSIONS: Mapping[str, int] = {
    "videos": 1,
    "frames": 1,
    "detections": 3,
    "embeddings": 1,
    "tracks": 1,
    "face_index": 2,
    "identity_assignments": 3,
    "encounter_scores": 4,
    "people": 4,
    "encounter_report": 1,
}

# The way of one video, in order.
PER_VIDEO = ("videos", "frames", "detections", "embeddings", "tracks")
# What is decided over all videos at once, and what is made for people from it.
MATCHING = ("matching_policy", "face_index", "identity_assignments", "encounter_scores", "people")
PUBLISHING = ("meetbefore_db", "encounter_report")
# The input of detections that says which faces are to be dropped.
FORGOTTEN = "forgotten"


Parameters = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Models:
    """What the tables of a video depend on besides the settings.

    Attributes:
        detector_id, recogniser_id: change whenever the models' answers could.
        track_similarity: least cosine inside a track.
        min_score: least detector score.
    """

    detector_id: str
    recogniser_id: str
    track_similarity: float
    min_score: float


@dataclass(frozen=True)
class Step:
    """One table of one video as it should be."""

    asset: str
    data_version: str
    inputs: Mapping[str, str]


def all_parameters(settings: Settings, models: Models) -> Parameters:
    """Asset -> the settings and models that a table of a video depends on, hashed, by name; the same for all videos."""
    values: dict[str, dict[str, object]] = {
        "frames": {"sampling": settings.sampling},
        "detections": {
            "detector": models.detector_id,
            "detection": settings.detection,
            "min_score": models.min_score,
            "keep": settings.frames,
        },
        "embeddings": {"recogniser": models.recogniser_id, "mirror": settings.models.mirror},
        "tracks": {"max_gap_s": settings.tracks.max_gap_s, "min_similarity": models.track_similarity},
    }
    return {asset: {name: digest(value) for name, value in values.get(asset, {}).items()} for asset in PER_VIDEO}


def parameters(asset: str, settings: Settings, models: Models) -> Mapping[str, str]:
    """Those of one table."""
    return all_parameters(settings, models)[asset]


def source_of(asset: str) -> str:
    """The asset that a table of a video is made from; `content` is the file itself."""
    position = PER_VIDEO.index(asset)
    return PER_VIDEO[position - 1] if position else "content"


def step(asset: str, source_version: str, settings: Settings, models: Models, forgotten: str = "") -> Step:
    """The version of a table made from a source of the given version; `forgotten`: version of the faces that are to be dropped."""
    return _step(asset, source_version, parameters(asset, settings, models), forgotten)


def _step(asset: str, source_version: str, given: Mapping[str, str], forgotten: str) -> Step:
    inputs = {source_of(asset): source_version, **given}
    if forgotten and asset == "detections":
        inputs |= {FORGOTTEN: forgotten}
    return Step(asset, version_of(asset, inputs), inputs)


def version_of(asset: str, inputs: Mapping[str, str]) -> str:
    """Data version of a table of a video that this program makes from the given inputs."""
    return digest(asset, CODE_VERSIONS[asset], dict(inputs))


def expected_steps(
    content_hash: str, settings: Settings, models: Models, forgotten: str = "", given: Parameters | None = None
) -> dict[str, Step]:
    """The versions that the tables of a video should have, in order; `given`: all_parameters, where they are known already."""
    given = given or all_parameters(settings, models)
    steps: dict[str, Step] = {}
    version = content_hash
    for asset in PER_VIDEO:
        steps[asset] = _step(asset, version, given[asset], forgotten)
        version = steps[asset].data_version
    return steps


def outdated(steps: Mapping[str, Step], found: Mapping[str, str | None]) -> list[str]:
    """The assets to make, in order: all from the first whose version is not the expected one."""
    for position, asset in enumerate(PER_VIDEO):
        if found.get(asset) != steps[asset].data_version:
            return list(PER_VIDEO[position:])
    return []


def failure_version(steps: Mapping[str, Step], program: str) -> str:
    """Changes when the file, the settings or the program changed, so that a failed video is worth another try."""
    return digest("failure", [entry.data_version for entry in steps.values()], program)
