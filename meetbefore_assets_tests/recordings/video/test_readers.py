"""What every reader of recordings keeps to, and what a folder of pictures does besides."""

import os
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.recordings.timestamps import seconds_since_first
from meetbefore_assets.recordings.video.picture_folder import PicturesReader
from meetbefore_assets.recordings.video.pyav_reader import open_video
from meetbefore_assets_tests.support.builders import draw_clip, draw_number, text_file, write_huge_png
from meetbefore_assets_tests.support.numbered import DAY, SMALL, draw_pictures, numbers


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

    def test_a_picture_whose_header_says_too_much_is_not_decoded(self, tmp_path: Path) -> None:
        uri = draw_pictures(tmp_path / "in", [0.0, 1.0])
        write_huge_png(tmp_path / "in" / "20250307120000500.png", 30_000)
        with open_video(uri) as reader:
            pictures = list(reader.pictures(reader.index().pts))
        assert numbers(pictures) == [0, None, 1]
        assert pictures[1].error == (
            "20250307120000500.png has 900 megapixels (30000 x 30000): expected at most 200 (limits.picture_megapixels)"
        )

    def test_the_limit_can_be_set(self, tmp_path: Path) -> None:
        uri = draw_pictures(tmp_path / "in", [0.0])
        megapixels = SMALL[0] * SMALL[1] / 1e6
        with open_video(uri, max_megapixels=megapixels) as reader:
            assert numbers(list(reader.pictures(np.array([0])))) == [0], "the limit itself is allowed"
        with (
            open_video(uri, max_megapixels=megapixels * 0.99) as reader,
            pytest.raises(UnreadableVideoError, match=r"of the first: .* has 0"),
        ):
            reader.facts()

    def test_a_file_far_larger_than_its_pixels_is_not_read(self, tmp_path: Path) -> None:
        uri = draw_pictures(tmp_path / "in", [0.0])
        os.truncate(tmp_path / "in" / "20250307120000000.png", 300 << 20)
        with open_video(uri) as reader:
            assert "far more than" in next(iter(reader.pictures(np.array([0])))).error

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
