"""Picture handling with OpenCV: alignment of faces, resizing, and encoding."""

from collections.abc import Sequence

import cv2
import numpy as np

from meetbefore_assets.core.errors import RecordTornError, StoreError
from meetbefore_assets.core.ports import F32, F64, U8, FaceBatch
from meetbefore_assets.core.schema.columns import CROP_SIDE_PX

_MARGIN = 0.6  # of the longer side of a box, added on every side of a thumbnail
_THUMBNAIL_JPEG = 80
# Squares along the longer side of a blurred thumbnail; a face takes less than half of it, so it is three squares wide at most.
_BLUR_SQUARES = 6
# Signature of a PNG, and the head of its first chunk; a crop is uncompressed: 37,865 bytes.
_PNG_HEAD, _MOST_CROP_BYTES = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", 100_000
_CROP_PNG = [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP, cv2.IMWRITE_PNG_COMPRESSION, 0]


def use_one_thread() -> None:
    """Keep OpenCV of this process from starting threads of its own."""
    cv2.setNumThreads(1)


def empty_batch() -> FaceBatch:
    """A batch without faces."""
    return FaceBatch(np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32))


def resized(image: U8, width: int, height: int) -> U8:
    """Resize a picture; shrinking averages, so that fine patterns do not become false edges.

    It is halved repeatedly, which OpenCV does fast, and then interpolated: below a factor of two, interpolation averages enough. 1080p to
    640 x 360 and 1280 x 720 takes 2 and 4 ms (averaged in one step 7 and 18), 4K 7 and 9 (18 and 24).
    """
    while 2 * width <= image.shape[1] and 2 * height <= image.shape[0] and not (image.shape[0] % 2 or image.shape[1] % 2):
        image = _resized(image, image.shape[1] // 2, image.shape[0] // 2, cv2.INTER_AREA)
    if image.shape[:2] == (height, width):
        return image
    is_smaller = 2 * width < image.shape[1] or 2 * height < image.shape[0]
    return _resized(image, width, height, cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR)


def _resized(image: U8, width: int, height: int, interpolation: int) -> U8:
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.uint8)


def model_input(image: U8, width: int, height: int, *, channels: slice = slice(None), mean: float = 0.0, scale: float = 1.0) -> F32:
    """Input of a model: (picture - mean) * scale, (1, 3, height, width) float32, padded with black at the right and bottom.

    `cv2.dnn.blobFromImage` gives the same numbers, in 5 ms for 640 x 384 and 17 for 1280 x 736; this takes 0.5 and 3.

    Args:
        image: at most width x height.
        channels: `slice(None, None, -1)` turns B, G, R into R, G, B.
    """
    blob = np.empty((1, 3, height, width), np.float32)
    inside = blob[0, :, : image.shape[0], : image.shape[1]]
    inside[:] = image[:, :, channels].transpose(2, 0, 1)
    blob[0, :, image.shape[0] :] = 0
    blob[0, :, : image.shape[0], image.shape[1] :] = 0
    if mean:
        blob -= np.float32(mean)
    if scale != 1.0:
        blob *= np.float32(scale)
    return blob


def fitted_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Width and height scaled down to a longer side of at most `max_side` (0: unchanged)."""
    scale = min(1.0, max_side / max(width, height)) if max_side else 1.0
    return max(1, round(width * scale)), max(1, round(height * scale))


class OpenCvImaging:
    """Implements `ports.FaceImaging`."""

    def align(self, image: U8, matrices: F64) -> U8:
        side = (CROP_SIDE_PX, CROP_SIDE_PX)
        crops = np.empty((len(matrices), *side, 3), np.uint8)
        for row, matrix in enumerate(matrices):
            # bilinear, with black beyond the picture: as the recognisers were trained (insightface's `norm_crop`)
            cv2.warpAffine(image, matrix, side, dst=crops[row], flags=cv2.INTER_LINEAR, borderValue=0)
        return crops

    def thumbnail(self, image: U8, box: F32, side: int) -> bytes:
        height, width = image.shape[:2]
        x1, y1, x2, y2 = (float(value) for value in box)
        reach = max(x2 - x1, y2 - y1) * (0.5 + _MARGIN)
        left, right = _span((x1 + x2) / 2, reach, width)
        top, bottom = _span((y1 + y2) / 2, reach, height)
        return self.encode_jpeg(image[top:bottom, left:right], _THUMBNAIL_JPEG, side)

    def blurred(self, jpeg: bytes) -> bytes:
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
        if image is None:
            raise RecordTornError("a thumbnail is no picture.", remedy="Make the detections of this video again.")
        height, width = image.shape[:2]
        # Averaged to a few squares, not only blurred, so that it cannot be sharpened into a face again.
        few = resized(np.asarray(image, np.uint8), *fitted_size(width, height, _BLUR_SQUARES))
        return _encoded(
            ".jpg", np.asarray(cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 60]
        )

    def encode_crop(self, crop: U8) -> bytes:
        """Encode as PNG: lossless, so that every recogniser gets the same vector.

        Each line is stored as its difference to the one above, uncompressed: Parquet's zstd compresses that better than PNG, in half of the
        time. `benchmarks/crop_format.py`, bytes a crop on disk, ms to write and to read: this 19.8k, 0.6, 0.2 (footage 14.8k); PNG with
        the average filter at level 3 19.7k, 1.1, 0.4 (16.3k). Lossy or slow alternatives: WebP lossless 13k, 15 (as long as the recogniser
        itself), cosine 1; JPEG 4:4:4 at 100 14k, 0.2, 0.9966; at 98 8k, 0.1, 0.9946; WebP at 100 5k, 2.8, 0.972; AVIF at 95 4k, 8.6, 0.979.
        """
        return _encoded(".png", crop, _CROP_PNG)

    def is_crop(self, blob: bytes) -> bool:
        return blob[:16] == _PNG_HEAD and blob[16:24] == 2 * CROP_SIDE_PX.to_bytes(4, "big") and len(blob) <= _MOST_CROP_BYTES

    def decode_crops(self, blobs: Sequence[bytes]) -> U8:
        crops = np.empty((len(blobs), CROP_SIDE_PX, CROP_SIDE_PX, 3), np.uint8)
        for row, blob in enumerate(blobs):
            crop = cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_COLOR) if blob else None
            if crop is None or crop.shape != crops.shape[1:]:
                found = "no picture" if crop is None else f"one of {crop.shape[1]} x {crop.shape[0]}"
                raise RecordTornError(
                    f"stored face {row} of {len(blobs)}: expected a picture of {CROP_SIDE_PX} x {CROP_SIDE_PX}, found {found}.",
                    remedy="Delete this video's file under record/detections; the next run makes it again.",
                )
            crops[row] = crop
        return crops

    def contact_sheet(self, thumbnails: Sequence[bytes], side: int, columns: int) -> bytes:
        rows = -(-len(thumbnails) // columns)
        sheet = np.zeros((rows * side, min(columns, len(thumbnails)) * side, 3), np.uint8)
        for place, blob in enumerate(thumbnails):
            image = cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_COLOR)
            if image is None:
                raise RecordTornError("a thumbnail is no picture.", remedy="Make the detections of this video again.")
            height, width = min(side, image.shape[0]), min(side, image.shape[1])
            y, x = place // columns * side, place % columns * side
            sheet[y : y + height, x : x + width] = image[:height, :width]
        return _encoded(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])

    def encode_jpeg(self, image: U8, quality: int, max_side: int = 0) -> bytes:
        size = fitted_size(image.shape[1], image.shape[0], max_side)
        return _encoded(".jpg", resized(image, *size), [cv2.IMWRITE_JPEG_QUALITY, quality])


def _span(centre: float, reach: float, end: int) -> tuple[int, int]:
    """Range of pixels [low, high) around a centre, clipped to 0..end; at least one pixel, even for a box outside."""
    low = min(max(0, round(centre - reach)), end - 1)
    return low, max(low + 1, min(end, round(centre + reach)))


def _encoded(suffix: str, image: U8, options: list[int]) -> bytes:
    is_done, data = cv2.imencode(suffix, image, options)
    if not is_done:
        raise StoreError(f"OpenCV could not write a picture of {image.shape} as {suffix}, expected it to know the format.")
    return bytes(data.tobytes())
