"""The types Attack and Outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the program did: what it printed or answered, in one line, and whether its promise held."""

    printed: str
    held: bool


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack: the row of the table in `docs/security.md`, what is tried, and the function that tries it in an empty folder."""

    row: str
    tried: str
    attempt: Callable[[Path], Outcome]
