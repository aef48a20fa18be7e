"""Vector arithmetic that gives the same bits whatever the order of rows and the size of blocks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.ports import F32, I64, U64

_BLOCK = 65536
# Numbers that are worked on at once: what stays near the processor. Blocks of 65,536 rows of 512 took three times as long, most of it for
# memory that the system had to give and take back.
_NUMBERS = 2**19


@dataclass(frozen=True)
class Rows:
    """Some rows of a matrix, in some order, which are not copied: a million vectors of 128 numbers are half a gigabyte.

    Attributes:
        matrix: (n, d) float32.
        rows: (m,) int64 rows of it; one may occur several times.
    """

    matrix: F32
    rows: I64

    @classmethod
    def all(cls, matrix: F32) -> "Rows":
        """Every row of a matrix, as they come."""
        return cls(matrix, np.arange(len(matrix), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: I64 | slice = slice(None)) -> F32:
        """(k, d) a copy of some of them."""
        # None lies outside; "clip" spares the look for one that does, a third of the time.
        return np.take(self.matrix, self.rows[which], axis=0, mode="clip")

    def blocks(self) -> Iterator[tuple[slice, F32]]:
        """Which, and copies of them, a block at a time; a block is gone when the next one comes."""
        room = np.empty((min(_BLOCK, len(self.rows)), self.matrix.shape[1]), self.matrix.dtype)
        for start in range(0, len(self.rows), _BLOCK):
            rows = self.rows[start : start + _BLOCK]
            yield slice(start, start + len(rows)), np.take(self.matrix, rows, axis=0, mode="clip", out=room[: len(rows)])


def rows_at_once(vectors: F32) -> int:
    """Of (m, d) vectors, so that a copy of them stays near the processor."""
    return max(1, _NUMBERS // max(1, int(vectors.shape[1])))


def content_hash(vectors: F32) -> U64:
    """(m,) uint64 hash of each row of (m, d) float32: an order of rows that depends on what they hold."""
    powers = np.cumprod(np.full(vectors.shape[1], 0x9E3779B97F4A7C15, dtype=np.uint64))
    hashes = np.empty(len(vectors), np.uint64)
    size = rows_at_once(vectors)
    for start in range(0, len(vectors), size):
        words = np.ascontiguousarray(vectors[start : start + size], dtype=np.float32).view(np.uint32)
        hashes[start : start + size] = words.astype(np.uint64) @ powers
    return hashes


def dot_pairs(vectors: F32, pairs: I64) -> F32:
    """Dot products of pairs of rows.

    Each is summed in the same order wherever it stands; BLAS gives other last bits for blocks of other sizes, and then a
    pair at the threshold would depend on when its video arrived.

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
