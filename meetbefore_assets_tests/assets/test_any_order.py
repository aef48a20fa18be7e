"""The same videos give the same people and the same ids, however they came: in any order, in any batches, some removed and back again."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meetbefore_assets import settings as project_settings
from meetbefore_assets.reading import assigned_faces
from meetbefore_assets.steps.intake import PER_VIDEO_TABLES, drop_video, take_in
from meetbefore_assets.steps.matching import match
from meetbefore_assets.steps.per_video import MAKERS
from meetbefore_assets.workbench import Workbench
from meetbefore_assets_tests.fakes import fake_bench, write_video

# So high that noise parts some sightings of one person, and who is joined to whom depends on who else is there.
AMBIGUOUS = 0.9
CASTS = ([[1], [2, 3], [4]], [[2], [1], [5, 1]], [[3], [], [4], [6]], [[1, 2], [6], [3]], [[5], [4], [1]])


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Every video processed, nothing matched."""
    root = tmp_path_factory.mktemp("archive")
    bench = fake_bench(root / "home")
    for day, cast in enumerate(CASTS, start=3):
        write_video(root / "videos", f"DJI_202503{day:02d}080000_0001_D.mp4", cast)
    for video in take_in(bench, [root / "videos"]).present:
        for make in MAKERS.values():
            make(bench, video)
    return bench


def bring(archive: Workbench, bench: Workbench, video: str) -> None:
    for asset in PER_VIDEO_TABLES:
        found = archive.home / "record" / asset / f"{video}.parquet"
        if found.exists():
            (bench.home / "record" / asset).mkdir(parents=True, exist_ok=True)
            shutil.copy(found, bench.home / "record" / asset)


def identities(bench: Workbench) -> dict[str, str]:
    return dict(assigned_faces(bench).select("face_id", "person_id").rows())


def arrived(archive: Workbench, home: Path, batches: Sequence[Sequence[str]]) -> Workbench:
    """A home to which videos came in batches, matched after each; a video that comes again was removed meanwhile."""
    project_settings.apply(home, [f"matching.threshold={AMBIGUOUS}"])
    bench = fake_bench(home)
    for batch in batches:
        for video in batch:
            if video in bench.store.keys("sources"):
                drop_video(bench, video)
                match(bench)
            bring(archive, bench, video)
        match(bench)
    return bench


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_people_and_ids_are_those_of_all_at_once(archive: Workbench, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    videos = sorted(archive.store.keys("tracks"))
    once = identities(arrived(archive, tmp_path_factory.mktemp("once") / "home", [videos]))
    assert 6 < len(set(once.values())) < len(once)
    order = data.draw(st.permutations(videos))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(videos) - 1))))
    batches = [order[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    again = data.draw(st.lists(st.sampled_from(videos), max_size=2))
    bench = arrived(archive, tmp_path_factory.mktemp("order") / "home", [*batches, *([video] for video in again)])
    assert identities(bench) == once
