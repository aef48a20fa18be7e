"""What tells that a table of many objects changed."""

from pathlib import Path

import pytest

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.core.schema.identities import CORRECTIONS, IDENTITY_HISTORY
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.object_versions import object_versions
from meetbefore_assets.identities.identity_history import history_version
from meetbefore_assets.identities.stored_corrections import corrections_version
from meetbefore_assets_tests.support.fakes import fake_home

TABLE = IDENTITY_HISTORY.name


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return fake_home(tmp_path / "home")


def put(home: Home, key: str, version: str) -> None:
    home.store.put(TABLE, key, IDENTITY_HISTORY.empty(), Stamp(version, {}, {}, 0))


def test_a_table_without_objects_has_no_versions(home: Home) -> None:
    assert object_versions(home, TABLE) == []


def test_objects_come_by_key_whatever_was_written_first(home: Home) -> None:
    put(home, "b", "2")
    put(home, "a", "1")
    assert object_versions(home, TABLE) == [["a", "1"], ["b", "2"]]


def test_an_object_that_changed_or_went_shows(home: Home) -> None:
    put(home, "a", "1")
    put(home, "b", "2")
    put(home, "a", "3")
    assert object_versions(home, TABLE) == [["a", "3"], ["b", "2"]]
    home.store.drop(TABLE, "b")
    assert object_versions(home, TABLE) == [["a", "3"]]


def test_a_torn_object_is_named_and_hides_no_other(home: Home) -> None:
    put(home, "a", "1")
    put(home, "b", "2")
    (path,) = (home.folder / "record" / TABLE).glob("a*")
    path.write_bytes(path.read_bytes()[:40])
    assert object_versions(home, TABLE) == [["a", "torn"], ["b", "2"]]


def test_published_versions_begin_with_the_words_that_homes_have_on_record(home: Home) -> None:
    put(home, "a", "1")
    assert history_version(home) == digest("history", [["a", "1"]])
    assert corrections_version(home) == digest(CORRECTIONS.name, [])
