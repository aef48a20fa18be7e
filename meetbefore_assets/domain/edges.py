"""Similar pairs of tracks: the sparse graph that people are found in."""

from dataclasses import dataclass

import numpy as np

from meetbefore_assets.domain.ports import F32, I64
from meetbefore_assets.domain.vectors import dot_pairs

_BLOCK = 2048
# BLAS is this near to the sum in a fixed order (128 and 512 dimensions, unit rows: 4e-7 at the most).
ROUNDING = 1e-5


@dataclass(frozen=True)
class Edges:
    """Pairs of rows, none twice.

    Attributes:
        pairs: (e, 2) int64.
        cosine: (e,) float32.
    """

    pairs: I64
    cosine: F32

    def above(self, floor: float) -> "Edges":
        """Those of `floor` and more."""
        is_kept = self.cosine >= floor
        return Edges(self.pairs[is_kept], self.cosine[is_kept])


def all_edges(vectors: F32, floor: float) -> Edges:
    """All pairs of rows of (m, d) unit vectors whose cosine reaches the floor, by comparing every two."""
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(vectors), _BLOCK):
        similarity = vectors[start : start + _BLOCK] @ vectors[start:].T
        i, j = np.nonzero(np.triu(similarity >= floor - ROUNDING, 1))
        pairs.append(np.stack([i, j], axis=1) + start)
    return exact(vectors, np.concatenate(pairs), floor)


def exact(vectors: F32, pairs: I64, floor: float) -> Edges:
    """Pairs of rows with their cosine in the one way it is always computed, those that reach the floor."""
    return Edges(pairs, dot_pairs(vectors, pairs)).above(floor)
