"""Incremental grouping: only tracks whose groups have to do with a changed track are grouped again.

Groups are joined in rounds, and who is joined in a round follows only from the pairs of groups that are similar enough then. So tracks fall
into components (`grouping.Grouping`) that came to their groups as if the others did not exist; there are about as many as people. The
components of changed tracks are grouped again, together with all components that an edge connects with them. If no group of the former was
similar enough to one of the latter in any round, the latter, and all beyond them, are grouped as before. Those that were are grouped again
too, until none is left. If what the archive shares has changed, everything is grouped again.
"""

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import I64, Bool
from meetbefore_assets.identities.edges import Edges
from meetbefore_assets.identities.evidence import EvidencePolicy, SharedLook
from meetbefore_assets.identities.grouping import Grouping, canonical_labels, group_apart, order_tracks
from meetbefore_assets.identities.grouping_input import GroupingInput, edges_above, grouping, is_compared

# If more than this share of all tracks would be grouped again, grouping all of them takes as long.
_MOST = 0.5


def regroup(given: GroupingInput, before: GroupingInput, then: Grouping, threshold: float) -> Grouping:
    """Group tracks as `grouping_input.grouping` does, starting from a grouping of nearly the same tracks.

    Args:
        given: the tracks to group.
        before: the same archive with other corrections.
        then: the tracks of `before` as they are grouped at the threshold.
        threshold: least similarity of two groups that are one person.
    """
    policy = given.policy(threshold)
    is_similar = given.tracks.height and before.tracks.height and not is_compared(given, threshold)
    if not isinstance(policy, EvidencePolicy) or not is_similar or not _is_same_look(given.look, before.look):
        return grouping(given, threshold)
    old_row = _old_rows(given, before)
    edges = edges_above(given, policy.least_cosine)
    touched, touched_before = _touched(given, before, old_row)
    if given.tracks is not before.tracks:
        _touch_ends(touched, touched_before, old_row, edges, edges_above(before, policy.least_cosine))
    is_new = old_row < 0
    component = np.where(is_new, int(then.component.max()) + 1 + np.arange(len(old_row)), then.component[old_row])
    is_lost = _with_components(touched_before, then.component)[old_row] & ~is_new
    is_again = _with_components(touched | is_lost, component)
    while True:
        is_near = is_again.copy()
        is_near[edges.pairs[is_again[edges.pairs].any(axis=1)].ravel()] = True
        rows = np.flatnonzero(_with_components(is_near, component))
        if len(rows) > _MOST * len(old_row):
            return grouping(given, threshold)
        found = _grouped(given, rows, edges, policy)
        is_drawn = _with_components(is_again[rows], found.component) & ~is_again[rows]
        if not is_drawn.any():
            break
        is_again[rows[is_drawn]] = True
        is_again = _with_components(is_again, component)
    again, its = np.flatnonzero(is_again), is_again[rows]
    labels = then.labels[old_row]
    labels[again] = int(then.labels.max()) + 1 + found.labels[its]
    component[again] = int(component.max()) + 1 + found.component[its]
    return Grouping(canonical_labels(labels), canonical_labels(component))


def _with_components(is_some: Bool, component: I64) -> Bool:
    """Some rows and all others of their components."""
    is_whole = np.zeros(int(component.max(initial=-1)) + 1, np.bool_)
    is_whole[component[is_some]] = True
    return np.asarray(is_whole[component], np.bool_)


def _grouped(given: GroupingInput, rows: I64, edges: Edges, policy: EvidencePolicy) -> Grouping:
    """Some rows as they are grouped if there were no others."""
    place = np.full(given.tracks.height, -1, np.int64)
    place[rows] = np.arange(len(rows))

    def among(pairs: I64) -> I64:
        found = place[pairs.reshape(-1, 2)]
        return np.asarray(found[(found >= 0).all(axis=1)])

    quality = given.tracks["quality"].to_numpy().astype(np.float32)[rows]
    vectors = np.take(given.stored, given.held[rows], axis=0)
    ordered = order_tracks(vectors, quality, among(given.links.cannot_link), among(given.links.must_link), lengths=given.lengths[rows])
    return group_apart(ordered, policy, lambda floor: edges.above(floor).placed(place))


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
