"""Compares two groupings: people, and meetings gained and lost."""

from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.ports import F64, I64


@dataclass(frozen=True)
class Difference:
    """One grouping of tracks seen from another.

    Attributes:
        people: groups.
        met_again: groups with two encounters or more.
        largest_share: tracks of the largest group, as a share of all, 0..1.
        gained, lost: (n, 2) rows of tracks, the earlier first: meetings of this grouping that the other does not know, and
            meetings of the other that this one does not know.
    """

    people: int
    met_again: int
    largest_share: float
    gained: I64
    lost: I64


def meetings(first_s: F64, last_s: F64, labels: I64, gap_s: float) -> I64:
    """Every time somebody is met again.

    Args:
        first_s, last_s: (m,) wall-clock seconds of the first and last face of each track.
        labels: (m,) the person of each track.
        gap_s: longest silence within one encounter, seconds.

    Returns:
        (n, 2) rows: the track that ended an encounter, and the one that began the same person's next.
    """
    order = np.lexsort([np.arange(len(labels)), last_s, first_s, labels])
    pairs: list[tuple[int, int]] = []
    latest = -1
    for row in order:
        if latest >= 0 and labels[latest] == labels[row]:
            if first_s[row] - last_s[latest] > gap_s:
                pairs.append((int(latest), int(row)))
            elif last_s[row] <= last_s[latest]:
                continue
        latest = int(row)
    return np.array(pairs, np.int64).reshape(-1, 2)


def difference(first_s: F64, last_s: F64, now: I64, then: I64, gap_s: float) -> Difference:
    """How the grouping `then` differs from the grouping `now`."""
    mine, others = meetings(first_s, last_s, then, gap_s), meetings(first_s, last_s, now, gap_s)
    sizes = np.bincount(then) if len(then) else np.zeros(0, np.int64)
    return Difference(
        people=int((sizes > 0).sum()),
        met_again=len(np.unique(then[mine[:, 0]])),
        largest_share=float(sizes.max() / sizes.sum()) if len(sizes) else 0.0,
        gained=mine[now[mine[:, 0]] != now[mine[:, 1]]],
        lost=others[then[others[:, 0]] != then[others[:, 1]]],
    )
