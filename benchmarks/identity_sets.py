"""Sets on which grouping rules are compared: labelled footage, casts drawn from photographs, made-up embeddings.

What models computed is cached under data/benchmarks.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.evaluation import iou, match_faces
from meetbefore_assets.core.model_packs import MIRRORED, LoadedModels
from meetbefore_assets.core.ports import F32, I64, U8, FaceBatch
from meetbefore_assets.faces.alignment import alignment_matrices
from meetbefore_assets.faces.gates import gate
from meetbefore_assets.faces.linking import TrackPolicy, link_faces, mean_vectors
from meetbefore_assets.faces.models.opencv_imaging import OpenCvImaging
from meetbefore_assets.faces.models.yunet import YuNetDetector
from meetbefore_assets.faces.quality import frontality, quality, sharpness
from meetbefore_assets.faces.sampling import plan_frames
from meetbefore_assets.recordings.video.pyav_reader import open_video

CACHE = Path(__file__).resolve().parents[1] / "data" / "benchmarks"
MIN_SCORE, MIN_FACE_PX, MAX_SIDE_PX = 0.6, 20.0, 1280
TRACKS = TrackPolicy(max_gap_s=3.0, min_similarity=0.45)
_CANVAS_PX = 352
# Of SFace's raw vectors of good faces.
_GOOD_LENGTH = np.float32(12.0)
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class LabelledSet:
    """Faces with their tracks and their true persons.

    Attributes:
        faces: (n, d) float32 unit rows, in the order in which they were seen.
        track: (n,) row of `tracks`.
        tracks: (m, d) float32 unit rows.
        quality: (m,) float32.
        lengths: (m,) float32, mean length of the raw vectors of each track.
        cannot_link: (c, 2) pairs of tracks.
        person: true name of each face, empty where it has none.
        video: of each face.
    """

    faces: F32
    track: I64
    tracks: F32
    quality: F32
    lengths: F32
    cannot_link: I64
    person: list[str]
    video: list[str]


# ---- labelled footage


def footage(folder: Path, pack: LoadedModels) -> LabelledSet:
    """Faces of a folder of videos with a truth.csv, once a second."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in (".mp4", ".mov", ".mkv"))
    about = (str(folder), names, pack.detector.model_id, pack.embedder.model_id, _is_mirrored(pack))
    key = hashlib.sha256(repr(about).encode()).hexdigest()[:12]
    faces = _cached(f"footage-{key}", lambda: _faces_of_footage(folder, names, pack))
    truth = pl.read_csv(folder / "truth.csv")
    video = [names[i] for i in faces["video"]]
    boxes = {side: faces["box"][:, i] for i, side in enumerate(("x1", "y1", "x2", "y2"))}
    pairs, _ = match_faces(truth, pl.DataFrame({"video": video, "t_s": faces["time_s"], **boxes}))
    person = [""] * len(video)
    for i, j in pairs:
        person[j] = truth["person"][i]
    return _linked(faces, person, video)


def _faces_of_footage(folder: Path, names: list[str], pack: LoadedModels) -> Columns:
    rows: dict[str, list[object]] = {name: [] for name in ("video", "pts", "time_s", "box", "vector", "norm", "quality")}
    for number, name in enumerate(names):
        with open_video(str(folder / name)) as reader:
            plan = plan_frames(reader.index(), 1.0, 0.25)
            for picture, time_s in zip(reader.pictures(plan.pts), plan.time_s, strict=True):
                if picture.image is not None:
                    _add_faces(rows, picture.image, pack, number, picture.pts, float(time_s))
    return {name: np.array(column) for name, column in rows.items()}


def _add_faces(rows: dict[str, list[object]], image: U8, pack: LoadedModels, video: int, pts: int, time_s: float) -> None:
    found = pack.detector.detect(image, min_score=MIN_SCORE, max_side=MAX_SIDE_PX)
    batch = gate(found, (image.shape[1], image.shape[0]), MIN_SCORE, MIN_FACE_PX).batch
    vectors, norms, good = describe(image, batch, pack)
    for i in range(len(batch)):
        values = (video, pts, time_s, batch.boxes[i], vectors[i], norms[i], good[i])
        for column, value in zip(rows.values(), values, strict=True):
            column.append(value)


def _is_mirrored(pack: LoadedModels) -> bool:
    """What `models.mirror = auto` means for a pack."""
    return MIRRORED["yunet" if isinstance(pack.detector, YuNetDetector) else "scrfd"]


def describe(image: U8, batch: FaceBatch, pack: LoadedModels) -> tuple[F32, F32, F32]:
    """Unit vectors (with mirror images where the pack gains by them), raw lengths and qualities of the faces of a picture."""
    crops = OpenCvImaging().align(image, alignment_matrices(batch.landmarks))
    raw = pack.embedder.embed(crops)
    if _is_mirrored(pack):
        raw = (raw + pack.embedder.embed(np.ascontiguousarray(crops[:, :, ::-1]))) / 2
    norms = np.linalg.norm(raw, axis=1)
    sizes = (batch.boxes[:, 2:] - batch.boxes[:, :2]).min(axis=1)
    good = quality(sizes, sharpness(crops), frontality(batch.landmarks), batch.scores)
    return (raw / np.maximum(norms, 1e-9)[:, None]).astype(np.float32), norms.astype(np.float32), good


def _linked(faces: Columns, person: list[str], video: list[str]) -> LabelledSet:
    track = np.empty(len(video), dtype=np.int64)
    pairs: set[tuple[int, int]] = set()
    count = 0
    for number in np.unique(faces["video"]):
        rows = np.flatnonzero(faces["video"] == number)
        columns = (faces[name][rows] for name in ("pts", "time_s", "box", "vector", "quality"))
        track[rows] = count + link_faces(*columns, TRACKS)
        count = int(track[rows].max()) + 1
        for pts in np.unique(faces["pts"][rows]):
            together = sorted(track[rows[faces["pts"][rows] == pts]].tolist())
            pairs |= {(a, b) for i, a in enumerate(together) for b in together[i + 1 :]}
    tracks, _ = mean_vectors(faces["vector"], (faces["norm"] ** 2).astype(np.float32), track)
    best = np.zeros(count, dtype=np.float32)
    np.maximum.at(best, track, faces["quality"])
    apart = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    lengths = (np.bincount(track, faces["norm"], count) / np.bincount(track, minlength=count)).astype(np.float32)
    return LabelledSet(faces["vector"], track, tracks, best, lengths, apart, person, video)


# ---- casts of photographs, each seen once, as a camera would see them


def photographs(folder: Path, pack: LoadedModels, *, is_hard: bool, seed: int) -> Columns:
    """Embeddings of degraded photographs (folder/photos.csv): shrunk, rotated, blurred, darkened, compressed."""
    about = (2, str(folder), is_hard, seed, pack.detector.model_id, pack.embedder.model_id, _is_mirrored(pack))
    key = hashlib.sha256(repr(about).encode()).hexdigest()[:12]
    return _cached(f"photographs-{key}", lambda: _faces_of_photographs(folder, pack, is_hard, seed))


def _faces_of_photographs(folder: Path, pack: LoadedModels, is_hard: bool, seed: int) -> Columns:
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, F32, float, float]] = []
    with (folder / "photos.csv").open(newline="", encoding="utf-8") as file:
        for entry in csv.DictReader(file):
            photo = np.asarray(cv2.imread(str(folder / entry["file"])), np.uint8)
            box = np.array([float(entry[side]) for side in ("x1", "y1", "x2", "y2")])
            image, truth = degraded(photo, box, rng, is_hard=is_hard)
            seen = pack.detector.detect(image, min_score=MIN_SCORE, max_side=_CANVAS_PX)
            found = gate(seen, (_CANVAS_PX, _CANVAS_PX), MIN_SCORE, MIN_FACE_PX).batch
            overlap = iou(truth[None], found.boxes.astype(np.float64))[0] if len(found) else np.zeros(1)
            if overlap.max() >= 0.3:
                one = slice(best := int(overlap.argmax()), best + 1)
                vectors, norms, good = describe(image, FaceBatch(found.boxes[one], found.landmarks[one], found.scores[one]), pack)
                rows.append((entry["identity"], entry["file"], vectors[0], float(good[0]), float(norms[0])))
    person, file_name, vector, good, norm = zip(*rows, strict=True)
    numbers = {"quality": np.array(good, np.float32), "norm": np.array(norm, np.float32)}
    return {"person": np.array(person), "photo": np.array(file_name), "vector": np.stack(vector), **numbers}


def degraded(photo: U8, box: NDArray[np.float64], rng: np.random.Generator, *, is_hard: bool) -> tuple[U8, NDArray[np.float64]]:
    """A photograph as a small face in a picture of 352 x 352, and the box it then has."""
    low, high = (28, 90) if is_hard else (42, 150)
    face_px = np.exp(rng.uniform(np.log(low), np.log(high)))
    blur = rng.choice([0.6, 1.2, 2.0, 3.0] if is_hard else [0.0, 0.0, 0.6, 1.2, 2.0]) * face_px / 90
    scale = face_px / (box[2:] - box[:2]).max()
    centre, place = (box[:2] + box[2:]) / 2, rng.uniform(0.45, 0.55, 2) * _CANVAS_PX
    matrix = cv2.getRotationMatrix2D(tuple(centre), rng.uniform(-12, 12), scale)
    matrix[:, 2] += place - centre
    # shrinking by more than half needs the detail taken out first
    soft = cv2.GaussianBlur(photo, (0, 0), max(0.5 / scale - 0.5, 0.01))
    image = cv2.warpAffine(soft, matrix, (_CANVAS_PX, _CANVAS_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    image = cv2.GaussianBlur(image, (0, 0), blur) if blur else image
    image = cv2.convertScaleAbs(image, alpha=rng.uniform(0.6, 1.25))
    image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 80))])[1], cv2.IMREAD_COLOR)
    half = (box[2:] - box[:2]) * scale / 2
    return np.asarray(image, np.uint8), np.concatenate([place - half, place + half])


def casts(pools: list[Columns], count: int, seed: int) -> Iterator[LabelledSet]:
    """Casts drawn from the pools: one companion, 30 to 60 people who come back with another photograph each time, and strangers."""
    rng = np.random.default_rng(seed)
    by_person: dict[str, dict[str, list[tuple[int, int]]]] = {}
    for number, pool in enumerate(pools):
        for row, (person, file_name) in enumerate(zip(pool["person"], pool["photo"], strict=True)):
            by_person.setdefault(str(person), {}).setdefault(str(file_name), []).append((number, row))
    for _ in range(count):
        names = list(rng.permutation(sorted(name for name, files in by_person.items() if len(files) >= 4)))
        returning = set(names[1 : 1 + int(rng.integers(30, 60))])
        chosen: list[tuple[str, int, int]] = []
        for name, files in sorted(by_person.items()):
            wanted = 12 if name == names[0] else int(rng.integers(2, 5)) if name in returning else 1
            for file_name in rng.permutation(sorted(files))[:wanted]:
                places = files[str(file_name)]
                chosen.append((name, *places[int(rng.integers(len(places)))]))
        vectors = np.stack([pools[number]["vector"][row] for _, number, row in chosen])
        good = np.array([pools[number]["quality"][row] for _, number, row in chosen], np.float32)
        lengths = np.array([pools[number]["norm"][row] for _, number, row in chosen], np.float32)
        yield _one_face_each(vectors, good, lengths, [name for name, _, _ in chosen])


# ---- made-up vectors


def made_up(count: int, seed: int, size: int = 128) -> LabelledSet:
    """Vectors of made-up people, their cosines distributed as SFace's were measured.

    Impostors: mean 0.104, standard deviation 0.087. Genuine pairs: 5% 0.45, median 0.66, 95% 0.80. A vector is a part that all
    share, a part of its person and a part of its own; how much of its person it has is drawn from a Beta distribution.
    """
    rng = np.random.default_rng(seed)
    tracks_of = np.maximum(rng.geometric(0.4, count), 1)
    person = np.repeat(np.arange(count), tracks_of)[:count]
    room = round(0.83 * size)  # real vectors fill fewer dimensions than they have
    centre = _unit(rng.normal(size=(int(person.max()) + 1, room)))
    fidelity = rng.beta(9.5, 2.6, count)[:, None]
    own = _unit(fidelity * centre[person] + np.sqrt(1 - fidelity**2) * _unit(rng.normal(size=(count, room))))
    vectors = np.zeros((count, size))
    vectors[:, 0], vectors[:, 1 : room + 1] = np.sqrt(0.104), np.sqrt(0.896) * own
    order = rng.permutation(count)
    alike = np.ones(count, np.float32)
    return _one_face_each(vectors[order].astype(np.float32), alike, _GOOD_LENGTH * alike, [str(who) for who in person[order]])


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _one_face_each(vectors: F32, good: F32, lengths: F32, person: list[str]) -> LabelledSet:
    """Every face a track and a video of its own."""
    rows = np.arange(len(person), dtype=np.int64)
    return LabelledSet(vectors, rows, vectors, good, lengths, np.empty((0, 2), np.int64), person, [str(row) for row in rows])


def _cached(name: str, make: Callable[[], Columns]) -> Columns:
    path = CACHE / f"{name}.npz"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **make())
    with np.load(path) as kept:
        return dict(kept)
