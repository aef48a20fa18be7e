"""Which pairs of groups are each other's best: kept while groups are joined, so that a round looks at what changed.

All pairs are in one order: by similarity, the highest first, and of equally similar ones by their groups. A pair is mutual if it is the
first of both its groups. Pairs of groups that were joined a short while ago are moving and looked at in every round; the others
are at rest: each group has them in order, and only loses some, from the front, as others are joined.
"""

import numpy as np

from meetbefore_assets.domain.neighbourhoods import stretches
from meetbefore_assets.domain.ports import F64, I64, Bool

# Pairs are put to rest where so many move, and so many more than changed, and than there are at rest, that sorting them pays.
FEWEST, UNCHANGED, AT_REST = 4096, 8, 1 / 16


class Candidates:
    """Pairs of groups 0..count-1 that are similar enough to be joined.

    Args:
        count: number of groups.
        pairs: (2, e) int64, the smaller group first, no pair twice.
        similarity: (e,)
    """

    def __init__(self, count: int, pairs: I64, similarity: F64) -> None:
        self._count = count
        self._moving, self._its = pairs, similarity
        self._has_moved = np.ones(count, np.bool_)
        # Of groups at rest: others and similarities, best first, from `top` to `end`; those that moved are passed over at `top`.
        self._other, self._similarity = np.empty(0, np.int64), np.empty(0, np.float64)
        self._top, self._end = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self._mutual: I64 = np.empty((2, 0), np.int64)
        # Notes on groups, of the round alone.
        self._best, self._first = np.empty(count, np.float64), np.empty(count, np.int64)
        self._is_joined = np.zeros(count, np.bool_)

    def mutual(self) -> I64:
        """(2, j) pairs that are the first of both their groups; no group twice."""
        seen = self._moving.ravel()
        seen = seen[~self._has_moved[seen]]
        seen = seen[self._top[seen] < self._end[seen]]
        at_rest = np.stack([seen, self._other[self._top[seen]]])
        pairs = np.concatenate([self._moving, self._mutual, np.sort(at_rest, axis=0)], axis=1)
        similarity = np.concatenate([self._its, self._similarity[self._top[self._mutual[0]]], self._similarity[self._top[seen]]])
        is_first = self._is_first(pairs, similarity)
        # The last only say what is better: whether they are the first of their other group is not known from here.
        is_first[self._moving.shape[1] + self._mutual.shape[1] :] = False
        return pairs[:, is_first]

    def _is_first(self, pairs: I64, similarity: F64) -> Bool:
        best, first, keys = self._best, self._first, pairs[0] * self._count + pairs[1]
        best[pairs] = -np.inf
        first[pairs] = self._count**2
        for groups in pairs:
            np.maximum.at(best, groups, similarity)
        is_best = best[pairs] == similarity
        for side in range(2):
            np.minimum.at(first, pairs[side, is_best[side]], keys[is_best[side]])
        return np.asarray(is_best.all(axis=0) & (first[pairs] == keys).all(axis=0))

    def replace(self, joined: I64, pairs: I64, similarity: F64) -> None:
        """Drop all pairs of groups that were joined, and take the pairs that those have now.

        Args:
            joined: (2, j) pairs that were joined.
            pairs: (2, e) int64, the smaller group first, no pair twice; one of each was joined.
            similarity: (e,)
        """
        groups = joined.ravel()
        self._is_joined[groups] = True
        left = np.flatnonzero(~(self._is_joined[self._moving[0]] | self._is_joined[self._moving[1]]))
        self._is_joined[groups] = False
        self._moving = np.concatenate([self._moving[:, left], pairs], axis=1)
        self._its = np.concatenate([self._its[left], similarity])
        self._move(groups[~self._has_moved[groups]])
        moving = len(self._its)
        if moving > FEWEST and moving > UNCHANGED * len(similarity) and moving > AT_REST * len(self._other):
            self._settle()

    def _move(self, groups: I64) -> None:
        """Groups that were at rest are not any more: whoever had them first has another first now."""
        if not len(groups):
            return
        self._has_moved[groups] = True
        near = self._other[stretches(self._top[groups], self._end[groups] - self._top[groups])]
        near = np.unique(near[~self._has_moved[near]])
        before = self._top[near]
        passing = near
        while len(passing):
            passing = passing[self._top[passing] < self._end[passing]]
            passing = passing[self._has_moved[self._other[self._top[passing]]]]
            self._top[passing] += 1
        kept = ~self._has_moved[self._mutual].any(axis=0)
        self._mutual = np.concatenate([self._mutual[:, kept], self._mutual_of(near[self._top[near] > before])], axis=1)

    def _mutual_of(self, groups: I64) -> I64:
        """Pairs of groups at rest that are the first of both, one of them among the given ones."""
        groups = groups[self._top[groups] < self._end[groups]]
        other = self._other[self._top[groups]]
        is_both = self._other[self._top[other]] == groups
        self._is_joined[groups] = True
        is_once = (groups < other) | ~self._is_joined[other]
        self._is_joined[groups] = False
        return np.sort(np.stack([groups, other])[:, is_both & is_once], axis=0)

    def _settle(self) -> None:
        """Put all pairs to rest."""
        resting = np.flatnonzero(~self._has_moved)
        length = self._end[resting] - self._top[resting]
        at, owner = stretches(self._top[resting], length), np.repeat(resting, length)
        at, owner = (kept[(owner < self._other[at]) & ~self._has_moved[self._other[at]]] for kept in (at, owner))
        pairs = np.concatenate([np.stack([owner, self._other[at]]), self._moving], axis=1)
        similarity = np.tile(np.concatenate([self._similarity[at], self._its]), 2)
        owner, other = pairs.ravel(), pairs[::-1].ravel()
        order = np.lexsort((other, -similarity, owner))
        self._other, self._similarity = other[order], similarity[order]
        self._end = np.cumsum(np.bincount(owner, minlength=self._count))
        self._top = np.concatenate([[0], self._end[:-1]])
        self._has_moved[:] = False
        self._moving, self._its = np.empty((2, 0), np.int64), np.empty(0, np.float64)
        self._mutual = np.empty((2, 0), np.int64)
        self._mutual = self._mutual_of(np.arange(self._count))
