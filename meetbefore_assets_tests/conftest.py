"""What all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
os.environ.pop("MEETBEFORE_HOME", None)
# No example fails for being slow: machines are busy.
settings.register_profile("patient", parent=settings(), deadline=None)
settings.load_profile("patient")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def shared() -> Path:
    """Footage and models beside the checkout; the test is skipped where there are none."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared")
    return SHARED
