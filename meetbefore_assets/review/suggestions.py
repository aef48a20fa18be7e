"""Scores which joins and breaks near the threshold are worth asking about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.ports import F64, I64


@dataclass(frozen=True)
class Join:
    """Two people who would be one at a lower threshold; `value` rises with nearness and with what hangs on it."""

    first: str
    second: str
    threshold: float
    value: float


@dataclass(frozen=True)
class Break:
    """A person who would be several at a higher threshold: `rows` are tracks of the smaller part."""

    person_id: str
    rows: tuple[int, ...]
    threshold: float
    value: float


def joins(people: Sequence[str], groups: I64, thresholds: F64, now: int, encounters: Mapping[str, int]) -> list[Join]:
    """People that lower thresholds join, the most valuable question first.

    Args:
        people: (m,) the person of each track.
        groups: (m, k) the group of each track at each threshold.
        thresholds: (k,) rising; `now` is the index of the one in force.
        encounters: person -> number of encounters; people who are not in it are not asked about.

    Returns:
        Of people who come together at the same threshold, each is asked about with the one of most encounters.
    """
    found: dict[tuple[str, str], Join] = {}
    reach = max(float(thresholds[now] - thresholds[0]), 1e-9)
    for step in range(now - 1, -1, -1):
        nearness = 1 - float(thresholds[now] - thresholds[step]) / (reach * 1.1)
        for together in _people_of_groups(people, groups[:, step], encounters):
            for other in together[1:]:
                pair = (together[0], other)
                value = nearness * (encounters[pair[0]] + encounters[pair[1]])
                found.setdefault(pair, Join(*pair, float(thresholds[step]), value))
    return sorted(found.values(), key=lambda join: (-join.value, join.first, join.second))


def _people_of_groups(people: Sequence[str], labels: I64, encounters: Mapping[str, int]) -> list[list[str]]:
    """People of each group that holds several, those of most encounters first."""
    members: dict[int, set[str]] = {}
    for person, label in zip(people, labels.tolist(), strict=True):
        if person in encounters:
            members.setdefault(label, set()).add(person)
    return [sorted(group, key=lambda one: (-encounters[one], one)) for _, group in sorted(members.items()) if len(group) > 1]


def breaks(people: Sequence[str], groups: I64, thresholds: F64, now: int, encounter_of: Sequence[str]) -> list[Break]:
    """People that higher thresholds break, where a meeting hangs on it; the most valuable question first.

    Args:
        people: (m,) the person of each track.
        groups: (m, k) the group of each track at each threshold.
        thresholds: (k,) rising; `now` is the index of the one in force.
        encounter_of: (m,) the encounter of each track.
    """
    rows_of: dict[str, list[int]] = {}
    for row, person in enumerate(people):
        rows_of.setdefault(person, []).append(row)
    reach = max(float(thresholds[-1] - thresholds[now]), 1e-9)
    found: list[Break] = []
    for person, rows in rows_of.items():
        for step in range(now + 1, len(thresholds)):
            smaller = _smaller_part(rows, groups[rows, step])
            lost = {encounter_of[row] for row in smaller} - {encounter_of[row] for row in set(rows) - set(smaller)}
            if lost:
                nearness = 1 - float(thresholds[step] - thresholds[now]) / (reach * 1.1)
                found.append(Break(person, tuple(smaller), float(thresholds[step]), nearness * len(lost)))
                break
    return sorted(found, key=lambda one: (-one.value, one.person_id))


def _smaller_part(rows: list[int], labels: I64) -> list[int]:
    """All rows but those of the largest group (of equals, of the first)."""
    largest = int(np.bincount(labels).argmax())
    return [row for row, label in zip(rows, labels.tolist(), strict=True) if label != largest]
