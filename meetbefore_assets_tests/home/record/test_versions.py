"""What is made again when something changes, and nothing more."""

from typing import Any

import pytest

from meetbefore_assets.core.model_packs import Models
from meetbefore_assets.core.schema.lists import pipeline_assets
from meetbefore_assets.home.record.versions import expected_versions, failure_version, outdated, parameters
from meetbefore_assets.home.settings.sections import Settings

MODELS = Models("detector-1", "recogniser-1", 0.36, 0.6)


def found(content: str = "c1", settings: dict[str, Any] | None = None, models: Models = MODELS) -> dict[str, str | None]:
    versions = expected_versions(content, parameters(Settings.model_validate(settings or {}), models), "")
    return {asset: version.data_version for asset, version in versions.items()}


@pytest.mark.parametrize(
    ("change", "todo"),
    [
        ({}, []),
        ({"settings": {"matching": {"threshold": 0.5}}}, []),
        ({"settings": {"encounters": {"gap_min": 5}}}, []),
        ({"settings": {"clocks": [{"files": "*", "offset_s": 60}]}}, []),
        ({"settings": {"time": {"zone": "Asia/Tokyo"}}}, []),
        ({"settings": {"models": {"threads": 3}}}, []),
        ({"settings": {"tracks": {"max_gap_s": 9}}}, ["tracks"]),
        ({"models": Models("detector-1", "recogniser-1", 0.4, 0.6)}, ["tracks"]),
        ({"settings": {"models": {"mirror": False}}}, ["embeddings", "tracks"]),
        ({"settings": {"models": {"mirror": True}}}, []),
        ({"models": Models("detector-1", "recogniser-1", 0.36, 0.6, auto_mirror="best")}, ["embeddings", "tracks"]),
        ({"models": Models("detector-1", "recogniser-2", 0.36, 0.6)}, ["embeddings", "tracks"]),
        ({"models": Models("detector-2", "recogniser-1", 0.36, 0.6)}, ["detections", "embeddings", "tracks"]),
        ({"models": Models("detector-1", "recogniser-1", 0.36, 0.7)}, ["detections", "embeddings", "tracks"]),
        ({"settings": {"detection": {"max_side": 640}}}, ["detections", "embeddings", "tracks"]),
        ({"settings": {"frames": {"keep": "full"}}}, ["detections", "embeddings", "tracks"]),
        ({"settings": {"sampling": {"interval_s": 2}}}, ["frames", "detections", "embeddings", "tracks"]),
        ({"content": "c2"}, list(pipeline_assets())),
    ],
)
def test_what_a_change_makes_again(change: dict[str, Any], todo: list[str]) -> None:
    given = parameters(Settings.model_validate(change.get("settings", {})), change.get("models", MODELS))
    assert outdated(expected_versions(change.get("content", "c1"), given, ""), found()) == todo


@pytest.mark.parametrize("lost", pipeline_assets())
def test_a_lost_table_is_made_again_with_all_after_it(lost: str) -> None:
    have = {**found(), lost: None}
    assert outdated(expected_versions("c1", parameters(Settings(), MODELS), ""), have) == list(
        pipeline_assets()[pipeline_assets().index(lost) :]
    )


def test_a_failure_is_worth_another_try_when_something_changed() -> None:
    steps = expected_versions("c1", parameters(Settings(), MODELS), "")
    same = failure_version(steps, "1.0")
    assert failure_version(expected_versions("c1", parameters(Settings(), MODELS), ""), "1.0") == same
    assert failure_version(steps, "1.1") != same
    assert failure_version(expected_versions("c2", parameters(Settings(), MODELS), ""), "1.0") != same
