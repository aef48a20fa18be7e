"""The page for sharing: who is seen clearly on it."""

import base64
import re
from pathlib import Path

import pytest

from meetbefore_assets.publishing.page.render import write_report
from meetbefore_assets.publishing.page.sharing import blurred_but, blurred_page, clear_people
from meetbefore_assets_tests.support.fakes import FakeImaging
from meetbefore_assets_tests.support.record import Record, Seen, dji

ALONE, BLURRED = b"\xff\xd8 the face alone", b"\xff\xd8 nobody can be known"


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Ann and Bob are met twice."""
    monkeypatch.setattr(FakeImaging, "encode_jpeg", lambda _self, _image, _quality, _side=0: ALONE)
    record = Record(tmp_path / "home")
    for day in (3, 4):
        record.video(dji(day), [Seen("ann", [1, 2]), Seen("bob", [1])])
    return record


def pictures(page: Path) -> list[bytes]:
    return [base64.b64decode(text) for text in re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page.read_text(encoding="utf-8"))]


def test_without_asking_everybody_is_seen_as_they_are(record: Record) -> None:
    found = pictures(Path(write_report(record.finish()).path))
    assert found
    assert all(picture.startswith(record.picture) for picture in found)


def test_others_are_blurred_and_companions_are_seen_without_surroundings(record: Record) -> None:
    home = record.finish(roles={"ann": "companion"})
    page = Path(write_report(home, blurred_page(home), blurred_but(home, clear_people(home, []))).path)
    assert {ALONE, BLURRED} == set(pictures(page))
    of_bob = [picture for picture in pictures(Path(write_report(home).path)) if b"bob" in picture]
    assert pictures(page).count(BLURRED) == len(of_bob)


def test_who_is_named_is_seen_and_nobody_without_names_or_roles(record: Record) -> None:
    home = record.finish()
    assert clear_people(home, []) == frozenset()
    assert set(pictures(Path(write_report(home, blurred_page(home), blurred_but(home, frozenset())).path))) == {BLURRED}
    assert set(pictures(Path(write_report(home, blurred_page(home), blurred_but(home, clear_people(home, ["bob"]))).path))) == {
        ALONE,
        BLURRED,
    }


def test_a_page_with_faces_is_no_page_without_them(record: Record) -> None:
    """Where a clear page lies already, asking for a blurred one writes it anew."""
    home = record.finish()
    path = Path(write_report(home).path)
    assert write_report(home, path, blurred_but(home, frozenset())).version != write_report(home, path).version
    write_report(home, path, blurred_but(home, frozenset()))
    assert set(pictures(path)) == {BLURRED}


def test_the_page_for_sharing_has_no_commands_no_folders_and_nobody_who_was_met_once(record: Record) -> None:
    record.video(dji(5), [Seen("cy", [1])])
    record.failed_video("torn.mp4", f"{record.folder}/torn.mp4 ends too early.")
    home = record.finish(roles={"ann": "companion"})
    text = write_report(home, blurred_page(home), blurred_but(home, clear_people(home, []))).path
    page = Path(text).read_text(encoding="utf-8")
    body = page[page.index("<body>") :]
    assert "<code>" not in body
    assert "meetbefore " not in body
    assert str(record.folder) not in page
    assert "cy" not in re.findall(r'id="p-(\w+)"', body)
    assert "torn.mp4" not in body
    assert "everybody is blurred but you" in body
    private = Path(write_report(home).path).read_text(encoding="utf-8")
    assert "<code>" in private
    assert "torn.mp4" in private
