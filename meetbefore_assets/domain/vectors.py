"""Arithmetic on many vectors that gives the same bits whatever the order of rows and the size of blocks."""

import numpy as np

from meetbefore_assets.domain.ports import F32, I64, U64

_BLOCK = 65536


def content_hash(vectors: F32) -> U64:
    """(m,) uint64 hash of each row of (m, d) float32: an order of rows that depends on what they hold."""
    powers = np.cumprod(np.full(vectors.shape[1], 0x9E3779B97F4A7C15, dtype=np.uint64))
    hashes = np.empty(len(vectors), np.uint64)
    for start in range(0, len(vectors), _BLOCK):
        words = np.ascontiguousarray(vectors[start : start + _BLOCK], dtype=np.float32).view(np.uint32)
        hashes[start : start + _BLOCK] = words.astype(np.uint64) @ powers
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
    for start in range(0, len(pairs), _BLOCK):
        block = pairs[start : start + _BLOCK]
        np.einsum("ij,ij->i", vectors[block[:, 0]], vectors[block[:, 1]], out=dots[start : start + _BLOCK])
    return dots
