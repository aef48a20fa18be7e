"""Attacks by names: formulas in exported tables, control characters on a terminal and in a calendar."""

import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl

from benchmarks.attacks.attack import Attack, Outcome
from meetbefore_assets_tests.support.record import Record, Seen, dji

FORMULA = '=cmd|"/C calc"!A0'


def _command(home_folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "meetbefore_assets", *words, "--home", str(home_folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _formulas(folder: Path) -> Outcome:
    record = Record(folder / "home")
    for day in (3, 4):
        record.video(dji(day), [Seen("ann", [5])])
    record.finish(names={"ann": FORMULA})
    done = _command(folder / "home", "export", "csv", str(folder / "e.csv"))
    shown = _command(folder / "home", "people", "--format", "csv")
    cells = [*pl.read_csv(folder / "e.csv")["name"].unique(), *pl.read_csv(shown.stdout.encode())["name"]]
    return Outcome(f"exit {done.returncode}, cells: {cells}", set(cells) == {"'" + FORMULA})


def _controls(folder: Path) -> Outcome:
    record = Record(folder / "home")
    for day in (3, 4):
        record.video(dji(day), [Seen("ann", [5])])
    record.finish(names={"ann": "A\x1b[2Jnn"})  # as an earlier version took it
    home = folder / "home"
    shutil.rmtree(home / "locks", ignore_errors=True)
    _command(home, "export", "ics", str(folder / "e.ics"))
    person = pl.read_json(_command(home, "people", "--format", "json").stdout.encode())["person_id"][0]
    refused = _command(home, "name", person, "B\x1b]0;ob\x07")
    printed = [_command(home, *words).stdout for words in (("people",), ("show", person), ("corrections",))]
    is_clean = b"\x1b" not in (folder / "e.ics").read_bytes() and not any("\x1b" in text for text in printed)
    said = " ".join(refused.stderr.split())
    return Outcome(
        f"name: exit {refused.returncode}: {said}; ESC in calendar or terminal: {not is_clean}", is_clean and refused.returncode == 2
    )


ATTACKS = [
    Attack("13", f"a name {FORMULA} in CSV", _formulas),
    Attack("13b", "a name with ESC: said, printed, exported to a calendar", _controls),
]
