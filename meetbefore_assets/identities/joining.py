"""Joins groups by mutual-best pairs over a sparse graph of similar tracks.

A round joins the pairs of groups that reach the threshold and are the best of both groups. Only neighbours of joined groups are compared
again, so the work of a round shrinks with the number of its joins. So it does not matter that somebody who is always there takes many
rounds (1,300 in a million tracks), or that one component has most of the archive.
"""

from typing import Protocol

import numpy as np

from meetbefore_assets.core.ports import F32, F64, I64, Bool
from meetbefore_assets.identities.alike_pairs import AlikePairs
from meetbefore_assets.identities.edges import Edges
from meetbefore_assets.identities.group_neighbours import APART, Neighbourhoods, highest_per_key
from meetbefore_assets.identities.vectors import Rows


class Linkage(Protocol):
    """Similarity of two groups, computed from sums that are kept for each group."""

    def begin(self, rows: I64, group: I64, count: int) -> None:
        """Start with groups 0..count-1: sum up the rows of each; every group has at least one."""

    def join(self, stays: I64, goes: I64, is_sought: Bool) -> None:
        """Add the sums of groups `goes` to `stays`; groups that are not sought will not be compared again."""

    def similarity(self, pairs: I64, nearest: F32) -> F64:
        """(e,) similarities of (2, e) pairs of groups; `nearest` is the highest cosine between their rows."""


class Groups:
    """Groups that are being joined: pairs with an edge between them, and pairs that are kept apart.

    Args:
        linkage: similarity of groups.
        bound: (m,) int64, initial group of each row, numbered from 0.
        edges: pairs of rows with their cosines.
        apart: (c, 2) int64 pairs of groups that are never joined.

    Attributes:
        joins: for each round so far, (2, j) groups that stayed and groups that were joined into them.
    """

    def __init__(self, linkage: Linkage, bound: I64, edges: Edges, apart: I64) -> None:
        self._all = int(bound.max()) + 1 if len(bound) else 0
        self.joins: list[I64] = []
        pairs = bound[edges.pairs.T]
        is_near = np.zeros(self._all, np.bool_)
        is_near[pairs] = True
        # Groups without edges do not change: only the others are numbered, in the same order.
        self._numbers = np.flatnonzero(is_near)
        count = len(self._numbers)
        place = np.cumsum(is_near) - 1
        rows = np.flatnonzero(is_near[bound])
        self._linkage = linkage
        linkage.begin(rows, place[bound[rows]], count)
        apart = place[apart[is_near[apart].all(axis=1)]].T
        keys = _keys(np.concatenate([place[pairs], apart], axis=1), count)
        keys, self._nearest = highest_per_key(keys, np.concatenate([edges.cosine, np.full(apart.shape[1], APART)]))
        self._pairs = np.stack(np.divmod(keys, max(count, 1)))
        is_two = self._pairs[0] != self._pairs[1]
        self._pairs, self._nearest = self._pairs[:, is_two], self._nearest[is_two]
        # Scratch arrays by group, for one round.
        self._first = np.empty(count, np.int64)
        self._is_joined = np.zeros(count, np.bool_)
        self._is_sought = np.zeros(count, np.bool_)

    def join_all(self, threshold: float, alike_pairs: list[I64] | None = None) -> I64:
        """Join until no two groups are similar enough.

        Args:
            threshold: least similarity of two groups that are joined.
            alike_pairs: the (2, e) pairs of groups that reach it are appended, for each round; nothing else decides who is joined.

        Returns:
            (g,) int64, the final group of each initial group.
        """
        near = Neighbourhoods(len(self._numbers), self._pairs, self._nearest)
        is_free = self._nearest < APART
        alike = AlikePairs(len(self._numbers))
        again, similarity = self._alike(self._pairs[:, is_free], self._nearest[is_free], threshold)
        while True:
            alike.add(again, similarity)
            if alike_pairs is not None:
                alike_pairs.append(self._numbers[again])
            chosen = self._one_each(*alike.mutual_best())
            if not chosen.size:
                break
            self.joins.append(self._numbers[chosen])
            owner, other, nearest = self._join(near, chosen)
            alike.drop(chosen.ravel(), self._is_joined)
            # Two groups that were both joined appear twice, as neighbours of each other.
            is_once = (nearest < APART) & ((owner < other) | ~self._is_joined[other])
            pairs = np.stack([np.minimum(owner, other), np.maximum(owner, other)])[:, is_once]
            self._is_joined[chosen] = False
            again, similarity = self._alike(pairs, nearest[is_once], threshold)
        label = np.arange(self._all, dtype=np.int64)
        label[self._numbers] = self._numbers[near.found(np.arange(len(self._numbers)))]
        return label

    def _one_each(self, a: I64, b: I64) -> I64:
        """Of equally similar pairs that share a group, keep the first by row; rows are sorted by content."""
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
        self._is_joined[chosen] = True
        owner, other, nearest = near.join(stays, goes)
        # Groups without joinable neighbours are never compared again.
        self._is_sought[stays] = False
        self._is_sought[owner[nearest < APART]] = True
        self._linkage.join(stays, goes, self._is_sought[stays])
        return owner, other, nearest

    def _alike(self, pairs: I64, nearest: F32, threshold: float) -> tuple[I64, F64]:
        """The pairs among (2, e) pairs of groups that reach the threshold, and their similarities."""
        similarity = self._linkage.similarity(pairs, nearest)
        is_alike = similarity >= threshold
        return pairs[:, is_alike], similarity[is_alike]


def sum_by_group(vectors: Rows, rows: I64, group: I64) -> F32:
    """Sums of rows by group; every group has at least one row."""
    rows, begins = by_group(rows, group)
    ordered = vectors.take(rows)
    return ordered if len(begins) == len(rows) else np.add.reduceat(ordered, begins, axis=0)


def by_group(rows: I64, group: I64) -> tuple[I64, I64]:
    """Rows sorted by group, and the start of each group among them."""
    if (group[1:] < group[:-1]).any():
        order = np.argsort(group, kind="stable")
        rows, group = rows[order], group[order]
    return rows, np.flatnonzero(np.diff(group, prepend=-1))


def _keys(pairs: I64, count: int) -> I64:
    """One number for each of (2, e) pairs of groups, independent of their order."""
    return np.asarray(np.minimum(pairs[0], pairs[1]) * count + np.maximum(pairs[0], pairs[1]))
