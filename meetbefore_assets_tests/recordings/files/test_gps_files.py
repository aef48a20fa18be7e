"""Files beside a recording that tell where it was made."""

from datetime import datetime
from pathlib import Path

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
    return [(fix.time_s, fix.latitude, fix.longitude) for fix in read_fixes(str(path), started_at)]


def test_subtitles_of_newer_and_older_models(tmp_path: Path) -> None:
    assert fixes(tmp_path / "a.srt", NEW) == [(0.0, 31.2304, 121.4737), (2.0, 31.2306, 121.4738)]
    assert fixes(tmp_path / "b.SRT", OLD) == [(1.0, 31.2304, 121.4737)]


def test_ordinary_subtitles_and_cameras_without_a_fix_tell_nothing(tmp_path: Path) -> None:
    assert fixes(tmp_path / "a.srt", "1\n00:00:01,000 --> 00:00:02,000\nHello\n\n") == []
    assert fixes(tmp_path / "b.srt", "1\n00:00:01,000 --> 00:00:02,000\n[latitude: 0.000000] [longitude: 0.000000]\n") == []


def test_a_gpx_file_is_read_by_the_clock_of_the_recording(tmp_path: Path) -> None:
    assert fixes(tmp_path / "a.gpx", GPX) == [(0.0, 48.0, 2.0), (10.0, 48.1, 2.1)]
    assert fixes(tmp_path / "a.gpx", GPX, None) == []


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
