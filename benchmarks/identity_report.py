"""What a rule does to people: who is split, who is mixed up, how certain a difference is, and which group fares worst."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations

import numpy as np

from meetbefore_assets.core.ports import F64

# Videos in which somebody must be to count as met again and again.
OFTEN = 5
DRAWS = 1000


def pieces(person: Sequence[str], group: Sequence[int], video: Sequence[str]) -> dict[str, float]:
    """Share of the faces of each person in OFTEN videos or more that lie in their largest group."""
    groups, videos = defaultdict[str, Counter[int]](Counter), defaultdict[str, set[str]](set)
    for who, label, where in zip(person, group, video, strict=True):
        groups[who][label] += 1
        videos[who].add(where)
    return {who: max(found.values()) / found.total() for who, found in groups.items() if len(videos[who]) >= OFTEN}


def run_together(person: Sequence[str], group: Sequence[int]) -> list[tuple[str, str]]:
    """Pairs of people mixed in one group: each has there a fifth of their own faces or of the group's."""
    members = defaultdict[int, Counter[str]](Counter)
    totals = Counter(person)
    for who, label in zip(person, group, strict=True):
        members[label][who] += 1
    pairs = set[tuple[str, str]]()
    for found in members.values():
        large = sorted(who for who, faces in found.items() if faces >= 0.2 * min(totals[who], found.total()))
        pairs |= set(combinations(large, 2))
    return sorted(pairs)


def false_meetings(person: Sequence[str], group: Sequence[Hashable], video: Sequence[str], of: Mapping[str, str]) -> dict[str, float]:
    """Of the pairs of videos that a group links and in which one of a kind of people is seen, the share that is two people.

    Args:
        person, group, video: of each face.
        of: person -> kind.
    """
    seen = defaultdict[Hashable, dict[str, Counter[str]]](lambda: defaultdict(Counter))
    for who, label, where in zip(person, group, video, strict=True):
        seen[label][where][who] += 1
    wrong, linked = Counter[str](), Counter[str]()
    for videos in seen.values():
        for one, other in combinations([faces.most_common(1)[0][0] for faces in videos.values()], 2):
            for kind in {of[one], of[other]}:
                linked[kind] += 1
                wrong[kind] += one != other
    return {kind: wrong[kind] / count for kind, count in sorted(linked.items())}


def bcubed_parts(person: Sequence[str], group: Sequence[int]) -> dict[str, F64]:
    """Of each person: faces, and the sums of their BCubed precision and recall."""
    both, true, found = Counter(zip(person, group, strict=True)), Counter(person), Counter(group)
    parts = defaultdict[str, F64](lambda: np.zeros(3))
    for (who, label), faces in both.items():
        parts[who] += (faces, faces**2 / found[label], faces**2 / true[who])
    return dict(parts)


def difference(before: Sequence[Mapping[str, F64]], after: Sequence[Mapping[str, F64]]) -> tuple[float, float, float]:
    """Rise of BCubed F over some sets, with its 95% bootstrap interval over people."""
    people = sorted({who for one in before for who in one})
    old, new = (np.stack([sum((one[who] for one in sets if who in one), np.zeros(3)) for who in people]) for sets in (before, after))
    drawn = np.random.default_rng(0).integers(len(people), size=(DRAWS, len(people)))
    low, high = np.quantile([_f(new[rows]) - _f(old[rows]) for rows in drawn], [0.025, 0.975])
    return _f(new) - _f(old), float(low), float(high)


def _f(parts: F64) -> float:
    faces, precision, recall = parts.sum(axis=0)
    return float(2 * precision * recall / faces / (precision + recall))
