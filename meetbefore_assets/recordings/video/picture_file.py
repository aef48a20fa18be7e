"""Reads a picture, unless its header says that it is too large for memory."""

import io
import os
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from meetbefore_assets.core.ports import U8
from meetbefore_assets.recordings.video.limits import DEFAULT_MAX_MEGAPIXELS, describe_too_large

# Formats that cv2 reads too; only their headers are read with Pillow.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
# What Pillow decodes instead; phones write the first.
_PILLOW_FORMATS = ("HEIF", "AVIF")
_ORIENTATION = 0x112
# No picture file is larger than its pixels at two bytes per channel, plus what cameras write beside them.
_BYTES_A_PIXEL, _BESIDE_BYTES = 8, 64 << 20
Image.MAX_IMAGE_PIXELS = None  # the limit of the setting is checked below
pillow_heif.register_heif_opener()


def read_picture(path: Path, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS) -> tuple[U8 | None, str]:
    """The picture in a file; see `decode_picture`."""
    try:
        with open(path, "rb") as file:
            if refusal := _refusal(file, path.name, os.path.getsize(path), max_megapixels, _FORMATS):
                return None, refusal
            file.seek(0)
            data = file.read()
    except OSError as error:
        return None, f"{path.name} cannot be read: {error.strerror or error}"
    return decode_picture(data, path.name, max_megapixels, _FORMATS)


def decode_picture(
    data: bytes,
    name: str,
    max_megapixels: float = DEFAULT_MAX_MEGAPIXELS,
    formats: tuple[str, ...] = (*_FORMATS, *_PILLOW_FORMATS),
) -> tuple[U8 | None, str]:
    """An upright picture (EXIF rotation applied), shape (height, width, 3), B, G, R; or None and why.

    Args:
        data: the content of a file.
        name: of the file, for the reason.
        max_megapixels: pictures of more are not decoded: one takes three bytes a pixel, twice while it is turned.
        formats: that are read, by Pillow's names.
    """
    if refusal := _refusal(io.BytesIO(data), name, len(data), max_megapixels, formats):
        return None, refusal
    try:
        image = _decode(data, formats)
    except (OSError, ValueError, SyntaxError, cv2.error) as error:
        return None, f"{name} cannot be read: {getattr(error, 'strerror', None) or error}"
    if image is None:
        return None, f"{name} is no whole picture: its header can be read, its pixels cannot"
    return np.ascontiguousarray(image, np.uint8), ""


def picture_tags(data: bytes) -> tuple[bytes, int]:
    """The XMP packet of a picture (b"" where there is none), and the EXIF orientation of what is stored, 1..8."""
    try:
        with Image.open(io.BytesIO(data), formats=(*_FORMATS, *_PILLOW_FORMATS)) as picture:
            packet = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
            orientation = picture.getexif().get(_ORIENTATION, 1)
    except (OSError, ValueError, SyntaxError):
        return b"", 1
    return packet.encode() if isinstance(packet, str) else bytes(packet), orientation if orientation in range(1, 9) else 1


def _refusal(file: BinaryIO, name: str, size_bytes: int, max_megapixels: float, formats: tuple[str, ...]) -> str:
    """Why a picture is not decoded; "" if it is."""
    try:
        with Image.open(file, formats=formats) as header:
            width, height = header.size
    except UnidentifiedImageError:
        return f"{name} is no picture: expected {_listed(formats)}, found {size_bytes:,} bytes that are none"
    except (OSError, ValueError, SyntaxError) as error:
        return f"{name} cannot be read: {getattr(error, 'strerror', None) or error}"
    if too_large := describe_too_large(width, height, max_megapixels):
        return f"{name} {too_large}"
    if size_bytes > width * height * _BYTES_A_PIXEL + _BESIDE_BYTES:
        return f"{name} is no picture: found {size_bytes:,} bytes, far more than {width} x {height} pixels take"
    return ""


def _listed(formats: tuple[str, ...]) -> str:
    return "JPEG, PNG, WebP or HEIC" if "HEIF" in formats else "JPEG, PNG or WebP"


def _decode(data: bytes, formats: tuple[str, ...]) -> NDArray[np.generic] | None:
    if set(formats) & set(_PILLOW_FORMATS):
        with Image.open(io.BytesIO(data), formats=formats) as picture:
            if picture.format in _PILLOW_FORMATS:
                return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))[:, :, ::-1]
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
