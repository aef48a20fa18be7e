"""Finds and embeds the faces of one picture or short video without storing anything."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from meetbefore_assets.core.ports import F32, F64, I64, U8, VideoReader
from meetbefore_assets.faces.embed import EMBED_BATCH, embed_crops
from meetbefore_assets.faces.find_faces import FaceFinder
from meetbefore_assets.faces.linking import TrackPolicy, link_faces, mean_vectors
from meetbefore_assets.faces.sampling import plan_frames
from meetbefore_assets.faces.unit_vectors import to_unit_vectors
from meetbefore_assets.home.home import Home

# A picture that is all face is searched again with so much around it, as a share of its longer side: detectors want to see an outline.
_MARGIN = 0.5
# So many frames of a video are looked at.
MAX_FRAMES = 600


@dataclass(frozen=True)
class FacesFound:
    """Faces, n of them; of a video one for each track.

    Attributes:
        boxes: (n, 4) float32, x1, y1, x2, y2 in pixels of the upright picture.
        vectors: (n, d) float32, unit rows of the recogniser in force.
        lengths: (n,) float32, lengths of the raw vectors.
        quality: (n,) float32, 0..1.
        crops: aligned 112 x 112 faces, encoded.
        thumbnails: JPEG of each face with its surroundings.
        time_s: (n,) float64, where the best view of each is, seconds since the first picture; 0 in a picture.
        dropped: how many more there were, by the reason why they cannot be told.
    """

    boxes: F32
    vectors: F32
    lengths: F32
    quality: F32
    crops: tuple[bytes, ...]
    thumbnails: tuple[bytes, ...]
    time_s: F64
    dropped: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.crops)

    def pick(self, rows: Sequence[int] | I64) -> "FacesFound":
        """Some of them, in this order."""
        which = np.asarray(rows, np.int64)
        crops, thumbnails = (tuple(blobs[row] for row in which.tolist()) for blobs in (self.crops, self.thumbnails))
        boxes, vectors = self.boxes[which], self.vectors[which]
        return FacesFound(boxes, vectors, self.lengths[which], self.quality[which], crops, thumbnails, self.time_s[which], self.dropped)


def faces_of_picture(home: Home, image: U8) -> FacesFound:
    """The faces of an upright B, G, R picture, from left to right, found and embedded as those of recordings are. Raises ModelError."""
    finder, dropped = _finder(home), Counter[str]()
    rows = finder.find(image, dropped)
    if not rows:
        margin = round(max(image.shape[:2]) * _MARGIN)
        around = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        rows = [_shifted(row, margin) for row in finder.find(around, Counter())]
    found = _embedded(home, rows, np.zeros(len(rows)), dropped)
    return found.pick(np.argsort(found.boxes[:, 0], kind="stable"))


def faces_of_video(home: Home, reader: VideoReader) -> FacesFound:
    """The people of a video's first MAX_FRAMES sampled frames: of each track its best view, and the mean of its vectors.

    Raises:
        UnreadableVideoError: it has no pictures.
        ModelError: the pack cannot be loaded.
    """
    settings = home.settings()
    plan = plan_frames(reader.index(), settings.sampling.interval_s, settings.sampling.tolerance_s)
    finder, dropped = _finder(home), Counter[str]()
    rows, at = list[dict[str, object]](), list[int]()
    for number, picture in enumerate(reader.pictures(plan.pts[:MAX_FRAMES])):
        here = finder.find(picture.image, dropped) if picture.image is not None else []
        rows += here
        at += [number] * len(here)
    found = _embedded(home, rows, plan.time_s[at], dropped)
    if not len(found):
        return found
    policy = TrackPolicy(settings.tracks.max_gap_s, home.models(settings).track_similarity)
    labels = link_faces(np.asarray(at, np.int64), found.time_s, found.boxes, found.vectors, found.quality, policy)
    vectors, _ = mean_vectors(found.vectors, found.lengths**2, labels)
    lengths = np.bincount(labels, found.lengths) / np.bincount(labels)
    best = found.pick([max(np.flatnonzero(labels == label).tolist(), key=lambda row: found.lengths[row]) for label in range(len(vectors))])
    return FacesFound(best.boxes, vectors, lengths.astype(np.float32), best.quality, best.crops, best.thumbnails, best.time_s, best.dropped)


def embed_stored(home: Home, crops: Sequence[bytes]) -> tuple[F32, F32]:
    """(n, d) unit vectors of encoded crops by the recogniser in force, and (n,) lengths of the raw ones. Raises ModelError."""
    settings, pack = home.settings(), home.loaded_models()
    is_mirrored = home.models(settings).mirror(settings.models.mirror) != "none"
    raw = [np.zeros((0, pack.embedder.size), np.float32)]
    for start in range(0, len(crops), EMBED_BATCH):
        batch = home.imaging.decode_crops(crops[start : start + EMBED_BATCH])
        raw.append(embed_crops(pack.embedder, batch, is_mirrored))
    return to_unit_vectors(np.concatenate(raw))


def _finder(home: Home) -> FaceFinder:
    settings = home.settings()
    return FaceFinder(home.loaded_models().detector, home.imaging, settings.detection, home.models(settings).min_score)


def _shifted(row: dict[str, object], margin: int) -> dict[str, object]:
    return {**row, **{name: float(str(row[name])) - margin for name in ("x1", "y1", "x2", "y2")}}


def _embedded(home: Home, rows: list[dict[str, object]], time_s: F64, dropped: Counter[str]) -> FacesFound:
    crops, thumbnails = (tuple(bytes(row[name]) for row in rows) for name in ("crop", "thumbnail"))  # type: ignore[call-overload]
    vectors, lengths = embed_stored(home, crops)
    boxes = np.array([[row[name] for name in ("x1", "y1", "x2", "y2")] for row in rows], np.float32).reshape(-1, 4)
    quality = np.array([row["quality"] for row in rows], np.float32)
    return FacesFound(boxes, vectors, lengths, quality, crops, thumbnails, time_s, dropped)
