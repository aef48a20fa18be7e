"""Bytes from a file are decoded as a crop only where they say that they are one: a small PNG can claim a billion pixels."""

from pathlib import Path

import numpy as np
import pytest

from meetbefore_assets.core.errors import RecordTornError
from meetbefore_assets.faces.models.opencv_imaging import OpenCvImaging
from meetbefore_assets_tests.support.builders import write_huge_png


def test_a_crop_is_known_for_one() -> None:
    crop = np.random.default_rng(1).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    blob = OpenCvImaging().encode_crop(crop)
    assert OpenCvImaging().is_crop(blob)
    assert np.array_equal(OpenCvImaging().decode_crops([blob])[0], crop)


def test_what_is_none_is_not_decoded(tmp_path: Path) -> None:
    blob = OpenCvImaging().encode_crop(np.zeros((112, 112, 3), np.uint8))
    huge = write_huge_png(tmp_path / "huge.png", 30_000).read_bytes()
    other = OpenCvImaging().encode_jpeg(np.zeros((112, 112, 3), np.uint8), 90)
    for one in (b"", b"\x89PNG", other, huge, OpenCvImaging().encode_crop(np.zeros((113, 112, 3), np.uint8)), blob + bytes(100_000)):
        assert not OpenCvImaging().is_crop(one)


def test_a_crop_whose_pixels_are_torn_is_told() -> None:
    blob = OpenCvImaging().encode_crop(np.zeros((112, 112, 3), np.uint8))
    with pytest.raises(RecordTornError):
        OpenCvImaging().decode_crops([blob[:24] + bytes(len(blob) - 24)])
