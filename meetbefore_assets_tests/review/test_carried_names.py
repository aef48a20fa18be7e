"""Imported names are taken along with their faces, and those who were forgotten or blocked do not come back with them."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from meetbefore_assets.core.schema.identities import KNOWN_FACES
from meetbefore_assets.faces.picture_faces import embed_stored
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import block_person
from meetbefore_assets.identities.corrections import Correction, correction
from meetbefore_assets.identities.corrections_file import read_file, write_file
from meetbefore_assets.identities.known_people import Looks, crops_of_known, write_known
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.review import make_corrections
from meetbefore_assets.review.export_corrections import export_corrections
from meetbefore_assets.review.import_corrections import import_corrections
from meetbefore_assets_tests.support.carried import ANN, BOB, MONDAY, copied, home_of_cast, person_of
from meetbefore_assets_tests.support.project import StepsAlone

pytestmark = pytest.mark.slow

NOW = dt.datetime(2025, 4, 1, 12, 0, 0, 7)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[StepsAlone, StepsAlone]:
    """One recording, in two homes with different models."""
    root = tmp_path_factory.mktemp("names")
    return home_of_cast(root / "said", [MONDAY]), home_of_cast(root / "other", [MONDAY], models=2)


@pytest.fixture
def said(archives: tuple[StepsAlone, StepsAlone], tmp_path: Path) -> Home:
    home = copied(archives[0], tmp_path / "said").home
    known(home, "Ann", ANN)
    return home


@pytest.fixture
def other(archives: tuple[StepsAlone, StepsAlone], tmp_path: Path) -> Home:
    return copied(archives[1], tmp_path / "other", models=2).home


def known(home: Home, name: str, who: int, at: dt.datetime = NOW) -> Correction:
    """Import a name with two faces, as `meetbefore import names` does."""
    crops = (bytes([who, 1, 200]), bytes([who, 1, 201]))
    vectors, lengths = embed_stored(home, crops)
    one = correction(at, "known", name)
    write_known(home, one, Looks(vectors, lengths, crops))
    return one


def data(home: Home) -> bytes:
    return export_corrections(home)[0]


def test_a_name_comes_with_its_faces_embedded_by_the_recogniser_of_the_home(said: Home, other: Home) -> None:
    done = import_corrections(other, data(said))
    [one] = done.new
    assert (one.kind, one.text, one.created_at) == ("known", "Ann", NOW)
    assert crops_of_known(other, one.correction_id) == crops_of_known(said, one.correction_id)
    here, there = (home.store.get(KNOWN_FACES.name, one.correction_id) for home in (other, said))
    assert here["model"][0] != there["model"][0]
    assert np.allclose(here["vector"].to_list(), embed_stored(other, crops_of_known(said, one.correction_id))[0])
    assert (import_corrections(other, data(said)).new, read_corrections(other)) == ((), [one])


def test_the_same_photographs_imported_in_both_homes_are_one_name(said: Home, other: Home) -> None:
    known(other, "ann", ANN, NOW + dt.timedelta(days=1))
    assert (import_corrections(other, data(said)).new, len(read_corrections(other))) == ((), 1)


def test_a_forgotten_name_does_not_come_back_until_that_is_lifted(said: Home) -> None:
    file = data(said)
    forget.forget_names(said, ["Ann"])
    assert read_corrections(said) == []
    done = import_corrections(said, file)
    assert [one.reason for one in done.left_out] == ["forgotten"]
    assert said.store.keys(KNOWN_FACES.name) == []
    [mark] = [key for kind, key, _ in forget.suppressions_kept(said) if kind == "name"]
    assert "come back" in forget.lift_suppression(said, mark)
    assert len(import_corrections(said, file).new) == 1


def test_a_person_who_is_forgotten_takes_the_imported_name_along_for_good(said: Home) -> None:
    file = data(said)
    make_corrections.name_person(said, person_of(said, ANN), "Ann")
    forget.rebuild(said)
    forget.forget_people(said, [person_of(said, ANN)])
    assert [one.reason for one in import_corrections(said, file).left_out] == ["forgotten"]
    assert read_corrections(said) == []


def test_somebody_on_the_block_list_is_left_out(said: Home, other: Home) -> None:
    known(said, "Bob", BOB, NOW + dt.timedelta(days=1))
    vectors, _ = embed_stored(other, [bytes([BOB, 1, 50])])
    block_person(other, other.model_pack().recogniser_id, vectors[0])
    done = import_corrections(other, data(said))
    assert [one.text for one in done.new] == ["Ann"]
    assert [(one.correction.text, one.reason) for one in done.left_out] == [("Bob", "blocked")]


@pytest.mark.parametrize("faces", [(), (b"no picture",), (bytes(3),) * 33], ids=["none", "no picture", "too many"])
def test_what_are_no_faces_is_left_out(said: Home, other: Home, faces: tuple[bytes, ...]) -> None:
    file = read_file(data(said))
    changed = write_file(file.videos, [replace(file.carried[0], faces=faces)])
    assert [one.reason for one in import_corrections(other, changed).left_out] == ["malformed"]
    assert other.store.keys(KNOWN_FACES.name) == []
