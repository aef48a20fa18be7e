"""Files that are no video, are cut short, or are damaged."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from meetbefore_assets.core.errors import TruncatedVideoError, UnreadableVideoError
from meetbefore_assets.recordings.timestamps import seconds_since_first
from meetbefore_assets.recordings.video import decoding
from meetbefore_assets.recordings.video.pyav_reader import PyAvReader, open_video
from meetbefore_assets_tests.support.builders import audio_only, corrupt, draw_clip, text_file, truncate, wrapped_png, write_huge_png
from meetbefore_assets_tests.support.numbered import FOOTAGE_FILES, SMALL, all_numbers, numbers


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

    @pytest.mark.parametrize(
        ("head", "kind"),
        [
            ("ffconcat version 1.0\nfile 'good.mp4'\n", "a concat script"),
            ("ffconcat version 1.0\nfile '/etc/passwd'\n", "a concat script"),
            ("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\ngood.mp4\n#EXT-X-ENDLIST\n", "a playlist (M3U)"),
            ("[playlist]\nFile1=good.mp4\n", "a playlist (PLS)"),
            ('<?xml version="1.0"?><MPD><Period/></MPD>', "a playlist (DASH)"),
        ],
    )
    def test_a_playlist_is_called_one_and_what_it_names_is_not_read(self, tmp_path: Path, head: str, kind: str) -> None:
        draw_clip(tmp_path / "good.mp4", seconds=0.2, size=SMALL)
        (tmp_path / "list.mp4").write_text(head)
        self.refused(tmp_path / "list.mp4", f"found {kind}", "names other files")

    @pytest.mark.parametrize("codec", ["libx264", "mjpeg"])
    def test_pictures_larger_than_the_limit(self, tmp_path: Path, codec: str) -> None:
        clip = draw_clip(tmp_path / "a.mov", seconds=0.2, size=SMALL, codec=codec, pix_fmt="yuvj420p" if codec == "mjpeg" else "yuv420p")
        megapixels = SMALL[0] * SMALL[1] / 1e6
        with open_video(str(clip), max_megapixels=megapixels) as reader:
            assert reader.facts().width == SMALL[0]
        with pytest.raises(UnreadableVideoError, match=r"limits\.picture_megapixels"):
            open_video(str(clip), max_megapixels=megapixels * 0.99)

    def test_a_header_that_says_less_than_the_pictures_are(self, tmp_path: Path) -> None:
        """Neither probing nor decoding takes the memory: FFmpeg is told the limit."""
        clip = wrapped_png(write_huge_png(tmp_path / "a.png", 1000, rows=1000), tmp_path / "a.mov", said=100)
        with open_video(str(clip), max_megapixels=1) as reader:
            assert next(iter(reader.pictures(reader.index().pts))).image is not None
        with pytest.raises(UnreadableVideoError, match=r"larger than 0\.5 megapixels"):
            open_video(str(clip), max_megapixels=0.5)

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
        original = decoding.PictureDecoder._decode

        def picky(self: decoding.PictureDecoder, context: object, packet: object, place: int) -> object:
            if self._cursor._is_strict:
                self._damage.append(place)
                return []
            return original(self, context, packet, place)

        monkeypatch.setattr(decoding.PictureDecoder, "_decode", picky)
        assert all_numbers(clip) == list(range(75))

    def test_seeking_that_lands_too_late_falls_back_to_reading_on(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        clip = draw_clip(tmp_path / "a.mp4", size=SMALL, gop=5, bframes=2)
        monkeypatch.setattr(decoding.PacketCursor, "_seek", lambda self, place, back: False)
        with open_video(str(clip)) as reader:
            pts = reader.index().pts
            assert numbers(list(reader.pictures(pts[[3, 40, 74]]))) == [3, 40, 74]
            assert numbers(list(reader.pictures(pts[[50, 52]]))) == [50, 52]
