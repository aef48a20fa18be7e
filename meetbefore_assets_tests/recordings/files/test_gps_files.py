"""Files beside a recording that tell where it was made."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gpxpy
import numpy as np
import pytest

from meetbefore_assets.recordings.files.gps_files import place_files, read_fixes

START = datetime(2025, 3, 7, 8, 0, 0)
NEW = """\
1
00:00:00,000 --> 00:00:00,033
<font size="28">FrameCnt: 1, DiffTime: 33ms
2025-03-07 08:00:00.000
[iso: 100] [latitude: 31.230400] [longitude: 121.473700] [rel_alt: 1.2 abs_alt: 9.9] </font>

2
00:00:00,033 --> 00:00:00,066
[latitude: 31.230500] [longitude: 121.473700]

3
00:00:02,000 --> 00:00:02,033
[latitude : 31.230600] [longtitude : 121.473800]
"""
OLD = "1\r\n00:00:01,000 --> 00:00:02,000\r\nHOME(121.1,31.1) 2025.03.07 08:00:01\r\nGPS(121.4737,31.2304,16) BAROMETER:1.9\r\n\r\n"
GPX = """<?xml version="1.0"?><gpx version="1.1" creator="logger" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>
<trkpt lat="48.10" lon="2.10"><time>2025-03-07T08:00:10Z</time></trkpt>
<trkpt lat="48.00" lon="2.00"><time>2025-03-07T09:00:00+01:00</time></trkpt>
<trkpt lat="48.20" lon="2.20"></trkpt></trkseg></trk></gpx>"""


def fixes(path: Path, text: str, started_at: datetime | None = START) -> list[tuple[float, float, float]]:
    path.write_bytes(text.encode())
    return [(fix.time_s, fix.latitude, fix.longitude) for fix in read_fixes(str(path), started_at, 60.0)]


def test_subtitles_of_newer_and_older_models(tmp_path: Path) -> None:
    assert fixes(tmp_path / "a.srt", NEW) == [(0.0, 31.2304, 121.4737), (2.0, 31.2306, 121.4738)]
    assert fixes(tmp_path / "b.SRT", OLD) == [(1.0, 31.2304, 121.4737)]


def test_ordinary_subtitles_and_cameras_without_a_fix_tell_nothing(tmp_path: Path) -> None:
    assert fixes(tmp_path / "a.srt", "1\n00:00:01,000 --> 00:00:02,000\nHello\n\n") == []
    assert fixes(tmp_path / "b.srt", "1\n00:00:01,000 --> 00:00:02,000\n[latitude: 0.000000] [longitude: 0.000000]\n") == []


def test_a_gpx_file_is_read_by_the_clock_of_the_recording(tmp_path: Path) -> None:
    assert fixes(tmp_path / "a.gpx", GPX) == [(0.0, 48.0, 2.0), (10.0, 48.1, 2.1)]
    assert fixes(tmp_path / "a.gpx", GPX, None) == []


def test_only_what_is_near_the_recording_is_kept(tmp_path: Path) -> None:
    far = [f'<trkpt lat="1" lon="1"><time>2025-03-07T{hour:02}:00:00Z</time></trkpt>' for hour in range(24) if hour != 8]
    points = [f'<trkpt lat="48.{i}" lon="2"><time>2025-03-07T08:{i:02}:00</time></trkpt>' for i in range(6)]
    text = f"<gpx><trk><trkseg>{''.join([*far, *reversed(points)])}</trkseg></trk></gpx>"
    assert fixes(tmp_path / "a.gpx", text) == [(60.0 * i, float(f"48.{i}"), 2.0) for i in range(4)], "a minute, and two around it"
    assert fixes(tmp_path / "a.srt", "1\n00:03:01,000 --> 00:03:02,000\n[latitude: 3.1] [longitude: 2.1]\n") == []


def test_points_without_a_time_or_a_place_tell_nothing(tmp_path: Path) -> None:
    points = '<trkpt lat="1.0" lon="1.0"><time/></trkpt><trkpt lat="0" lon="0"><time>2025-03-07T08:00:00Z</time></trkpt>'
    way = '<wpt lat="1.0" lon="1.0"><time>2025-03-07T08:00:00Z</time></wpt><metadata><time>2025-03-07T08:00:00Z</time></metadata>'
    assert fixes(tmp_path / "a.gpx", f"<gpx>{way}<trk><trkseg>{points}</trkseg></trk></gpx>") == []


def test_random_tracks_are_read_as_gpxpy_reads_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        offsets = np.sort(rng.uniform(-300, 300, 50))
        points = [
            f'<trkpt lat="{rng.uniform(-89, 89):.6f}" lon="{rng.uniform(-179, 179):.6f}"><ele>3</ele>'
            f"<time>{(START + timedelta(seconds=float(at))).isoformat(timespec='milliseconds')}Z</time></trkpt>"
            for at in offsets
        ]
        text = f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{"".join(points)}</trkseg></trk></gpx>'
        expected = list[tuple[float, float, float]]()
        for point in gpxpy.parse(text).walk(only_points=True):
            at = round((point.time - START.replace(tzinfo=UTC)).total_seconds(), 6)
            if not expected or at - expected[-1][0] >= 1.0:
                expected.append((at, point.latitude, point.longitude))
        path = tmp_path / "a.gpx"
        path.unlink(missing_ok=True)
        assert fixes(path, text) == [entry for entry in expected if -120 <= entry[0] <= 180]


BOMB = '<!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><gpx>&b;</gpx>'


@pytest.mark.parametrize(("text", "said"), [(BOMB, "document type"), ('<gpx a="' + "a" * (3 << 20), "tags of at most 1 MiB")])
def test_files_made_to_use_up_memory_are_refused(tmp_path: Path, text: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    assert fixes(tmp_path / "a.gpx", text) == []
    assert said in caplog.text


def test_files_larger_than_any_logger_writes_are_not_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for ending in ("gpx", "srt"):
        path = tmp_path / f"a.{ending}"
        path.touch()
        os.truncate(path, 300 << 20)
        assert read_fixes(str(path), START, 60.0) == []
    assert caplog.text.count("expected at most 256 MiB, found 300") == 2


def test_spaces_without_end_cost_no_more_than_their_number(tmp_path: Path) -> None:
    """Backtracking would take hours over these."""
    spaces = " " * 100_000
    assert fixes(tmp_path / "a.srt", f"1\n00:00:00,000 --> 00:00:01,000\nlatitude{spaces}\nlongitude{spaces}\nGPS({spaces}\n" * 50) == []


@pytest.mark.parametrize("text", ["", "<gpx", "\x00\x01"])
def test_torn_files_are_passed_over(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert fixes(tmp_path / "a.gpx", text) == []
    assert "tells no places" in caplog.text


def test_which_files_tell(tmp_path: Path) -> None:
    for name in ("DJI_1.MP4", "DJI_1.SRT", "DJI_10.SRT", "ride.GPX", "walk.gpx", "notes.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "other.mp4").write_text("x")
    videos = [str(tmp_path / name) for name in ("DJI_1.MP4", "other.mp4", "gone.mp4")]
    found = [[Path(path).name for path, _, _ in files] for files in place_files([*videos, f"{tmp_path}?day=20250307"])]
    assert found == [["DJI_1.SRT", "ride.GPX", "walk.gpx"], ["ride.GPX", "walk.gpx"], [], []]
