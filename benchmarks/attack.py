"""Run every attack of `benchmarks/attacks/` against real processes and print each outcome.

python -m benchmarks.attack           # all
python -m benchmarks.attack 1 1b 13   # these rows

Each module of the folder lists its attacks as `ATTACKS`. Exit 1 when a promise did not hold.
"""

import importlib
import pkgutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import attacks
from benchmarks.attacks.attack import Attack


def all_attacks() -> list[Attack]:
    """The attacks of all modules, by row: 2 before 10, 1 before 1b."""
    modules = [importlib.import_module(f"{attacks.__name__}.{found.name}") for found in pkgutil.iter_modules(attacks.__path__)]
    every = [attack for module in modules for attack in getattr(module, "ATTACKS", [])]
    return sorted(every, key=lambda attack: (int("".join(filter(str.isdigit, attack.row)) or 0), attack.row))


def main(rows: list[str]) -> int:
    """Attempt the attacks of these rows (all, if none is named). Returns 1 if one of them succeeded."""
    every = all_attacks()
    if unknown := sorted(set(rows) - {attack.row for attack in every}):
        print(f"No such row: {', '.join(unknown)}. Rows: {', '.join(attack.row for attack in every)}")
        return 2
    table, succeeded = Table("row", "tried", "printed", "held", show_lines=True), 0
    for attack in every:
        if rows and attack.row not in rows:
            continue
        with tempfile.TemporaryDirectory(prefix="meetbefore-attack-") as folder:
            outcome = attack.attempt(Path(folder))
        print(f"{attack.row}: {'held' if outcome.held else 'BROKEN'}", flush=True)
        succeeded += not outcome.held
        table.add_row(attack.row, attack.tried, outcome.printed, "yes" if outcome.held else "NO")
    Console(width=180).print(table)
    return 1 if succeeded else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
