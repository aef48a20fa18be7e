"""Reproducible vector arithmetic: the same bits for any order of rows and any block size."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.ports import F32, I64, U64

_BLOCK = 65536
# Numbers per block, so that a block stays in the processor's cache. Blocks of 65,536 rows of 512 took three times as long, mostly for
# allocating and releasing memory.
_NUMBERS = 2**19


@dataclass(frozen=True)
class Rows:
    """A view of some rows of a matrix, in some order, without a copy: a million vectors of 128 numbers are half a gigabyte.

    Attributes:
        matrix: (n, d) float32.
        rows: (m,) int64 row numbers; may repeat.
    """

    matrix: F32
    rows: I64

    @classmethod
    def all(cls, matrix: F32) -> "Rows":
        """All rows of a matrix, in order."""
        return cls(matrix, np.arange(len(matrix), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: I64 | slice = slice(None)) -> F32:
        """(k, d) copy of some of the rows."""
        # No row is out of range; "clip" saves the check, a third of the time.
        return np.take(self.matrix, self.rows[which], axis=0, mode="clip")

    def blocks(self) -> Iterator[tuple[slice, F32]]:
        """Slices and copies of the rows, block by block; a block is released when the next one is read."""
        room = np.empty((min(_BLOCK, len(self.rows)), self.matrix.shape[1]), self.matrix.dtype)
        for start in range(0, len(self.rows), _BLOCK):
            rows = self.rows[start : start + _BLOCK]
            yield slice(start, start + len(rows)), np.take(self.matrix, rows, axis=0, mode="clip", out=room[: len(rows)])


def rows_at_once(vectors: F32) -> int:
    """Number of rows of (m, d) vectors in a block that stays in the processor's cache."""
    return max(1, _NUMBERS // max(1, int(vectors.shape[1])))


def content_hash(vectors: F32) -> U64:
    """(m,) uint64 hash of each row of (m, d) float32, to sort rows by content."""
    powers = np.cumprod(np.full(vectors.shape[1], 0x9E3779B97F4A7C15, dtype=np.uint64))
    hashes = np.empty(len(vectors), np.uint64)
    size = rows_at_once(vectors)
    for start in range(0, len(vectors), size):
        words = np.ascontiguousarray(vectors[start : start + size], dtype=np.float32).view(np.uint32)
        hashes[start : start + size] = words.astype(np.uint64) @ powers
    return hashes


def dot_pairs(vectors: F32, pairs: I64) -> F32:
    """Dot products of pairs of rows.

    Each is summed in a fixed order. BLAS gives different last bits for different block sizes, and then a pair at the threshold would depend
    on when its video was imported.

    Args:
        vectors: (m, d) float32.
        pairs: (e, 2) int64 rows.

    Returns:
        (e,) float32.
    """
    dots = np.empty(len(pairs), np.float32)
    size = rows_at_once(vectors)
    for start in range(0, len(pairs), size):
        block = pairs[start : start + size]
        np.einsum("ij,ij->i", vectors[block[:, 0]], vectors[block[:, 1]], out=dots[start : start + size])
    return dots
