"""Groups the tracks of all videos to people, with must-links and cannot-links.

Groups are joined in rounds: every two groups that are each other's best partner, above the threshold, become one. Their similarity is
defined by a linkage: the evidence of `identities.evidence`, or, for recognisers that were not measured, the cosines of
`identities.simple_linkage`. A linkage is computed from sums over each group, and only pairs of groups with similar tracks are compared. A
million tracks take seconds, even if most of them are connected, and the result does not depend on the order of rows.

Tried and rejected, for no gain or a loss: grouping good faces first and adding poor ones afterwards, weights by quality or size in the
mean, standard deviations in the correction (s-norm), whitening, single linkage with the correction, full covariances, reassigning tracks
afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.core.ports import F32, I64
from meetbefore_assets.identities.edges import ComparedEdges, Edges, all_edges
from meetbefore_assets.identities.evidence import EvidenceLinkage, EvidencePolicy
from meetbefore_assets.identities.joining import Groups, Linkage
from meetbefore_assets.identities.simple_linkage import SimpleLinkage, SimplePolicy, corrected, penalty_of_rows
from meetbefore_assets.identities.vectors import Rows, content_hash

EdgesAbove = Callable[[float], Edges]
Policy = SimplePolicy | EvidencePolicy


def group_tracks(
    vectors: F32,
    quality: F32,
    cannot_link: I64,
    must_link: I64,
    policy: Policy,
    edges_above: EdgesAbove | None = None,
    lengths: F32 | None = None,
) -> I64:
    """Group tracks to people.

    Args:
        vectors: (m, d) float32, unit rows.
        quality: (m,) float32, 0..1; breaks ties between equal vectors.
        cannot_link: (c, 2) int64, pairs of rows that are two people.
        must_link: (k, 2) int64, pairs of rows that are one person.
        policy: when groups are one person.
        edges_above: returns the pairs of rows with a cosine of at least its argument; None: every two rows are compared.
        lengths: (m,) float32, mean length of the raw vectors of each track; needed by an EvidencePolicy.

    Returns:
        (m,) int64, the person of each track, numbered from 0 in order of their first row. The groups do not depend on the order of rows.

    Raises:
        MeetbeforeError: must-links join the two ends of a cannot-link.
    """
    return group_ordered(order_tracks(vectors, quality, cannot_link, must_link, lengths=lengths), policy, edges_above)


@dataclass(frozen=True)
class OrderedTracks:
    """Tracks in an order that depends on their content only, with their links; the same for every threshold.

    Attributes:
        vectors: the m tracks' vectors, in that order.
        order: (m,) row of each of them.
        place: (m,) position of each row in the order.
        bound: (m,) must-link group of each of them, numbered from 0.
        apart: (c, 2) pairs of those groups that are never joined.
        lengths: (m,) lengths of their raw vectors; None if unknown.
    """

    vectors: Rows
    order: I64
    place: I64
    bound: I64
    apart: I64
    lengths: F32 | None = None


@dataclass(frozen=True)
class Grouping:
    """Tracks as they were grouped.

    Attributes:
        labels: (m,) the person of each track, numbered from 0 in order of their first row.
        component: (m,) numbered likewise: groups of two components were in no round similar enough to be joined, so each came to its
            groups as if the other did not exist.
    """

    labels: I64
    component: I64


def order_tracks(
    vectors: F32, quality: F32, cannot_link: I64, must_link: I64, held: I64 | None = None, lengths: F32 | None = None
) -> OrderedTracks:
    """Sort tracks by content; arguments as for `group_tracks`.

    Args:
        vectors, quality, cannot_link, must_link, lengths: see there.
        held: (m,) row of `vectors` of each track; None: its own row.

    Raises:
        MeetbeforeError: must-links join the two ends of a cannot-link.
    """
    hashes = content_hash(vectors) if held is None else content_hash(vectors)[held]
    order = np.lexsort((quality, hashes) if lengths is None else (quality, lengths, hashes)).astype(np.int64)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    bound = _bound(len(order), place[must_link.reshape(-1, 2)])
    apart = place[cannot_link.reshape(-1, 2)]
    _refuse_contradiction(bound, apart, order)
    rows = Rows(vectors, order if held is None else held[order])
    return OrderedTracks(rows, order, place, bound, bound[apart], None if lengths is None else lengths[order])


def group_ordered(
    tracks: OrderedTracks, policy: Policy, edges_above: EdgesAbove | None = None, compared: ComparedEdges | None = None
) -> I64:
    """Group tracks that were sorted by `order_tracks`; returns the same as `group_tracks`.

    Args:
        tracks: what to group.
        policy: when groups are one person.
        edges_above: see `group_tracks`.
        compared: the edges of all pairs of `tracks.vectors`, used where `edges_above` is None; None: they are computed.
    """

    groups, least = _groups(tracks, policy, edges_above, compared)
    return _of_rows(tracks, groups.join_all(least))


def group_apart(tracks: OrderedTracks, policy: EvidencePolicy, edges_above: EdgesAbove | None = None) -> Grouping:
    """Group tracks as `group_ordered` does, and tell which of them had nothing to do with each other."""
    groups, least = _groups(tracks, policy, edges_above)
    alike = [np.empty((2, 0), np.int64)]
    label = groups.join_all(least, alike)
    return Grouping(_of_rows(tracks, label), _of_rows(tracks, connected(len(label), np.concatenate(alike, axis=1).T)))


def _of_rows(tracks: OrderedTracks, label: I64) -> I64:
    """Labels of must-link groups as labels of rows, numbered from 0."""
    labels = np.empty_like(tracks.order)
    labels[tracks.order] = label[tracks.bound]
    return canonical_labels(labels)


def _groups(
    tracks: OrderedTracks, policy: Policy, edges_above: EdgesAbove | None, compared: ComparedEdges | None = None
) -> tuple[Groups, float]:
    """What `group_ordered` joins, and the similarity from which on it does."""

    def near_above(floor: float) -> Edges:
        if edges_above is not None:
            return edges_above(floor).placed(tracks.place)
        return all_edges(tracks.vectors.take(), floor) if compared is None else compared.above(floor)

    linkage: Linkage
    if isinstance(policy, SimplePolicy):
        linkage, edges, least = *_simple(tracks.vectors, policy, near_above), policy.threshold
    elif tracks.lengths is None:
        raise ValueError("evidence needs the lengths of the raw vectors, found none")
    else:
        linkage = EvidenceLinkage(tracks.vectors, tracks.lengths, policy)
        edges, least = near_above(policy.least_cosine), policy.least_ratio
    return Groups(linkage, tracks.bound, edges, tracks.apart), least


def _simple(vectors: Rows, policy: SimplePolicy, near_above: EdgesAbove) -> tuple[SimpleLinkage, Edges]:
    near = near_above(policy.threshold)
    penalty = np.float32(policy.correction) * penalty_of_rows(vectors, near, policy.threshold)
    if len(penalty) and penalty.min() < 0:
        near = near_above(policy.threshold + 2 * float(penalty.min()))
    return SimpleLinkage(vectors, penalty, policy.nearest_share), corrected(near, penalty, policy.threshold)


def canonical_labels(labels: I64) -> I64:
    """Renumber groups from 0 in order of their first row."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _bound(size: int, must_link: I64) -> I64:
    """Must-link group of each row, numbered by first row."""
    if not len(must_link):
        return np.arange(size, dtype=np.int64)
    return canonical_labels(connected(size, must_link))


def connected(size: int, pairs: I64) -> I64:
    """(size,) component of each of some nodes that (k, 2) pairs connect."""
    from scipy.sparse import coo_matrix  # half a second to load, which a run with nothing to do does not need
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _refuse_contradiction(bound: I64, cannot_link: I64, order: I64) -> None:
    clash = np.flatnonzero(bound[cannot_link[:, 0]] == bound[cannot_link[:, 1]])
    if len(clash):
        a, b = sorted(int(order[row]) for row in cannot_link[clash[0]])
        raise MeetbeforeError(
            f"tracks {a} and {b} must be one person and must not be one person; expected corrections that agree.",
            remedy="Undo one of the corrections that say so.",
        )
