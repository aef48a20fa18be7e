"""What tests of packs share."""

from pathlib import Path

import pytest


@pytest.fixture(name="own_user")
def _own_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pack of the person who runs the tests is found."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "user")


@pytest.fixture(name="home_folder")
def _home(tmp_path: Path) -> Path:
    return tmp_path / "home"
