"""Similarity edges: the sparse graph of similar pairs of tracks, and its update when an archive grows.

Every track keeps its nearest neighbours above a floor; a pair is an edge if either end has the other among its nearest. A pair that is
among the nearest in a large archive is so in every smaller part of it. So adding the edges of new tracks in both directions, and then
keeping only each track's nearest (`nearest_only`), gives the same graph in whatever order videos are imported.

A large archive that is imported at once is searched in cells (`vector_index/faiss_memory`), which miss some pairs. A missing pair does not
count as dissimilar: groups are compared by the mean of all their pairs, computed from sums.
"""

import math
import threading
from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.ports import F32, I64, U32, Bool, MakeIndex, VectorIndex
from meetbefore_assets.identities.vectors import dot_pairs

# Lowest cosine of an edge: strangers have 0.1 on average, and no archive is grouped below 0.35.
FLOOR = 0.20
# Tolerance for products of BLAS and Faiss against the sum in a fixed order (128 and 512 dimensions, unit rows: at most 4e-7 apart).
ROUNDING = 1e-5
# Extra neighbours asked for, because an index may swap two that are almost equally near.
_SPARE = 4
# Up to so many new tracks are compared with an archive by a matrix product, more by an index.
FEW = 2048
_BLOCK = 2048
_SOME = 2**15
_FEWEST, _MOST, _EDGES = 16, 256, 2**23

_SIGN = np.uint32(1 << 31)


@dataclass(frozen=True)
class Edges:
    """Pairs of rows with their cosines, no pair twice.

    Attributes:
        pairs: (e, 2) int64.
        cosine: (e,) float32.
    """

    pairs: I64
    cosine: F32

    def above(self, floor: float) -> "Edges":
        """The edges with a cosine of at least `floor`."""
        return self.of(np.flatnonzero(self.cosine >= floor))

    def of(self, which: I64) -> "Edges":
        """The edges at these positions."""
        return Edges(self.pairs[which], self.cosine[which])

    def placed(self, row_of: I64) -> "Edges":
        """Renumber rows by `row_of`; edges with an end that maps to -1 are dropped."""
        pairs = row_of[self.pairs]
        if len(row_of) and row_of.min() >= 0:
            return Edges(pairs, self.cosine)
        return Edges(pairs, self.cosine).of(np.flatnonzero((pairs[:, 0] >= 0) & (pairs[:, 1] >= 0)))

    def and_also(self, others: "Edges") -> "Edges":
        """Concatenate with other edges, which must not have a pair in common."""
        return Edges(np.concatenate([self.pairs, others.pairs]), np.concatenate([self.cosine, others.cosine]))


NO_EDGES = Edges(np.empty((0, 2), np.int64), np.empty(0, np.float32))


def neighbours_for(tracks: int) -> int:
    """Number of nearest neighbours that a track keeps: all that matter in a small archive, 16 of a million.

    It never rises with the size of the archive; so an archive that grew has the same edges as one that was imported at once.
    """
    return max(_FEWEST, min(_MOST, _EDGES >> max(tracks - 1, 0).bit_length()))


def all_edges(vectors: F32, floor: float) -> Edges:
    """All pairs of rows of (m, d) unit vectors with a cosine of at least `floor`, by brute force."""
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(vectors), _BLOCK):
        similarity = vectors[start : start + _BLOCK] @ vectors[start:].T
        i, j = np.nonzero(np.triu(similarity >= floor - ROUNDING, 1))
        pairs.append(np.stack([i, j], axis=1) + start)
    return exact_edges(vectors, np.concatenate(pairs), floor)


class ComparedEdges:
    """Answers `all_edges` for several floors: those of the lowest floor so far are kept. Safe to call from threads.

    Args:
        vectors: (m, d) float32 unit rows.
    """

    def __init__(self, vectors: F32) -> None:
        self._vectors, self._floor, self._edges, self._lock = vectors, math.inf, NO_EDGES, threading.Lock()

    def above(self, floor: float) -> Edges:
        """All pairs of rows with a cosine of at least `floor`."""
        with self._lock:
            if floor < self._floor:
                self._edges, self._floor = all_edges(self._vectors, floor), floor
            edges = self._edges
        return edges.above(floor)


def exact_edges(vectors: F32, pairs: I64, floor: float) -> Edges:
    """Compute the cosines of pairs of rows in a reproducible way, and keep those of at least `floor`."""
    return Edges(pairs, dot_pairs(vectors, pairs)).above(floor)


def find_edges(make_index: MakeIndex, vectors: F32, is_new: Bool, weakest: F32, neighbours: int, floor: float = FLOOR) -> Edges:
    """Find the edges of new tracks: to their nearest, and to tracks that they are among the nearest of.

    Args:
        make_index: builds an index over vectors.
        vectors: (m, d) float32, unit rows, old and new; may be memory-mapped, and is read in blocks.
        is_new: (m,) bool.
        weakest: (m,) cosine needed to be among the nearest of each track, see `weakest_kept`.
        neighbours: number that a track keeps.
        floor: least cosine.

    Returns:
        Edges with at least one new track.
    """
    new, old = np.flatnonzero(is_new), np.flatnonzero(~is_new)
    if not len(new):
        return NO_EDGES
    least = np.maximum(np.where(is_new, -1, weakest), floor).astype(np.float32)
    if len(new) <= FEW:
        keys = _nearest_of_few(vectors, new, neighbours, least)
    else:
        with make_index(vectors, len(new)) as index:
            keys = _nearest(index, new, np.arange(len(vectors)), vectors, neighbours, np.full(len(vectors), floor))
        if len(old):
            with make_index(vectors[new], len(old)) as index:
                keys = np.concatenate([keys, _nearest(index, old, new, vectors, neighbours, least)])
    keys = np.sort(keys)
    keys = keys[np.diff(keys, prepend=-1) > 0]
    edges = exact_edges(vectors, np.stack([keys // len(vectors), keys % len(vectors)], axis=1), floor)
    needed = np.where(is_new, weakest_kept(edges, len(vectors), neighbours), least)
    return edges.of(np.flatnonzero(edges.cosine >= needed[edges.pairs].min(axis=1)))


def _nearest_of_few(vectors: F32, new: I64, neighbours: int, least: F32) -> I64:
    """Keys of pairs with a few new rows: their nearest (and some more), and the rows that they are among the nearest of.

    A matrix product with a test of every cosine answers both questions: 500 x 100,000 take 0.7 s, and Faiss in both directions 4.5 s.
    """
    wanted, queries = neighbours + 1 + _SPARE, vectors[new]
    bound, keys = least[new], []
    if len(vectors) > wanted:
        # A lower bound from some vectors: the nearest among all are at least as near as the nearest among some.
        among_some = queries @ vectors[:_SOME].T
        bound = np.maximum(bound, np.partition(among_some, -wanted, axis=1)[:, -wanted])
    for start in range(0, len(vectors), _BLOCK * 2):
        cosine, here = vectors[start : start + _BLOCK * 2] @ queries.T, least[start : start + _BLOCK * 2]
        # One pass over all cosines with the lowest bound; the exact bounds are only tested for the few that pass.
        other, mine = np.divmod(np.flatnonzero(cosine >= min(bound.min(), here.min()) - ROUNDING), len(new))
        value = cosine[other, mine] + np.float32(ROUNDING)
        is_near = (value >= bound[mine]) | (value >= here[other])
        other, mine = other[is_near], mine[is_near]
        rows, other = new[mine], other + start
        is_pair = rows != other
        keys.append((np.minimum(rows, other) * len(vectors) + np.maximum(rows, other))[is_pair])
    return np.concatenate(keys)


def _nearest(index: VectorIndex, queries: I64, indexed: I64, vectors: F32, neighbours: int, least: F32) -> I64:
    """Keys of the pairs of each queried row with its nearest indexed rows."""
    keys = [np.empty(0, np.int64)]
    wanted = min(neighbours + 1 + _SPARE, len(indexed))
    for start in range(0, len(queries), _BLOCK * 16):
        rows = queries[start : start + _BLOCK * 16]
        cosine, place = index.search(vectors[rows], wanted)
        other = indexed[np.maximum(place, 0)]
        is_edge = (place >= 0) & (cosine >= (least[rows] - ROUNDING)[:, None]) & (other != rows[:, None])
        mine = np.broadcast_to(rows[:, None], other.shape)[is_edge]
        keys.append(np.minimum(mine, other[is_edge]) * len(vectors) + np.maximum(mine, other[is_edge]))
    return np.concatenate(keys)


def weakest_kept(edges: Edges, tracks: int, neighbours: int) -> F32:
    """(m,) cosine of the last of each track's nearest neighbours; -1 if it has fewer."""
    weakest = np.full(tracks, -1, np.float32)
    # Row and falling cosine packed into one number sort ten times as fast as two columns.
    packed = edges.pairs.astype(np.uint64)
    packed <<= np.uint64(32)
    packed |= (~_rising(edges.cosine))[:, None]
    packed = packed.ravel()
    packed.sort()
    degree = np.bincount(edges.pairs.ravel(), minlength=tracks)
    is_full = degree >= neighbours
    last = (np.cumsum(degree) - degree + neighbours - 1)[is_full]
    weakest[is_full] = _cosine(~packed[last].astype(np.uint32))
    return weakest


def nearest_only(edges: Edges, tracks: int, neighbours: int) -> Edges:
    """Keep the edges of which one end has the other among its nearest (equally near ones are all kept).

    Args:
        edges: edges; for every track, all pairs nearer than its farthest edge must be included.
        tracks: number of rows.
        neighbours: number that a track keeps.
    """
    if np.bincount(edges.pairs.ravel(), minlength=1).max() <= neighbours:
        return edges
    weakest = weakest_kept(edges, tracks, neighbours)
    is_kept = (edges.cosine >= weakest[edges.pairs[:, 0]]) | (edges.cosine >= weakest[edges.pairs[:, 1]])
    return Edges(edges.pairs[is_kept], edges.cosine[is_kept])


def _rising(cosine: F32) -> U32:
    """Map cosines to integers in the same order: the bits of the float, inverted for negative ones."""
    bits = np.ascontiguousarray(cosine).view(np.int32)
    turned = bits >> 31  # all ones for negative numbers
    turned &= 0x7FFFFFFF
    turned ^= bits
    return turned.view(np.uint32) ^ _SIGN


def _cosine(rising: U32) -> F32:
    return np.where(rising & _SIGN, rising & ~_SIGN, ~rising).view(np.float32)
