"""The table portraits: measured once, measured again where faces changed, and empty of who was forgotten."""

from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.core.ports import WHOLE, Stamp
from meetbefore_assets.faces import portraits
from meetbefore_assets.faces.portraits import portrait_table
from meetbefore_assets.home.home import Home
from meetbefore_assets_tests.support.record import Record, Seen, dji

BRIGHT, BLACK = b"\xb4\xb4\xb4", b"\x03\x03\x03"


@pytest.fixture
def record(tmp_path: Path) -> Record:
    record = Record(tmp_path / "home")
    record.video(dji(3), [Seen("ann", [1, 2]), Seen("bob", [1])])
    record.video(dji(4), [Seen("ann", [1])])
    return record


def give_crops(home: Home, video_id: str, crops: list[bytes], version: str) -> None:
    faces = home.store.get("detections", video_id).with_columns(pl.Series("crop", crops))
    home.store.put("detections", video_id, faces, Stamp(version, {}, {}, faces.height))


def test_every_face_is_measured_once(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    monkeypatch.setattr(portraits, "light", lambda crops, of=portraits.light: measured.append(len(crops)) or of(crops))
    assert portrait_table(record.home, ["v0000", "v0001"]).height == 4
    assert portrait_table(record.home, ["v0000", "v0001"]).height == 4
    assert measured == [3, 1]
    give_crops(record.home, "v0001", [BLACK], "other")
    found = portrait_table(record.home, ["v0000", "v0001"])
    assert measured == [3, 1, 1]
    assert found["light"].to_list()[:3] != [0.0] * 3
    assert found["light"].to_list()[3] == 0.0
    assert portrait_table(record.home, []).height == portrait_table(record.home, ["unknown"]).height == 0


def test_a_person_is_shown_by_the_face_in_the_light_not_by_the_one_of_the_best_quality(record: Record) -> None:
    give_crops(record.home, "v0000", [BLACK, BRIGHT, BLACK], "other")
    record.finish()
    best = dict(record.home.store.get("people", WHOLE).select("person_id", "best_face_id").iter_rows())
    assert best["ann"] in ("v0000-ann-1", "v0001-ann-0")
    assert best["bob"] == "v0000-bob-0", "somebody whose every face is dark has a best one too"
