"""Looking at the planned moments of one video: pieces of it, by as many threads as there are cores for it, or by workers of a cluster."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import polars as pl

from meetbefore_assets.domain import file_to_video
from meetbefore_assets.domain.frames_to_detections import (
    alignment_matrices,
    frontality,
    gate,
    gate_sharpness,
    is_turned_away,
    quality,
    sharpness,
)
from meetbefore_assets.domain.lineage import Models, Step
from meetbefore_assets.domain.ports import U8, VideoReader
from meetbefore_assets.errors import ClusterError
from meetbefore_assets.hands import FarHands, OneEach, in_order
from meetbefore_assets.schema import DETECTIONS, THUMBNAIL_SIDE_PX
from meetbefore_assets.settings import Settings
from meetbefore_assets.steps.made import Making
from meetbefore_assets.steps.opening import open_video
from meetbefore_assets.workbench import Workbench

# Faces from this score on are looked at, so that those dropped for a low score are counted.
COUNTED_SCORE = 0.4
# What a thread takes at a time, at most. Pieces begin at the same moments however many threads there are, so that answers are the same.
# They begin at keyframes, so that nothing is decoded twice but where more moments than these share one, and are short, so that no thread
# ends long before the others: 20 moments of a video with a keyframe a second were 16 for one thread and 4 for the other.
MOMENTS_AT_ONCE = 16


@dataclass
class Seen:
    """What was found at one moment.

    Attributes:
        time_s: seconds since the first picture of the video.
        error: why there is no picture; "" where there is one.
        rows: a row of DETECTIONS for each face that passes the gates.
        dropped: how many faces did not pass, by reason.
    """

    time_s: float
    error: str = ""
    rows: list[dict[str, object]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Piece:
    """Moments of a video that a worker of a cluster looks at; everything that its answer depends on."""

    video_id: str
    plan: pl.DataFrame
    settings: Settings
    models: Models
    step: Step


def look(
    making: Making, plan: pl.DataFrame, reader: VideoReader, another: Callable[[], VideoReader], keep: "Keep | None"
) -> Iterator[Seen]:
    """What is found at the moments of a plan, in their order.

    Args:
        making: the table that is made of it.
        plan: frame_id, pts, time_s and is_keyframe of the moments.
        reader: the video; stays open.
        another: opens it once more, for another thread; what it opened is closed in the end.
        keep: is given each picture that could be decoded, by any thread; a video whose pictures nobody keeps is looked at elsewhere,
            where that is asked for.
    """
    far = making.bench.tools.far_hands()
    if far is not None and keep is None and reader.is_sought():
        yield from _look_elsewhere(making, plan, far)
    else:
        yield from _look_here(making, plan, reader, another, keep)


def _look_here(
    making: Making, plan: pl.DataFrame, reader: VideoReader, another: Callable[[], VideoReader], keep: "Keep | None"
) -> Iterator[Seen]:
    hands = making.bench.hands(making.settings) if reader.is_sought() else 1
    cuts = starts(plan["is_keyframe"].to_list()) if reader.is_sought() else [0]
    with OneEach(reader, another) as readers:
        looker = _Looker(making, plan.height, readers, keep)
        pieces = (plan[start:end] for start, end in pairwise([*cuts, plan.height]))
        if hands == 1:
            for piece in pieces:
                yield from looker.look(piece)
        else:
            for seen in in_order(lambda piece: list(looker.look(piece)), pieces, hands):
                yield from seen


def starts(is_keyframe: Sequence[bool]) -> list[int]:
    """Where the pieces of a plan begin: at its first moment, at each that is a keyframe, and after MOMENTS_AT_ONCE without one."""
    found: list[int] = []
    for moment, is_key in enumerate(is_keyframe):
        if is_key or not found or moment - found[-1] >= MOMENTS_AT_ONCE:
            found.append(moment)
    return found


def far_starts(cuts: Sequence[int], moments: int) -> list[int]:
    """Of the moments at which pieces begin, those at which the pieces for other workers do: of so many moments at least but the last."""
    found: list[int] = []
    for cut in cuts:
        if not found or cut - found[-1] >= moments:
            found.append(cut)
    return found


def _look_elsewhere(making: Making, plan: pl.DataFrame, far: FarHands) -> Iterator[Seen]:
    # What a thread takes begins at the same moments as it does here, so that answers are the same.
    cuts = far_starts(starts(plan["is_keyframe"].to_list()), far.moments)
    spans = pairwise([*cuts, plan.height])
    pieces = (Piece(making.video_id, plan[start:end], making.settings, making.models, making.step) for start, end in spans)
    done = 0
    for found in far.in_order(look_at_piece, pieces):
        for seen in found:
            done += 1
            making.bench.progress(making.video_id, done, plan.height)
            yield seen


def look_at_piece(bench: Workbench, piece: Piece) -> list[Seen]:
    """What is found at the moments of a piece, by the worker that was given it.

    Raises:
        ClusterError: this worker has other models than the one that asks.
    """
    models = bench.models(piece.settings)
    if models != piece.models:
        raise ClusterError(
            f"{piece.video_id}: a piece of it was given to a worker with other models: expected {piece.models}, found {models}.",
            remedy="Install the same version, with the same models, on all machines of the cluster.",
        )
    making = Making(bench, DETECTIONS, piece.video_id, piece.settings, piece.models, piece.step, 0.0)
    with open_video(bench, piece.video_id)[0] as reader:
        return list(_look_here(making, piece.plan, reader, lambda: open_video(bench, piece.video_id)[0], None))


Keep = Callable[[float, U8], None]


class _Looker:
    """Serves any number of threads."""

    def __init__(self, making: Making, moments: int, readers: OneEach[VideoReader], keep: Keep | None) -> None:
        self._making, self._readers, self._keep = making, readers, keep
        bench, settings = making.bench, making.settings
        # Made before there is more than one thread.
        self._detector, self._camera = bench.pack(settings).detector, bench.camera
        self._content_hash = bench.store.get("videos", making.video_id, ["content_hash"])["content_hash"][0]
        self._lock, self._done, self._moments = threading.Lock(), 0, moments

    def look(self, piece: pl.DataFrame) -> Iterator[Seen]:
        pictures = self._readers.mine().pictures(piece["pts"].to_numpy())
        for frame_id, time_s, picture in zip(piece["frame_id"], piece["time_s"], pictures, strict=True):
            seen = Seen(time_s, error=picture.error if picture.image is None else "")
            if picture.image is not None:
                if self._keep is not None:
                    self._keep(time_s, picture.image)
                place = {"video_id": self._making.video_id, "frame_id": frame_id, "pts": picture.pts, "time_s": time_s}
                for ordinal, row in enumerate(self._faces(picture.image, seen.dropped)):
                    seen.rows.append({**place, **row, "face_id": file_to_video.face_id(self._content_hash, picture.pts, ordinal)})
            with self._lock:
                self._done += 1
                self._making.bench.progress(self._making.video_id, self._done, self._moments)
            yield seen

    def _faces(self, image: U8, dropped: Counter[str]) -> list[dict[str, object]]:
        """The faces of one picture that pass the gates, in a stable order."""
        settings, min_score = self._making.settings.detection, self._making.models.min_score
        found = self._detector.detect(image, min_score=min(COUNTED_SCORE, min_score), max_side=settings.max_side)
        batch, counts = gate(found, (image.shape[1], image.shape[0]), min_score, settings.min_face_px)
        dropped.update(counts)
        if not len(batch):
            return []
        crops = self._camera.align(image, alignment_matrices(batch.landmarks))
        sharp, front = sharpness(crops), frontality(batch.landmarks)
        is_sharp = gate_sharpness(sharp, settings)
        is_turned = is_turned_away(front, batch.scores, settings)
        dropped.update({"blurred": int((~is_sharp).sum()), "turned away": int((is_sharp & is_turned).sum())})
        sides = np.minimum(batch.boxes[:, 2] - batch.boxes[:, 0], batch.boxes[:, 3] - batch.boxes[:, 1])
        good = quality(sides, sharp, front, batch.scores)
        return [
            {
                **dict(zip(("x1", "y1", "x2", "y2"), batch.boxes[i].tolist(), strict=True)),
                "landmarks": batch.landmarks[i].ravel().tolist(),
                "det_score": float(batch.scores[i]),
                "sharpness": float(sharp[i]),
                "frontality": float(front[i]),
                "quality": float(good[i]),
                "crop": self._camera.encode_crop(crops[i]),
                "thumbnail": self._camera.thumbnail(image, batch.boxes[i], THUMBNAIL_SIDE_PX),
            }
            for i in np.flatnonzero(is_sharp & ~is_turned)
        ]
