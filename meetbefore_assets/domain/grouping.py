"""Tracks of all videos to persons, honouring must-links and cannot-links.

Two ideas beyond average linkage, chosen on casts drawn from photographs, on labelled footage and on made-up vectors
(`python -m benchmarks.identities`):

* Faces that are like everybody (blurred, small, badly aligned) are like many strangers too. What a track shares with the
  archive at large says nothing about who it is, so it is taken off: see `distinctiveness`. Poor faces may still join a
  person, but they bridge two less easily.
* The similarity of two groups is three parts the mean of all their pairs and one part their best pair. Average linkage alone
  splits people who look different from time to time; single linkage chains strangers, and so does half and half once an
  archive is large (10,000 made-up tracks at 0.40: pairwise F 0.966 for the mean alone, 0.952 for a quarter, 0.908 for a half;
  at their best thresholds 0.974, 0.977, 0.973).

Groups are joined in rounds: every two groups that are each other's best partner, above the threshold, become one. Rounds
need only the pairs that reach the threshold themselves (of any two groups that are joined, one pair does), so they scale
with those, and their outcome does not depend on the order of rows.

Tried and left out, for no gain or a loss: grouping good faces first and adding poor ones afterwards, weights by quality or
size in the mean, standard deviations in the correction (s-norm), whitening, single linkage with the correction.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from meetbefore_assets.domain.ports import F32, F64, I64, Bool
from meetbefore_assets.errors import MeetbeforeError

_BLOCK = 2048
# People an archive must show before its own mean is trusted as much as no correction at all.
_PRIOR_PEOPLE = 20.0


@dataclass(frozen=True)
class GroupingPolicy:
    """When two groups of tracks are one person.

    Attributes:
        threshold: least similarity of two groups that are joined, on the scale of the cosine.
        nearest_share: weight of the most similar pair in the similarity of two groups; the rest is the mean of all
            pairs. 0 is average linkage, 1 single linkage.
        correction: share of `distinctiveness` that counts; 0 leaves cosines as they are.
    """

    threshold: float
    nearest_share: float = 0.25
    correction: float = 1.0


def group_tracks(vectors: F32, quality: F32, cannot_link: I64, must_link: I64, policy: GroupingPolicy) -> I64:
    """Group tracks to persons.

    Args:
        vectors: (m, d) float32, unit rows.
        quality: (m,) float32, 0..1; breaks ties between equal vectors.
        cannot_link: (c, 2) int64, pairs of rows that are two people.
        must_link: (k, 2) int64, pairs of rows that are one person.
        policy: what belongs together.

    Returns:
        (m,) int64; a person is numbered by its smallest row, persons in order of that row from 0. Rows in another
        order give the same groups.

    Raises:
        MeetbeforeError: a cannot-link lies inside a group that must-links hold together.
    """
    order = _by_content(vectors, quality)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    vectors = np.ascontiguousarray(vectors[order], dtype=np.float32)
    bound = _bound(len(order), place[must_link.reshape(-1, 2)])
    apart = place[cannot_link.reshape(-1, 2)]
    _refuse_contradiction(bound, apart, order)
    penalty = policy.correction * distinctiveness(vectors, policy.threshold)
    pairs, similarity = near_pairs(vectors, penalty, policy.threshold)
    groups = _Groups(vectors, penalty, bound, pairs, similarity, bound[apart])
    while groups.join_mutual_best(policy):
        pass
    labels = np.empty_like(order)
    labels[order] = groups.label[bound]
    return canonical(labels)


def canonical(labels: I64) -> I64:
    """Renumber groups from 0 in order of their first row."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def distinctiveness(vectors: F32, threshold: float) -> F32:
    """How much more than usual each track is like the archive at large: what is taken off its similarities.

    The similarity of tracks i and j becomes cos(i, j) - (p[i] + p[j]), with p[i] = (cos(i, mean) - its mean over tracks) / 2.
    Impostors keep the mean they had, so a threshold means what it meant. Tracks count in the mean by one over the number
    of tracks that are like them, or somebody seen all the time would be taken for everybody. Of a small archive the
    mean says little: the correction grows with the number p of people as p / (p + 20).

    Args:
        vectors: (m, d) float32, unit rows.
        threshold: least cosine of tracks that may be one person.

    Returns:
        (m,) float32.
    """
    if not len(vectors):
        return np.empty(0, dtype=np.float32)
    alike = np.concatenate([(vectors[i : i + _BLOCK] @ vectors.T >= threshold).sum(axis=1) for i in range(0, len(vectors), _BLOCK)])
    weight: F64 = 1.0 / np.maximum(alike, 1)
    people = weight.sum()
    commonness: F64 = vectors @ ((vectors * weight[:, None]).sum(axis=0) / people)
    usual = (commonness * weight).sum() / people
    penalty: F32 = ((commonness - usual) / 2 * people / (people + _PRIOR_PEOPLE)).astype(np.float32)
    return penalty


def near_pairs(vectors: F32, penalty: F32, threshold: float) -> tuple[I64, F32]:
    """All pairs of rows whose corrected cosine reaches the threshold.

    Returns:
        (e, 2) int64, the smaller row first, and (e,) float32 similarities.
    """
    pairs, similarities = [np.empty((0, 2), dtype=np.int64)], [np.empty(0, dtype=np.float32)]
    for start in range(0, len(vectors), _BLOCK):
        rows = slice(start, start + _BLOCK)
        similarity = vectors[rows] @ vectors[start:].T - penalty[rows, None] - penalty[None, start:]
        i, j = np.nonzero(np.triu(similarity >= threshold, 1))
        pairs.append(np.stack([i, j], axis=1) + start)
        similarities.append(similarity[i, j])
    return np.concatenate(pairs), np.concatenate(similarities)


def _by_content(vectors: F32, quality: F32) -> I64:
    """An order of rows that depends on what they hold: by a hash of the vector, which is one pass over a million rows."""
    words = np.ascontiguousarray(vectors, dtype=np.float32).view(np.uint32).astype(np.uint64)
    powers = np.cumprod(np.full(words.shape[1], 0x9E3779B97F4A7C15, dtype=np.uint64))
    return np.lexsort([quality, words @ powers]).astype(np.int64)


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


class _Groups:
    """Groups that grow: sums of their vectors, the pairs between them that reached the threshold, and who is kept apart."""

    def __init__(self, vectors: F32, penalty: F32, bound: I64, pairs: I64, similarity: F32, apart: I64) -> None:
        count = int(bound.max()) + 1 if len(bound) else 0
        self.label = np.arange(count, dtype=np.int64)
        self._sums = np.zeros((count, vectors.shape[1]), dtype=np.float32)
        np.add.at(self._sums, bound, vectors)
        self._penalty = np.bincount(bound, penalty, minlength=count)
        self._size = np.bincount(bound, minlength=count).astype(np.float64)
        self._apart = apart
        self._pairs, self._nearest = bound[pairs], similarity
        self._contract(np.arange(count, dtype=np.int64))

    def join_mutual_best(self, policy: GroupingPolicy) -> bool:
        """Join every two groups that are each other's best partner; False if there were none."""
        similarity = policy.nearest_share * self._nearest + (1 - policy.nearest_share) * self._means()
        rows = np.flatnonzero(similarity >= policy.threshold)
        rows = rows[np.lexsort([self._pairs[rows, 1], self._pairs[rows, 0], -similarity[rows]])]
        chosen = self._pairs[rows[self._is_best_of_both(self._pairs[rows])]]
        if not len(chosen):
            return False
        into = np.arange(len(self._size), dtype=np.int64)
        into[chosen[:, 1]] = chosen[:, 0]
        self._sums[chosen[:, 0]] += self._sums[chosen[:, 1]]
        self._size[chosen[:, 0]] += self._size[chosen[:, 1]]
        self._penalty[chosen[:, 0]] += self._penalty[chosen[:, 1]]
        self.label = into[self.label]
        self._contract(into)
        return True

    def _means(self) -> F64:
        """Mean corrected cosine of all pairs between the groups of each pair."""
        a, b = self._pairs.T
        dot = np.concatenate(
            [np.einsum("ij,ij->i", self._sums[a[i : i + 65536]], self._sums[b[i : i + 65536]]) for i in range(0, max(len(a), 1), 65536)]
        )
        return np.asarray(dot / (self._size[a] * self._size[b]) - self._penalty[a] / self._size[a] - self._penalty[b] / self._size[b])

    def _is_best_of_both(self, pairs: I64) -> Bool:
        """(e,) True for pairs that come first for both their groups; the best pair comes first."""
        first = np.full(len(self._size), len(pairs), dtype=np.int64)
        ranks = np.arange(len(pairs), dtype=np.int64)
        np.minimum.at(first, pairs.ravel(), np.repeat(ranks, 2))
        return np.asarray((first[pairs] == ranks[:, None]).all(axis=1))

    def _contract(self, into: I64) -> None:
        """Give pairs to the groups that took their ends over, keep the most similar of parallel ones, drop those kept apart."""
        count = len(into)
        self._apart = np.unique(_sorted(into[self._apart]), axis=0)
        ends = _sorted(into[self._pairs])
        keys = ends[:, 0] * count + ends[:, 1]
        is_kept = (ends[:, 0] != ends[:, 1]) & ~np.isin(keys, self._apart[:, 0] * count + self._apart[:, 1])
        unique, inverse = np.unique(keys[is_kept], return_inverse=True)
        nearest = np.full(len(unique), -np.inf, dtype=np.float32)
        np.maximum.at(nearest, inverse, self._nearest[is_kept])
        self._pairs, self._nearest = np.stack([unique // max(count, 1), unique % max(count, 1)], axis=1), nearest


def _sorted(pairs: I64) -> I64:
    return np.sort(pairs.reshape(-1, 2), axis=1)
