"""Commands that say who is who."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meetbefore_assets.cli.options import build_definitions, console, home_for_command, home_option

if TYPE_CHECKING:
    from meetbefore_assets.home.home import Home
    from meetbefore_assets.identities.corrections import Correction

later_option = click.option("--later", is_flag=True, help="Only put it on record; the next run, or the sensor, brings identities in step.")


@click.command()
@click.argument("person")
@click.argument("name")
@home_option
@later_option
def name(person: str, name: str, home_folder: Path, later: bool) -> None:
    """Give PERSON a name; "" takes it away. It follows the faces, whatever happens to ids."""
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.name_person(home, _who(home, person), name))


@click.command()
@click.argument("person")
@home_option
@later_option
def me(person: str, home_folder: Path, later: bool) -> None:
    """Say that PERSON is you: not ranked among those you keep meeting."""
    _role(person, "me", home_folder, later)


@click.command()
@click.argument("person")
@home_option
@later_option
def companion(person: str, home_folder: Path, later: bool) -> None:
    """Say that PERSON goes with you: shown apart from those you keep meeting."""
    _role(person, "companion", home_folder, later)


@click.command()
@click.argument("person")
@home_option
@later_option
def ignore(person: str, home_folder: Path, later: bool) -> None:
    """Say that PERSON is of no interest (a poster, a newsreader)."""
    _role(person, "ignored", home_folder, later)


@click.command()
@click.argument("person")
@click.argument("role", type=click.Choice(["me", "companion", "ignored", "none"]))
@home_option
@later_option
def role(person: str, role: str, home_folder: Path, later: bool) -> None:
    """Say what PERSON is to you: yourself, a companion, of no interest, or (none) nothing of these."""
    _role(person, role, home_folder, later)


@click.command()
@click.argument("first")
@click.argument("second")
@home_option
@later_option
def merge(first: str, second: str, home_folder: Path, later: bool) -> None:
    """Say that FIRST and SECOND are one person, at every threshold."""
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.merge(home, _who(home, first), _who(home, second)))


@click.command("not-same")
@click.argument("first")
@click.argument("second")
@home_option
@later_option
def not_same(first: str, second: str, home_folder: Path, later: bool) -> None:
    """Say that FIRST and SECOND are two people, at every threshold."""
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.not_same(home, _who(home, first), _who(home, second)))


@click.command()
@click.argument("person")
@click.argument("faces", nargs=-1, required=True)
@click.option("--only-these", is_flag=True, help="Just these faces, not the whole of the tracks they are in.")
@home_option
@later_option
def split(person: str, faces: tuple[str, ...], only_these: bool, home_folder: Path, later: bool) -> None:
    """Say that FACES are not PERSON. `meetbefore show PERSON --faces` lists them."""
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.split(home, _who(home, person), faces, only_these=only_these))


@click.command()
@click.argument("correction", required=False, default="")
@home_option
@later_option
def undo(correction: str, home_folder: Path, later: bool) -> None:
    """Take back the latest correction, or the one with this id (or its beginning). To undo an undo, give its id."""
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.undo(home, correction)[0])


@click.command()
@home_option
def corrections(home_folder: Path) -> None:
    """What was said about who is who, the oldest first, and whether it holds."""
    from meetbefore_assets.cli.terminal.corrections import print_corrections

    print_corrections(console(), home_for_command(home_folder, must_exist=True))


@click.command()
@click.argument("person", required=False, default="")
@home_option
def history(person: str, home_folder: Path) -> None:
    """What happened to people's ids: who was joined to whom, who was split from whom, when, at which threshold.

    PERSON (any id it ever had, or a name) limits it to one person.
    """
    from meetbefore_assets.cli.terminal.corrections import print_history

    print_history(console(), home_for_command(home_folder, must_exist=True), person)


@click.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many questions.")
@home_option
def review(limit: int, home_folder: Path) -> None:
    """The questions whose answers would help most, each with the commands that answer it."""
    from meetbefore_assets.cli.terminal.questions import print_review
    from meetbefore_assets.review.questions import questions

    print_review(console(), questions(home_for_command(home_folder, must_exist=True), limit))


def _role(person: str, role: str, home_folder: Path, later: bool) -> None:
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.set_role(home, _who(home, person), role))


def _who(home: "Home", text: str) -> str:
    from meetbefore_assets.identities.queries import find_person

    return str(find_person(home, text).row["person_id"])


def _correct(home_folder: Path, later: bool, say: "Callable[[Home], Correction]") -> None:
    """Put a correction on record, bring everything in step, and say what came of it."""
    from meetbefore_assets.cli.terminal.corrections import print_outcome
    from meetbefore_assets.identities.match import last_match
    from meetbefore_assets.running.run import update_identities

    home = home_for_command(home_folder, must_exist=True)
    one = say(home)
    if later:
        console().print(f"{one.correction_id} is on record; the next run brings identities in step.")
        return
    update_identities(home_folder, build_definitions)
    print_outcome(console(), home, one, last_match(home))


COMMANDS = (name, me, companion, ignore, role, merge, not_same, split, undo, corrections, history, review)
