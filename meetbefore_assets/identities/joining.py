"""Joins groups by mutual-best pairs over a sparse graph of similar tracks.

A round looks at the pairs of groups that reach the threshold; a pair that is the best of both its groups is joined. Only the
neighbours of groups that were joined are looked at again, so the work of a round falls with the number of its joins, however
many rounds somebody takes who is seen all the time (1,300 in a million tracks), and a component that holds most of the archive is
nothing special.
"""

import numpy as np

from meetbefore_assets.core.ports import F32, F64, I64
from meetbefore_assets.identities.edges import Edges
from meetbefore_assets.identities.group_neighbours import APART, Neighbourhoods, highest_per_key
from meetbefore_assets.identities.vectors import Rows, rows_at_once


class Groups:
    """Sums of the groups' vectors, the pairs of groups with an edge between them, and who is kept apart.

    Args:
        vectors: the m rows' vectors, (d,) float32 each.
        penalty: (m,) float32, taken off the similarities of each row.
        bound: (m,) int64, the group each row begins in, numbered from 0.
        edges: pairs of rows with their corrected similarities.
        apart: (c, 2) int64 pairs of groups that are never one.
    """

    def __init__(self, vectors: Rows, penalty: F32, bound: I64, edges: Edges, apart: I64) -> None:
        self._all = int(bound.max()) + 1 if len(bound) else 0
        pairs = bound[edges.pairs.T]
        is_near = np.zeros(self._all, np.bool_)
        is_near[pairs] = True
        # Groups without any edge stay what they are: the others are numbered anew, in the same order.
        self._numbers = np.flatnonzero(is_near)
        count = len(self._numbers)
        place = np.cumsum(is_near) - 1
        rows = np.flatnonzero(is_near[bound])
        of_row = place[bound[rows]]
        self._size = np.bincount(of_row, minlength=count).astype(np.float64)
        self._sums = _summed(vectors, rows, of_row)
        self._penalty: F64 = np.bincount(of_row, penalty[rows], minlength=count).astype(np.float64)
        apart = place[apart[is_near[apart].all(axis=1)]].T
        keys = _keys(np.concatenate([place[pairs], apart], axis=1), count)
        keys, self._nearest = highest_per_key(keys, np.concatenate([edges.cosine, np.full(apart.shape[1], APART)]))
        self._pairs = np.stack(np.divmod(keys, max(count, 1)))
        is_two = self._pairs[0] != self._pairs[1]
        self._pairs, self._nearest = self._pairs[:, is_two], self._nearest[is_two]
        # Notes on groups, of the round alone.
        self._best = np.empty(count, np.float64)
        self._first = np.empty(count, np.int64)
        self._is_joined = np.zeros(count, np.bool_)
        self._is_sought = np.zeros(count, np.bool_)

    def join_all(self, threshold: float, nearest_share: float) -> I64:
        """Join until no two groups are similar enough.

        Returns:
            (g,) int64, the group that each of the first groups ended in.
        """
        near = Neighbourhoods(len(self._numbers), self._pairs, self._nearest)
        is_free = self._nearest < APART
        alike, similarity = self._alike(self._pairs[:, is_free], self._nearest[is_free], threshold, nearest_share)
        while (chosen := self._mutual_best(alike, similarity)).size:
            owner, other, nearest = self._join(near, chosen)
            is_left = ~self._is_joined[alike].any(axis=0)
            # Two that were both joined have each other for neighbours.
            is_once = (nearest < APART) & ((owner < other) | ~self._is_joined[other])
            pairs = np.stack([np.minimum(owner, other), np.maximum(owner, other)])[:, is_once]
            self._is_joined[chosen] = False
            again, its = self._alike(pairs, nearest[is_once], threshold, nearest_share)
            alike = np.concatenate([alike[:, is_left], again], axis=1)
            similarity = np.concatenate([similarity[is_left], its])
        label = np.arange(self._all, dtype=np.int64)
        label[self._numbers] = self._numbers[near.found(np.arange(len(self._numbers)))]
        return label

    def _mutual_best(self, alike: I64, similarity: F64) -> I64:
        """(2, j) pairs that are the best of both their groups; no group twice."""
        a, b = alike
        best = self._best
        best[a] = best[b] = -np.inf
        np.maximum.at(best, a, similarity)
        np.maximum.at(best, b, similarity)
        is_best = (best[a] == similarity) & (best[b] == similarity)
        return self._one_each(a[is_best], b[is_best])

    def _one_each(self, a: I64, b: I64) -> I64:
        """Of equally similar pairs that share a group the first, by rows; rows are in order of content."""
        order = np.lexsort((b, a))
        a, b, ranks = a[order], b[order], np.arange(len(order), dtype=np.int64)
        first = self._first
        first[a] = first[b] = len(order)
        np.minimum.at(first, a, ranks)
        np.minimum.at(first, b, ranks)
        is_first = (first[a] == ranks) & (first[b] == ranks)
        return np.stack([a[is_first], b[is_first]])

    def _join(self, near: Neighbourhoods, chosen: I64) -> tuple[I64, I64, F32]:
        stays, goes = chosen
        self._size[stays] += self._size[goes]
        self._penalty[stays] += self._penalty[goes]
        self._is_joined[chosen] = True
        owner, other, nearest = near.join(stays, goes)
        # Whoever has nobody left to be joined with is never compared again.
        self._is_sought[stays] = False
        self._is_sought[owner[nearest < APART]] = True
        is_sought = self._is_sought[stays]
        self._sums[stays[is_sought]] += self._sums[goes[is_sought]]
        return owner, other, nearest

    def _alike(self, pairs: I64, nearest: F32, threshold: float, nearest_share: float) -> tuple[I64, F64]:
        """Those of (2, e) pairs of groups that reach the threshold, and their similarities."""
        similarity = nearest_share * nearest + (1 - nearest_share) * self._means(pairs, nearest)
        is_alike = similarity >= threshold
        return pairs[:, is_alike], similarity[is_alike]

    def _means(self, pairs: I64, nearest: F32) -> F64:
        """Mean corrected similarity of all rows of one group with all rows of the other, for (2, e) pairs of groups."""
        means: F64 = nearest.astype(np.float64)
        size: F64 = self._size[pairs[0]] * self._size[pairs[1]]
        many = np.flatnonzero(size > 1)
        at_once = rows_at_once(self._sums)
        for start in range(0, len(many), at_once):
            which = many[start : start + at_once]
            a, b = pairs[:, which]
            dot = np.einsum("ij,ij->i", *(np.take(self._sums, rows, axis=0, mode="clip") for rows in (a, b)))
            means[which] = dot / size[which] - self._penalty[a] / self._size[a] - self._penalty[b] / self._size[b]
        return means


def _summed(vectors: Rows, rows: I64, group: I64) -> F32:
    """Sums of some rows by group; every group has one."""
    if (group[1:] < group[:-1]).any():
        order = np.argsort(group, kind="stable")
        rows, group = rows[order], group[order]
    begins = np.flatnonzero(np.diff(group, prepend=-1))
    ordered = vectors.take(rows)
    return ordered if len(begins) == len(rows) else np.add.reduceat(ordered, begins, axis=0)


def _keys(pairs: I64, count: int) -> I64:
    """One number for each of (2, e) pairs of groups, whichever comes first."""
    return np.asarray(np.minimum(pairs[0], pairs[1]) * count + np.maximum(pairs[0], pairs[1]))
