"""What the page must never do: fetch anything, run what a name says, or be read by others."""

import base64
import gzip
import re
import shlex
import stat
from pathlib import Path

import pytest

from meetbefore_assets.publishing.page import packed_cards, render
from meetbefore_assets.publishing.page.render import write_report
from meetbefore_assets_tests.support.fakes import fake_home
from meetbefore_assets_tests.support.page_reader import read
from meetbefore_assets_tests.support.record import Record, Seen, dji


def test_a_folder_with_a_space_is_quoted_and_another_folder_makes_another_page(tmp_path: Path) -> None:
    record = Record(tmp_path / "my disk" / "home")
    record.video(dji(3), [Seen("ann", [1.0])])
    home = record.finish()
    written = write_report(home)
    assert all(shlex.split(command)[-1] == str(home.folder) for command in read(Path(written.path)).commands)
    moved = tmp_path / "elsewhere"
    home.folder.rename(moved)
    assert write_report(fake_home(moved)).version != written.version


def test_names_and_file_names_cannot_become_markup(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script>&\'"><img src=x onerror=alert(1)>'
    record = Record(tmp_path / "home")
    record.video(f"{dji(3)}{evil}.mp4", [Seen("ann", [1.0]), Seen("bob", [1.0])])
    record.video(f"{dji(4)}{evil}.mp4", [Seen("ann", [1.0], "bob"), Seen("bob", [1.0])])
    record.failed_video(f"{evil}.mp4", f"cannot read {evil}")
    path = Path(write_report(record.finish(names={"ann": evil})).path)
    shown = read(path)
    assert sum(tag == "script" for tag, _ in shown.elements) == 1
    assert not [attrs for _, attrs in shown.elements if "onerror" in attrs or attrs.get("src") == "x"]
    assert evil in shown.text
    assert all(f"{alt}".startswith((evil, "bob")) for tag, attrs in shown.elements if tag == "img" for alt in [attrs["alt"]])


def test_people_far_down_are_packed_until_somebody_looks_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(tmp_path / "home")
    for day in (3, 4):
        record.video(f"{dji(day)}</script><marquee>.mp4", [Seen("ann", [1.0]), Seen("bob", [1.0])])
    home = record.finish(names={"bob": "Bob </script>\n<marquee>"})
    whole = Path(write_report(home, tmp_path / "whole.html").path).read_text(encoding="utf-8")
    monkeypatch.setattr(packed_cards, "PLAIN_CARDS", 1)
    path = Path(write_report(home, tmp_path / "packed.html").path)
    shown = read(path)
    assert shown.people == ["ann"]
    assert "marquee" not in {tag for tag, _ in shown.elements}
    (holder,) = [attrs for _, attrs in shown.elements if attrs.get("class") == "late"]
    assert (holder["data-cards"], holder["data-find"]) == ("1", "bob </script> <marquee> bob")
    packed = re.search(r'<script type="text/plain">([A-Za-z0-9+/=]+)</script>', path.read_text(encoding="utf-8"))
    assert packed
    assert gzip.decompress(base64.b64decode(packed[1])).decode() in whole
    assert "1 more people: they appear when you scroll here" in shown.text


def test_nothing_is_fetched(record: Record) -> None:
    path = Path(write_report(record.finish()).path)
    text = path.read_text(encoding="utf-8")
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert not re.findall(r"url\((?!#)", text)
    shown = read(path)
    assert {tag for tag, _ in shown.elements}.isdisjoint({"link", "iframe", "object", "embed", "base", "form"})
    assert all(str(attrs["href"]).startswith("#") for _, attrs in shown.elements if "href" in attrs)
    policy = next(attrs["content"] for tag, attrs in shown.elements if attrs.get("http-equiv") == "Content-Security-Policy")
    style, script = (text.split(f"<{tag}>")[1].split(f"</{tag}>")[0] for tag in ("style", "script"))
    assert policy == render.content_policy(style, script)
    assert str(policy).startswith("default-src 'none'; img-src data:;")
    assert not [attrs for _, attrs in shown.elements if "style" in attrs or any(name.startswith("on") for name in attrs)]


def test_the_file_is_the_owners_and_nothing_else_is_left(record: Record) -> None:
    path = Path(write_report(record.finish()).path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(path.parent.glob("*.tmp")) + list(path.parent.glob(".*.tmp"))
