"""Workers of a cluster that share one video find what one machine finds."""

import dataclasses
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets import elsewhere, settings, wiring
from meetbefore_assets.errors import ClusterError, SettingsError, UnreadableVideoError
from meetbefore_assets.steps.intake import take_in
from meetbefore_assets.steps.looking import MOMENTS_AT_ONCE, far_starts, starts
from meetbefore_assets.steps.per_video import MAKERS
from meetbefore_assets.workbench import Workbench
from meetbefore_assets_tests.fakes import fake_bench, write_video

MOMENTS = 5 * MOMENTS_AT_ONCE + 3
HOME = "TESTS_OF_ELSEWHERE"


class Postman:
    """Implements `hands.FarHands`: whatever goes to the other machine and comes back goes through bytes."""

    def __init__(self, other: Workbench, moments: int) -> None:
        self.other, self.moments, self.sizes = other, moments, list[int]()

    def in_order(self, work: Callable[[Any, Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.sizes.append(item.plan.height)
            there = pickle.loads(pickle.dumps((work, item)))
            yield pickle.loads(pickle.dumps(there[0](self.other, there[1])))


def archive(root: Path, homes: tuple[str, ...]) -> str:
    """A video with damaged moments, taken in by the first of some homes that share a record; its id."""
    moments = ["broken" if number % 7 == 3 else [number % 3, 9][: number % 4] for number in range(MOMENTS)]
    write_video(root / "videos", "DJI_20250301080000_0001_D.mp4", moments)
    for name in homes:
        settings.apply(root / name, [f"store.uri='{root / 'record'}'"])
    bench = fake_bench(root / homes[0])
    take_in(bench, [root / "videos"])
    (video_id,) = bench.store.keys("sources")
    for asset in ("videos", "frames"):
        MAKERS[asset](bench, video_id)
    return video_id


def detections(bench: Workbench, video_id: str) -> tuple[pl.DataFrame, dict[str, object]]:
    told = list[tuple[int, int]]()
    bench.progress = lambda _video_id, done, total: told.append((done, total))
    made = MAKERS["detections"](bench, video_id)
    assert told == [(done, MOMENTS) for done in range(1, MOMENTS + 1)]
    facts = {name: value for name, value in made.facts.items() if "second" not in name and "_s" not in name and name != "preview"}
    return bench.store.get("detections", video_id), facts


def shared(bench: Workbench, far: Any) -> Workbench:
    return dataclasses.replace(bench, tools=dataclasses.replace(bench.tools, far_hands=lambda: far))


@pytest.mark.parametrize("moments", [MOMENTS_AT_ONCE, 2 * MOMENTS_AT_ONCE + 5, MOMENTS - 1])
def test_pieces_that_went_to_other_machines_are_what_one_machine_finds(tmp_path: Path, moments: int) -> None:
    video_id = archive(tmp_path, ("one", "other"))
    alone = detections(fake_bench(tmp_path / "one"), video_id)
    assert alone[0].height > MOMENTS / 2
    assert alone[1]["moments not decodable"] == sum(number % 7 == 3 for number in range(MOMENTS))
    far = Postman(fake_bench(tmp_path / "other"), moments)
    together = detections(shared(fake_bench(tmp_path / "one"), far), video_id)
    assert together[0].equals(alone[0])
    assert together[1] == alone[1]
    assert sum(far.sizes) == MOMENTS
    assert all(size == moments for size in far.sizes[:-1])


@pytest.mark.parametrize("keep", ["none", "preview"])
def test_videos_whose_pictures_are_kept_stay_here(tmp_path: Path, keep: str) -> None:
    video_id = archive(tmp_path, ("one", "other"))
    settings.apply(tmp_path / "one", [f"frames.keep={keep}"])
    far = Postman(fake_bench(tmp_path / "other"), 2 * MOMENTS)
    detections(shared(fake_bench(tmp_path / "one"), far), video_id)
    assert far.sizes == ([MOMENTS] if keep == "none" else [])


def test_a_worker_with_other_models_is_refused(tmp_path: Path) -> None:
    video_id = archive(tmp_path, ("one", "other"))
    far = Postman(fake_bench(tmp_path / "other", detector="squares-2"), 32)
    with pytest.raises(ClusterError, match=r"expected .*squares-1.*found .*squares-2"):
        detections(shared(fake_bench(tmp_path / "one"), far), video_id)
    assert fake_bench(tmp_path / "one").store.stamp("detections", video_id) is None


@pytest.mark.parametrize(
    ("executor", "moments", "is_asked"),
    [("ray", "320", True), ("ray", "", False), ("in_process", "320", False), ("", "320", False), ("k8s", "320", False)],
)
def test_a_cluster_is_asked_where_both_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: str, moments: str, is_asked: bool
) -> None:
    asked = object()
    monkeypatch.setattr(elsewhere, "far_hands", lambda: asked)
    monkeypatch.setenv("MEETBEFORE_EXECUTOR", executor)
    monkeypatch.setenv("MEETBEFORE_PIECE_MOMENTS", moments)
    assert (wiring.build_workbench(tmp_path).tools.far_hands() is asked) is is_asked


@pytest.mark.parametrize("text", ["many", "15", "-320", "1e3", ""])
def test_what_makes_a_piece_must_be_a_number(text: str) -> None:
    with pytest.raises(SettingsError, match=f"'{text}', expected how many moments make a piece"):
        elsewhere.far_hands({"MEETBEFORE_PIECE_MOMENTS": text})


def on_the_other_home(work: Callable[[Any, Any], Any], item: Any) -> Any:
    """Executed by workers of Ray."""
    return work(fake_bench(Path(os.environ[HOME])), item)


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
    ray = pytest.importorskip("ray", reason="the group ray is not installed")
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
    from meetbefore_assets.adapters import hands_ray
    from meetbefore_assets.adapters.hands_ray import RayHands

    monkeypatch.setattr(hands_ray, "PATIENCE_S", 600.0)  # whoever dies is not to be this process
    root, video_id = cluster
    alone = detections(fake_bench(root / "one"), video_id)
    together = detections(shared(fake_bench(root / "one"), RayHands(32, {"num_cpus": 1}, call)), video_id)
    assert together[0].equals(alone[0])
    assert together[1] == alone[1]
    assert len(list((root / "other").glob("*.died"))) == (2 if call is die_first else 0)


@pytest.mark.parametrize("held", [1, 2])
def test_a_step_does_not_wait_for_cores_that_steps_hold(cluster: tuple[Path, str], held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    from meetbefore_assets.adapters import hands_ray
    from meetbefore_assets.adapters.hands_ray import RayHands

    @ray.remote(num_cpus=1)  # type: ignore[misc]
    class Step:
        def is_there(self) -> bool:
            return True

    monkeypatch.setattr(hands_ray, "PATIENCE_S", 0.2)
    root, video_id = cluster
    alone = detections(fake_bench(root / "one"), video_id)
    steps = [Step.remote() for _ in range(held)]
    try:
        assert all(ray.get([step.is_there.remote() for step in steps]))
        together = detections(shared(fake_bench(root / "one"), RayHands(16, {"num_cpus": 1}, on_the_other_home)), video_id)
    finally:
        for step in steps:
            ray.kill(step)
    assert together[0].equals(alone[0])
    assert together[1] == alone[1]


def test_errors_of_workers_are_raised_as_our_own(cluster: tuple[Path, str]) -> None:
    from meetbefore_assets.adapters.hands_ray import RayHands

    root, video_id = cluster
    with pytest.raises(UnreadableVideoError, match="32 moments are unreadable") as caught:
        detections(shared(fake_bench(root / "one"), RayHands(32, {"num_cpus": 1}, complain)), video_id)
    assert caught.value.remedy == "Copy it again."


@given(st.lists(st.booleans(), min_size=1, max_size=200), st.integers(1, 120))
def test_pieces_for_others_begin_where_pieces_of_threads_do(is_keyframe: list[bool], moments: int) -> None:
    cuts = starts(is_keyframe)
    found = far_starts(cuts, moments)
    assert found[0] == 0
    assert set(found) <= set(cuts)
    ends = [*found[1:], len(is_keyframe)]
    assert all(end - start >= moments for start, end in list(zip(found, ends, strict=True))[:-1])
    assert all(end - start < moments + MOMENTS_AT_ONCE for start, end in zip(found, ends, strict=True))
    # Whoever is given a piece divides it as everybody does.
    again = [start + cut for start, end in zip(found, ends, strict=True) for cut in starts(is_keyframe[start:end])]
    assert again == cuts
