"""What `models.mirror = auto` means: in a home of an earlier version faces are embedded again from stored crops, and nothing is decoded."""

from pathlib import Path

from meetbefore_assets.core.model_packs import MIRRORED
from meetbefore_assets.home.settings.settings_file import apply
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets_tests.support.fakes import fake_home, write_video
from meetbefore_assets_tests.test_concurrency import work


def test_a_new_home_embeds_as_its_pack_gains(tmp_path: Path) -> None:
    home = fake_home(tmp_path / "home")
    models = home.models()
    assert models.mirror("auto") == MIRRORED[home.model_pack().detector_kind]
    assert (models.mirror(True), models.mirror(False)) == ("all", "none")


def test_a_home_of_before_is_embedded_again_from_its_crops(tmp_path: Path) -> None:
    write_video(tmp_path / "videos", "DJI_20250303080000_0001_D.mp4", [[1], [1]])
    home = fake_home(tmp_path / "home")
    is_all = MIRRORED[home.model_pack().detector_kind] == "all"
    home.folder.mkdir()
    apply(home.folder, [f"models.mirror={str(not is_all).lower()}"])
    work(home.folder, tmp_path / "videos")
    apply(home.folder, ["models.mirror=auto"])
    assert [status.todo for status in all_statuses(home)] == [("embeddings", "tracks")]
    work(home.folder, tmp_path / "videos")
    assert [status.todo for status in all_statuses(home)] == [()]
