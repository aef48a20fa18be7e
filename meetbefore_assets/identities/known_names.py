"""Assigns imported names to people of an archive; what the user said by hand takes precedence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["named", "near", "waits", "said"]
# From which probability on somebody is named at once, and from which on it is worth asking.
SURE, NEAR = 0.95, 0.3


@dataclass(frozen=True)
class Known:
    """A name from elsewhere, and who of the archive is likest.

    Attributes:
        person_id: the likeliest person; None: nobody is on record.
        probability: that it is this person, 0..1; None: nobody measured the recogniser, and nobody is named.
        similarity: cosine of the most similar views.
    """

    name: str
    person_id: str | None
    probability: float | None
    similarity: float


def decide(known: Sequence[Known], said: Mapping[str, str]) -> list[State]:
    """What becomes of each name.

    Args:
        known: each name once.
        said: person_id -> the name that was said by hand; "": that the person has none.

    Returns:
        named: the person bears it from now on; of several names for one person the likeliest.
        near: it is worth asking. waits: nobody is like that yet. said: the name, or that of the person, was given by hand.
    """
    spoken = {name.casefold() for name in said.values() if name}
    best: dict[str, Known] = {}
    for one in sorted(known, key=lambda one: (-(one.probability or 0.0), one.name)):
        if _is_open(one, said, spoken) and one.person_id is not None and (one.probability or 0.0) >= SURE:
            best.setdefault(one.person_id, one)
    return [_state(one, said, spoken, best) for one in known]


def _is_open(one: Known, said: Mapping[str, str], spoken: set[str]) -> bool:
    return one.name.casefold() not in spoken and (one.person_id is None or one.person_id not in said)


def _state(one: Known, said: Mapping[str, str], spoken: set[str], best: Mapping[str, Known]) -> State:
    if one.name.casefold() in spoken:
        return "said"
    if one.person_id is None or one.probability is None or one.probability < NEAR:
        return "waits"
    if one.person_id in said:
        return "said"
    return "named" if best.get(one.person_id) is one else "near"
