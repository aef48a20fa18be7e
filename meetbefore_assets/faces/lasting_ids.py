"""Lasting face ids: a face keeps its id when its video is searched again, and no id moves from one face to another.

The id of a face is made from its video, its frame and its ordinal among the faces of the frame. If other settings or another detector find
one face less, the ordinals of the faces after it move: the second face would get the first one's id, and with it that person's history.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.forgotten_ids import ForgottenIds, forgotten_ids
from meetbefore_assets.home.record.suppression_match import iou
from meetbefore_assets.recordings import identifiers

# Faces of one frame are the same if they overlap at least this much, and each other the most.
LEAST_IOU = 0.3
_BOX = ("x1", "y1", "x2", "y2")


class LastingIds:
    """The ids of one video's faces on record.

    Args:
        content_hash: of the video.
        before: the faces on record: columns face_id, pts, x1, y1, x2, y2; may be empty.
        forgotten: ids that must not be given to another face.
    """

    def __init__(self, content_hash: str, before: pl.DataFrame, forgotten: ForgottenIds) -> None:
        self._content_hash, self._forgotten = content_hash, forgotten
        self._before: Mapping[int, list[tuple[str, float, float, float, float]]] = before.select("pts", "face_id", *_BOX).rows_by_key("pts")

    def give(self, faces: list[dict[str, object]]) -> list[dict[str, object]]:
        """Return the faces of one frame, in their order, each with its lasting id.

        Args:
            faces: rows of DETECTIONS, with a face_id made from their ordinal.
        """
        if not faces:
            return faces
        pts = int(str(faces[0]["pts"]))
        before = self._before.get(pts, [])
        kept = _same(faces, before)
        taken = {known[0] for known in before}
        ids = []
        for place, face in enumerate(faces):
            own = str(face["face_id"])
            if place in kept:
                own = before[kept[place]][0]
            elif own in taken or self._forgotten.has_face(own):
                own = identifiers.face_id_by_place(self._content_hash, pts, [float(str(face[edge])) for edge in _BOX])
            taken.add(own)
            ids.append(own)
        return [{**face, "face_id": face_id} for face, face_id in zip(faces, ids, strict=True)]


def _same(faces: list[dict[str, object]], before: list[tuple[str, float, float, float, float]]) -> dict[int, int]:
    """Index of a face -> index of the face before, for pairs that are each other's best match."""
    if not before:
        return {}
    overlap = iou(
        np.array([[face[edge] for edge in _BOX] for face in faces], np.float32), np.array([known[1:] for known in before], np.float32)
    )
    best, best_before = overlap.argmax(axis=1), overlap.argmax(axis=0)
    return {place: int(known) for place, known in enumerate(best) if overlap[place, known] >= LEAST_IOU and best_before[known] == place}


def lasting_ids(home: Home, video_id: str, content_hash: str) -> LastingIds:
    """Read the ids of a video's faces on record, before the video is searched again."""
    columns = ["face_id", "pts", *_BOX]
    is_there = home.store.stamp("detections", video_id) is not None
    before = home.store.get("detections", video_id, columns) if is_there else pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return LastingIds(content_hash, before, forgotten_ids(home))
