"""Neighbour lists of groups that are being joined, so that a join costs only the neighbours of the two groups.

The neighbours of a group are a slice of one long array. Two groups that are joined get a new slice at its end. Their neighbours keep the
old group numbers, and look up what became of them when they are processed themselves. Slices that are no longer used are removed when the
array is full.
"""

import numpy as np

from meetbefore_assets.core.ports import F32, I64, Bool

# Marks two groups that are never joined: the highest value, so that of parallel edges it is the one that is kept.
APART = np.float32(np.inf)


class Neighbourhoods:
    """Groups 0..count-1, their neighbours, and the groups they were joined into.

    Args:
        count: number of groups.
        pairs: (2, e) int64, no pair twice, no group with itself.
        nearest: (e,) float32, highest similarity between the two, or APART.
    """

    def __init__(self, count: int, pairs: I64, nearest: F32) -> None:
        self._count = count
        self._into = np.arange(count, dtype=np.int64)
        owner = pairs.ravel()
        order = np.argsort(owner, kind="stable")
        self._other = pairs[::-1].ravel()[order]
        self._nearest = np.tile(nearest, 2)[order]
        self._length = np.bincount(owner, minlength=count)
        self._start = np.cumsum(self._length) - self._length
        self._used = len(owner)

    def join(self, stays: I64, goes: I64) -> tuple[I64, I64, F32]:
        """Join pairs of groups, none of which occurs twice.

        Returns:
            For each neighbour of a joined group: (n,) that group, (n,) the neighbour, (n,) their highest similarity or APART.
        """
        self._into[goes] = stays
        both = np.concatenate([stays, goes])
        length = self._length[both]
        at = _stretches(self._start[both], length)
        place = np.repeat(np.tile(np.arange(len(stays)), 2), length)
        other, nearest = self.found(self._other[at]), self._nearest[at]
        is_other = other != stays[place]
        keys, nearest = highest_per_key(place[is_other] * self._count + other[is_other], nearest[is_other])
        place, other = np.divmod(keys, max(self._count, 1))
        self._length[goes] = 0
        self._length[stays] = np.bincount(place, minlength=len(stays))
        self._append(stays, other, nearest)
        return stays[place], other, nearest

    def found(self, groups: I64) -> I64:
        """The current groups of some original groups."""
        now = self._into[groups]
        while ((later := self._into[now]) != now).any():
            now = later
        self._into[groups] = now
        return now

    def _append(self, groups: I64, other: I64, nearest: F32) -> None:
        """Append the neighbours of some groups, in the order of the groups."""
        length = self._length[groups]
        if self._used + len(other) > len(self._other):
            self._length[groups] = 0
            self._clear(len(other))
            self._length[groups] = length
        self._start[groups] = self._used + np.cumsum(length) - length
        self._other[self._used : self._used + len(other)] = other
        self._nearest[self._used : self._used + len(other)] = nearest
        self._used += len(other)

    def _clear(self, more: int) -> None:
        """Remove unused slices, and leave room for twice `more`."""
        groups = np.flatnonzero(self._length)
        length = self._length[groups]
        at = _stretches(self._start[groups], length)
        self._used = len(at)
        room = np.zeros(self._used + 2 * more, np.int64)
        self._other = np.concatenate([self._other[at], room])
        self._nearest = np.concatenate([self._nearest[at], room.astype(np.float32)])
        self._start[groups] = np.cumsum(length) - length


def highest_per_key(keys: I64, nearest: F32) -> tuple[I64, F32]:
    """The distinct keys, rising, with the highest similarity of each."""
    order = np.argsort(keys)
    keys, nearest = keys[order], nearest[order]
    is_first: Bool = np.diff(keys, prepend=-1) > 0
    if is_first.all():
        return keys, nearest
    return keys[is_first], np.maximum.reduceat(nearest, np.flatnonzero(is_first))


def _stretches(start: I64, length: I64) -> I64:
    """start[0], start[0] + 1, ... (length[0] numbers), start[1], ..."""
    before = np.cumsum(length) - length
    return np.asarray(np.arange(int(length.sum()), dtype=np.int64) + np.repeat(start - before, length))
