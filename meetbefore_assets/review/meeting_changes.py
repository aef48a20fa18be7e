"""Compares two groupings of tracks into people: how many people, and which meetings are gained and lost."""

from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.ports import F64, I64


@dataclass(frozen=True)
class Difference:
    """How one grouping of tracks differs from another.

    Attributes:
        people: number of groups.
        met_again: number of groups with two encounters or more.
        largest_share: share of all tracks that are in the largest group, 0..1.
        gained, lost: (n, 2) numbers of tracks, the earlier first: meetings only in this grouping, and meetings only in the other.
    """

    people: int
    met_again: int
    largest_share: float
    gained: I64
    lost: I64


def meetings(first_s: F64, last_s: F64, labels: I64, gap_s: float) -> I64:
    """Find every time that somebody is met again.

    Args:
        first_s, last_s: (m,) wall-clock seconds of the first and last face of each track.
        labels: (m,) the person of each track.
        gap_s: longest time without a sighting within one encounter, seconds.

    Returns:
        (n, 2) numbers of tracks: the last of an encounter, and the first of the same person's next encounter.
    """
    if not len(labels):
        return np.empty((0, 2), np.int64)
    order = np.lexsort([np.arange(len(labels)), last_s, first_s, labels])
    # Of each person's tracks so far, the one that ends last: where the rank of the end, behind the person's number, rises.
    end = labels[order] * len(order) + np.unique(last_s[order], return_inverse=True)[1]
    rises = np.concatenate([[True], end[1:] > np.maximum.accumulate(end)[:-1]])
    latest = np.maximum.accumulate(np.where(rises, np.arange(len(order)), 0))[:-1]
    row, before = order[1:], order[latest]
    is_again = (labels[before] == labels[row]) & (first_s[row] - last_s[before] > gap_s)
    return np.asarray(np.stack([before, row], axis=1)[is_again], np.int64)


def difference(first_s: F64, last_s: F64, now: I64, then: I64, gap_s: float) -> Difference:
    """Compare the grouping `then` with the grouping `now`."""
    mine, others = meetings(first_s, last_s, then, gap_s), meetings(first_s, last_s, now, gap_s)
    sizes = np.bincount(then) if len(then) else np.zeros(0, np.int64)
    return Difference(
        people=int((sizes > 0).sum()),
        met_again=len(np.unique(then[mine[:, 0]])),
        largest_share=float(sizes.max() / sizes.sum()) if len(sizes) else 0.0,
        gained=mine[now[mine[:, 0]] != now[mine[:, 1]]],
        lost=others[then[others[:, 0]] != then[others[:, 1]]],
    )
