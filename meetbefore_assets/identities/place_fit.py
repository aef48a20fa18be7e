"""Finds the face of a track at a place in a home that samples other frames than the home where the place was seen.

A face within NEAR_S of the place that overlaps it is the face. Otherwise the boxes of each track are taken to move evenly between two of
its faces, and the track that is at the place at its time is the one. Before the first and after the last face of a track nothing is
known, and nothing is guessed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from meetbefore_assets.core.ports import F64, I64
from meetbefore_assets.identities.corrections import LEAST_IOU, NEAR_S, Anchor


@dataclass(frozen=True)
class VideoFaces:
    """The faces of the tracks of one video.

    Attributes:
        time_s: (n,) seconds since the first picture.
        boxes: (n, 4) x1, y1, x2, y2, source pixels.
        track: (n,) number of the track of each.
    """

    time_s: F64
    boxes: F64
    track: I64

    @cached_property
    def pairs(self) -> tuple[I64, I64]:
        """Rows of two faces that follow each other in one track: (k,) the earlier, (k,) the later."""
        order = np.lexsort((self.time_s, self.track))
        first, second = order[:-1], order[1:]
        is_one_track = (self.track[first] == self.track[second]) & (self.time_s[first] < self.time_s[second])
        return first[is_one_track], second[is_one_track]


def find_face(places: Sequence[Anchor], faces: VideoFaces) -> int | None:
    """Row of the face at the first of some places that has one; None where none has.

    Args:
        places: where one track is seen, in the video of the faces.
        faces: where to look.
    """
    for place in places:
        box = np.array([place.x1, place.y1, place.x2, place.y2])
        found = _at(place.time_s, box, faces)
        if found is None:
            found = _between(place.time_s, box, faces)
        if found is not None:
            return found
    return None


def _at(time_s: float, box: F64, faces: VideoFaces) -> int | None:
    away = np.round(np.abs(faces.time_s - time_s), 3)
    rows = np.flatnonzero(away <= NEAR_S)
    overlap = _overlaps(faces.boxes[rows], box)
    rows, overlap = rows[overlap >= LEAST_IOU], overlap[overlap >= LEAST_IOU]
    return int(rows[np.lexsort((-overlap, away[rows]))[0]]) if len(rows) else None


def _between(time_s: float, box: F64, faces: VideoFaces) -> int | None:
    first, second = faces.pairs
    is_around = (faces.time_s[first] < time_s) & (time_s < faces.time_s[second])
    first, second = first[is_around], second[is_around]
    if not len(first):
        return None
    share = ((time_s - faces.time_s[first]) / (faces.time_s[second] - faces.time_s[first]))[:, None]
    overlap = _overlaps(faces.boxes[first] + share * (faces.boxes[second] - faces.boxes[first]), box)
    best = int(overlap.argmax())
    if overlap[best] < LEAST_IOU:
        return None
    return int(first[best] if share[best, 0] <= 0.5 else second[best])


def _overlaps(boxes: F64, box: F64) -> F64:
    """(n,) intersection over union of boxes with one box."""
    sides = np.clip(np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2]), 0, None)
    shared = sides.prod(axis=1)
    union = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod() - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))
