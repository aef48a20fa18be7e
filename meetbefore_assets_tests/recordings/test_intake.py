"""Importing many files: what it costs, what it tells, and what an interruption leaves."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.home.home import Home
from meetbefore_assets.recordings import intake
from meetbefore_assets.recordings.failures import refuse_unreadable
from meetbefore_assets.recordings.intake import import_recordings, known_videos
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets_tests.support.fakes import fake_home, write_video


def empty_files(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"clip{number:04}.mp4").touch()
    return folder


def test_copies_of_one_content_are_asked_after_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pair was gone through: 50,000 empty files took hours."""
    home, asked = fake_home(tmp_path / "home"), list[str]()

    def is_present(_home: Home, uris: Sequence[str]) -> bool:
        asked.extend(uris)
        return True

    monkeypatch.setattr(Home, "is_present", is_present)
    found = import_recordings(home, [empty_files(tmp_path / "in", 300)])
    assert len(asked) == 299
    assert len(found.new) == 1
    first = str(tmp_path / "in" / "clip0000.mp4")
    assert [other for _, other in found.duplicates] == [first] * 299
    (known,) = known_videos(home).values()
    assert len(known.uris) == 300


def test_an_interruption_keeps_what_was_read(tmp_path: Path) -> None:
    home = fake_home(tmp_path / "home")
    for day in (1, 2, 3):
        write_video(tmp_path / "in", f"DJI_2025030{day}080000_0001_D.mp4", [[day]])
    hashed = home.adapters.recordings.content_hash
    read = list[str]()

    def interrupted(uri: str) -> str:
        if len(read) == 2:
            raise KeyboardInterrupt
        read.append(uri)
        return hashed(uri)

    home.adapters.recordings.content_hash = interrupted
    with pytest.raises(KeyboardInterrupt):
        import_recordings(home, [tmp_path / "in"])
    assert len(known_videos(home)) == 2
    home.adapters.recordings.content_hash = lambda uri: read.append(uri) or hashed(uri)
    assert len(import_recordings(home, [tmp_path / "in"]).present) == 3
    assert len(read) == 3, "nothing is read twice"


def test_what_was_read_is_saved_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "SAVE_EVERY_S", -1.0)
    home = fake_home(tmp_path / "home")
    saved = list[int]()
    for day in (1, 2, 3):
        write_video(tmp_path / "in", f"DJI_2025030{day}080000_0001_D.mp4", [[day]])
    import_recordings(home, [tmp_path / "in"], lambda *_: saved.append(len(home.store.keys("sources"))))
    assert saved == [0, 0, 1]
    assert len(known_videos(home)) == 3


def test_how_many_files_were_looked_at_is_told(tmp_path: Path) -> None:
    told = list[int]()
    import_recordings(fake_home(tmp_path / "home"), [empty_files(tmp_path / "in", 2500)], scanned=told.append)
    assert told == [1000, 2000]


def test_a_file_that_cannot_be_opened_fails_before_a_run_is_begun_for_it(tmp_path: Path) -> None:
    home = fake_home(tmp_path / "home")
    write_video(tmp_path / "in", "good.mp4", [[1]])
    write_video(tmp_path / "in", "bad.mp4", [[2]])
    opened = home.adapters.recordings.open_video

    def open_video(uri: str, allow_truncated: bool) -> object:
        if uri.endswith("bad.mp4"):
            raise UnreadableVideoError("bad.mp4: the file is empty (0 bytes).", remedy="Copy it again.")
        return opened(uri, allow_truncated)

    home.adapters.recordings.open_video = open_video
    bad, good = sorted(import_recordings(home, [tmp_path / "in"]).present)
    assert refuse_unreadable(home, bad) == "bad.mp4: the file is empty (0 bytes). Copy it again."
    assert refuse_unreadable(home, good) == ""
    assert {status.video_id: status.failed_before for status in all_statuses(home)} == {bad: True, good: False}
