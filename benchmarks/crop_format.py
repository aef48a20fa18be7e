"""Formats for the stored crops compared: bytes, seconds, and how far the embeddings move.

usage: python -m benchmarks.crop_format [--photos DIR] [--limit N]

Faces of insightface's six-people picture, skimage's astronaut and, where there are any, photographs of a folder
(default ../shared/photos beside the repository). For every format: bytes a crop in a Parquet file (zstd, as the record is written),
times to write and to read with what Parquet takes, as ratios to PNG, and the cosine between SFace's vector of the stored crop
and of the crop as it was cut out of the picture.
"""

import argparse
import importlib.util
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import skimage.data

from meetbefore_assets.core.model_packs import LoadedModels
from meetbefore_assets.core.ports import F32, U8
from meetbefore_assets.faces.alignment import alignment_matrices
from meetbefore_assets.faces.models.face_models import load_models
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets.faces.models.opencv_imaging import OpenCvImaging

PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "photos"
FULL_COLOUR = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
FORMATS: dict[str, tuple[str, list[int]]] = {
    "png": (".png", []),
    "png up 0": (".png", [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP, cv2.IMWRITE_PNG_COMPRESSION, 0]),
    "png average 3": (".png", [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG, cv2.IMWRITE_PNG_COMPRESSION, 3]),
    "png 9": (".png", [cv2.IMWRITE_PNG_COMPRESSION, 9]),
    "webp lossless": (".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),
    **{f"webp {q}": (".webp", [cv2.IMWRITE_WEBP_QUALITY, q]) for q in (90, 95, 100)},
    **{f"jpeg 4:4:4 {q}": (".jpg", [cv2.IMWRITE_JPEG_QUALITY, q, *FULL_COLOUR]) for q in (90, 95, 98, 100)},
    **{f"avif {q}": (".avif", [cv2.IMWRITE_AVIF_QUALITY, q, cv2.IMWRITE_AVIF_SPEED, 8]) for q in (90, 95)},
}


@dataclass(frozen=True)
class Row:
    name: str
    bytes_each: float
    encode_s: float
    decode_s: float
    cosines: F32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    parser.add_argument("--limit", type=int, default=300, help="most photographs that are looked at")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    pack = load_models(find_pack("sface", Path("data")), device="cpu", threads=1)
    crops = cut_out(pack, pictures(arguments.photos, arguments.limit))
    vectors = unit_vectors(pack, crops)
    rows = [measure(pack, name, crops, vectors) for name in FORMATS if cv2.haveImageWriter(FORMATS[name][0])]
    report(rows, len(crops))


def pictures(folder: Path, limit: int) -> Iterator[U8]:
    spec = importlib.util.find_spec("insightface")
    for place in (spec.submodule_search_locations or []) if spec else []:
        yield cv2.imread(str(Path(place) / "data" / "images" / "t1.jpg"))
    yield np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    for path in paths[:: max(1, len(paths) // limit)][:limit]:
        yield cv2.imread(str(path))


def cut_out(pack: LoadedModels, images: Iterator[U8]) -> U8:
    imaging = OpenCvImaging()
    found = []
    for image in images:
        batch = pack.detector.detect(image, min_score=0.6, max_side=960)
        found.append(imaging.align(image, alignment_matrices(batch.landmarks)))
    return np.concatenate(found)


def unit_vectors(pack: LoadedModels, crops: U8) -> F32:
    vectors = pack.embedder.embed(crops)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def measure(pack: LoadedModels, name: str, crops: U8, vectors: F32) -> Row:
    suffix, options = FORMATS[name]
    start = time.process_time()
    file = io.BytesIO()
    table = pl.DataFrame({"crop": [cv2.imencode(suffix, crop, options)[1].tobytes() for crop in crops]})
    table.write_parquet(file, compression="zstd", compression_level=3)
    encoded = time.process_time()
    blobs = pl.read_parquet(io.BytesIO(file.getvalue()))["crop"].to_list()
    again = np.stack([cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_COLOR) for blob in blobs])
    decoded = time.process_time()
    cosines = (unit_vectors(pack, again) * vectors).sum(axis=1)
    return Row(name, len(file.getvalue()) / len(crops), (encoded - start) / len(crops), (decoded - encoded) / len(crops), cosines)


def report(rows: list[Row], faces: int) -> None:
    print(f"{faces} faces; times as ratios to {rows[0].name} ({1e3 * rows[0].encode_s:.2f} and {1e3 * rows[0].decode_s:.2f} ms a crop)")
    print(f"{'format':16s} {'bytes':>7s} {'encode':>7s} {'decode':>7s}   cosine min      1%    mean")
    for row in rows:
        ratios = f"{row.encode_s / rows[0].encode_s:7.2f} {row.decode_s / rows[0].decode_s:7.2f}"
        cosines = f"{row.cosines.min():10.5f} {np.percentile(row.cosines, 1):.5f} {row.cosines.mean():.5f}"
        print(f"{row.name:16s} {row.bytes_each:7.0f} {ratios}   {cosines}")


if __name__ == "__main__":
    main()
