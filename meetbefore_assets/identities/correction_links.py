"""Turns corrections into must-links and cannot-links, and finds contradictions among them.

Two faces in one frame are two people, whatever a correction says. Otherwise the older correction counts, and the newer one that contradicts
it is reported with the older. A new correction is refused then; an old one that became contradictory (because a detector now finds two
faces where there was one) is ignored and reported.

A split is about faces, a merge about people: a split takes its faces out of earlier merges. A move says whose its faces are: it takes them
out of all earlier corrections about who is who.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.ports import I64
from meetbefore_assets.identities.corrections import SIDES, Correction

PICTURE = "picture"
ONE_ROW = "track"

Rows = Mapping[tuple[str, str], Sequence[int]]

# Rows per name that get cannot-links to other names: few, because every two names are compared.
_OF_A_NAME = 3

Faces = Mapping[tuple[str, str], Sequence[str]]


@dataclass(frozen=True)
class Conflict:
    """A correction that contradicts an older one or a frame.

    Attributes:
        correction_id: the ignored correction.
        rows: the two rows in question.
        against: id of the older correction; PICTURE if both rows are seen in one frame; ONE_ROW if they are the same row.
    """

    correction_id: str
    rows: tuple[int, int]
    against: str


@dataclass(frozen=True)
class Links:
    """Consistent constraints for grouping: pairs of rows, the smaller first, (k, 2) must_link and (c, 2) cannot_link; and conflicts."""

    must_link: I64
    cannot_link: I64
    conflicts: tuple[Conflict, ...] = ()


@dataclass(frozen=True)
class _Statement:
    correction_id: str
    is_same: bool
    here: tuple[int, ...]
    there: tuple[int, ...]


def links(corrections: Sequence[Correction], rows: Rows, seen_together: I64) -> Links:
    """Turn corrections into links between rows.

    Args:
        corrections: those in force, oldest first.
        rows: (correction_id, side) -> rows that contain its anchors, most representative first.
        seen_together: (c, 2) pairs of rows that share a frame.
    """
    statements = _statements(corrections, rows)
    spoken = np.unique(np.array([row for one in statements for row in (*one.here, *one.there)] + _named_rows(corrections, rows), np.int64))
    is_spoken = np.isin(seen_together, spoken).all(axis=1)
    ledger = _LinkLedger((int(a), int(b)) for a, b in seen_together[is_spoken])
    for one in statements:
        if one.is_same:
            ledger.same(one.correction_id, [*one.here, *one.there])
        else:
            ledger.apart(one.correction_id, one.here, one.there)
    for correction_id, here, there in _differently_named(corrections, rows):
        ledger.apart(correction_id, here, there, is_soft=True)
    cannot = np.concatenate([seen_together.reshape(-1, 2), _pairs(ledger.cannot)])
    return Links(_pairs(ledger.must), _distinct(cannot), tuple(ledger.conflicts))


def _distinct(pairs: I64) -> I64:
    """Pairs with the smaller row first, sorted, without duplicates."""
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    size = int(high.max(initial=0)) + 1
    # One number per pair: rows are compared byte by byte. They are almost sorted; `np.unique` hashes, which takes ten times as long.
    keys = np.sort(low * size + high)
    return np.stack(np.divmod(keys[np.diff(keys, prepend=-1) > 0], size), axis=1)


def _statements(corrections: Sequence[Correction], rows: Rows) -> list[_Statement]:
    said: list[_Statement] = []
    for one in corrections:
        if one.kind not in ("merge", "not-same", "split", "move"):
            continue
        here, there, to = (tuple(rows.get((one.correction_id, side), ())) for side in SIDES)
        if one.kind in ("split", "move"):
            said = [_without(earlier, set(here)) if earlier.is_same or one.kind == "move" else earlier for earlier in said]
        said.append(_Statement(one.correction_id, one.kind == "merge", here, there))
        if one.kind == "move":
            said.append(_Statement(one.correction_id, True, to, here))
    return said


def _without(statement: _Statement, gone: set[int]) -> _Statement:
    return _Statement(
        statement.correction_id,
        statement.is_same,
        tuple(row for row in statement.here if row not in gone),
        tuple(row for row in statement.there if row not in gone),
    )


def _latest_names(corrections: Sequence[Correction], rows: Rows) -> dict[str, tuple[str, list[int]]]:
    named: dict[str, tuple[str, list[int]]] = {}
    for one in corrections:
        found = list(rows.get((one.correction_id, "here"), ()))[:_OF_A_NAME]
        if one.kind == "name" and one.text and found:
            named[one.text.casefold()] = (one.correction_id, found)
    return named


def _named_rows(corrections: Sequence[Correction], rows: Rows) -> list[int]:
    return [row for _, found in _latest_names(corrections, rows).values() for row in found]


def _differently_named(corrections: Sequence[Correction], rows: Rows) -> Iterable[tuple[str, list[int], list[int]]]:
    """Pairs of differently named people, who are two people unless a merge says otherwise."""
    named = [entry for _, entry in sorted(_latest_names(corrections, rows).items())]
    for position, (correction_id, here) in enumerate(named):
        for _, there in named[position + 1 :]:
            yield correction_id, here, there


def _pairs(pairs: list[tuple[int, int]]) -> I64:
    return np.array(sorted({(min(pair), max(pair)) for pair in pairs}), np.int64).reshape(-1, 2)


class _LinkLedger:
    """Collects must-links and cannot-links, correction by correction, and notes conflicts."""

    def __init__(self, seen_together: Iterable[tuple[int, int]]) -> None:
        self.must: list[tuple[int, int]] = []
        self.cannot: list[tuple[int, int]] = []
        self.conflicts: list[Conflict] = []
        self._parent: dict[int, int] = {}
        self._said_apart: dict[tuple[int, int], str] = {}
        # By root: the numbers, in the order in which they were said, of the pairs in which a row of its group is kept apart.
        self._apart_pairs: list[tuple[int, int]] = []
        self._apart_of: dict[int, list[int]] = {}
        for pair in seen_together:
            self._keep_apart(pair, PICTURE)
        self._said_same: list[tuple[int, int, str]] = []

    def same(self, correction_id: str, rows: Sequence[int]) -> None:
        for row in rows[1:]:
            a, b = self._root(rows[0]), self._root(row)
            if a == b:
                continue
            clash = self._between(a, b)
            if clash:
                self.conflicts.append(Conflict(correction_id, *clash))
                continue
            self._parent[max(a, b)] = min(a, b)
            shorter, longer = sorted((self._apart_of.pop(a, []), self._apart_of.pop(b, [])), key=len)
            longer.extend(shorter)
            self._apart_of[min(a, b)] = longer
            self.must.append((rows[0], row))
            self._said_same.append((rows[0], row, correction_id))

    def apart(self, correction_id: str, here: Sequence[int], there: Sequence[int], *, is_soft: bool = False) -> None:
        for a in here:
            for b in there:
                if self._root(a) != self._root(b):
                    self.cannot.append((a, b))
                    self._keep_apart((min(a, b), max(a, b)), correction_id)
                elif not is_soft:
                    self.conflicts.append(Conflict(correction_id, (a, b), self._joined_by(a, b)))

    def _keep_apart(self, pair: tuple[int, int], said: str) -> None:
        if pair not in self._said_apart:
            self._said_apart[pair] = said
            for row in pair:
                self._apart_of.setdefault(self._root(row), []).append(len(self._apart_pairs))
            self._apart_pairs.append(pair)

    def _root(self, row: int) -> int:
        root = row
        while (above := self._parent.get(root, root)) != root:
            root = above
        while row != root:
            self._parent[row], row = root, self._parent[row]
        return root

    def _between(self, a: int, b: int) -> tuple[tuple[int, int], str] | None:
        """What was said first that keeps two groups (given by their roots) apart; only the pairs of one of them are looked at."""
        fewer = min(self._apart_of.get(a, []), self._apart_of.get(b, []), key=len)
        pairs = ((number, self._apart_pairs[number]) for number in fewer)
        first = min((number for number, (x, y) in pairs if {self._root(x), self._root(y)} == {a, b}), default=None)
        return None if first is None else (self._apart_pairs[first], self._said_apart[self._apart_pairs[first]])

    def _joined_by(self, a: int, b: int) -> str:
        """The latest merge in the group of both rows; ONE_ROW if there is none."""
        root = self._root(a)
        return ([ONE_ROW] + [correction_id for x, _, correction_id in self._said_same if self._root(x) == root])[-1]


def divided_tracks(
    corrections: Sequence[Correction], faces: Faces, track_of: Mapping[str, str], nobodys: Collection[str] = ()
) -> dict[str, list[list[str]]]:
    """Tracks that corrections divide (a split, move or not-same with both sides in one track, or faces that are none), with their parts.

    Args:
        corrections: those in force, oldest first.
        faces: (correction_id, side) -> its faces.
        track_of: face_id -> track_id.
        nobodys: detections that a correction calls no face.

    Returns:
        track_id -> parts, each a sorted list of faces; the faces that nobody spoke of stay with `there`. No part where none of its faces is
        one.
    """
    members: dict[str, set[str]] = {}
    for face, track in track_of.items():
        members.setdefault(track, set()).add(face)
    parts: dict[str, list[set[str]]] = {}
    for track in {track_of[face] for face in nobodys if face in track_of}:
        left = members[track] - set(nobodys)
        parts[track] = [left] if left else []
    for one in corrections:
        if one.kind not in ("split", "move", "not-same"):
            continue
        here, there = ({face for face in faces.get((one.correction_id, side), ()) if face in track_of} for side in ("here", "there"))
        for track in {track_of[face] for face in here} & {track_of[face] for face in there}:
            parts[track] = _divided(parts.get(track, [members[track]]), here, there)
    return {track: sorted(sorted(part) for part in found) for track, found in parts.items() if found != [members[track]]}


def _divided(parts: list[set[str]], here: set[str], there: set[str]) -> list[set[str]]:
    result: list[set[str]] = []
    for part in parts:
        result += [part & here, part - here] if part & here and part & there else [part]
    return result
