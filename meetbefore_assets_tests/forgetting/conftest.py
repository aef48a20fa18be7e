"""What tests of forgetting share."""

from pathlib import Path

import pytest

from meetbefore_assets_tests.support.searchable import SearchableHome, searchable_home


@pytest.fixture
def project(tmp_path: Path) -> SearchableHome:
    """An empty home in whose files people can be looked for."""
    return searchable_home(tmp_path)
