"""Commands that say who is who."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meetbefore_assets.cli_common import console, home_option, open_bench

if TYPE_CHECKING:
    from meetbefore_assets.domain.corrections import Correction
    from meetbefore_assets.workbench import Workbench

later_option = click.option("--later", is_flag=True, help="Only put it on record; the next run, or the sensor, brings identities in step.")


@click.command()
@click.argument("person")
@click.argument("name")
@home_option
@later_option
def name(person: str, name: str, home: Path, later: bool) -> None:
    """Give PERSON a name; "" takes it away. It follows the faces, whatever happens to ids."""
    from meetbefore_assets.steps import correcting

    _correct(home, later, lambda bench: correcting.name_person(bench, _who(bench, person), name))


@click.command()
@click.argument("person")
@home_option
@later_option
def me(person: str, home: Path, later: bool) -> None:
    """Say that PERSON is you: not ranked among those you keep meeting."""
    _role(person, "me", home, later)


@click.command()
@click.argument("person")
@home_option
@later_option
def companion(person: str, home: Path, later: bool) -> None:
    """Say that PERSON goes with you: shown apart from those you keep meeting."""
    _role(person, "companion", home, later)


@click.command()
@click.argument("person")
@home_option
@later_option
def ignore(person: str, home: Path, later: bool) -> None:
    """Say that PERSON is of no interest (a poster, a newsreader)."""
    _role(person, "ignored", home, later)


@click.command()
@click.argument("person")
@click.argument("role", type=click.Choice(["me", "companion", "ignored", "none"]))
@home_option
@later_option
def role(person: str, role: str, home: Path, later: bool) -> None:
    """Say what PERSON is to you: yourself, a companion, of no interest, or (none) nothing of these."""
    _role(person, role, home, later)


@click.command()
@click.argument("first")
@click.argument("second")
@home_option
@later_option
def merge(first: str, second: str, home: Path, later: bool) -> None:
    """Say that FIRST and SECOND are one person, at every threshold."""
    from meetbefore_assets.steps import correcting

    _correct(home, later, lambda bench: correcting.merge(bench, _who(bench, first), _who(bench, second)))


@click.command("not-same")
@click.argument("first")
@click.argument("second")
@home_option
@later_option
def not_same(first: str, second: str, home: Path, later: bool) -> None:
    """Say that FIRST and SECOND are two people, at every threshold."""
    from meetbefore_assets.steps import correcting

    _correct(home, later, lambda bench: correcting.not_same(bench, _who(bench, first), _who(bench, second)))


@click.command()
@click.argument("person")
@click.argument("faces", nargs=-1, required=True)
@click.option("--only-these", is_flag=True, help="Just these faces, not the whole of the tracks they are in.")
@home_option
@later_option
def split(person: str, faces: tuple[str, ...], only_these: bool, home: Path, later: bool) -> None:
    """Say that FACES are not PERSON. `meetbefore show PERSON --faces` lists them."""
    from meetbefore_assets.steps import correcting

    _correct(home, later, lambda bench: correcting.split(bench, _who(bench, person), faces, only_these=only_these))


@click.command()
@click.argument("correction", required=False, default="")
@home_option
@later_option
def undo(correction: str, home: Path, later: bool) -> None:
    """Take back the latest correction, or the one with this id (or its beginning). To undo an undo, give its id."""
    from meetbefore_assets.steps import correcting

    _correct(home, later, lambda bench: correcting.undo(bench, correction)[0])


@click.command()
@home_option
def corrections(home: Path) -> None:
    """What was said about who is who, the oldest first, and whether it holds."""
    from meetbefore_assets.report.corrections import print_corrections

    print_corrections(console(), open_bench(home, must_exist=True))


@click.command()
@click.argument("person", required=False, default="")
@home_option
def history(person: str, home: Path) -> None:
    """What happened to people's ids: who was joined to whom, who was split from whom, when, at which threshold.

    PERSON (any id it ever had, or a name) limits it to one person.
    """
    from meetbefore_assets.report.corrections import print_history

    print_history(console(), open_bench(home, must_exist=True), person)


@click.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many questions.")
@home_option
def review(limit: int, home: Path) -> None:
    """The questions whose answers would help most, each with the commands that answer it."""
    from meetbefore_assets.report.review import print_review
    from meetbefore_assets.steps.reviewing import questions

    print_review(console(), questions(open_bench(home, must_exist=True), limit))


def _role(person: str, role: str, home: Path, later: bool) -> None:
    from meetbefore_assets.steps import correcting

    _correct(home, later, lambda bench: correcting.set_role(bench, _who(bench, person), role))


def _who(bench: "Workbench", text: str) -> str:
    from meetbefore_assets.reading import find_person

    return str(find_person(bench, text).row["person_id"])


def _correct(home: Path, later: bool, say: "Callable[[Workbench], Correction]") -> None:
    """Put a correction on record, bring everything in step, and say what came of it."""
    from meetbefore_assets.report.corrections import print_outcome
    from meetbefore_assets.runner import bring_in_step
    from meetbefore_assets.steps.matching import decision

    bench = open_bench(home, must_exist=True)
    one = say(bench)
    if later:
        console().print(f"{one.correction_id} is on record; the next run brings identities in step.")
        return
    bring_in_step(home)
    print_outcome(console(), bench, one, decision(bench))


COMMANDS = (name, me, companion, ignore, role, merge, not_same, split, undo, corrections, history, review)
