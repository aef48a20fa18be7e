import gc
import logging
import os
import shutil
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from meetbefore_assets.adapters import video_decoding
from meetbefore_assets.adapters.video_pictures import PicturesReader
from meetbefore_assets.adapters.video_pyav import PyAvReader, open_video
from meetbefore_assets.domain.file_to_video import pictures_uri
from meetbefore_assets.domain.ports import Picture
from meetbefore_assets.domain.video_to_frames import plan_frames, seconds_since_first
from meetbefore_assets.errors import TruncatedVideoError, UnreadableVideoError
from meetbefore_assets_tests.builders import audio_only, corrupt, draw_clip, draw_number, read_number, text_file, truncate

SMALL = (160, 96)
FOOTAGE = Path(__file__).parents[3] / "shared" / "footage"
FOOTAGE_FILES = sorted(file for file in FOOTAGE.glob("*/*") if file.suffix.lower() in (".mp4", ".mov")) if FOOTAGE.exists() else []
DAY = "20250307"
X265 = "log-level=none:keyint=25:min-keyint=25:scenecut=0:pools=1:frame-threads=1:"


def numbers(pictures: list[Picture]) -> list[int | None]:
    return [None if picture.image is None else read_number(picture.image) for picture in pictures]


def all_numbers(path: Path) -> list[int | None]:
    with open_video(str(path)) as reader:
        return numbers(list(reader.pictures(reader.index().pts)))


def draw_pictures(folder: Path, times_s: list[float], size: tuple[int, int] = SMALL) -> str:
    """Pictures of one day, the i-th showing the number i."""
    folder.mkdir()
    for number, time_s in enumerate(times_s):
        moment = datetime(2025, 3, 7, 12, 0) + timedelta(seconds=time_s)
        cv2.imwrite(str(folder / f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}.png"), draw_number(number, size))
    return pictures_uri(str(folder), DAY)


def video_uri(folder: Path, times_s: list[float]) -> str:
    folder.mkdir()
    return str(draw_clip(folder / "clip.mp4", vfr=times_s, size=SMALL, gop=5))


IMPLEMENTATIONS = pytest.mark.parametrize("make", [video_uri, draw_pictures], ids=["video", "pictures"])
TIMES_S = [0.0, 0.04, 0.08, 0.5, 0.52, 2.0, 2.04, 3.0, 7.5, 8.0, 8.04]


@IMPLEMENTATIONS
class TestEveryReader:
    def test_index_has_the_true_times(self, tmp_path: Path, make: Callable[[Path, list[float]], str]) -> None:
        with open_video(make(tmp_path / "in", TIMES_S)) as reader:
            index = reader.index()
        np.testing.assert_allclose(seconds_since_first(index), TIMES_S, atol=1e-6)
        assert (np.diff(index.pts) > 0).all()
        assert index.is_keyframe[0]
        assert (index.pts.dtype, index.is_keyframe.dtype) == (np.int64, np.bool_)

    def test_facts(self, tmp_path: Path, make: Callable[[Path, list[float]], str]) -> None:
        with open_video(make(tmp_path / "in", TIMES_S)) as reader:
            facts = reader.facts()
        assert (facts.width, facts.height, facts.rotation_deg) == (*SMALL, 0)
        assert facts.duration_s == pytest.approx(8.04, abs=0.05)
        assert facts.fps > 0
        assert facts.codec in ("h264", "png")

    def test_every_picture_is_the_right_one_upright_and_bgr(self, tmp_path: Path, make: Callable[[Path, list[float]], str]) -> None:
        with open_video(make(tmp_path / "in", TIMES_S)) as reader:
            index = reader.index()
            pictures = list(reader.pictures(index.pts))
        assert [picture.pts for picture in pictures] == index.pts.tolist()
        assert numbers(pictures) == list(range(len(TIMES_S)))
        for picture in pictures:
            assert picture.image is not None
            assert (picture.image.shape, picture.image.dtype) == ((*SMALL[::-1], 3), np.uint8)
            assert picture.image.flags.c_contiguous
            assert not picture.error

    @pytest.mark.parametrize("places", [[], [0], [10], [0, 10], [3, 4], [5, 6, 9], [1, 8]])
    def test_any_choice_of_pictures(self, tmp_path: Path, make: Callable[[Path, list[float]], str], places: list[int]) -> None:
        with open_video(make(tmp_path / "in", TIMES_S)) as reader:
            assert numbers(list(reader.pictures(reader.index().pts[places]))) == places

    def test_pictures_can_be_asked_for_again_before_the_index_and_from_the_start(
        self, tmp_path: Path, make: Callable[[Path, list[float]], str]
    ) -> None:
        uri = make(tmp_path / "in", TIMES_S)
        with open_video(uri) as reader:
            pts = reader.index().pts
        with open_video(uri) as reader:
            assert numbers(list(reader.pictures(pts[7:]))) == [7, 8, 9, 10]
            assert numbers(list(reader.pictures(pts[:2]))) == [0, 1]
            next(iter(reader.pictures(pts)))
            assert numbers(list(reader.pictures(pts[4:6]))) == [4, 5]

    def test_a_moment_without_a_picture_is_an_error_not_its_neighbour(
        self, tmp_path: Path, make: Callable[[Path, list[float]], str]
    ) -> None:
        with open_video(make(tmp_path / "in", TIMES_S)) as reader:
            pts = reader.index().pts
            wanted = np.array([pts[0], pts[0] + 1, pts[3], pts[-1] + 7])
            pictures = list(reader.pictures(wanted))
        assert [picture.pts for picture in pictures] == wanted.tolist()
        assert numbers(pictures) == [0, None, 3, None]
        assert all(bool(picture.error) == (picture.image is None) for picture in pictures)

    def test_nothing_there(self, tmp_path: Path, make: Callable[[Path, list[float]], str]) -> None:
        uri = make(tmp_path / "in", TIMES_S)
        shutil.rmtree(tmp_path / "in")
        with pytest.raises(UnreadableVideoError, match="found no") as caught:
            open_video(uri)
        assert caught.value.remedy


class TestPicturesReader:
    def test_only_the_pictures_of_the_day_count(self, tmp_path: Path) -> None:
        uri = draw_pictures(tmp_path / "in", [0.0, 1.0])
        for name in ("20250308120000.png", "holiday.png", "20250307120000.txt"):
            shutil.copy(tmp_path / "in" / "20250307120000000.png", tmp_path / "in" / name)
        (tmp_path / "in" / "20250307130000.png").mkdir()
        with open_video(uri) as reader:
            assert reader.index().pts.tolist() == [0, 1000]
            assert reader.index().time_base == Fraction(1, 1000)
            assert reader.index().is_keyframe.all()
        with pytest.raises(UnreadableVideoError, match="expected pictures of 20250309"):
            PicturesReader(str(tmp_path / "in"), "20250309")

    def test_pictures_of_one_second_follow_each_other(self, tmp_path: Path) -> None:
        for number, name in enumerate(["20250307120000_1.png", "20250307120000_2.png", "20250307120000_3.png", "20250307120001.png"]):
            cv2.imwrite(str(tmp_path / name), draw_number(number, SMALL))
        reader = PicturesReader(str(tmp_path), DAY)
        assert reader.index().pts.tolist() == [0, 1, 2, 1000]
        assert numbers(list(reader.pictures(reader.index().pts))) == [0, 1, 2, 3]

    def test_a_broken_picture_loses_only_itself(self, tmp_path: Path) -> None:
        uri = draw_pictures(tmp_path / "in", [0.0, 1.0, 2.0, 3.0])
        (tmp_path / "in" / "20250307120000000.png").write_bytes(b"")
        text_file(tmp_path / "in" / "20250307120001000.png")
        (tmp_path / "in" / "20250307120003000.png").unlink()
        (tmp_path / "in" / "20250307120003000.png").symlink_to(tmp_path / "in" / "20250307120002000.png")
        with open_video(uri) as reader:
            assert (reader.facts().width, reader.facts().height) == SMALL
            pictures = list(reader.pictures(reader.index().pts))
        assert numbers(pictures) == [None, None, 2, 2]
        assert "found 0 bytes" in pictures[0].error
        assert "20250307120001000.png is no picture" in pictures[1].error

    def test_none_can_be_read(self, tmp_path: Path) -> None:
        text_file(tmp_path / "20250307120000.jpg")
        with pytest.raises(UnreadableVideoError, match="none of the 1 pictures of 20250307"):
            PicturesReader(str(tmp_path), DAY).facts()

    def test_a_picture_that_vanishes_is_an_error_of_its_moment(self, tmp_path: Path) -> None:
        with open_video(draw_pictures(tmp_path / "in", [0.0, 1.0])) as reader:
            (tmp_path / "in" / "20250307120000000.png").unlink()
            assert numbers(list(reader.pictures(reader.index().pts))) == [None, 1]

    def test_exif_rotation_is_applied(self, tmp_path: Path) -> None:
        upright = draw_number(1234, (320, 240))
        data = cv2.imencode(".jpg", np.rot90(upright))[1].tobytes()
        # Orientation 6: turn the stored picture clockwise by 90 degrees.
        exif = b"Exif\0\0" + b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" + b"\0\0\0\0"
        segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
        (tmp_path / "20250307120000.jpg").write_bytes(data[:2] + segment + data[2:])
        reader = PicturesReader(str(tmp_path), DAY)
        assert numbers(list(reader.pictures(np.array([0])))) == [1234]
        assert (reader.facts().width, reader.facts().height) == (320, 240)

    def test_unusual_names_of_folders(self, tmp_path: Path) -> None:
        uri = draw_pictures(tmp_path / "Ausflug ?day=1 – 散步", [0.0])
        with open_video(uri) as reader:
            assert numbers(list(reader.pictures(reader.index().pts))) == [0]


KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "h264": ("a.mp4", {}),
    "h264 gop of 1": ("a.mp4", {"gop": 1}),
    "h264 one gop": ("a.mp4", {"gop": 500}),
    "h264 b-frames": ("a.mp4", {"bframes": 3, "options": {"x264-params": "b-pyramid=2"}}),
    "h264 open gop": ("a.mp4", {"bframes": 3, "options": {"x264-params": "open-gop=1:b-pyramid=2"}}),
    "h264 open gop mkv": ("a.mkv", {"bframes": 3, "options": {"x264-params": "open-gop=1"}}),
    "h264 intra refresh": ("a.ts", {"options": {"x264-params": "intra-refresh=1"}}),
    "h264 late start": ("a.mp4", {"start_s": 1.7, "bframes": 2}),
    "h264 fragmented": ("a.mp4", {"bframes": 2, "container_options": {"movflags": "frag_keyframe+empty_moov"}}),
    "h264 29.97": ("a.mov", {"fps": Fraction(30_000, 1001), "bframes": 2}),
    "h264 with sound": ("a.mp4", {"audio": True}),
    "hevc": ("a.mp4", {"codec": "libx265", "bframes": 4}),
    "hevc open gop": ("a.mp4", {"codec": "libx265", "bframes": 4, "options": {"x265-params": X265 + "bframes=4:open-gop=1"}}),
    "hevc open gop ts": ("a.ts", {"codec": "libx265", "bframes": 4, "options": {"x265-params": X265 + "bframes=4:open-gop=1"}}),
    "mkv": ("a.mkv", {"bframes": 2}),
    "ts": ("a.ts", {"bframes": 2, "start_s": 5.0}),
    "ts with sound": ("a.ts", {"bframes": 2, "audio": True}),
    "m2ts": ("a.m2ts", {"bframes": 2}),
    "mpeg-2 ps": ("a.mpg", {"codec": "mpeg2video", "bframes": 2, "gop": 12}),
    "flv": ("a.flv", {"bframes": 2}),
    "vp9": ("a.webm", {"codec": "libvpx-vp9", "seconds": 1, "options": {"deadline": "realtime", "cpu-used": "8"}}),
    "mjpeg avi": ("a.avi", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
    "mpeg-4 avi": ("a.avi", {"codec": "mpeg4"}),
    "mpeg-4 avi b-frames": ("a.avi", {"codec": "mpeg4", "bframes": 2}),
    "h264 avi": ("a.avi", {"audio": True}),
    "h264 avi b-frames": ("a.avi", {"bframes": 2}),
    "10 bit": ("a.mp4", {"pix_fmt": "yuv420p10le"}),
    "yuv444": ("a.mp4", {"pix_fmt": "yuv444p"}),
    "gray": ("a.mp4", {"pix_fmt": "gray"}),
    "odd size": ("a.mkv", {"pix_fmt": "yuv444p", "size": (161, 97)}),
    "wmv": ("a.wmv", {"codec": "wmv2"}),
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, arguments = KINDS[request.param]
    arguments = {"size": SMALL, "seconds": 2.4} | arguments
    return draw_clip(tmp_path_factory.mktemp("kind") / name, **arguments)  # type: ignore[arg-type]


class TestEveryKindOfVideo:
    def test_all_pictures_in_order(self, kind: Path) -> None:
        found = all_numbers(kind)
        assert len(found) >= 24
        assert found == list(range(len(found)))

    @pytest.mark.parametrize("seed", range(3))
    def test_some_pictures(self, kind: Path, seed: int) -> None:
        random = np.random.default_rng(seed)
        with open_video(str(kind)) as reader:
            count = len(reader.index().pts)
            places = np.flatnonzero(random.random(count) < [0.03, 0.15, 0.5][seed])
            assert numbers(list(reader.pictures(reader.index().pts[places]))) == places.tolist()

    def test_each_picture_alone_from_back_to_front(self, kind: Path) -> None:
        with open_video(str(kind)) as reader:
            pts = reader.index().pts
            places = range(len(pts) - 1, -1, -7)
            assert [numbers(list(reader.pictures(pts[[place]])))[0] for place in places] == list(places)

    def test_planned_moments_are_true(self, kind: Path) -> None:
        with open_video(str(kind)) as reader:
            fps = reader.facts().fps
            plan = plan_frames(reader.index(), 0.5, 0.1)
            found = numbers(list(reader.pictures(plan.pts)))
        assert len(found) in (2, 5)
        assert None not in found
        np.testing.assert_allclose(np.array(found, float) / fps, plan.time_s, atol=0.02)

    def test_facts(self, kind: Path) -> None:
        with open_video(str(kind)) as reader:
            facts = reader.facts()
        assert facts.width in (160, 161)
        assert facts.height in (96, 97)
        assert facts.fps == pytest.approx(25, abs=5)
        assert facts.duration_s == pytest.approx(2.4, abs=0.2) or kind.suffix == ".webm"
        assert facts.codec in ("h264", "hevc", "mpeg4", "mjpeg", "mpeg2video", "vp9", "wmv2")


class TestTimes:
    def test_what_an_edit_list_hides_is_no_picture(self, tmp_path: Path) -> None:
        clip = draw_clip(tmp_path / "a.mp4", start_s=-0.52, size=SMALL)
        with open_video(str(clip)) as reader:
            index = reader.index()
            found = numbers(list(reader.pictures(index.pts)))
            assert numbers(list(reader.pictures(index.pts[[2, 30]]))) == [15, 43]
        assert found == list(range(13, 75))
        assert not index.is_keyframe[0]
        assert seconds_since_first(index)[-1] == pytest.approx(61 / 25)

    def test_a_stream_that_starts_inside_a_gop_begins_at_its_first_keyframe(self, tmp_path: Path) -> None:
        clip = draw_clip(tmp_path / "a.ts", size=SMALL, bframes=2)
        with av.open(str(clip)) as container:
            positions = [packet.pos for packet in container.demux(video=0) if packet.pos is not None]
        clip.write_bytes(clip.read_bytes()[positions[10] // 188 * 188 :])
        assert all_numbers(clip) == list(range(25, 75))

    def test_one_picture(self, tmp_path: Path) -> None:
        clip = draw_clip(tmp_path / "a.mp4", vfr=[0.0], size=SMALL)
        assert all_numbers(clip) == [0]

    def test_long_gaps_and_bursts(self, tmp_path: Path) -> None:
        times_s = [0.0, 0.001, 0.002, 5.0, 65.0, 65.033, 3600.0]
        clip = draw_clip(tmp_path / "a.mp4", vfr=times_s, size=SMALL, gop=3)
        with open_video(str(clip)) as reader:
            plan = plan_frames(reader.index(), 1.0, 0.25)
            assert numbers(list(reader.pictures(plan.pts))) == [0, 3, 4, 6]
        np.testing.assert_allclose(plan.time_s, [0, 5, 65, 3600], atol=1e-6)


class TestOrientation:
    @pytest.mark.parametrize("is_mirrored", [False, True])
    @pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
    def test_pictures_are_upright(self, tmp_path: Path, name: str, rotation_deg: int, is_mirrored: bool) -> None:
        clip = draw_clip(tmp_path / name, seconds=0.2, size=(192, 96), rotation_deg=rotation_deg, is_mirrored=is_mirrored)
        with open_video(str(clip)) as reader:
            facts = reader.facts()
        assert (facts.width, facts.height, facts.rotation_deg) == (192, 96, rotation_deg)
        assert all_numbers(clip) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("rotation_deg", [0, 90])
def test_frames_do_not_outlive_their_pictures(tmp_path: Path, rotation_deg: int) -> None:
    clip = draw_clip(tmp_path / "a.mp4", seconds=2, size=SMALL, gop=5, rotation_deg=rotation_deg)
    gc.collect()
    gc.disable()
    try:
        with open_video(str(clip)) as reader:
            for _ in reader.pictures(reader.index().pts):
                assert sum(isinstance(one, av.VideoFrame) for one in gc.get_objects()) <= 4
    finally:
        gc.enable()


class TestStreams:
    def test_sound_that_outlasts_the_pictures_is_no_truncation(self, tmp_path: Path) -> None:
        for name in ("a.mp4", "a.mkv", "a.avi", "a.flv", "a.ts"):
            clip = draw_clip(tmp_path / name, seconds=1, size=SMALL, audio=True, audio_s=4.0)
            assert all_numbers(clip) == list(range(25))

    def test_the_largest_picture_is_taken(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mkv"
        packets: list[av.Packet] = []
        with av.open(str(path), "w") as container:
            for size, number in (((96, 48), 7), ((320, 240), 8), ((160, 96), 9)):
                stream = container.add_stream("mjpeg", rate=25)
                stream.width, stream.height = size
                stream.pix_fmt = "yuvj420p"
                frame = av.VideoFrame.from_ndarray(draw_number(number, size), format="bgr24")
                packets += stream.encode(frame) + stream.encode(None)
            container.mux(packets)
        with open_video(str(path)) as reader:
            assert (reader.facts().width, reader.facts().height) == (320, 240)
        assert all_numbers(path) == [8]

    def test_tags_are_in_lower_case(self, tmp_path: Path) -> None:
        clip = draw_clip(
            tmp_path / "a.mkv", seconds=0.2, size=SMALL, metadata={"creation_time": "2025-03-07T12:29:24.000000Z", "LOCATION": "+1+2/"}
        )
        with open_video(str(clip)) as reader:
            tags = reader.facts().tags
        assert tags["creation_time"] == "2025-03-07T12:29:24.000000Z"
        assert tags["location"] == "+1+2/"

    def test_names_that_look_like_addresses(self, tmp_path: Path) -> None:
        clip = draw_clip(tmp_path / "a.mp4", seconds=0.2, size=SMALL)
        for name in ("12:30:01.mp4", "concat:x.mp4", "日本 – ü?day=1.mp4", "%03d.mp4"):
            assert all_numbers(clip.rename(tmp_path / name)) == [0, 1, 2, 3, 4]
            clip = tmp_path / name


class TestUnreadable:
    def refused(self, path: Path, *words: str) -> None:
        with pytest.raises(UnreadableVideoError) as caught:
            open_video(str(path))
        assert path.name in caught.value.message
        assert caught.value.remedy
        for word in words:
            assert word in caught.value.message

    @pytest.mark.parametrize(("name", "cover"), [("a.mp4", False), ("a.mp3", True)])
    def test_sound_only(self, tmp_path: Path, name: str, cover: bool) -> None:
        self.refused(audio_only(tmp_path / name, cover=cover), "sound but no pictures")

    @pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.ts"])
    def test_text(self, tmp_path: Path, name: str) -> None:
        self.refused(text_file(tmp_path / name), "found text", "shopping list")

    def test_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").write_bytes(b"")
        self.refused(tmp_path / "a.mp4", "empty")
        self.refused(tmp_path / "b.mp4", "found nothing there")

    def test_zeros_and_noise(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").write_bytes(bytes(100_000))
        self.refused(tmp_path / "a.mp4", "only zeros")
        (tmp_path / "b.mp4").write_bytes(np.random.default_rng(1).integers(0, 256, 50_000, np.uint8).tobytes())
        self.refused(tmp_path / "b.mp4", "50000 bytes that FFmpeg cannot read")

    def test_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").mkdir()
        self.refused(tmp_path / "a.mp4", "found a folder")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_no_permission(self, tmp_path: Path) -> None:
        clip = draw_clip(tmp_path / "a.mp4", seconds=0.2, size=SMALL)
        clip.chmod(0)
        self.refused(clip, "no permission")

    def test_mp4_that_was_never_finished(self, tmp_path: Path) -> None:
        self.refused(truncate(draw_clip(tmp_path / "a.mp4", size=SMALL), 0.7), "without its header")

    def test_mp4_that_is_torn_inside_its_index(self, tmp_path: Path) -> None:
        clip = draw_clip(tmp_path / "a.mp4", size=SMALL, container_options={"movflags": "frag_keyframe+empty_moov"})
        data = clip.read_bytes()
        clip.write_bytes(data[: data.index(b"moof", len(data) // 2) + 40])
        self.refused(clip, "cut off inside its index")

    def test_a_codec_that_nobody_knows(self, tmp_path: Path) -> None:
        for name, mark, words in (
            ("a.mp4", b"avc1", "cannot decode its pictures"),
            ("a.mkv", b"V_MPEG4/ISO/AVC", "nothing of a kind that FFmpeg knows"),
        ):
            clip = draw_clip(tmp_path / name, seconds=0.2, size=SMALL)
            clip.write_bytes(clip.read_bytes().replace(mark, b"zzz9" + mark[4:]))
            self.refused(clip, words)

    def test_a_file_that_vanishes_while_it_is_open(self, tmp_path: Path) -> None:
        clip = draw_clip(tmp_path / "a.mp4", seconds=0.2, size=SMALL)
        with open_video(str(clip)) as reader:
            clip.unlink()
            with pytest.raises(UnreadableVideoError, match="found nothing there"):
                reader.index()

    def test_ffmpeg_writes_nothing_to_the_terminal(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        logging.basicConfig()
        clip = corrupt(draw_clip(tmp_path / "a.mp4", size=SMALL), 0.5)
        assert None in all_numbers(clip)
        text_file(tmp_path / "b.mp4")
        self.refused(tmp_path / "b.mp4")
        assert capfd.readouterr() == ("", "")


FASTSTART = {"movflags": "faststart"}


class TestTruncated:
    @pytest.mark.parametrize(
        ("name", "container_options"),
        [("a.mp4", FASTSTART), ("a.mp4", {"movflags": "frag_keyframe+empty_moov"}), ("a.mkv", {}), ("a.webm", {}), ("a.avi", {})],
        ids=["mp4", "fragmented", "mkv", "webm", "avi"],
    )
    def test_a_file_that_stops_early_says_where(self, tmp_path: Path, name: str, container_options: dict[str, str]) -> None:
        codec = "libvpx-vp9" if name == "a.webm" else "libx264"
        clip = draw_clip(tmp_path / name, seconds=8, fps=10, gop=10, size=(96, 48), codec=codec, container_options=container_options)
        truncate(clip, 0.62)
        with PyAvReader(str(clip)) as reader, pytest.raises(TruncatedVideoError, match=r"ends after \d\.\d s of \d\.\d s") as caught:
            reader.index()
        assert "allow_truncated" in caught.value.remedy
        with open_video(str(clip), allow_truncated=True) as reader:
            index = reader.index()
            found = numbers(list(reader.pictures(index.pts)))
        assert 20 <= len(index.pts) < 60
        # The packet at the very end may be torn.
        assert found[:-1] == list(range(len(found) - 1))
        assert found[-1] in (None, len(found) - 1)

    def test_two_missing_pictures_of_an_mp4_are_noticed(self, tmp_path: Path) -> None:
        clip = draw_clip(tmp_path / "a.mp4", size=SMALL, container_options=FASTSTART)
        with PyAvReader(str(clip)) as reader:
            assert len(reader.index().pts) == 75
        truncate(clip, 0.97)
        with PyAvReader(str(clip)) as reader, pytest.raises(TruncatedVideoError, match=r"ends after 2\.\d s of 3\.0 s"):
            reader.index()

    def test_a_transport_stream_may_end_anywhere(self, tmp_path: Path) -> None:
        found = all_numbers(truncate(draw_clip(tmp_path / "a.ts", size=SMALL, bframes=2), 0.5))
        assert 20 < len(found) < 60
        assert found[:-3] == list(range(len(found) - 3))

    def test_a_long_last_picture_is_no_truncation(self, tmp_path: Path) -> None:
        for name in ("a.mp4", "a.mkv"):
            clip = draw_clip(tmp_path / name, vfr=[0.0, 0.04, 9.0, 9.04, 20.0], size=SMALL)
            assert all_numbers(clip) == [0, 1, 2, 3, 4]

    @pytest.mark.skipif(not FOOTAGE_FILES, reason="needs the shared footage")
    @pytest.mark.parametrize("path", FOOTAGE_FILES, ids=lambda path: path.name)
    def test_intact_footage_is_never_called_truncated(self, path: Path) -> None:
        with open_video(str(path)) as reader:
            facts, index = reader.facts(), reader.index()
        assert seconds_since_first(index)[-1] == pytest.approx(facts.duration_s, abs=0.2)
        assert len(index.pts) == pytest.approx(facts.fps * facts.duration_s, abs=3)


class TestDamage:
    @pytest.mark.parametrize("at", [0.45, 0.8])
    @pytest.mark.parametrize("bframes", [0, 3])
    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
    def test_h264_loses_at_most_the_gops_that_were_hit(self, tmp_path: Path, name: str, bframes: int, at: float) -> None:
        clip = draw_clip(tmp_path / name, seconds=4, size=SMALL, gop=10, bframes=bframes)
        whole = len(all_numbers(clip))
        corrupt(clip, at)
        with open_video(str(clip), allow_truncated=True) as reader:
            index = reader.index()
            pictures = list(reader.pictures(index.pts))
        shift = index.pts[0]
        for picture, number in zip(pictures, numbers(pictures), strict=True):
            expected = round(float((picture.pts - shift) * index.time_base) * 25)
            # -1: noise that happens to be valid code cannot be noticed; the picture is smeared, but of its moment.
            assert number in (None, -1, expected), "a picture of another moment"
            assert (number is None) == bool(picture.error)
        lost = whole - sum(picture.image is not None for picture in pictures)
        assert 0 <= lost <= 30
        assert numbers(pictures).count(-1) <= 10

    def test_other_codecs_go_on_after_the_damage(self, tmp_path: Path) -> None:
        for codec in ("libx265", "mpeg4"):
            clip = corrupt(draw_clip(tmp_path / f"{codec}.mp4", seconds=4, size=SMALL, gop=10, codec=codec), 0.5)
            found = all_numbers(clip)
            right = [number == i for i, number in enumerate(found)]
            assert all(right[:30])
            assert all(right[70:])

    def test_a_habit_of_the_encoder_is_not_damage(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        clip = draw_clip(tmp_path / "a.mp4", size=SMALL, gop=5)
        original = video_decoding.PictureDecoder._decode

        def picky(self: video_decoding.PictureDecoder, context: object, packet: object, place: int) -> object:
            if self._cursor._is_strict:
                self._damage.append(place)
                return []
            return original(self, context, packet, place)

        monkeypatch.setattr(video_decoding.PictureDecoder, "_decode", picky)
        assert all_numbers(clip) == list(range(75))

    def test_seeking_that_lands_too_late_falls_back_to_reading_on(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        clip = draw_clip(tmp_path / "a.mp4", size=SMALL, gop=5, bframes=2)
        monkeypatch.setattr(video_decoding.PacketCursor, "_seek", lambda self, place, back: False)
        with open_video(str(clip)) as reader:
            pts = reader.index().pts
            assert numbers(list(reader.pictures(pts[[3, 40, 74]]))) == [3, 40, 74]
            assert numbers(list(reader.pictures(pts[[50, 52]]))) == [50, 52]


def test_memory_stays_small_and_independent_of_the_length(tmp_path: Path) -> None:
    clip = draw_clip(tmp_path / "a.mp4", seconds=8, size=(320, 240), gop=500)
    with open_video(str(clip)) as reader:
        pts = reader.index().pts
        tracemalloc.start()
        count = sum(picture.image is not None for picture in reader.pictures(pts))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 200
    assert peak < 6 * 320 * 240 * 3


@pytest.mark.skipif(not FOOTAGE_FILES, reason="needs the shared footage")
@pytest.mark.parametrize("name", ["clips/pyfeat_noface_face.mov", "clips/short_hamilton_clip.mp4"])
def test_footage_gives_the_same_pictures_as_decoding_everything(name: str) -> None:
    with open_video(str(FOOTAGE / name)) as reader:
        plan = plan_frames(reader.index(), 1.0, 0.25)
        found = {picture.pts: picture.image for picture in reader.pictures(plan.pts)}
    with av.open(str(FOOTAGE / name)) as container:
        for frame in container.decode(video=0):
            if frame.pts in found:
                expected = frame.to_ndarray(format="bgr24")
                assert np.array_equal(found.pop(frame.pts), expected)
    assert not found
