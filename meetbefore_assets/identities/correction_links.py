"""Turns corrections into must-links and cannot-links, and finds those that contradict each other.

Two faces in one picture are two people, whoever says otherwise. Beyond that the older statement holds and the newer that contradicts
it is named, with what it contradicts; new corrections are refused then, and old ones that came to contradict (because a
detector now sees two faces where there was one) are left out and reported.

A split is about faces, a merge about people: a split takes its faces out of the merges that were said before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.ports import I64
from meetbefore_assets.identities.corrections import Correction

PICTURE = "picture"
ONE_ROW = "track"

Rows = Mapping[tuple[str, str], Sequence[int]]

# Rows of a name that keep it apart from other names: few, since every two names are compared.
_OF_A_NAME = 3

Faces = Mapping[tuple[str, str], Sequence[str]]


@dataclass(frozen=True)
class Conflict:
    """A statement that cannot hold.

    Attributes:
        correction_id: what was left out.
        rows: the two rows in question.
        against: the correction that says otherwise, PICTURE where both are seen in one picture, ONE_ROW where they are one.
    """

    correction_id: str
    rows: tuple[int, int]
    against: str


@dataclass(frozen=True)
class Links:
    """Pairs of rows, the smaller first: (k, 2) must_link and (c, 2) cannot_link; together they do not contradict."""

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
    """Links of the grouping.

    Args:
        corrections: those in force, oldest first.
        rows: (correction_id, side) -> rows that its anchors lie in, the most telling first.
        seen_together: (c, 2) rows that share a picture.
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
    """The pairs, the smaller row first, in order, none twice."""
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    size = int(high.max(initial=0)) + 1
    # One number a pair: rows as such are compared byte by byte. They are all but sorted, and `np.unique` hashes: ten times as long.
    keys = np.sort(low * size + high)
    return np.stack(np.divmod(keys[np.diff(keys, prepend=-1) > 0], size), axis=1)


def _statements(corrections: Sequence[Correction], rows: Rows) -> list[_Statement]:
    said: list[_Statement] = []
    for one in corrections:
        if one.kind not in ("merge", "not-same", "split"):
            continue
        here, there = tuple(rows.get((one.correction_id, "here"), ())), tuple(rows.get((one.correction_id, "there"), ()))
        if one.kind == "split":
            said = [_without(earlier, set(here)) if earlier.is_same else earlier for earlier in said]
        said.append(_Statement(one.correction_id, one.kind == "merge", here, there))
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
    """Two names are two people, unless a merge says that they are one."""
    named = [entry for _, entry in sorted(_latest_names(corrections, rows).items())]
    for position, (correction_id, here) in enumerate(named):
        for _, there in named[position + 1 :]:
            yield correction_id, here, there


def _pairs(pairs: list[tuple[int, int]]) -> I64:
    return np.array(sorted({(min(pair), max(pair)) for pair in pairs}), np.int64).reshape(-1, 2)


class _LinkLedger:
    """Who is one with whom and who is kept apart, as far as statements went."""

    def __init__(self, seen_together: Iterable[tuple[int, int]]) -> None:
        self.must: list[tuple[int, int]] = []
        self.cannot: list[tuple[int, int]] = []
        self.conflicts: list[Conflict] = []
        self._parent: dict[int, int] = {}
        self._said_apart: dict[tuple[int, int], str] = {pair: PICTURE for pair in seen_together}
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
            self.must.append((rows[0], row))
            self._said_same.append((rows[0], row, correction_id))

    def apart(self, correction_id: str, here: Sequence[int], there: Sequence[int], *, is_soft: bool = False) -> None:
        for a in here:
            for b in there:
                if self._root(a) != self._root(b):
                    self.cannot.append((a, b))
                    self._said_apart.setdefault((min(a, b), max(a, b)), correction_id)
                elif not is_soft:
                    self.conflicts.append(Conflict(correction_id, (a, b), self._joined_by(a, b)))

    def _root(self, row: int) -> int:
        while self._parent.get(row, row) != row:
            row = self._parent[row]
        return row

    def _between(self, a: int, b: int) -> tuple[tuple[int, int], str] | None:
        for (x, y), said in self._said_apart.items():
            if {self._root(x), self._root(y)} == {a, b}:
                return (x, y), said
        return None

    def _joined_by(self, a: int, b: int) -> str:
        """The latest merge in the group of both; ONE_ROW where nobody joined them."""
        root = self._root(a)
        return ([ONE_ROW] + [correction_id for x, _, correction_id in self._said_same if self._root(x) == root])[-1]


def divided_tracks(corrections: Sequence[Correction], faces: Faces, track_of: Mapping[str, str]) -> dict[str, list[list[str]]]:
    """Tracks in which a split or a not-same has both its sides, and their parts.

    Args:
        corrections: those in force, oldest first.
        faces: (correction_id, side) -> the faces found there.
        track_of: face_id -> track_id.

    Returns:
        track_id -> parts, each a sorted list of faces; the faces that nobody spoke of stay with `there`.
    """
    members: dict[str, set[str]] = {}
    for face, track in track_of.items():
        members.setdefault(track, set()).add(face)
    parts: dict[str, list[set[str]]] = {}
    for one in corrections:
        if one.kind not in ("split", "not-same"):
            continue
        here, there = set(faces.get((one.correction_id, "here"), ())), set(faces.get((one.correction_id, "there"), ()))
        for track in {track_of[face] for face in here} & {track_of[face] for face in there}:
            parts[track] = _divided(parts.get(track, [members[track]]), here, there)
    return {track: sorted(sorted(part) for part in found) for track, found in parts.items() if len(found) > 1}


def _divided(parts: list[set[str]], here: set[str], there: set[str]) -> list[set[str]]:
    result: list[set[str]] = []
    for part in parts:
        result += [part & here, part - here] if part & here and part & there else [part]
    return result
