"""Exports corrections to a file, imports them from one, and prints which could not be imported."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core import words
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.encounters.make_tables import make_people
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.corrections import Correction
from meetbefore_assets.identities.corrections_file import MOST_BYTES
from meetbefore_assets.identities.match import is_matched
from meetbefore_assets.publishing.database import publish
from meetbefore_assets.review.export_corrections import export_corrections
from meetbefore_assets.review.fit_corrections import LeftOut, Reason
from meetbefore_assets.review.import_corrections import Imported, import_corrections
from meetbefore_assets.running.run import update_identities
from meetbefore_assets.running.worker import BuildDefinitions
from meetbefore_assets.storage.atomic_file import move_in_place
from meetbefore_assets.storage.regular_file import NotRegularError, read_regular_file

LISTED, PLACES_LISTED = 50, 2
REASONS: dict[Reason, str] = {
    "missing": "the recording is not in this home",
    "waiting": "the recording is not processed yet",
    "no-face": "no face is found there",
    "forgotten": "forgotten here",
    "blocked": "this person is on the block list",
    "undone": "you took it back here; to bring it in again: meetbefore undo {}",
    "contradicts": "contradicts {}",
    "picture": "they are in one picture here",
    "one-track": "they are one track here",
    "name-taken": "somebody else is called that here",
    "me-taken": "somebody else is you here",
    "future": "said on {}, which is yet to come",
    "malformed": "damaged: {}",
    "unknown": "only a later version of meetbefore knows it",
}


def write_export(console: Console, home: Home, file: Path) -> None:
    """Write all corrections in force to a file that only its owner may read.

    Raises:
        UsageError: the file is a folder, or its folder does not exist.
    """
    if file.is_dir() or not file.absolute().parent.is_dir():
        found = "a folder" if file.is_dir() else f"in the folder {file.parent}, which does not exist"
        raise UsageError(f"expected the name of a file to write, found {file}: it is {found}.", remedy="For example: corrections.json")
    data, said = export_corrections(home)
    with home.adapters.storage.scratch() as folder:  # if this process is killed, it leaves nothing in the user's folder
        made = folder / "corrections.json"
        made.write_bytes(data)
        move_in_place(made, file, durable=True)
        file.chmod(0o600)
    console.print(f"{words.count(said, 'correction')} written to {printable(str(file))}")


def import_file(home: Home, file: Path) -> Imported:
    """Import the corrections in a file.

    Raises:
        UsageError: there is no such file, or it is no file of corrections; nothing was imported.
    """
    try:
        data = read_regular_file(file, MOST_BYTES)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {file}; expected what `meetbefore corrections export FILE` writes.") from error
    except NotRegularError as error:
        raise UsageError(f"{file} is no file of corrections: it is {error}. Nothing was imported.") from error
    return import_corrections(home, data)


def print_import(console: Console, home: Home, done: Imported) -> None:
    """Print how many corrections were imported, and each that was left out: what it says, where, and why."""
    before = f", {done.before:,} on record before" if done.before else ""
    console.print(f"{words.count(len(done.new), 'correction')} imported{before}, {len(done.left_out):,} left out.")
    for (file_name, reason), places in sorted(done.missed.items()):
        console.print(f"{words.count(places, 'face')} of those imported not found in {printable(file_name)}: {REASONS[reason]}")
    if not done.left_out:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("said", "what", "where", "left out because"):
        table.add_column(title)
    for one in done.left_out[:LISTED]:
        said = words.stamp(one.correction.created_at, home.zone())
        table.add_row(said, printable(what(one.correction)), printable(_where(one)), printable(REASONS[one.reason].format(one.detail)))
    console.print(table)
    if len(done.left_out) > LISTED:
        console.print(f"and {len(done.left_out) - LISTED:,} more")


def what(one: Correction) -> str:
    """What a correction says, in words, without the people it refers to: this home may not have them."""
    phrases = {
        "name": f"named '{one.text}'" if one.text else "the name taken away",
        "known": f"the imported name '{one.text}'",
        "role": {"me": "is me", "companion": "travels with me", "ignored": "is ignored"}.get(one.text, "has no role"),
        "merge": "one person",
        "not-same": "two people",
        "unsure": "unsure whether one person",
        "split": "faces of somebody else",
        "move": "faces moved to somebody else",
        "not-a-face": "not a face",
        "portrait": "portrait",
    }
    return phrases.get(one.kind, f"'{one.kind}'")


def _where(one: LeftOut) -> str:
    shown = [f"{name} at {at:.1f} s" for name, at in one.places[:PLACES_LISTED]]
    more = [f"{len(one.places) - PLACES_LISTED} more"] if len(one.places) > PLACES_LISTED else []
    return ", ".join([*shown, *more])


def apply_import(console: Console, home: Home, home_folder: Path, build_definitions: BuildDefinitions) -> None:
    """Bring people, scores and the database up to date with the imported corrections."""
    if is_matched(home):
        make_people(home)
        publish(home)
        return
    waits_for = update_identities(home_folder, build_definitions)
    if waits_for:
        console.print(f"They are saved. Another run is going on and will apply them when it ends ({printable(waits_for)})")
