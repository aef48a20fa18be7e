"""Workers of a cluster that share one video find what one machine finds."""

import dataclasses
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.core.errors import ClusterError, SettingsError, UnreadableVideoError
from meetbefore_assets.faces.scan_video import MAX_CHUNK_FRAMES, chunk_starts, remote_chunk_starts
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.running import ray_chunks
from meetbefore_assets_tests.support.fakes import fake_home, write_video

pytestmark = pytest.mark.slow

MOMENTS = 5 * MAX_CHUNK_FRAMES + 3
HOME = "TESTS_OF_ELSEWHERE"


class Postman:
    """Implements `parallel.RemoteWorkers`: whatever goes to the other machine and comes back goes through bytes."""

    def __init__(self, other: Home, moments: int) -> None:
        self.other, self.chunk_frames, self.sizes = other, moments, list[int]()

    def map_in_order(self, work: Callable[[Any, Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.sizes.append(item.plan.height)
            there = pickle.loads(pickle.dumps((work, item)))
            yield pickle.loads(pickle.dumps(there[0](self.other, there[1])))


def archive(root: Path, homes: tuple[str, ...]) -> str:
    """A video with damaged moments, taken in by the first of some homes that share a record; its id."""
    moments = ["broken" if number % 7 == 3 else [number % 3, 9][: number % 4] for number in range(MOMENTS)]
    write_video(root / "videos", "DJI_20250301080000_0001_D.mp4", moments)
    for name in homes:
        settings_file.apply(root / name, [f"store.uri='{root / 'record'}'"])
    home = fake_home(root / homes[0])
    import_recordings(home, [root / "videos"])
    (video_id,) = home.store.keys("sources")
    for asset in ("videos", "frames"):
        STAGES[asset](home, video_id)
    return video_id


def detections(home: Home, video_id: str) -> tuple[pl.DataFrame, dict[str, object]]:
    told = list[tuple[int, int]]()
    home.progress = lambda _video_id, done, total: told.append((done, total))
    made = STAGES["detections"](home, video_id)
    assert told == [(done, MOMENTS) for done in range(1, MOMENTS + 1)]
    facts = {name: value for name, value in made.facts.items() if "second" not in name and "_s" not in name and name != "preview"}
    return home.store.get("detections", video_id), facts


def shared(home: Home, far: Any) -> Home:
    return dataclasses.replace(home, adapters=dataclasses.replace(home.adapters, remote_workers=lambda: far))


@pytest.mark.parametrize("moments", [MAX_CHUNK_FRAMES, 2 * MAX_CHUNK_FRAMES + 5, MOMENTS - 1])
def test_pieces_that_went_to_other_machines_are_what_one_machine_finds(tmp_path: Path, moments: int) -> None:
    video_id = archive(tmp_path, ("one", "other"))
    alone = detections(fake_home(tmp_path / "one"), video_id)
    assert alone[0].height > MOMENTS / 2
    assert alone[1]["frames not decodable"] == sum(number % 7 == 3 for number in range(MOMENTS))
    far = Postman(fake_home(tmp_path / "other"), moments)
    together = detections(shared(fake_home(tmp_path / "one"), far), video_id)
    assert together[0].equals(alone[0])
    assert together[1] == alone[1]
    assert sum(far.sizes) == MOMENTS
    assert all(size == moments for size in far.sizes[:-1])


@pytest.mark.parametrize("keep", ["none", "preview"])
def test_videos_whose_pictures_are_kept_stay_here(tmp_path: Path, keep: str) -> None:
    video_id = archive(tmp_path, ("one", "other"))
    settings_file.apply(tmp_path / "one", [f"frames.keep={keep}"])
    far = Postman(fake_home(tmp_path / "other"), 2 * MOMENTS)
    detections(shared(fake_home(tmp_path / "one"), far), video_id)
    assert far.sizes == ([MOMENTS] if keep == "none" else [])


def test_a_worker_with_other_models_is_refused(tmp_path: Path) -> None:
    video_id = archive(tmp_path, ("one", "other"))
    far = Postman(fake_home(tmp_path / "other", detector="squares-2"), 32)
    with pytest.raises(ClusterError, match=r"expected .*squares-1.*found .*squares-2"):
        detections(shared(fake_home(tmp_path / "one"), far), video_id)
    assert fake_home(tmp_path / "one").store.stamp("detections", video_id) is None


@pytest.mark.parametrize(
    ("executor", "moments", "is_asked"),
    [("ray", "320", True), ("ray", "", False), ("in_process", "320", False), ("", "320", False), ("k8s", "320", False)],
)
def test_a_cluster_is_asked_where_both_say_so(monkeypatch: pytest.MonkeyPatch, executor: str, moments: str, is_asked: bool) -> None:
    made = list[int]()
    pool = SimpleNamespace(RayWorkers=lambda chunk_frames, _resources, _call: made.append(chunk_frames) or made)
    monkeypatch.setitem(sys.modules, "meetbefore_assets.running.ray_pool", pool)
    found = ray_chunks.remote_workers({"MEETBEFORE_EXECUTOR": executor, "MEETBEFORE_PIECE_MOMENTS": moments})
    assert (found, made) == ((made, [320]) if is_asked else (None, []))


@pytest.mark.parametrize("text", ["many", "15", "-320", "1e3"])
def test_what_makes_a_piece_must_be_a_number(text: str) -> None:
    with pytest.raises(SettingsError, match=f"'{text}', expected how many sampled frames make a chunk"):
        ray_chunks.remote_workers({"MEETBEFORE_EXECUTOR": "ray", "MEETBEFORE_PIECE_MOMENTS": text})


def on_the_other_home(work: Callable[[Any, Any], Any], item: Any) -> Any:
    """Executed by workers of Ray."""
    return work(fake_home(Path(os.environ[HOME])), item)


def die_first(work: Callable[[Any, Any], Any], item: Any) -> Any:
    """The same by a worker that dies over every other piece the first time."""
    mark = Path(os.environ[HOME]) / f"{item.plan['time_s'][0]}.died"
    if not mark.exists() and item.plan["time_s"][0] % 64 == 0:
        mark.touch()
        os._exit(9)
    return on_the_other_home(work, item)


def complain(_work: Callable[[Any, Any], Any], item: Any) -> Any:
    raise UnreadableVideoError(f"{item.plan.height} moments are unreadable.", remedy="Copy it again.")


@pytest.fixture(name="cluster", scope="module")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A Ray of its own with two workers, over a home of their own."""
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")
    root = tmp_path_factory.mktemp("ray")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", HOME: str(root / "other")}
    video_id = archive(root, ("one", "other"))
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=80_000_000)
    try:
        yield root, video_id
    finally:
        ray.shutdown()


@pytest.mark.parametrize("call", [on_the_other_home, die_first])
def test_workers_of_ray_find_what_one_machine_finds_also_when_some_die(
    cluster: tuple[Path, str], call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from meetbefore_assets.running import ray_pool
    from meetbefore_assets.running.ray_pool import RayWorkers

    monkeypatch.setattr(ray_pool, "LOCAL_FALLBACK_AFTER_S", 600.0)  # whoever dies is not to be this process
    root, video_id = cluster
    alone = detections(fake_home(root / "one"), video_id)
    together = detections(shared(fake_home(root / "one"), RayWorkers(32, {"num_cpus": 1}, call)), video_id)
    assert together[0].equals(alone[0])
    assert together[1] == alone[1]
    assert len(list((root / "other").glob("*.died"))) == (2 if call is die_first else 0)


@pytest.mark.parametrize("held", [1, 2])
def test_a_step_does_not_wait_for_cores_that_steps_hold(cluster: tuple[Path, str], held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    from meetbefore_assets.running import ray_pool
    from meetbefore_assets.running.ray_pool import RayWorkers

    @ray.remote(num_cpus=1)  # type: ignore[misc]
    class Step:
        def is_there(self) -> bool:
            return True

    monkeypatch.setattr(ray_pool, "LOCAL_FALLBACK_AFTER_S", 0.2)
    root, video_id = cluster
    alone = detections(fake_home(root / "one"), video_id)
    steps = [Step.remote() for _ in range(held)]
    try:
        assert all(ray.get([step.is_there.remote() for step in steps]))
        together = detections(shared(fake_home(root / "one"), RayWorkers(16, {"num_cpus": 1}, on_the_other_home)), video_id)
    finally:
        for step in steps:
            ray.kill(step)
    assert together[0].equals(alone[0])
    assert together[1] == alone[1]


def test_errors_of_workers_are_raised_as_our_own(cluster: tuple[Path, str]) -> None:
    from meetbefore_assets.running.ray_pool import RayWorkers

    root, video_id = cluster
    # Whichever piece fails first; the last one is shorter.
    with pytest.raises(UnreadableVideoError, match=r"^\d+ moments are unreadable") as caught:
        detections(shared(fake_home(root / "one"), RayWorkers(32, {"num_cpus": 1}, complain)), video_id)
    assert caught.value.remedy == "Copy it again."


@given(st.lists(st.booleans(), min_size=1, max_size=200), st.integers(1, 120))
def test_pieces_for_others_begin_where_pieces_of_threads_do(is_keyframe: list[bool], moments: int) -> None:
    cuts = chunk_starts(is_keyframe)
    found = remote_chunk_starts(cuts, moments)
    assert found[0] == 0
    assert set(found) <= set(cuts)
    ends = [*found[1:], len(is_keyframe)]
    assert all(end - start >= moments for start, end in list(zip(found, ends, strict=True))[:-1])
    assert all(end - start < moments + MAX_CHUNK_FRAMES for start, end in zip(found, ends, strict=True))
    # Whoever is given a piece divides it as everybody does.
    again = [start + cut for start, end in zip(found, ends, strict=True) for cut in chunk_starts(is_keyframe[start:end])]
    assert again == cuts
