"""Groups the tracks of all videos to people, honouring must-links and cannot-links.

Two ideas beyond average linkage, chosen on casts drawn from photographs, on labelled footage and on made-up vectors
(`python -m benchmarks.identities`):

* Faces that are like everybody (blurred, small, badly aligned) are like many strangers too. What a track shares with the
  archive at large says nothing about who it is, so it is taken off: see `similarity_penalty`. Poor faces may still join a
  person, but they bridge two less easily.
* The similarity of two groups is three parts the mean of all their pairs and one part their best pair. Average linkage alone
  splits people who look different from time to time; single linkage chains strangers, and so does half and half once an
  archive is large (10,000 made-up tracks at 0.40: pairwise F 0.966 for the mean alone, 0.952 for a quarter, 0.908 for a half;
  at their best thresholds 0.974, 0.977, 0.973).

Groups are joined in rounds: every two groups that are each other's best partner, above the threshold, become one. Rounds
need only the pairs that reach the threshold themselves (of any two groups that are joined, one pair does), so they scale
with those: the mean of all pairs follows from the sums of the groups' vectors, the best pair from the edges between them. A
million tracks take seconds, also where most of them hang together, and the outcome does not depend on the order of rows.

Tried and left out, for no gain or a loss: grouping good faces first and adding poor ones afterwards, weights by quality or
size in the mean, standard deviations in the correction (s-norm), whitening, single linkage with the correction.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.core.ports import F32, F64, I64
from meetbefore_assets.identities.edges import Edges, all_edges
from meetbefore_assets.identities.joining import Groups
from meetbefore_assets.identities.vectors import Rows, content_hash

# People an archive must show before its own mean is trusted as much as no correction at all.
_PRIOR_PEOPLE = 20.0


EdgesAbove = Callable[[float], Edges]


@dataclass(frozen=True)
class GroupingPolicy:
    """When two groups of tracks are one person.

    Attributes:
        threshold: least similarity of two groups that are joined, on the scale of the cosine.
        nearest_share: weight of the most similar pair in the similarity of two groups; the rest is the mean of all
            pairs. 0 is average linkage, 1 single linkage.
        correction: share of `similarity_penalty` that counts; 0 leaves cosines as they are.
    """

    threshold: float
    nearest_share: float = 0.25
    correction: float = 1.0


def group_tracks(
    vectors: F32, quality: F32, cannot_link: I64, must_link: I64, policy: GroupingPolicy, edges_above: EdgesAbove | None = None
) -> I64:
    """Group tracks to persons.

    Args:
        vectors: (m, d) float32, unit rows.
        quality: (m,) float32, 0..1; breaks ties between equal vectors.
        cannot_link: (c, 2) int64, pairs of rows that are two people.
        must_link: (k, 2) int64, pairs of rows that are one person.
        policy: what belongs together.
        edges_above: gives the pairs of rows that are similar enough to matter; others are taken for less similar than
            asked for. None: every two rows are compared.

    Returns:
        (m,) int64; a person is numbered by its smallest row, persons in order of that row from 0. Rows in another
        order give the same groups.

    Raises:
        MeetbeforeError: a cannot-link lies inside a group that must-links hold together.
    """
    return group_ordered(order_tracks(vectors, quality, cannot_link, must_link), policy, edges_above)


@dataclass(frozen=True)
class OrderedTracks:
    """Tracks in an order that depends on what they hold alone, and what is known beforehand: the same for every threshold.

    Attributes:
        vectors: the m tracks' vectors, in that order.
        order: (m,) the row of each of them.
        place: (m,) where each row stands in the order.
        bound: (m,) the group that must-links put each of them in, numbered from 0.
        apart: (c, 2) pairs of those groups that are never one.
    """

    vectors: Rows
    order: I64
    place: I64
    bound: I64
    apart: I64


def order_tracks(vectors: F32, quality: F32, cannot_link: I64, must_link: I64, held: I64 | None = None) -> OrderedTracks:
    """Put tracks in order; arguments as for `group_tracks`.

    Args:
        vectors, quality, cannot_link, must_link: see there.
        held: (m,) which row of `vectors` each track has; None: each its own.

    Raises:
        MeetbeforeError: a cannot-link lies inside a group that must-links hold together.
    """
    hashes = content_hash(vectors)
    order = np.lexsort((quality, hashes if held is None else hashes[held])).astype(np.int64)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    bound = _bound(len(order), place[must_link.reshape(-1, 2)])
    apart = place[cannot_link.reshape(-1, 2)]
    _refuse_contradiction(bound, apart, order)
    return OrderedTracks(Rows(vectors, order if held is None else held[order]), order, place, bound, bound[apart])


def group_ordered(tracks: OrderedTracks, policy: GroupingPolicy, edges_above: EdgesAbove | None = None) -> I64:
    """What `group_tracks` returns, for tracks that were put in order before."""
    vectors = tracks.vectors

    def near_above(floor: float) -> Edges:
        return all_edges(vectors.take(), floor) if edges_above is None else edges_above(floor).placed(tracks.place)

    near = near_above(policy.threshold)
    penalty = policy.correction * _similarity_penalty(vectors, near, policy.threshold)
    if len(penalty) and penalty.min() < 0:
        near = near_above(policy.threshold + 2 * float(penalty.min()))
    groups = Groups(vectors, penalty, tracks.bound, _corrected(near, penalty, policy.threshold), tracks.apart)
    labels = np.empty_like(tracks.order)
    labels[tracks.order] = groups.join_all(policy.threshold, policy.nearest_share)[tracks.bound]
    return canonical_labels(labels)


def canonical_labels(labels: I64) -> I64:
    """Renumber groups from 0 in order of their first row."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


@dataclass(frozen=True)
class ArchiveMean:
    """What an archive's people have in common.

    Attributes:
        mean: (d,) mean vector, each person counting once.
        usual: mean cosine to it.
        people: how many there are, about.
    """

    mean: F32
    usual: float
    people: float

    def penalty(self, vectors: F32) -> F32:
        """(m,) what is taken off the similarities of (m, d) vectors: see `similarity_penalty`."""
        return self.penalty_of(np.asarray(vectors @ self.mean, np.float32))

    def penalty_of(self, to_mean: F32) -> F32:
        """The same, of (m,) products of vectors with the mean."""
        trusted = self.people / (self.people + _PRIOR_PEOPLE)
        return np.asarray((to_mean - self.usual) / 2 * trusted, np.float32)


def archive_mean(vectors: F32, edges: Edges, threshold: float) -> ArchiveMean:
    """The mean of an archive's tracks; arguments as for `similarity_penalty`."""
    return _archive_mean(Rows.all(vectors), edges, threshold)[0]


def _archive_mean(vectors: Rows, edges: Edges, threshold: float) -> tuple[ArchiveMean, F32]:
    """The crowd, and the (m,) products of all vectors with its mean."""
    alike = 1 + np.bincount(edges.pairs[edges.cosine >= threshold].ravel(), minlength=len(vectors))
    weight: F64 = 1.0 / alike
    people = float(weight.sum())
    total = np.zeros(vectors.matrix.shape[1], np.float32)
    for which, block in vectors.blocks():
        total += weight[which].astype(np.float32) @ block
    mean = np.asarray(total / people, np.float32)
    to_mean = np.empty(len(vectors), np.float32)
    for which, block in vectors.blocks():
        np.matmul(block, mean, out=to_mean[which])
    return ArchiveMean(mean, float((to_mean * weight).sum() / people), people), to_mean


def similarity_penalty(vectors: F32, edges: Edges, threshold: float) -> F32:
    """How much more than usual each track is like the archive at large: what is taken off its similarities.

    The similarity of tracks i and j becomes cos(i, j) - (p[i] + p[j]), with p[i] = (cos(i, mean) - its mean over tracks) / 2.
    Impostors keep the mean they had, so a threshold means what it meant. Tracks count in the mean by one over the number
    of tracks that are like them, or somebody seen all the time would be taken for everybody. Of a small archive the
    mean says little: the correction grows with the number p of people as p / (p + 20).

    Args:
        vectors: (m, d) float32, unit rows.
        edges: pairs of rows that are alike, those of `threshold` and more at least.
        threshold: least cosine of tracks that may be one person.

    Returns:
        (m,) float32.
    """
    return _similarity_penalty(Rows.all(vectors), edges, threshold)


def _similarity_penalty(vectors: Rows, edges: Edges, threshold: float) -> F32:
    if not len(vectors):
        return np.empty(0, dtype=np.float32)
    found, to_mean = _archive_mean(vectors, edges, threshold)
    return found.penalty_of(to_mean)


def _corrected(edges: Edges, penalty: F32, threshold: float) -> Edges:
    """Those pairs that still reach the threshold when what their tracks share with everybody is taken off."""
    return Edges(edges.pairs, edges.cosine - penalty[edges.pairs[:, 0]] - penalty[edges.pairs[:, 1]]).above(threshold)


def _bound(size: int, must_link: I64) -> I64:
    """Label of the must-link group of each row, numbered by first row."""
    if not len(must_link):
        return np.arange(size, dtype=np.int64)
    from scipy.sparse import coo_matrix  # half a second to load, which a run that finds nothing to do does without
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(must_link), dtype=np.int8), (must_link[:, 0], must_link[:, 1])), shape=(size, size))
    found: I64 = connected_components(graph, directed=False)[1].astype(np.int64)
    return canonical_labels(found)


def _refuse_contradiction(bound: I64, cannot_link: I64, order: I64) -> None:
    clash = np.flatnonzero(bound[cannot_link[:, 0]] == bound[cannot_link[:, 1]])
    if len(clash):
        a, b = sorted(int(order[row]) for row in cannot_link[clash[0]])
        raise MeetbeforeError(
            f"tracks {a} and {b} must be one person and must not be one person; expected corrections that agree.",
            remedy="Undo one of the corrections that say so.",
        )
