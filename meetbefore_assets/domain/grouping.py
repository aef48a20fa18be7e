"""Tracks of all videos to persons: average linkage that honours must-links and cannot-links.

Two groups are joined while the mean cosine of all pairs between them is at least the threshold, the most similar
groups first. A cannot-link makes the similarity of two groups minus infinity, and of everything they grow into; the
linkage stays reducible (a union is never nearer to a third group than the nearer of its parts), so that following
chains of nearest neighbours (Murtagh 1983) gives exactly what joining the best pair of all again and again gives,
and a group whose best neighbour is below the threshold is finished.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from meetbefore_assets.domain.ports import F32, I64
from meetbefore_assets.errors import MeetbeforeError

_BLOCK = 2048
_NEVER = np.float32(-np.inf)


@dataclass(frozen=True)
class GroupingPolicy:
    """When two groups of tracks are one person.

    Attributes:
        threshold: least mean cosine of two groups that are joined.
    """

    threshold: float


def group_tracks(vectors: F32, quality: F32, cannot_link: I64, must_link: I64, policy: GroupingPolicy) -> I64:
    """Group tracks to persons.

    Args:
        vectors: (m, d) float32, unit rows.
        quality: (m,) float32, 0..1.
        cannot_link: (c, 2) int64, pairs of rows that are two people.
        must_link: (k, 2) int64, pairs of rows that are one person.
        policy: what belongs together.

    Returns:
        (m,) int64; a person is numbered by its smallest row, persons in order of that row from 0. Rows in another
        order give the same groups.

    Raises:
        MeetbeforeError: a cannot-link lies inside a group that must-links hold together.
    """
    order = np.lexsort([quality, *vectors.T[::-1]]) if len(vectors) else np.empty(0, dtype=np.int64)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    vectors = np.ascontiguousarray(vectors[order], dtype=np.float32)
    bound = _bound(len(order), place[must_link.reshape(-1, 2)])
    split = place[cannot_link.reshape(-1, 2)]
    _refuse_contradiction(bound, split, order)
    labels = np.empty(len(order), dtype=np.int64)
    labels[order] = _group(vectors, bound, bound[split], policy.threshold)
    return canonical(labels)


def canonical(labels: I64) -> I64:
    """Renumber groups from 0 in order of their first row."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _bound(size: int, must_link: I64) -> I64:
    """Label of the must-link group of each row, numbered by first row."""
    graph = coo_matrix((np.ones(len(must_link), dtype=np.int8), (must_link[:, 0], must_link[:, 1])), shape=(size, size))
    found: I64 = connected_components(graph, directed=False)[1].astype(np.int64)
    return canonical(found)


def _refuse_contradiction(bound: I64, cannot_link: I64, order: I64) -> None:
    clash = np.flatnonzero(bound[cannot_link[:, 0]] == bound[cannot_link[:, 1]])
    if len(clash):
        a, b = sorted(int(order[row]) for row in cannot_link[clash[0]])
        raise MeetbeforeError(
            f"tracks {a} and {b} must be one person and must not be one person; expected corrections that agree.",
            remedy="Undo one of the corrections that say so.",
        )


def _group(vectors: F32, bound: I64, cannot_link: I64, threshold: float) -> I64:
    """Label of each row; `bound` holds its atom, `cannot_link` pairs of atoms."""
    atoms = int(bound.max()) + 1 if len(bound) else 0
    sums = np.zeros((atoms, vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, bound, vectors)
    sizes = np.bincount(bound, minlength=atoms).astype(np.float32)
    component = _components(vectors, bound, atoms, threshold)
    label = np.arange(atoms, dtype=np.int64)
    members = np.split(np.argsort(component, kind="stable"), np.cumsum(np.bincount(component, minlength=1))[:-1])
    for rows in (rows for rows in members if len(rows) > 1):
        label[rows] = rows[_average_linkage(sums[rows], sizes[rows], _within(rows, cannot_link), threshold)]
    return label[bound]


def _components(vectors: F32, bound: I64, atoms: int, threshold: float) -> I64:
    """Component of each atom in the graph of pairs at or above the threshold: no group reaches beyond one."""
    ends: list[I64] = []
    for start in range(0, len(vectors), _BLOCK):
        near = vectors[start : start + _BLOCK] @ vectors[start:].T >= threshold - 1e-5
        i, j = np.nonzero(near)
        ends.append(np.stack([bound[start + i], bound[start + j]]))
    rows = np.concatenate(ends, axis=1) if ends else np.empty((2, 0), dtype=np.int64)
    graph = coo_matrix((np.ones(rows.shape[1], dtype=np.int8), (rows[0], rows[1])), shape=(atoms, atoms))
    found: I64 = connected_components(graph, directed=False)[1].astype(np.int64)
    return found


def _within(rows: I64, pairs: I64) -> I64:
    """Pairs that lie inside `rows` (rising), as places in it."""
    at = np.searchsorted(rows, pairs).clip(max=len(rows) - 1)
    inside: I64 = at[(rows[at] == pairs).all(axis=1)]
    return inside


def _average_linkage(sums: F32, sizes: F32, cannot_link: I64, threshold: float) -> I64:
    """First member of each member's group, by chains of nearest neighbours.

    Args:
        sums: (n, d), sum of the unit vectors of each starting group.
        sizes: (n,), number of vectors in it.
        cannot_link: (c, 2), starting groups that are kept apart.
        threshold: least mean cosine.
    """
    similarity = (sums @ sums.T) / np.outer(sizes, sizes)
    similarity[cannot_link[:, 0], cannot_link[:, 1]] = similarity[cannot_link[:, 1], cannot_link[:, 0]] = _NEVER
    np.fill_diagonal(similarity, _NEVER)
    sizes = sizes.copy()
    owner = np.arange(len(sums), dtype=np.int64)
    waiting, chain = list(range(len(sums) - 1, -1, -1)), list[int]()
    done = np.zeros(len(sums), dtype=bool)
    while waiting or chain:
        if not chain:
            chain.append(waiting.pop())
            if done[chain[-1]]:
                chain.clear()
                continue
        tip = chain[-1]
        best = int(np.argmax(similarity[tip]))
        if len(chain) > 1 and similarity[tip, chain[-2]] >= similarity[tip, best]:
            best = chain[-2]
        if similarity[tip, best] < threshold:
            done[tip] = True  # nothing that others grow into comes nearer
            chain.pop()
        elif len(chain) > 1 and best == chain[-2]:
            del chain[-2:]
            keep, gone = min(tip, best), max(tip, best)
            _join(similarity, sizes, keep, gone)
            owner[owner == gone] = keep
            done[gone] = True
            waiting.append(keep)
        else:
            chain.append(best)
    return owner


def _join(similarity: F32, sizes: F32, keep: int, gone: int) -> None:
    """Lance-Williams update of average linkage; minus infinity stays."""
    mean = (sizes[keep] * similarity[keep] + sizes[gone] * similarity[gone]) / (sizes[keep] + sizes[gone])
    mean[keep] = _NEVER
    similarity[keep] = similarity[:, keep] = mean
    similarity[gone] = similarity[:, gone] = _NEVER
    sizes[keep] += sizes[gone]
