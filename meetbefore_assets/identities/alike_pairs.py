"""Pairs of groups that are similar enough to be joined, of which only those that may be the best of a group are looked at.

Somebody who is always there is joined track by track, in hundreds of rounds, while the pairs of the tracks that wait are ten times as many
as those of all others. A pair that is less similar than the best of either of its groups decides nothing. So it is set aside until one of
the two has lost what was better.
"""

import numpy as np

from meetbefore_assets.core.ports import F64, I64, Bool

# Fewer pairs, or a smaller share of all, are looked at faster than sorted out.
_FEW, _SHARE = 512, 0.25


class AlikePairs:
    """Pairs of groups 0..count-1 with their similarities."""

    def __init__(self, count: int) -> None:
        self._pairs, self._similarity = _nothing()
        # By group, for those in a pair: its best similarity.
        self._best = np.empty(count, np.float64)
        self._poorer = np.empty(0, np.int64)
        # Pairs that were set aside, the round of each, and by group the best of them and the round in which the group was joined.
        self._aside, self._aside_similarity = _nothing()
        self._since = np.empty(0, np.int64)
        self._best_aside = np.full(count, -np.inf)
        self._joined = np.full(count, -1, np.int64)
        self._is_poor = np.zeros(count, np.bool_)
        self._round = 0

    def add(self, pairs: I64, similarity: F64) -> None:
        """Add (2, e) pairs that are not there yet."""
        self._pairs = np.concatenate([self._pairs, pairs], axis=1)
        self._similarity = np.concatenate([self._similarity, similarity])

    def mutual_best(self) -> I64:
        """(2, j) pairs that are the best of both groups; a group may be in several that are equally similar."""
        self._find_best()
        aside = self._best_aside[self._poorer]
        poor = self._poorer[(aside >= self._best[self._poorer]) & (aside > -np.inf)]
        if len(poor):
            self._take_back(poor)
            self._find_best()
        best_a, best_b = self._best[self._pairs]
        is_low = (best_a > self._similarity) & (best_b > self._similarity)
        if np.count_nonzero(is_low) > max(_FEW, _SHARE * len(is_low)):
            self._set_aside(is_low)
            best_a, best_b = best_a[~is_low], best_b[~is_low]
        return np.asarray(self._pairs[:, (best_a == self._similarity) & (best_b == self._similarity)])

    def drop(self, groups: I64, is_joined: Bool) -> None:
        """Drop the pairs of groups that are joined now, which are others from now on; `is_joined` marks them among all."""
        is_left = ~is_joined[self._pairs].any(axis=0)
        ends = self._pairs[:, ~is_left].ravel()
        self._poorer = ends[~is_joined[ends]]
        self._pairs, self._similarity = self._pairs[:, is_left], self._similarity[is_left]
        self._joined[groups], self._best_aside[groups] = self._round, -np.inf
        self._round += 1

    def _find_best(self) -> None:
        self._best[self._poorer] = self._best[self._pairs] = -np.inf
        for ends in self._pairs:
            np.maximum.at(self._best, ends, self._similarity)

    def _set_aside(self, is_low: Bool) -> None:
        pairs, similarity = self._pairs[:, is_low], self._similarity[is_low]
        for ends in pairs:
            np.maximum.at(self._best_aside, ends, similarity)
        self._aside = np.concatenate([self._aside, pairs], axis=1)
        self._aside_similarity = np.concatenate([self._aside_similarity, similarity])
        self._since = np.concatenate([self._since, np.full(len(similarity), self._round)])
        self._pairs, self._similarity = self._pairs[:, ~is_low], self._similarity[~is_low]

    def _take_back(self, groups: I64) -> None:
        """Look again at the pairs of some groups that were set aside; those of groups that were joined meanwhile are gone."""
        self._is_poor[groups] = True
        is_there = (self._joined[self._aside] < self._since).all(axis=0)
        is_back = self._is_poor[self._aside].any(axis=0)
        self._is_poor[groups], self._best_aside[groups] = False, -np.inf
        back, stays = is_there & is_back, is_there & ~is_back
        self.add(self._aside[:, back], self._aside_similarity[back])
        self._aside, self._aside_similarity, self._since = self._aside[:, stays], self._aside_similarity[stays], self._since[stays]


def _nothing() -> tuple[I64, F64]:
    return np.empty((2, 0), np.int64), np.empty(0, np.float64)
