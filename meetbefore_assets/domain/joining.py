"""Groups that grow by mutual-best joins over a sparse graph of similar pairs.

A round looks at every pair of groups between which there is an edge; a pair that is the best of both its groups, and
reaches the threshold, is joined. Only the pairs of groups that were joined are looked at again, so the work of a round
falls with the number of its joins, and a component that holds most of the archive is nothing special.
"""

import numpy as np

from meetbefore_assets.domain.edges import Edges
from meetbefore_assets.domain.ports import F32, F64, I64, Bool

_BLOCK = 65536


class Groups:
    """Sums of the groups' vectors, the pairs of groups with an edge between them, and who is kept apart.

    Args:
        vectors: (m, d) float32.
        penalty: (m,) float32, taken off the similarities of each row.
        bound: (m,) int64, the group each row begins in, numbered from 0.
        edges: pairs of rows with their corrected similarities.
        apart: (c, 2) int64 pairs of groups that are never one.
    """

    def __init__(self, vectors: F32, penalty: F32, bound: I64, edges: Edges, apart: I64) -> None:
        count = int(bound.max()) + 1 if len(bound) else 0
        self._size = np.bincount(bound, minlength=count).astype(np.float64)
        self._sums = _summed(vectors, bound, count)
        self._penalty: F64 = np.bincount(bound, penalty, minlength=count).astype(np.float64)
        self._into = np.arange(count, dtype=np.int64)
        self._apart = apart.reshape(-1, 2).T
        self._pairs, self._nearest = self._merged(bound[edges.pairs.T], edges.cosine, np.ones(count, np.bool_))
        self._mean = self._means(self._pairs)

    def join_all(self, threshold: float, nearest_share: float) -> I64:
        """Join until no two groups are similar enough.

        Returns:
            (g,) int64, the group that each of the first groups ended in.
        """
        while (chosen := self._mutual_best(threshold, nearest_share)).size:
            self._join(chosen)
        label = self._into
        while (label[label] != label).any():
            label = label[label]
        return label

    def _mutual_best(self, threshold: float, nearest_share: float) -> I64:
        """(2, j) pairs that are the best of both their groups; no group twice."""
        similarity = nearest_share * self._nearest + (1 - nearest_share) * self._mean
        which = np.flatnonzero(similarity >= threshold)
        (a, b), similarity = self._pairs[:, which], similarity[which]
        best = np.full(len(self._size), -np.inf)
        np.maximum.at(best, a, similarity)
        np.maximum.at(best, b, similarity)
        is_best = (best[a] == similarity) & (best[b] == similarity)
        return self._one_each(a[is_best], b[is_best])

    def _one_each(self, a: I64, b: I64) -> I64:
        """Of equally similar pairs that share a group the first, by rows; rows are in order of content."""
        order = np.lexsort((b, a))
        a, b, ranks = a[order], b[order], np.arange(len(order), dtype=np.int64)
        first = np.full(len(self._size), len(order), dtype=np.int64)
        np.minimum.at(first, a, ranks)
        np.minimum.at(first, b, ranks)
        is_first = (first[a] == ranks) & (first[b] == ranks)
        return np.stack([a[is_first], b[is_first]])

    def _join(self, chosen: I64) -> None:
        stays, goes = chosen
        self._into[goes] = stays
        self._sums[stays] += self._sums[goes]
        self._size[stays] += self._size[goes]
        self._penalty[stays] += self._penalty[goes]
        is_joined = np.zeros(len(self._size), np.bool_)
        is_joined[chosen] = True
        self._apart = self._into[self._apart]
        is_touched = is_joined[self._pairs[0]] | is_joined[self._pairs[1]]
        touched, kept = np.flatnonzero(is_touched), np.flatnonzero(~is_touched)
        pairs, nearest = self._merged(self._into[self._pairs[:, touched]], self._nearest[touched], is_joined)
        self._pairs = np.concatenate([self._pairs[:, kept], pairs], axis=1)
        self._nearest = np.concatenate([self._nearest[kept], nearest])
        self._mean = np.concatenate([self._mean[kept], self._means(pairs)])

    def _merged(self, pairs: I64, nearest: F32, is_joined: Bool) -> tuple[I64, F32]:
        """Parallel pairs made one with the highest similarity, without pairs within a group and pairs kept apart."""
        count = max(len(self._size), 1)
        apart = self._apart[:, is_joined[self._apart[0]] | is_joined[self._apart[1]]]
        keys = _keys(pairs, count)
        which = np.flatnonzero((pairs[0] != pairs[1]) & ~np.isin(keys, _keys(apart, count)))
        which = which[np.lexsort((-nearest[which], keys[which]))]
        keys = keys[which]
        is_first = np.ones(len(which), np.bool_)
        is_first[1:] = keys[1:] != keys[:-1]
        return np.stack([keys[is_first] // count, keys[is_first] % count]), nearest[which[is_first]]

    def _means(self, pairs: I64) -> F64:
        """Mean corrected similarity of all rows of one group with all rows of the other, for (2, e) pairs of groups."""
        means = np.empty(pairs.shape[1], np.float64)
        for start in range(0, len(means), _BLOCK):
            a, b = pairs[:, start : start + _BLOCK]
            dot = np.einsum("ij,ij->i", self._sums[a], self._sums[b])
            mean = dot / (self._size[a] * self._size[b]) - self._penalty[a] / self._size[a] - self._penalty[b] / self._size[b]
            means[start : start + _BLOCK] = mean
        return means


def _summed(vectors: F32, bound: I64, count: int) -> F32:
    if count == len(vectors):
        sums = np.empty_like(vectors)
        sums[bound] = vectors
        return sums
    sums = np.zeros((count, vectors.shape[1]), np.float32)
    np.add.at(sums, bound, vectors)
    return sums


def _keys(pairs: I64, count: int) -> I64:
    """One number for each of (2, e) pairs of groups, whichever comes first."""
    return np.asarray(np.minimum(pairs[0], pairs[1]) * count + np.maximum(pairs[0], pairs[1]))
