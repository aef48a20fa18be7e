"""Incremental grouping: only tracks that are connected with a changed track, by edges or must-links, are grouped again.

Groups are joined along edges between tracks, and the similarity of two groups depends only on their own tracks and on what the archive
shares. So tracks that are not connected with a change are grouped as before. If what the archive shares has changed too, everything is
grouped again.
"""

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import I64, Bool
from meetbefore_assets.identities.edges import Edges
from meetbefore_assets.identities.evidence import EvidencePolicy, SharedLook
from meetbefore_assets.identities.grouping import canonical_labels, group_ordered, order_tracks
from meetbefore_assets.identities.grouping_input import GroupingInput, edges_above, group, is_compared


def regroup(given: GroupingInput, before: GroupingInput, labels: I64, threshold: float) -> I64:
    """Group tracks as `grouping_input.group` does, starting from a grouping of nearly the same tracks.

    Args:
        given: the tracks to group.
        before: the same archive with other corrections.
        labels: (m,) group of each track of `before` at the threshold.
        threshold: least similarity of two groups that are one person.
    """
    policy = given.policy(threshold)
    is_near = isinstance(policy, EvidencePolicy) and given.tracks.height and before.tracks.height and not is_compared(given, threshold)
    if not is_near or not isinstance(policy, EvidencePolicy) or not _is_same_look(given.look, before.look):
        return group(given, threshold)
    old_row = _old_rows(given, before)
    edges, edges_before = edges_above(given, policy.least_cosine), edges_above(before, policy.least_cosine)
    touched, touched_before = _touched(given, before, old_row)
    if given.tracks is not before.tracks:
        _touch_ends(touched, touched_before, old_row, edges, edges_before)
    lost = _reached(edges_before, before.links.must_link, touched_before)
    is_again = _reached(edges, given.links.must_link, touched | ((old_row >= 0) & lost[old_row]))
    again = np.flatnonzero(is_again)
    result = np.where(is_again, -1, labels[old_row])
    result[again] = int(labels.max(initial=-1)) + 1 + _grouped(given, again, edges, policy)
    return canonical_labels(result)


def _grouped(given: GroupingInput, rows: I64, edges: Edges, policy: EvidencePolicy) -> I64:
    """Groups of some rows that are not connected with other rows."""
    if not len(rows):
        return np.empty(0, np.int64)
    place = np.full(given.tracks.height, -1, np.int64)
    place[rows] = np.arange(len(rows))

    def among(pairs: I64) -> I64:
        found = place[pairs.reshape(-1, 2)]
        return np.asarray(found[(found >= 0).all(axis=1)])

    quality = given.tracks["quality"].to_numpy().astype(np.float32)[rows]
    vectors = np.take(given.stored, given.held[rows], axis=0)
    ordered = order_tracks(vectors, quality, among(given.links.cannot_link), among(given.links.must_link), lengths=given.lengths[rows])
    return group_ordered(ordered, policy, lambda floor: edges.above(floor).placed(place))


def _is_same_look(now: SharedLook, then: SharedLook) -> bool:
    same = (now.length, now.trust, now.people) == (then.length, then.trust, then.people)
    return same and np.array_equal(now.mean, then.mean) and np.array_equal(now.slope, then.slope)


def _old_rows(given: GroupingInput, before: GroupingInput) -> I64:
    """(m,) former row of each track; -1 if it did not exist, or had other faces."""
    if given.tracks is before.tracks:
        return np.arange(given.tracks.height, dtype=np.int64)
    then = before.tracks.select("track_id", "face_ids").with_row_index("old")
    both = given.tracks.select("track_id", pl.col("face_ids").alias("now")).join(then, on="track_id", how="left", maintain_order="left")
    is_same = (both["now"] == both["face_ids"]).fill_null(False)
    return np.where(is_same.to_numpy(), both["old"].cast(pl.Int64).fill_null(-1).to_numpy(), -1)


def _touched(given: GroupingInput, before: GroupingInput, old_row: I64) -> tuple[Bool, Bool]:
    """Which tracks are new, gone or linked differently: of the tracks now, and of the former ones."""
    touched = old_row < 0
    touched_before = np.ones(before.tracks.height, np.bool_)
    touched_before[old_row[old_row >= 0]] = False
    new_row = np.full(before.tracks.height, -1, np.int64)
    new_row[old_row[old_row >= 0]] = np.flatnonzero(old_row >= 0)
    size = before.tracks.height + 1
    for kind in ("must_link", "cannot_link"):
        now, then = getattr(given.links, kind).reshape(-1, 2), getattr(before.links, kind).reshape(-1, 2)
        mine, theirs = (np.sort(pairs, axis=1) for pairs in (old_row[now], then))
        keys, keys_before = mine[:, 0] * size + mine[:, 1], theirs[:, 0] * size + theirs[:, 1]
        is_new = (mine < 0).any(axis=1) | ~_is_in(keys, keys_before)
        is_gone = (new_row[then] < 0).any(axis=1) | ~_is_in(keys_before, keys)
        touched[now[is_new].ravel()] = True
        touched_before[then[is_gone].ravel()] = True
    return touched, touched_before


def _touch_ends(touched: Bool, touched_before: Bool, old_row: I64, edges: Edges, edges_before: Edges) -> None:
    """Also mark the ends of edges that came or went: if parts of a track changed, other tracks may have other nearest neighbours."""
    kept = old_row[edges.pairs]
    size = len(touched_before) + 1
    mine, theirs = np.sort(kept, axis=1), np.sort(edges_before.pairs, axis=1)
    keys, keys_before = mine[:, 0] * size + mine[:, 1], theirs[:, 0] * size + theirs[:, 1]
    is_new = (kept < 0).any(axis=1) | ~_is_in(keys, keys_before)
    is_gone = ~_is_in(keys_before, keys)
    touched[edges.pairs[is_new].ravel()] = True
    touched_before[edges_before.pairs[is_gone].ravel()] = True


def _is_in(keys: I64, others: I64) -> Bool:
    """Which keys are among others: by sorting, which takes a third of the time that hashing does."""
    return np.asarray(np.isin(keys, others, kind="sort"), np.bool_) if len(keys) and len(others) else np.zeros(len(keys), np.bool_)


def _reached(edges: Edges, must_link: I64, begin: Bool) -> Bool:
    """Which rows are connected with the starting rows."""
    from scipy.sparse import coo_matrix  # half a second to load, which commands that only read do without
    from scipy.sparse.csgraph import connected_components

    pairs = np.concatenate([edges.pairs, must_link.reshape(-1, 2)])
    graph = coo_matrix((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(len(begin), len(begin)))
    component = connected_components(graph, directed=False)[1]
    is_reached = np.zeros(int(component.max(initial=-1)) + 1, np.bool_)
    is_reached[component[begin]] = True
    return np.asarray(is_reached[component], np.bool_)
