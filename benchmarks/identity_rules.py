"""Grouping rules on the same embeddings: those of other programs, of textbooks, and meetbefore's.

A rule takes a LabelledSet and a threshold and answers with a group for every face.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from benchmarks.identity_sets import LabelledSet
from meetbefore_assets.core.model_packs import SFACE
from meetbefore_assets.core.ports import F32, I64, Bool
from meetbefore_assets.identities.evidence import EvidencePolicy, shared_look
from meetbefore_assets.identities.grouping import group_tracks
from meetbefore_assets.identities.simple_linkage import SimplePolicy

Rule = Callable[[LabelledSet, float], I64]
_NO_PAIRS = np.empty((0, 2), dtype=np.int64)


def are_we_meet_before(faces: LabelledSet, threshold: float) -> I64:
    """Face by face in order of time: the id of the nearest earlier face if 1 / (1 + squared distance) reaches the threshold."""
    least_cosine = 1 - (1 / threshold - 1) / 2
    labels = np.arange(len(faces.faces), dtype=np.int64)
    for row in range(1, len(labels)):
        cosine = faces.faces[:row] @ faces.faces[row]
        nearest = int(np.argmax(cosine))
        if cosine[nearest] >= least_cosine:
            labels[row] = labels[nearest]
    return labels


def immich(faces: LabelledSet, threshold: float) -> I64:
    """DBSCAN over faces: a face with three within the distance (itself among them) is a core, others join the nearest core."""
    cosine = faces.faces @ faces.faces.T
    near = cosine >= 1 - threshold
    core = near.sum(axis=1) >= 3
    labels = _components(near & core[:, None] & core[None, :])
    to_core = np.where(core[None, :], cosine, -np.inf)
    for row in np.flatnonzero(~core & (near & core[None, :]).any(axis=1)):
        labels[row] = labels[int(np.argmax(to_core[row]))]
    return labels


def connected(faces: LabelledSet, threshold: float) -> I64:
    """Single linkage of tracks."""
    return np.asarray(_components(faces.tracks @ faces.tracks.T >= threshold)[faces.track])


def mutual(faces: LabelledSet, threshold: float, neighbours: int = 5) -> I64:
    """Single linkage over pairs of tracks that are among each other's nearest five."""
    cosine = faces.tracks @ faces.tracks.T
    np.fill_diagonal(cosine, -np.inf)
    rank = np.argsort(np.argsort(-cosine, axis=1), axis=1)
    return np.asarray(_components((cosine >= threshold) & (rank < neighbours) & (neighbours > rank.T))[faces.track])


def _components(near: Bool) -> I64:
    rows, columns = np.nonzero(near)
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=near.shape)
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def complete(faces: LabelledSet, threshold: float) -> I64:
    """Groups whose least similar pair reaches the threshold."""
    return _greedy(faces, threshold, lambda block: float(block.min()))


def top_three(faces: LabelledSet, threshold: float) -> I64:
    """Groups whose three most similar pairs reach the threshold on average."""
    return _greedy(faces, threshold, lambda block: float(np.sort(block, axis=None)[-3:].mean()))


def _greedy(faces: LabelledSet, threshold: float, likeness: Callable[[F32], float]) -> I64:
    """Agglomerative clustering: repeatedly join the two most similar groups; cannot-links are honoured."""
    cosine = faces.tracks @ faces.tracks.T
    cosine[faces.cannot_link[:, 0], faces.cannot_link[:, 1]] = cosine[faces.cannot_link[:, 1], faces.cannot_link[:, 0]] = -np.inf
    between = cosine.copy()
    np.fill_diagonal(between, -np.inf)
    members = {row: [row] for row in range(len(cosine))}
    while (between >= threshold).any():
        keep, gone = sorted(map(int, np.unravel_index(int(np.argmax(between)), between.shape)))
        members[keep] += members.pop(gone)
        between[gone] = between[:, gone] = -np.inf
        for other in np.flatnonzero(between[keep] > -np.inf):
            block = cosine[np.ix_(members[keep], members[int(other)])]
            between[keep, other] = between[other, keep] = likeness(block) if np.isfinite(block).all() else -np.inf
    labels = np.empty(len(cosine), dtype=np.int64)
    for label, rows in members.items():
        labels[rows] = label
    return np.asarray(labels[faces.track])


def average(faces: LabelledSet, threshold: float) -> I64:
    """Groups whose mean cosine over all pairs reaches the threshold."""
    return _ours(faces, SimplePolicy(threshold, nearest_share=0.0, correction=0.0))


def average_corrected(faces: LabelledSet, threshold: float) -> I64:
    """Average linkage after subtracting each track's mean similarity to all tracks."""
    return _ours(faces, SimplePolicy(threshold, nearest_share=0.0))


def half_nearest(faces: LabelledSet, threshold: float) -> I64:
    """Half mean, half best pair, of uncorrected cosines."""
    return _ours(faces, SimplePolicy(threshold, nearest_share=0.5, correction=0.0))


def half_nearest_corrected(faces: LabelledSet, threshold: float) -> I64:
    """Half mean, half best pair, after subtracting each track's mean similarity to all tracks."""
    return _ours(faces, SimplePolicy(threshold, nearest_share=0.5))


def by_cosines(faces: LabelledSet, threshold: float) -> I64:
    """meetbefore's rule by cosines: used before evidence, and still for recognisers without measured constants."""
    return _ours(faces, SimplePolicy(threshold))


def ours(faces: LabelledSet, threshold: float) -> I64:
    """meetbefore's current rule."""
    assert SFACE.evidence is not None
    policy = EvidencePolicy(threshold, SFACE.evidence, shared_look(faces.tracks, faces.lengths))
    groups = group_tracks(faces.tracks, faces.quality, faces.cannot_link, _NO_PAIRS, policy, lengths=faces.lengths)
    return np.asarray(groups[faces.track])


def _ours(faces: LabelledSet, policy: SimplePolicy) -> I64:
    return np.asarray(group_tracks(faces.tracks, faces.quality, faces.cannot_link, _NO_PAIRS, policy)[faces.track])


# Thresholds are one for all sets: what the programs ship (meetbefore's 0.40 among them), or, for the rules that nobody ships, what
# gave the largest sum of BCubed F and meeting F over the sets of this benchmark together.
RULES: dict[str, tuple[Rule, float]] = {
    "AreWeMeetBefore": (are_we_meet_before, 0.60),
    "Immich (DBSCAN)": (immich, 0.50),
    "single linkage": (connected, 0.45),
    "mutual neighbours": (mutual, 0.44),
    "complete linkage": (complete, 0.36),
    "three best pairs": (top_three, 0.41),
    "average linkage": (average, 0.38),
    "average, corrected": (average_corrected, 0.38),
    "half nearest": (half_nearest, 0.41),
    "half nearest, corrected": (half_nearest_corrected, 0.39),
    "by cosines": (by_cosines, 0.40),
    "meetbefore": (ours, 0.40),
}
