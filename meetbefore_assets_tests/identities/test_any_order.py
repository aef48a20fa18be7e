"""The same videos give the same people and the same ids, however they came: in any order, in any batches, some removed and back again."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meetbefore_assets.core.model_packs import EvidenceModel
from meetbefore_assets.core.schema.lists import per_video_tables
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.match import match
from meetbefore_assets.identities.queries import assigned_faces
from meetbefore_assets.recordings.intake import drop_video, import_recordings
from meetbefore_assets_tests.support.fakes import MEASURED, fake_home, write_video

pytestmark = pytest.mark.slow

# So high that noise parts some sightings of one person, and who is joined to whom depends on who else is there.
AMBIGUOUS, AMBIGUOUS_EVIDENCE = 0.9, 0.86
CASTS = ([[1], [2, 3], [4]], [[2], [1], [5, 1]], [[3], [], [4], [6]], [[1, 2], [6], [3]], [[5], [4], [1]])


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Every video processed, nothing matched."""
    root = tmp_path_factory.mktemp("archive")
    home = fake_home(root / "home")
    for day, cast in enumerate(CASTS, start=3):
        write_video(root / "videos", f"DJI_202503{day:02d}080000_0001_D.mp4", cast)
    for video in import_recordings(home, [root / "videos"]).present:
        for make in STAGES.values():
            make(home, video)
    return home


def bring(archive: Home, home: Home, video: str) -> None:
    for asset in (table.name for table in per_video_tables()):
        found = archive.folder / "record" / asset / f"{video}.parquet"
        if found.exists():
            (home.folder / "record" / asset).mkdir(parents=True, exist_ok=True)
            shutil.copy(found, home.folder / "record" / asset)


def identities(home: Home) -> dict[str, str]:
    return dict(assigned_faces(home).select("face_id", "person_id").rows())


def arrived(archive: Home, home_folder: Path, batches: Sequence[Sequence[str]], evidence: EvidenceModel | None) -> Home:
    """A home to which videos came in batches, matched after each; a video that comes again was removed meanwhile."""
    settings_file.apply(home_folder, [f"matching.threshold={AMBIGUOUS if evidence is None else AMBIGUOUS_EVIDENCE}"])
    home = fake_home(home_folder, evidence=evidence)
    for batch in batches:
        for video in batch:
            if video in home.store.keys("sources"):
                drop_video(home, video)
                match(home)
            bring(archive, home, video)
        match(home)
    return home


@pytest.mark.parametrize("evidence", [None, MEASURED], ids=["cosines", "evidence"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_people_and_ids_are_those_of_all_at_once(
    archive: Home, tmp_path_factory: pytest.TempPathFactory, evidence: EvidenceModel | None, data: st.DataObject
) -> None:
    videos = sorted(archive.store.keys("tracks"))
    once = identities(arrived(archive, tmp_path_factory.mktemp("once") / "home", [videos], evidence))
    assert 6 < len(set(once.values())) < len(once)
    order = data.draw(st.permutations(videos))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(videos) - 1))))
    batches = [order[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    again = data.draw(st.lists(st.sampled_from(videos), max_size=2))
    home = arrived(archive, tmp_path_factory.mktemp("order") / "home", [*batches, *([video] for video in again)], evidence)
    assert identities(home) == once
