"""What all tests share."""

import os
from pathlib import Path

import pytest

os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
os.environ.pop("MEETBEFORE_HOME", None)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def shared() -> Path:
    """Footage and models beside the checkout; the test is skipped where there are none."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared")
    return SHARED
