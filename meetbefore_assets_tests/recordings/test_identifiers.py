from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.home.settings.sections import NamePattern
from meetbefore_assets.recordings.camera_names import Reading, picture_time, read_names
from meetbefore_assets.recordings.file_kinds import classify_file
from meetbefore_assets.recordings.identifiers import face_id, frame_id, pictures_uri, split_uri, video_id

HASH = "0123456789abcdef" * 4
any_name = st.text(st.characters(codec=None), max_size=120)  # lone surrogates too: names that are no UTF-8


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("DJI_20250307122924_0036_D.MP4", "DJI_20250307122924_0036_D"),
        ("GX010036.mp4", "GX010036"),
        ("a  b...c,d/e'f\"g\nh.mp4", "e_f_g_h"),  # what stands before a slash is a folder
        (".mp4", "mp4"),
        ("Café à Zürich.mp4", "Cafe_a_Zurich"),
        ("Cafe\u0301 a\u0300 Zu\u0308rich.mp4", "Cafe_a_Zurich"),
        ("散歩.mp4", "video"),
        ("🎥🎥.mov", "video"),
        ("--rm -rf.mp4", "rm_-rf"),
        ("a__b--c.mp4", "a_b-c"),
        ("x" * 300 + ".mp4", "x" * 40),
        ("x" * 39 + " y.mp4", "x" * 39),
        ("", "video"),
        ("noextension", "noextension"),
    ],
)
def test_video_id_keeps_the_readable_part_of_a_name(name: str, stem: str) -> None:
    assert video_id(name, HASH) == f"{stem}-01234567"


@given(any_name, st.from_regex(r"[0-9a-f]{64}", fullmatch=True))
def test_video_ids_are_legal_keys_and_file_names_whatever_the_name(name: str, content_hash: str) -> None:
    key = video_id(name, content_hash)
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert key.endswith("-" + content_hash[:8])
    assert 10 <= len(key) <= 49
    assert key[0] not in "_-"


def test_ids_of_moments_and_faces_come_from_content_alone() -> None:
    assert frame_id(HASH, 90000) == "01234567-90000"
    assert face_id(HASH, 90000, 0) == face_id(HASH, 90000, 0)
    assert len(face_id(HASH, 0, 0)) == 16
    assert int(face_id(HASH, 0, 0), 16) >= 0
    assert len({face_id(HASH, pts, ordinal) for pts in (-1, 1, 10, 11, 111) for ordinal in (0, 1, 11)}) == 15
    assert face_id(HASH, 1, 0) != face_id("f" + HASH[1:], 1, 0)


@pytest.mark.parametrize(
    "suffix", ["mp4", "mov", "mkv", "avi", "webm", "m4v", "mts", "m2ts", "ts", "3gp", "3g2", "mpg", "mpeg", "wmv", "insv", "MP4", "MoV"]
)
def test_recordings_are_known_by_extension_in_any_case(suffix: str) -> None:
    assert classify_file(f"walk.{suffix}").kind == "video"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("GL010036.LRV", "low-resolution"),
        ("DJI_0036.LRF", "low-resolution"),
        ("LRV_20250307_122924_11_001.insv", "low-resolution"),
        ("GX010036.THM", "thumbnail"),
        ("._GX010036.MP4", "resource fork"),
        (".hidden.mp4", "hidden"),
        ("walk.mp4.part", "unfinished"),
        ("walk.mp4.crdownload", "unfinished"),
        ("walk.TMP", "unfinished"),
        ("DJI_0036.SRT", "sidecar"),
        ("holiday.jpg", "no time"),
        ("20251307122924.jpg", "no time"),
        ("notes.txt", "(.txt)"),
        ("mp4", "without extension"),
        ("", "without extension"),
    ],
)
def test_everything_else_is_skipped_for_a_reason(name: str, reason: str) -> None:
    verdict = classify_file(name)
    assert verdict.kind == "skip"
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20250307122924.jpg", datetime(2025, 3, 7, 12, 29, 24)),
        ("20250307_122924.JPEG", datetime(2025, 3, 7, 12, 29, 24)),
        ("20250307-122924.png", datetime(2025, 3, 7, 12, 29, 24)),
        ("20250307122924123.webp", datetime(2025, 3, 7, 12, 29, 24, 123000)),
        ("20250307122924_123.jpg", datetime(2025, 3, 7, 12, 29, 24, 123000)),
        ("20250307122924.123.jpg", datetime(2025, 3, 7, 12, 29, 24, 123000)),
        ("20250307122924_2.jpg", datetime(2025, 3, 7, 12, 29, 24)),
        ("20250307_122924-17.jpg", datetime(2025, 3, 7, 12, 29, 24)),
        ("20250307122924_123_2.jpg", datetime(2025, 3, 7, 12, 29, 24, 123000)),
        ("20240229000000.jpg", datetime(2024, 2, 29)),
        ("20250229000000.jpg", None),
        ("20251307122924.jpg", None),
        ("20250307240000.jpg", None),
        ("2025030712292.jpg", None),
        ("202503071229241.jpg", None),
        ("IMG_20250307122924.jpg", None),
        ("20250307122924.jpg.txt", None),
        ("20250307122924.mp4", None),
    ],
)
def test_picture_time(name: str, expected: datetime | None) -> None:
    assert picture_time(name) == expected
    assert (classify_file(name).kind == "picture") == (expected is not None)


def test_pictures_uris_are_taken_apart_again() -> None:
    assert split_uri(pictures_uri("/a b/?day=1", "20250307")) == ("/a b/?day=1", "20250307")
    assert split_uri("/a/b.mp4") == ("/a/b.mp4", "")
    assert split_uri("/a?day=march") == ("/a?day=march", "")


@given(any_name)
def test_no_name_is_too_absurd_to_be_read(name: str) -> None:
    assert classify_file(name).kind in ("video", "picture", "skip")
    assert all(isinstance(reading, Reading) for reading in read_names([name]))


def test_moments_are_preferred_to_days_and_own_patterns_to_built_in_ones() -> None:
    names = ["VID-20250307-WA0001.mp4", "VID_20250307_122924.mp4", "cam 7.3.25.mp4"]
    own = NamePattern(name="mine", pattern=r"cam (?P<day>\d+)\.(?P<month>\d+)\.(?P<year>\d+)", zone="Asia/Tokyo")
    readings = read_names(names, [own])
    assert [(reading.source, reading.has_time, reading.zone) for reading in readings] == [
        ("mine", False, "Asia/Tokyo"),
        ("android", True, "local"),
        ("whatsapp", False, "local"),
    ]
    assert readings[0].moment == datetime(2025, 3, 7, 12)


@pytest.mark.parametrize(("digits", "microsecond"), [("7", 7000), ("123", 123000), ("123456", 123456), ("1234", 123400)])
def test_own_patterns_may_tell_milliseconds_or_longer_fractions(digits: str, microsecond: int) -> None:
    own = NamePattern(
        name="mine", pattern=r"(?P<year>\d{4})(?P<month>..)(?P<day>..)T(?P<hour>..)(?P<minute>..)(?P<second>..)\.(?P<millisecond>\d+)x"
    )
    assert read_names([f"20250307T122924.{digits}x"], [own])[0].moment == datetime(2025, 3, 7, 12, 29, 24, microsecond)


def test_an_own_pattern_that_catches_no_number_tells_nothing() -> None:
    own = NamePattern(name="mine", pattern=r"(?P<year>\w+) (?P<month>\w+) (?P<day>\w+)")
    assert read_names(["seventh of march.mp4"], [own]) == []
