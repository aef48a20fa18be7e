"""Pictures of all kinds come out upright, B, G, R; what is none says so."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from meetbefore_assets.recordings.video.picture_file import decode_picture, read_picture

KINDS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP")
TURNED = 6  # EXIF: the stored picture is to be turned by 90 degrees clockwise


def picture(kind: str, *, orientation: int = 1) -> bytes:
    """Upright 64 wide and 96 high, red above and blue below; stored as the orientation says."""
    image = np.zeros((96, 64, 3), np.uint8)
    image[:48] = (230, 20, 20)
    image[48:] = (20, 20, 230)
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(image)) if orientation == TURNED else image)
    exif, data = Image.Exif(), io.BytesIO()
    exif[0x112] = orientation
    options = {"exif": exif.tobytes()} if orientation != 1 else {}
    stored.save(data, kind, **options)
    return data.getvalue()


@pytest.mark.parametrize(("kind", "orientation"), [*((kind, 1) for kind in KINDS), ("JPEG", TURNED), ("HEIF", TURNED), ("PNG", TURNED)])
def test_it_is_upright_and_blue_green_red(kind: str, orientation: int) -> None:
    image, reason = decode_picture(picture(kind, orientation=orientation), "photo")
    assert reason == ""
    assert image is not None
    assert image.shape == (96, 64, 3)
    above, below = image[10, 30].astype(int), image[80, 30].astype(int)
    assert above[2] - above[0] > 100
    assert below[0] - below[2] > 100


@pytest.mark.parametrize("kind", ["JPEG", "HEIF"])
def test_what_is_cut_short_is_said_or_read_as_far_as_it_goes(kind: str) -> None:
    image, reason = decode_picture(picture(kind)[:200], "photo.heic")
    assert image is None
    assert "photo.heic" in reason


def test_what_is_none_is_said() -> None:
    assert decode_picture(b"not a picture", "list.txt")[1].startswith("list.txt is no picture: expected JPEG, PNG, WebP or HEIC")


def test_what_is_too_large_is_not_decoded() -> None:
    assert "expected at most 0.001 (limits.picture_megapixels)" in decode_picture(picture("HEIF"), "a.heic", 0.001)[1]


def test_days_of_pictures_are_read_as_before(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(picture("JPEG"))
    (tmp_path / "b.jpg").write_bytes(picture("HEIF"))
    image, reason = read_picture(tmp_path / "a.jpg")
    assert image is not None
    assert reason == ""
    other, reason = read_picture(tmp_path / "b.jpg")
    assert other is None
    assert reason.startswith("b.jpg is no picture: expected JPEG, PNG or WebP, found")
    assert "cannot be read" in read_picture(tmp_path / "gone.jpg")[1]
