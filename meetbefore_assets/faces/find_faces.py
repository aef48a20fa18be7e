"""Detects the faces of one picture, drops those that fail the gates, and aligns a crop of each of the rest."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.ports import U8, FaceDetector, FaceImaging
from meetbefore_assets.core.schema.columns import THUMBNAIL_SIDE_PX
from meetbefore_assets.faces.alignment import alignment_matrices
from meetbefore_assets.faces.gates import gate, gate_sharpness, is_turned_away
from meetbefore_assets.faces.quality import frontality, quality, sharpness
from meetbefore_assets.home.settings.sections import DetectionSettings

# Faces from this score on are detected, so that those dropped for a low score are counted.
COUNTED_SCORE = 0.4


@dataclass(frozen=True)
class FaceFinder:
    """Detects faces and applies the gates; any number of threads may share one.

    Attributes:
        min_score: least detector score, 0..1.
    """

    detector: FaceDetector
    imaging: FaceImaging
    settings: DetectionSettings
    min_score: float

    def find(self, image: U8, dropped: Counter[str]) -> list[dict[str, object]]:
        """The faces of one picture that pass the gates, in a stable order.

        Args:
            image: upright, (height, width, 3), B, G, R.
            dropped: counts those that do not pass, by reason.

        Returns:
            For each the columns of DETECTIONS that the picture alone tells.
        """
        found = self.detector.detect(image, min_score=min(COUNTED_SCORE, self.min_score), max_side=self.settings.max_side)
        batch, counts = gate(found, (image.shape[1], image.shape[0]), self.min_score, self.settings.min_face_px)
        dropped.update(counts)
        if not len(batch):
            return []
        crops = self.imaging.align(image, alignment_matrices(batch.landmarks))
        sharp, front = sharpness(crops), frontality(batch.landmarks)
        is_sharp = gate_sharpness(sharp, self.settings)
        is_turned = is_turned_away(front, batch.scores, self.settings)
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
                "crop": self.imaging.encode_crop(crops[i]),
                "thumbnail": self.imaging.thumbnail(image, batch.boxes[i], THUMBNAIL_SIDE_PX),
            }
            for i in np.flatnonzero(is_sharp & ~is_turned)
        ]
