"""When the page is written anew, and that a page that cannot be written leaves the old one."""

import base64
from pathlib import Path

import pytest

from meetbefore_assets.core.errors import StoreError, UsageError
from meetbefore_assets.publishing.page.pictures import Disguise
from meetbefore_assets.publishing.page.render import write_report, written_version
from meetbefore_assets_tests.support.page_reader import read
from meetbefore_assets_tests.support.record import Record, Seen, dji


def test_pictures_can_be_disguised_and_the_page_is_another_one(record: Record) -> None:
    home = record.finish()
    plain = write_report(home)
    disguise = Disguise("stripes", lambda person, jpeg: b"stripes" if person == "bob" else jpeg)
    changed = write_report(home, disguise=disguise)
    text = Path(changed.path).read_text(encoding="utf-8")
    striped = base64.b64encode(b"stripes").decode()
    assert changed.version != plain.version
    assert text.count(striped) == 1 + 2 + 1
    assert write_report(home, disguise=disguise) == changed


def test_the_same_record_gives_the_same_page(record: Record, tmp_path: Path) -> None:
    home = record.finish()
    first, second = write_report(home, tmp_path / "a.html"), write_report(home, tmp_path / "b.html")
    assert first.version == second.version
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_page_in_step_is_not_written_again(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    home = record.finish()
    written = write_report(home)
    before = Path(written.path).stat().st_ino
    assert write_report(home) == written
    assert Path(written.path).stat().st_ino == before
    again = write_report(record.finish(names={"ann": "Ann"}))
    assert again.version != written.version
    assert written_version(Path(again.path)) == again.version
    assert "Ann" in read(Path(again.path)).text


@pytest.mark.parametrize("change", ["clock", "video", "failure"])
def test_whatever_is_on_the_page_changes_its_version(record: Record, change: str) -> None:
    before = write_report(record.finish()).version
    if change == "clock":
        (record.folder / "settings.toml").write_text('[[clocks]]\nfiles = "holiday*"\noffset_s = 60\n')
    elif change == "video":
        record.video(dji(12), [Seen("cy", [1.0])])
    else:
        record.failed_video("empty.mp4", "empty.mp4 is empty.")
    assert write_report(record.finish()).version != before


def test_a_page_that_cannot_be_made_leaves_the_old_one(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(write_report(record.finish()).path)
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        write_report(record.finish(names={"ann": "Ann"}))
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir() if entry.suffix == ".tmp"] == []


def test_a_destination_that_is_no_file(record: Record, tmp_path: Path) -> None:
    home = record.finish()
    with pytest.raises(UsageError, match="is a folder"):
        write_report(home, tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        write_report(home, tmp_path / "nowhere" / "report.html")
