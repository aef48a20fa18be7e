"""What the header of MP4 lists is what reading every packet finds, or nothing is believed of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.recordings.video import mp4_packets, packets
from meetbefore_assets.recordings.video.mp4_boxes import Movie, Track, is_upright, read_movie
from meetbefore_assets.recordings.video.mp4_packets import listed_packets
from meetbefore_assets.recordings.video.packets import PacketTable, open_container, picture_stream, scan
from meetbefore_assets_tests.support.bad_videos import CASES, Case
from meetbefore_assets_tests.support.builders import draw_clip, truncate

SMALL = (160, 96)


def clip(**options: object) -> Callable[[Path], Path]:
    return lambda path: draw_clip(path, **{"size": SMALL, "gop": 10, "fps": 10, **options})  # type: ignore[arg-type]


def is_listed(path: Path) -> bool:
    with open_container(str(path)) as container:
        return listed_packets(str(path), container, picture_stream(container)) is not None


def assert_same(path: Path) -> PacketTable:
    found, expected = scan(str(path)), packets._read_through(str(path))
    for name in ("pts", "dts", "is_keyframe", "is_shown"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert (found.time_base, found.is_reordered, found.cut) == (expected.time_base, expected.is_reordered, expected.cut)
    return found


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("plain.mp4", clip()),
        ("sound.mov", clip(audio=True)),
        ("b-frames.mp4", clip(bframes=3)),
        ("open gop.mp4", clip(bframes=2, options={"x264-params": "open-gop=1"})),
        ("hevc.mp4", clip(codec="libx265", bframes=3)),
        ("variable.mp4", clip(vfr=[0.0, 0.1, 0.9, 3.0, 3.04, 5.5], bframes=2)),
        ("late.mp4", clip(start_s=3.5, bframes=2)),
        ("one.mp4", clip(vfr=[0.0])),
        ("in front.mp4", clip(container_options={"movflags": "faststart"}, bframes=2)),
        ("negative offsets.mp4", clip(container_options={"movflags": "negative_cts_offsets"}, bframes=3)),
        ("mpeg4.mp4", clip(codec="mpeg4")),
    ],
)
def test_a_whole_file_is_known_by_its_header(tmp_path: Path, name: str, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path / name)
    assert is_listed(path)
    assert len(assert_same(path).pts)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("fragments.mp4", clip(container_options={"movflags": "frag_keyframe+empty_moov"})),
        ("cut.mp4", lambda path: truncate(clip(container_options={"movflags": "faststart"})(path), 0.7)),
        ("beginning is hidden.mp4", clip(start_s=-0.45, bframes=2)),
        ("other.mkv", clip(bframes=2)),
    ],
)
def test_what_the_header_cannot_know_is_read(tmp_path: Path, name: str, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path / name)
    assert not is_listed(path)
    assert_same(path)


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.words and not case.is_skipped and case.name != "loop"], ids=lambda c: c.name
)
def test_odd_files_are_known_as_they_are(tmp_path: Path, case: Case) -> None:
    case.make(tmp_path / case.name)
    assert_same(tmp_path / case.name)


@pytest.mark.parametrize("wrong", [0, 3, -1], ids=["first packet", "fourth packet", "last keyframe"])
def test_a_list_that_is_wrong_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    """A header that is wrong misleads FFmpeg too; only where it is read wrongly do the packets say something else."""
    path = clip(bframes=2)(tmp_path / "a.mp4")

    def misread(name: str) -> Movie | None:
        movie = read_movie(name)
        assert movie is not None
        return replace(movie, tracks={number: late(track) for number, track in movie.tracks.items()})

    def late(track: Track) -> Track:
        delays = track.delays()
        place = wrong if wrong >= 0 else int(np.flatnonzero(packets._read_through(str(path)).is_keyframe)[-1])
        delays[place] += 1
        return replace(track, delay_runs=np.stack([np.ones_like(delays), delays], axis=1))

    assert is_listed(path)
    monkeypatch.setattr(mp4_packets, "read_movie", misread)
    assert not is_listed(path)
    assert_same(path)


def test_only_some_pictures_are_read(tmp_path: Path) -> None:
    path = clip(seconds=20, bframes=2)(tmp_path / "a.mp4")
    with open_container(str(path)) as container:
        stream = picture_stream(container)
        read = []
        demux = container.demux

        class Counting:
            streams = container.streams

            def demux(self, *streams: object) -> object:
                for packet in demux(*streams):
                    read.append(packet.size)
                    yield packet

            def seek(self, *args: object, **options: object) -> None:
                container.seek(*args, **options)

        assert listed_packets(str(path), Counting(), stream) is not None
    assert len(read) <= 9


@pytest.mark.parametrize(("rotation_deg", "is_mirrored"), [(0, False), (90, False), (180, False), (0, True)])
def test_headers_say_whether_pictures_are_turned(tmp_path: Path, rotation_deg: int, is_mirrored: bool) -> None:
    path = draw_clip(tmp_path / "a.mp4", size=SMALL, rotation_deg=rotation_deg, is_mirrored=is_mirrored)
    assert is_upright(str(path)) == (rotation_deg == 0 and not is_mirrored)


def test_what_is_no_mp4_says_nothing(tmp_path: Path) -> None:
    assert not is_upright(str(tmp_path / "nothing.mp4"))
    for content in (b"", b"text", bytes(100), b"\0\0\0\x08moov", b"\xff\xff\xff\xffmoov", b"\0\0\0\x01moov"):
        (tmp_path / "a.mp4").write_bytes(content)
        assert read_movie(str(tmp_path / "a.mp4")) is None
        assert not is_upright(str(tmp_path / "a.mp4"))


@pytest.fixture(name="header", scope="module")
def _header(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(audio=True, bframes=2, seconds=1)(tmp_path_factory.mktemp("header") / "a.mp4")


@given(st.data())
def test_torn_headers_are_nothing_or_a_movie(header: Path, data: st.DataObject) -> None:
    content = bytearray(header.read_bytes())
    start = content.index(b"moov")
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(start - 4, len(content) - 1))] = data.draw(st.integers(0, 255))
    torn = header.with_name("torn.mp4")
    torn.write_bytes(content[: data.draw(st.integers(start, len(content)))])
    movie = read_movie(str(torn))
    assert movie is None or all(track.samples >= 0 and track.delay_runs.shape[1] == 2 for track in movie.tracks.values())
