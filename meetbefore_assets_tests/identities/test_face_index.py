"""Similar tracks on disk: each pair found once, whatever the order, and nothing left of videos that are gone."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.core.schema.faces import TRACKS
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities import grouping_input, stored_edges
from meetbefore_assets.identities.edges import nearest_only
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.identities.grouping import group_tracks
from meetbefore_assets.identities.grouping_input import group, read_grouping_input
from meetbefore_assets.identities.policy import policy
from meetbefore_assets.identities.queries import assigned_faces
from meetbefore_assets.identities.simple_linkage import SimplePolicy
from meetbefore_assets.identities.stored_edges import ASSET, edge_store, stored_graph
from meetbefore_assets_tests.support.fakes import fake_home, write_video
from meetbefore_assets_tests.support.project import Project

PEOPLE = 12
SIZE = 16


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return fake_home(tmp_path / "home")


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives in which tracks keep five neighbours, as those of millions keep sixteen."""
    for module in (stored_edges, grouping_input):
        monkeypatch.setattr(module, "neighbours_for", lambda _tracks: 5)


def put_video(home: Home, name: str, seed: int, tracks: int = 20, version: str = "v") -> None:
    """A video with tracks of some of a dozen people."""
    rng = np.random.default_rng(seed)
    centre = np.random.default_rng(99).normal(size=(PEOPLE, SIZE))
    vectors = centre[rng.integers(PEOPLE, size=tracks)] + 0.6 * rng.normal(size=(tracks, SIZE))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [
        {
            "track_id": f"{name}-{row:03d}",
            "video_id": name,
            **dict.fromkeys(("first_time_s", "last_time_s"), float(row)),
            **dict.fromkeys(("faces", "quality"), 1),
            "model": "colours-1",
            "vector": vectors[row].astype(np.float32).tolist(),
            "face_ids": [f"{name}-{row:03d}-f"],
            "frame_pts": [row // 2],
        }
        for row in range(tracks)
    ]
    home.store.put("tracks", name, TRACKS.frame(rows), Stamp(f"{version}{seed}", {}, {"model": "colours-1"}, tracks))


def edges_by_name(home: Home) -> dict[tuple[str, str], float]:
    """Each edge that counts, by the ids of its tracks."""
    videos = home.store.keys("tracks")
    graph = stored_graph(home, videos)
    names = home.store.scan("tracks", list(graph.plan.numbers), ["track_id"])["track_id"].to_list()
    kept = nearest_only(graph.edges, graph.plan.tracks, stored_edges.neighbours_for(graph.plan.tracks))
    pairs = [tuple(sorted((names[a], names[b]))) for a, b in kept.pairs.tolist()]
    assert len(set(pairs)) == len(pairs)
    return {(a, b): float(cosine) for (a, b), cosine in zip(pairs, kept.cosine, strict=True)}


def people(home: Home) -> set[frozenset[str]]:
    given = read_grouping_input(home, home.store.keys("tracks"))
    labels = pl.DataFrame({"track": given.tracks["track_id"], "group": group(given, policy(home).threshold)})
    return {frozenset(rows["track"]) for _, rows in labels.group_by("group")}


def at_once(tmp_path: Path, videos: Sequence[tuple[str, int]]) -> Home:
    other = fake_home(tmp_path / "other")
    for name, seed in videos:
        put_video(other, name, seed)
    build_face_index(other)
    return other


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("order", ["abcde", "edcba", "cadbe"])
def test_one_by_one_in_any_order_gives_the_edges_and_people_of_all_at_once(home: Home, tmp_path: Path, order: str) -> None:
    expected = at_once(tmp_path, [(name, ord(name)) for name in "abcde"])
    for name in order:
        put_video(home, name, ord(name))
        assert build_face_index(home).new_tracks == 20
    assert edges_by_name(home) == edges_by_name(expected)
    assert people(home) == people(expected)


def test_a_new_video_is_compared_and_nothing_else_is_written(home: Home) -> None:
    for name in "abc":
        put_video(home, name, ord(name))
    build_face_index(home)
    before = {path: path.stat().st_mtime_ns for path in (home.folder / "index" / ASSET).iterdir()}
    again = build_face_index(home)
    assert (again.was_in_step, again.new_tracks) == (True, 0)
    put_video(home, "d", 4)
    assert build_face_index(home).new_tracks == 20
    after = {path: path.stat().st_mtime_ns for path in (home.folder / "index" / ASSET).iterdir()}
    assert {path.stem for path in set(after) - set(before)} == {"d"}
    assert {path: after[path] for path in before} == before


@pytest.mark.usefixtures("crowded")
def test_a_video_that_goes_or_is_made_anew_leaves_nothing_behind(home: Home, tmp_path: Path) -> None:
    for name in "abcde":
        put_video(home, name, ord(name))
        build_face_index(home)
    home.store.drop("tracks", "b")
    put_video(home, "d", seed=1000)
    build_face_index(home)
    expected = at_once(tmp_path, [("a", ord("a")), ("c", ord("c")), ("d", 1000), ("e", ord("e"))])
    assert edge_store(home).keys(ASSET) == ["a", "c", "d", "e"]
    assert edges_by_name(home) == edges_by_name(expected)


def test_a_torn_or_missing_object_is_made_again(home: Home) -> None:
    for name in "abc":
        put_video(home, name, ord(name))
    build_face_index(home)
    before = edges_by_name(home)
    (home.folder / "index" / ASSET / "b.parquet").write_bytes(b"torn")
    (home.folder / "index" / ASSET / "c.parquet").unlink()
    assert edges_by_name(home) == before
    assert build_face_index(home).new_tracks >= 40
    assert build_face_index(home).was_in_step
    assert edges_by_name(home) == before


def test_without_stored_edges_the_same_people_are_found_and_nothing_is_written(home: Home) -> None:
    for name in "abc":
        put_video(home, name, ord(name))
    found = people(home)
    assert not (home.folder / "index").exists()
    build_face_index(home)
    assert people(home) == found


def test_videos_without_faces_have_their_place(home: Home) -> None:
    put_video(home, "a", 1)
    put_video(home, "b", 2, tracks=0)
    put_video(home, "c", 3)
    build_face_index(home)
    assert edge_store(home).keys(ASSET) == ["a", "b", "c"]
    assert {track[0] for pair in edges_by_name(home) for track in pair} == {"a", "c"}
    assert build_face_index(home).was_in_step


def test_a_threshold_below_what_is_stored_compares_every_two(home: Home) -> None:
    for name in "abc":
        put_video(home, name, ord(name))
    build_face_index(home)
    given = read_grouping_input(home, ["a", "b", "c"])
    quality = np.ones(60, np.float32)
    every = group_tracks(given.vectors, quality, given.links.cannot_link, given.links.must_link, SimplePolicy(-0.9))
    assert group(given, -0.9).tolist() == every.tolist()
    assert len(set(every.tolist())) < len(people(home))


def test_files_are_for_the_owner_only(home: Home) -> None:
    put_video(home, "a", 1)
    build_face_index(home)
    paths = [path for path in (home.folder / "index").rglob("*.parquet")]
    assert {path.parent.name for path in paths} == {ASSET, "calibration"}
    assert {path.stat().st_mode & 0o077 for path in paths} == {0}


def test_auto_is_worked_out_once_and_read_by_everybody(home: Home) -> None:
    for name in range(20):
        put_video(home, f"v{name:02d}", name)
    found = policy(home)
    assert found.calibration is not None
    assert found.calibration.seen.tracks == 400
    build_face_index(home)
    home.cache.clear()
    assert policy(home) == found
    assert home.cache == {}
    put_video(home, "later", 77)
    again = policy(home).calibration
    assert again is not None
    assert again.seen.tracks == 420


def test_a_number_in_the_settings_asks_no_archive(home: Home) -> None:
    put_video(home, "a", 1)
    settings_file.apply(home.folder, ["matching.threshold=0.42"])
    build_face_index(home)
    assert policy(home).calibration is None
    assert edge_store(home).keys("calibration") == []


def facts(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, object]:
    """Metadata of the materialization of an asset."""
    events = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    (found,) = (event.metadata for event in events if event.asset_key == dg.AssetKey(asset))
    return {name: value.value for name, value in found.items()}


@pytest.mark.slow
def test_through_dagster_a_new_video_is_compared_alone_and_the_threshold_explains_itself(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        project = Project(tmp_path, instance)
        write_video(project.videos, "DJI_20250303080000_0001_D.mp4", [[1], [1, 2], [2]])
        project.process()
        first = project.match()
        assert facts(first, "face_index")["tracks compared"] == 2
        write_video(project.videos, "DJI_20250304080000_0002_D.mp4", [[1], [3]])
        project.process()
        second = project.match()
        index, threshold = facts(second, "face_index"), facts(second, "matching_policy")
        assert (index["tracks"], index["tracks compared"], index["was up to date"]) == (4, 2, False)
        assert facts(project.match(), "face_index")["was up to date"] is True
        assert threshold["threshold"] == threshold["recogniser's own threshold"] == 0.5
        assert "too few" in str(threshold["threshold from"])
        assert threshold["tracks"] == 4
        together = {frozenset(rows["face_id"]) for _, rows in assigned_faces(project.home).group_by("person_id")}
        assert sorted(map(len, together)) == [1, 2, 3]
        settings_file.apply(project.folder, ["matching.threshold=0.42"])
        assert facts(project.match(), "face_index")["was up to date"] is True
        assert policy(project.home).threshold_source == "settings: matching.threshold"
