"""Whatever searches the vectors, the same people are found."""

import mmap
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities import edges
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.identities.stored_edges import track_vectors
from meetbefore_assets.identities.vector_index import faiss_memory, pgvector
from meetbefore_assets.upkeep.verify_record import maintain_home
from meetbefore_assets_tests.identities.test_face_index import edges_by_name, people, put_video
from meetbefore_assets_tests.support.fakes import fake_home, write_video
from meetbefore_assets_tests.support.project import Project

pytestmark = pytest.mark.slow

KINDS = ["memory", "disk", "pgvector"]


def archive(home_folder: Path, kind: str, address: str) -> Home:
    """A home with ten videos, of which the last comes when the others are compared."""
    home = fake_home(home_folder)
    settings_file.apply(home_folder, [f"index.kind={kind}", f"store.postgres={address}"])
    for seed in range(10):
        put_video(home, f"v{seed}", seed)
        if seed >= 8:
            build_face_index(home)
    return home


@pytest.fixture
def by_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few new tracks are compared by an index too."""
    monkeypatch.setattr(edges, "FEW", 0)


@pytest.mark.usefixtures("by_index")
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_gives_the_edges_and_people_of_the_default(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    address = request.getfixturevalue("postgres") if kind == "pgvector" else ""
    expected, found = archive(tmp_path / "auto", "auto", ""), archive(tmp_path / kind, kind, address)
    assert edges_by_name(found) == edges_by_name(expected)
    assert people(found) == people(expected)
    assert len(people(found)) > 5
    assert not [path for path in (found.folder / "index" / "scratch").rglob("*")]


@pytest.mark.usefixtures("by_index")
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_gives_the_people_of_the_default_where_not_all_is_compared(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = request.getfixturevalue("postgres") if kind == "pgvector" else ""
    expected = people(archive(tmp_path / "auto", "auto", ""))
    for name, value in (("EXACT_WORK", 0), ("FEWEST_IN_CELLS", 100), ("PROBED", 1.0)):
        monkeypatch.setattr(faiss_memory, name, value)
    monkeypatch.setattr(pgvector, "EXACT_WORK", 0)
    assert people(archive(tmp_path / kind, kind, address)) == expected


@pytest.mark.parametrize("kind", ["auto", "disk"])
def test_vectors_of_all_tracks_are_the_same_mapped_or_in_memory(tmp_path: Path, kind: str) -> None:
    home = archive(tmp_path, kind, "")
    videos = home.store.keys("tracks")
    vectors = track_vectors(home, videos)
    expected = np.array(home.store.scan("tracks", videos, ["vector"])["vector"].to_list(), np.float32)
    assert (vectors == expected).all()
    base: object = vectors
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, mmap.mmap) == (kind == "disk")
    assert track_vectors(home, []).shape[0] == 0


def test_through_dagster_an_index_on_disk_gives_the_people_of_the_default(tmp_path: Path) -> None:
    found = []
    for kind in ("auto", "disk"):
        with dg.DagsterInstance.ephemeral() as instance:
            root = tmp_path / kind
            root.mkdir()
            project = Project(root, instance)
            settings_file.apply(project.folder, [f"index.kind={kind}"])
            write_video(project.videos, "DJI_20250303080000_0001_D.mp4", [[1], [1, 2], [2, 3], [4]])
            write_video(project.videos, "DJI_20250304080000_0002_D.mp4", [[1], [3], [5, 2]])
            project.process()
            assert project.match().success
            found.append(project.groups())
    assert found[0] == found[1]
    assert len(found[0]) > 3


def test_upkeep_clears_away_what_a_killed_process_left(tmp_path: Path) -> None:
    home = archive(tmp_path / "home", "disk", "")
    dead = home.folder / "index" / "scratch" / "1-abc"
    dead.mkdir(parents=True)
    (dead / "codes").write_bytes(b"x")
    dead.with_name("1-abc.lock").write_bytes(b"")
    assert str(dead) in maintain_home(home).litter
    assert list((home.folder / "index" / "scratch").iterdir()) == []
