"""Data versions: a table's version is a hash of its inputs, so that tables that are out of date are found without computing anything."""

from collections.abc import Mapping
from dataclasses import dataclass

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.model_packs import Models
from meetbefore_assets.core.schema.lists import pipeline_assets, table_of
from meetbefore_assets.home.settings.sections import Settings

# Name of the input of detections that says which faces are forgotten.
SUPPRESSIONS_INPUT = "forgotten"

# As earlier versions told them.
_MIRROR: dict[str, object] = {"all": True, "none": False, "best": "best of each track"}

Parameters = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class TableVersion:
    """The version that one table of one video should have, and the inputs it is derived from."""

    asset: str
    data_version: str
    inputs: Mapping[str, str]


def parameters(settings: Settings, models: Models) -> Parameters:
    """Asset -> name -> hash of the settings and models that its tables depend on; the same for all videos."""
    values: dict[str, dict[str, object]] = {
        "frames": {"sampling": settings.sampling},
        "detections": {
            "detector": models.detector_id,
            "detection": settings.detection,
            "min_score": models.min_score,
            "keep": settings.frames,
        },
        "embeddings": {"recogniser": models.recogniser_id, "mirror": _MIRROR[models.mirror(settings.models.mirror)]},
        "tracks": {"max_gap_s": settings.tracks.max_gap_s, "min_similarity": models.track_similarity},
    }
    return {asset: {name: digest(value) for name, value in values.get(asset, {}).items()} for asset in pipeline_assets()}


def source_of(asset: str) -> str:
    """The asset that a table of a video is made from; `content` for the file itself."""
    return table_of(asset).made_from or "content"


def expected_version(asset: str, source_version: str, given: Parameters, suppressions: str) -> TableVersion:
    """The version that a table of a video should have, given its inputs.

    Args:
        asset: one of `pipeline_assets()`.
        source_version: data version of the table it is made from, or the content hash of the file.
        given: see `parameters`.
        suppressions: hash of the video's forgotten faces, "" if there are none (`suppressions_version`).
    """
    inputs = {source_of(asset): source_version, **given[asset]}
    if suppressions and asset == "detections":
        inputs[SUPPRESSIONS_INPUT] = suppressions
    return TableVersion(asset, version_of(asset, inputs), inputs)


def expected_versions(content_hash: str, given: Parameters, suppressions: str) -> dict[str, TableVersion]:
    """The versions that all tables of a video should have, in pipeline order; arguments as for `expected_version`."""
    versions: dict[str, TableVersion] = {}
    for asset in pipeline_assets():
        source = source_of(asset)
        source_version = content_hash if source == "content" else versions[source].data_version
        versions[asset] = expected_version(asset, source_version, given, suppressions)
    return versions


def version_of(asset: str, inputs: Mapping[str, str]) -> str:
    """Data version of a table that this version of the program computes from these inputs."""
    return digest(asset, table_of(asset).code_version, dict(inputs))


def outdated(expected: Mapping[str, TableVersion], found: Mapping[str, str | None]) -> list[str]:
    """The assets to compute, in order: all from the first whose version is not the expected one."""
    assets = list(expected)
    for position, asset in enumerate(assets):
        if found.get(asset) != expected[asset].data_version:
            return assets[position:]
    return []


def failure_version(expected: Mapping[str, TableVersion], program: str) -> str:
    """Hash of file, settings and program; when it changes, a failed video is worth another try."""
    return digest("failure", [entry.data_version for entry in expected.values()], program)
