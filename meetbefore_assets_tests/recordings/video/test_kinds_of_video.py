"""All kinds of video: containers, codecs, times, turns and streams."""

import gc
import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from meetbefore_assets.faces.sampling import plan_frames
from meetbefore_assets.recordings.timestamps import seconds_since_first
from meetbefore_assets.recordings.video.pyav_reader import open_video
from meetbefore_assets_tests.support.builders import draw_clip, draw_number
from meetbefore_assets_tests.support.numbered import FOOTAGE, FOOTAGE_FILES, SMALL, all_numbers, numbers

X265 = "log-level=none:keyint=25:min-keyint=25:scenecut=0:pools=1:frame-threads=1:"


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


@pytest.mark.slow
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
