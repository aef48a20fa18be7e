"""Grouping again what a correction touches gives exactly what grouping everything gives."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.core.model_packs import SFACE
from meetbefore_assets.identities import regrouping
from meetbefore_assets.identities.correction_links import Links
from meetbefore_assets.identities.edges import NO_EDGES, all_edges
from meetbefore_assets.identities.evidence import SharedLook
from meetbefore_assets.identities.grouping_input import GroupingInput, grouping, is_compared
from meetbefore_assets.identities.regrouping import regroup
from meetbefore_assets.identities.stored_corrections import CorrectionsInForce
from meetbefore_assets.identities.stored_edges import EdgeGraph

THRESHOLD = 0.45
TRACKS, PEOPLE, SIZE = 70, 14, 40
LOOK = SharedLook(np.zeros(SIZE, np.float32), np.zeros(SIZE, np.float32), 0.0, 0.0, 150.0)


class Crowd:
    """Tracks of people, noisy enough that who is joined with whom depends on who else is there; one person has a fifth of them."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        who = rng.integers(0, PEOPLE, size=TRACKS) * (rng.random(TRACKS) > 0.2)
        vectors = rng.normal(size=(PEOPLE, SIZE))[who] + rng.normal(scale=rng.uniform(0.4, 1.0), size=(TRACKS, SIZE))
        self.vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        self.lengths = rng.uniform(7, 13, size=TRACKS).astype(np.float32)
        self.edges = all_edges(self.vectors, 0.2)
        self.rng = rng

    def input(self, rows, must, cannot, look=LOOK):
        """Some of the tracks, with links between them."""
        row_of = np.full(TRACKS, -1, np.int64)
        row_of[rows] = np.arange(len(rows))

        def links(pairs):
            found = np.sort(row_of[np.array(sorted(pairs), np.int64).reshape(-1, 2)], axis=1)
            return found[(found >= 0).all(axis=1)]

        tracks = pl.DataFrame({"track_id": [f"t{row:03d}" for row in rows], "face_ids": [[f"f{row}"] for row in rows]})
        return GroupingInput(
            tracks.with_columns(pl.lit(0.8, pl.Float32).alias("quality")),
            self.vectors,
            np.array(rows, np.int64),
            EdgeGraph(SimpleNamespace(tracks=TRACKS), self.edges, NO_EDGES),
            row_of,
            NO_EDGES,
            Links(links(must), links(cannot)),
            CorrectionsInForce.nothing(),
            SFACE.evidence,
            self.lengths[rows],
            SimpleNamespace(look=look),
        )

    def pair(self):
        return tuple(int(row) for row in self.rng.choice(TRACKS, size=2, replace=False))


def changed(crowd, some):
    """With one or two more or fewer."""
    some = set(some)
    for _ in range(int(crowd.rng.integers(0, 3))):
        some ^= {crowd.pair() if crowd.rng.random() < 0.6 or not some else sorted(some)[int(crowd.rng.integers(len(some)))]}
    return some


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_what_corrections_touch_is_grouped_as_all_is(seed):
    """Links come and go, tracks come and go (as when they are divided), one change after another."""
    crowd = Crowd(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regrouping, "_MOST", 1.0)  # never everything because it is so small
        must, cannot, rows = set(), set(), list(range(TRACKS - 4))
        before = crowd.input(rows, must, cannot)
        then = grouping(before, THRESHOLD)
        assert not is_compared(before, THRESHOLD)
        for _ in range(6):
            more, apart = changed(crowd, must), changed(crowd, cannot)
            fewer = rows if crowd.rng.random() < 0.6 else sorted(set(rows) ^ set(crowd.rng.choice(TRACKS, size=2).tolist()))
            now = crowd.input(fewer, more, apart)
            if fewer == rows:
                now = replace(now, tracks=before.tracks)  # as where no track was divided
            try:
                expected = grouping(now, THRESHOLD)
            except MeetbeforeError:  # links that contradict each other
                continue
            found = regroup(now, before, then, THRESHOLD)
            assert (found.labels == expected.labels).all()
            # From these the next change starts; they may be coarser than they need be, never finer.
            for component in np.unique(expected.component):
                assert len(np.unique(found.component[expected.component == component])) == 1
            must, cannot, rows, before, then = more, apart, fewer, now, found


def test_only_what_a_merge_reaches_is_grouped_again(monkeypatch):
    crowd = Crowd(3)
    before = crowd.input(range(TRACKS), set(), set())
    then = grouping(before, THRESHOLD)
    assert then.component.max() > 5
    asked, grouped = [], regrouping._grouped
    monkeypatch.setattr(regrouping, "_grouped", lambda given, rows, *rest: (asked.append(len(rows)), grouped(given, rows, *rest))[1])
    monkeypatch.setattr(regrouping, "_MOST", 1.0)
    rarest = np.argsort(np.bincount(then.labels), kind="stable")[:2]
    first, second = sorted(int(np.flatnonzero(then.labels == label)[0]) for label in rarest)
    now = replace(before, links=Links(np.array([[first, second]]), np.empty((0, 2), np.int64)))
    assert (regroup(now, before, then, THRESHOLD).labels == grouping(now, THRESHOLD).labels).all()
    assert 0 < max(asked) < TRACKS
    asked.clear()
    assert (regroup(before, before, then, THRESHOLD).labels == then.labels).all()
    assert asked == [0]


def test_another_look_or_no_tracks_before_groups_everything():
    crowd = Crowd(5)
    rows = list(range(TRACKS))
    before, other = crowd.input(rows[:0], set(), set()), SharedLook(LOOK.mean + 0.05, LOOK.slope, 0.0, 0.5, 150.0)
    nobody = grouping(before, THRESHOLD)
    assert len(nobody.labels) == len(nobody.component) == 0
    now = crowd.input(rows, set(), set())
    expected = grouping(now, THRESHOLD)
    assert (regroup(now, before, nobody, THRESHOLD).labels == expected.labels).all()
    leaning = crowd.input(rows, set(), set(), other)
    assert (regroup(leaning, now, expected, THRESHOLD).labels == grouping(leaning, THRESHOLD).labels).all()
