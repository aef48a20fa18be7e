"""Folders that are searched: remembered once, in this machine's settings or in those of all, and told where they are away or empty."""

import tomllib
from pathlib import Path

import pytest

from meetbefore_assets.core.ports import Recording, ScanResult
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file, shared_file
from meetbefore_assets.recordings.files.scan_folders import is_away, scan
from meetbefore_assets.recordings.sources import absent_sources, remember_sources, without_recordings
from meetbefore_assets.storage.object_store import objects_at
from meetbefore_assets_tests.support.fakes import fake_home
from meetbefore_assets_tests.support.s3 import new_bucket


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return fake_home(tmp_path / "home")


def test_a_folder_is_remembered_once_by_its_whole_path(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bike" / "2025").mkdir(parents=True)
    (tmp_path / "link").symlink_to("bike")
    monkeypatch.chdir(tmp_path)
    assert remember_sources(home, [Path("bike"), Path("bike/")]) == [str(tmp_path / "bike")]
    for covered in (Path("bike"), tmp_path / "bike", Path("bike/2025"), Path("link")):
        assert remember_sources(home, [covered]) == []
    assert home.settings().sources == (str(tmp_path / "bike"),)
    assert home.sources() == [tmp_path / "bike"]


def test_comments_and_the_folders_before_stay(home: Home, tmp_path: Path) -> None:
    text = "# mine\nsources = [\n    '~/Movies', # the old ones\n]\n\n[time]\nzone = 'UTC' # of the cameras\n"
    home.folder.mkdir()
    (home.folder / "settings.toml").write_text(text)
    assert remember_sources(home, [tmp_path]) == [str(tmp_path)]
    after = (home.folder / "settings.toml").read_text()
    assert tomllib.loads(after)["sources"] == ["~/Movies", str(tmp_path)]
    for comment in ("# mine", "# the old ones", "# of the cameras"):
        assert comment in after


def test_the_folder_of_the_home_stays_a_source_where_it_is_there(home: Home, tmp_path: Path) -> None:
    (tmp_path / "bike").mkdir()
    assert remember_sources(home, [tmp_path / "bike"]) == [str(tmp_path / "bike")]
    assert home.settings().sources == (str(tmp_path / "bike"),)
    settings_file.apply(home.folder, [], ["sources"])
    home.make_own_source()
    assert remember_sources(home, [home.folder / "videos"]) == []
    assert remember_sources(home, [tmp_path / "bike"]) == [str(tmp_path / "bike")]
    assert home.settings().sources == (str(home.folder / "videos"), str(tmp_path / "bike"))


def test_single_recordings_and_what_is_not_there_are_not_remembered(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    assert remember_sources(home, [tmp_path / "a.mp4", tmp_path / "none", "s3://bucket/a.MP4"]) == []
    assert not home.folder.exists()


def test_an_address_is_for_all_machines_and_a_folder_for_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"{new_bucket()}/archive"
    monkeypatch.setenv("MEETBEFORE_STORE", uri)
    monkeypatch.setattr(shared_file, "BELIEVED_S", 0.0)
    objects_at(uri).put("settings.toml", b"# ours\n")
    one, two = fake_home(tmp_path / "one"), fake_home(tmp_path / "two")
    assert remember_sources(one, ["s3://films/2025"]) == ["s3://films/2025"]
    assert remember_sources(two, ["s3://films/2025/", "s3://films/2025/may"]) == []
    assert objects_at(uri).get("settings.toml")[0].startswith(b"# ours\n")
    assert remember_sources(two, [tmp_path]) == [str(tmp_path)]
    assert two.settings().sources == ("s3://films/2025", str(tmp_path))
    assert one.settings().sources == ("s3://films/2025",)


def test_an_empty_place_is_named_as_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("full", "fuller", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "fuller" / "a.mp4").write_text("x")
    (tmp_path / "link").symlink_to("fuller")
    places = [Path("full"), Path("./empty"), Path("link"), Path("fuller"), Path("gone"), "s3://b/none", "s3://b/some/"]
    found = scan([place for place in places if isinstance(place, Path)])
    some = Recording("s3://b/some/a.mp4", "a.mp4", 1, 1, "video")
    found = ScanResult((*found.recordings, some), found.skipped, (*found.missing, "s3://b/none"))
    assert without_recordings(found, places) == ["full", "empty"]


def test_sources_that_are_away_are_told(home: Home, tmp_path: Path) -> None:
    assert absent_sources(home) == []
    (tmp_path / "there").mkdir()
    settings_file.apply(home.folder, [f"sources=['{tmp_path}/there', '{tmp_path}/gone']"])
    assert absent_sources(home) == [f"folder not found: {tmp_path}/gone (unmounted?). Its videos are kept."]


def test_a_mount_point_without_its_disk_is_away(tmp_path: Path) -> None:
    point, fstab = tmp_path / "disk", tmp_path / "fstab"
    (point / "videos").mkdir(parents=True)
    fstab.write_text(f"/dev/sdx1 {point} ext4 defaults 0 0\n")
    assert is_away(point, fstab)
    assert is_away(point / "videos", fstab)
    assert not is_away(tmp_path, fstab)
    assert is_away(tmp_path / "gone", fstab)
