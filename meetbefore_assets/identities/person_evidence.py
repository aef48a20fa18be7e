"""Probability that two similar groups of tracks are one person, and the weakest link inside each group."""

from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.ports import F32, F64, I64
from meetbefore_assets.identities.evidence import EvidenceLinkage, EvidencePolicy
from meetbefore_assets.identities.grouping_input import GroupingInput, edges_above
from meetbefore_assets.identities.joining import Groups, Linkage
from meetbefore_assets.identities.simple_linkage import SimpleLinkage, SimplePolicy, penalty_of_rows
from meetbefore_assets.identities.vectors import dot_pairs

# Groups are compared if their most similar tracks are at most this far below the cosine needed for joining.
BELOW = 0.05
# Of a recogniser that nobody measured: so far from the threshold is as good as certain.
REACH = 0.10


@dataclass(frozen=True)
class Compared:
    """Pairs of groups.

    Attributes:
        pairs: (2, e) int64 groups, the smaller first.
        threshold: (e,) the threshold at which they would just be one.
        sureness: (e,) probability that they are one, 0..1; for a recogniser that was not measured, nearness to the threshold instead.
    """

    pairs: I64
    threshold: F64
    sureness: F64


def neighbouring_groups(given: GroupingInput, labels: I64, threshold: float) -> Compared:
    """Compare all pairs of groups that have similar tracks and may be one person.

    Args:
        given: the grouped tracks.
        labels: (m,) group of each track, numbered from 0.
        threshold: at which they were grouped.
    """
    edges = edges_above(given, _least_cosine(given, threshold) - BELOW)
    pairs = _distinct(np.sort(labels[edges.pairs], axis=1))
    return compare(given, labels, _without(pairs, np.sort(labels[given.links.cannot_link], axis=1)).T, threshold)


def compare(given: GroupingInput, groups: I64, pairs: I64, threshold: float) -> Compared:
    """Compare some pairs of groups.

    Args:
        given: what was grouped.
        groups: (m,) the group of each track, numbered from 0, none without a track; -1: of none.
        pairs: (2, e) groups.
        threshold: it was grouped at.
    """
    if not pairs.shape[1]:
        nothing = np.empty(0)
        return Compared(pairs.reshape(2, 0).astype(np.int64), nothing, nothing)
    linkage, policy, penalty = _linkage(given, threshold)
    of_ordered = groups[given.ordered.order]
    rows = np.flatnonzero(of_ordered >= 0)
    count = int(groups.max()) + 1
    linkage.begin(rows, of_ordered[rows], count)
    # What the best pair adds to the simple rule is left out: of groups it says little. Of two tracks it is all there is.
    first = np.empty(count, np.int64)
    first[of_ordered[rows][::-1]] = rows[::-1]
    ends = first[pairs.T]
    nearest = dot_pairs(given.stored, given.held[given.ordered.order][ends]) - penalty[ends].sum(axis=1)
    alike = linkage.similarity(pairs, np.asarray(nearest, np.float32))
    if isinstance(policy, EvidencePolicy):
        needed = threshold + (alike - policy.least_ratio) / policy.model.ratio_per_threshold
        return Compared(pairs, needed, policy.probability(alike))
    return Compared(pairs, alike, np.clip(0.5 + (alike - threshold) / (2 * REACH), 0.0, 1.0))


def weakest_links(given: GroupingInput, labels: I64, threshold: float) -> tuple[I64, Compared]:
    """The two parts of each group that were joined last.

    Args:
        given: what was grouped.
        labels: (m,) the group of each track, numbered from 0.
        threshold: it was grouped at.

    Returns:
        (m,) the part of each track, numbered from 0, and -1 of tracks whose group has no parts (one track, or held together by what
        people said); and the pairs of parts.
    """
    inside = edges_above(given, _least_cosine(given, threshold))
    inside = inside.of(np.flatnonzero(labels[inside.pairs[:, 0]] == labels[inside.pairs[:, 1]]))
    linkage, _, _ = _linkage(given, threshold)
    ordered = given.ordered
    groups = Groups(linkage, ordered.bound, inside.placed(ordered.place), ordered.apart)
    joined = groups.join_all(-np.inf)
    last: dict[int, tuple[int, int]] = {}
    for stays, goes in groups.joins:
        last.update((int(joined[stay]), (int(stay), int(go))) for stay, go in zip(stays, goes, strict=True))
    into = np.arange(len(joined), dtype=np.int64)
    for stays, goes in groups.joins:
        into[goes] = stays
    for _, go in last.values():
        into[go] = go
    while ((later := into[into]) != into).any():
        into = later
    part = np.full(len(joined), -1, np.int64)
    for number, pair in enumerate(last.values()):
        part[list(pair)] = 2 * number, 2 * number + 1
    of_track = np.empty(len(labels), np.int64)
    of_track[ordered.order] = part[into[ordered.bound]]
    pairs = np.arange(2 * len(last), dtype=np.int64).reshape(-1, 2).T
    return of_track, compare(given, of_track, pairs, threshold)


def _least_cosine(given: GroupingInput, threshold: float) -> float:
    policy = given.policy(threshold)
    return policy.least_cosine if isinstance(policy, EvidencePolicy) else threshold - REACH


def _linkage(given: GroupingInput, threshold: float) -> tuple[Linkage, EvidencePolicy | SimplePolicy, F32]:
    """What groups are compared by, and what is taken off the cosines of each track, in the order of tracks."""
    policy, vectors = given.policy(threshold), given.ordered.vectors
    if isinstance(policy, SimplePolicy):
        near = edges_above(given, threshold).placed(given.ordered.place)
        penalty = np.float32(policy.correction) * penalty_of_rows(vectors, near, threshold)
        return SimpleLinkage(vectors, penalty, 0.0), policy, penalty
    lengths = given.ordered.lengths
    if lengths is None:
        raise ValueError("evidence needs the lengths of the raw vectors, found none")
    return EvidenceLinkage(vectors, lengths, policy), policy, np.zeros(len(vectors), np.float32)


def _distinct(pairs: I64) -> I64:
    """(e, 2) distinct pairs of different groups."""
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    size = int(pairs.max(initial=0)) + 1
    return np.stack(np.divmod(np.unique(pairs[:, 0] * size + pairs[:, 1]), size), axis=1)


def _without(pairs: I64, others: I64) -> I64:
    size = int(max(pairs.max(initial=0), others.max(initial=0))) + 1
    return pairs[~np.isin(pairs[:, 0] * size + pairs[:, 1], others[:, 0] * size + others[:, 1])]
