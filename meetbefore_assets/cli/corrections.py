"""Commands that correct who is who, and that list corrections, questions and the history of ids."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meetbefore_assets.cli.options import build_definitions, console, home_for_command, home_option

if TYPE_CHECKING:
    from meetbefore_assets.home.home import Home
    from meetbefore_assets.identities.corrections import Correction

later_option = click.option("--later", is_flag=True, help="Save it now, apply it with the next run (or the sensor).")


@click.command()
@click.argument("person")
@click.argument("name")
@home_option
@later_option
def name(person: str, name: str, home_folder: Path, later: bool) -> None:
    """Give PERSON a name ("" removes it). The name stays with the faces, even if ids change."""
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.name_person(home, _who(home, person), name))


@click.command()
@click.argument("person")
@home_option
@later_option
def me(person: str, home_folder: Path, later: bool) -> None:
    """PERSON is you: left out of the ranking."""
    _role(person, "me", home_folder, later)


@click.command()
@click.argument("person")
@home_option
@later_option
def companion(person: str, home_folder: Path, later: bool) -> None:
    """PERSON travels with you: listed apart from strangers."""
    _role(person, "companion", home_folder, later)


@click.command()
@click.argument("person")
@home_option
@later_option
def ignore(person: str, home_folder: Path, later: bool) -> None:
    """Ignore PERSON (a poster, somebody on TV)."""
    _role(person, "ignored", home_folder, later)


@click.command()
@click.argument("person")
@click.argument("role", type=click.Choice(["me", "companion", "ignored", "none"]))
@home_option
@later_option
def role(person: str, role: str, home_folder: Path, later: bool) -> None:
    """Set the role of PERSON: you, a companion, ignored, or none of these."""
    _role(person, role, home_folder, later)


@click.command()
@click.argument("people", nargs=-1, required=True)
@home_option
@later_option
def merge(people: tuple[str, ...], home_folder: Path, later: bool) -> None:
    """PEOPLE (two or more) are the same person, whatever the threshold.

    \b
      meetbefore merge pk2renqytr0 Anna
      meetbefore merge Anna pk2renqytr0 pv7wzr7bmq8    three at once; one undo takes all of it back
    """
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.merge(home, *(_who(home, person) for person in people)))


@click.command("not-same")
@click.argument("first")
@click.argument("second")
@home_option
@later_option
def not_same(first: str, second: str, home_folder: Path, later: bool) -> None:
    """FIRST and SECOND are two people, whatever the threshold."""
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.not_same(home, _who(home, first), _who(home, second)))


@click.command()
@click.argument("person")
@click.argument("faces", nargs=-1, required=True)
@click.option("--only-these", is_flag=True, help="Only these faces, not the whole tracks they belong to.")
@home_option
@later_option
def split(person: str, faces: tuple[str, ...], only_these: bool, home_folder: Path, later: bool) -> None:
    """FACES are not PERSON. To list face ids: meetbefore show PERSON --faces"""
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.split(home, _who(home, person), faces, only_these=only_these))


@click.command()
@click.argument("faces", nargs=-1, required=True)
@click.option("--to", "person", required=True, help="The person whose faces they are.")
@click.option("--only-these", is_flag=True, help="Only these faces, not the whole tracks they belong to.")
@home_option
@later_option
def move(faces: tuple[str, ...], person: str, only_these: bool, home_folder: Path, later: bool) -> None:
    """FACES are PERSON, and not whose they were: a split and a merge in one. To list face ids: meetbefore show PERSON --faces

    It replaces what you said before about who these faces are; one undo brings that back.
    """
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.move(home, faces, _who(home, person), only_these=only_these))


@click.command("not-a-face")
@click.argument("faces", nargs=-1, required=True)
@home_option
@later_option
def not_a_face(faces: tuple[str, ...], home_folder: Path, later: bool) -> None:
    """FACES are no faces (a wheel, a statue): they belong to nobody and count nowhere.

    Only these, not the whole tracks. No video is needed to say or undo it, and it still holds if another detector finds them again.
    To ignore somebody instead: meetbefore ignore PERSON
    """
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.not_a_face(home, faces))


@click.command()
@click.argument("face")
@home_option
@later_option
def portrait(face: str, home_folder: Path, later: bool) -> None:
    """Show FACE for its person, in the ranking and on the page."""
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.portrait(home, face))


@click.command()
@click.argument("first")
@click.argument("second")
@home_option
@later_option
def unsure(first: str, second: str, home_folder: Path, later: bool) -> None:
    """Nobody can tell whether FIRST and SECOND are one person.

    People stay as they are. `review` does not ask again until one of them gains or loses faces, or the evidence changes by a tenth.
    """
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.unsure(home, _who(home, first), _who(home, second)))


@click.command()
@click.argument("correction", required=False, default="")
@home_option
@later_option
def undo(correction: str, home_folder: Path, later: bool) -> None:
    """Undo the latest correction, or the one with this id (or its beginning). To undo an undo, give its id."""
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.undo(home, correction)[0])


@click.group(invoke_without_command=True)
@home_option
@click.pass_context
def corrections(context: click.Context, home_folder: Path) -> None:
    """List all corrections, oldest first, and whether they apply; `export` and `import` take them to another home."""
    from meetbefore_assets.cli.terminal.corrections import print_corrections

    if context.invoked_subcommand is None:
        print_corrections(console(), home_for_command(home_folder, must_exist=True))
    elif context.get_parameter_source("home_folder") is click.core.ParameterSource.COMMANDLINE:
        context.default_map = {context.invoked_subcommand: {"home_folder": home_folder}}


@corrections.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@home_option
def export_(file: Path, home_folder: Path) -> None:
    """Write all your corrections to FILE, to import them into any home with the same videos.

    That home may use another recogniser, detector or sampling. Undone corrections are left out. FILE contains the names you gave, and
    face pictures of imported names: keep it private.
    """
    from meetbefore_assets.cli.terminal.corrections import print_damaged
    from meetbefore_assets.cli.terminal.corrections_file import write_export

    home = home_for_command(home_folder, must_exist=True)
    print_damaged(console(), home)
    write_export(console(), home, file)


@corrections.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@home_option
@later_option
def import_(file: Path, home_folder: Path, later: bool) -> None:
    """Import the corrections of another home from FILE, written by `corrections export`.

    Videos are found by their content, faces by time and box; process all videos first (`meetbefore run`). Corrections whose faces are not
    found, and those that contradict yours, are left out and listed. Forgotten people stay forgotten. Importing a file again adds only
    what is new.

    Exit code 1 if a correction was left out.
    """
    from meetbefore_assets.cli.terminal.corrections_file import apply_import, import_file, print_import

    home = home_for_command(home_folder, must_exist=True)
    done = import_file(home, file)
    print_import(console(), home, done)
    if done.new and later:
        console().print("Saved; the next run applies it.")
    elif done.new:
        apply_import(console(), home, home_folder, build_definitions)
    if done.left_out:
        sys.exit(1)


@click.command()
@click.argument("person", required=False, default="")
@home_option
def history(person: str, home_folder: Path) -> None:
    """How people's ids changed: who was joined or split, when, and at which threshold.

    PERSON (any id it ever had, or a name) limits it to one person.
    """
    from meetbefore_assets.cli.terminal.corrections import print_history

    print_history(console(), home_for_command(home_folder, must_exist=True), person)


@click.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Maximum number of questions.")
@home_option
def review(limit: int, home_folder: Path) -> None:
    """The questions that help most, each with the commands to answer it."""
    from meetbefore_assets.cli.terminal.questions import print_review
    from meetbefore_assets.core.errors import UsageError
    from meetbefore_assets.identities.known_people import known_matches
    from meetbefore_assets.review.live_identities import LiveIdentities

    home = home_for_command(home_folder, must_exist=True)
    known = known_matches(home)
    near = known.filter(known["state"] == "near").head(limit)
    view = LiveIdentities(home).view()
    if view.is_empty and not near.height:
        raise UsageError("nothing is processed yet.", remedy="Import recordings: meetbefore run FOLDER")
    print_review(console(), view.archive.threshold, view.questions(limit), near)


def _role(person: str, role: str, home_folder: Path, later: bool) -> None:
    from meetbefore_assets.review import make_corrections

    _correct(home_folder, later, lambda home: make_corrections.set_role(home, _who(home, person), role))


def _who(home: "Home", text: str) -> str:
    from meetbefore_assets.identities.queries import find_person

    return str(find_person(home, text).row["person_id"])


def _correct(home_folder: Path, later: bool, say: "Callable[[Home], Correction]") -> None:
    """Save a correction, apply it, and print what it changed."""
    from meetbefore_assets.cli.terminal.corrections import print_outcome
    from meetbefore_assets.encounters.make_tables import make_people, people_locked
    from meetbefore_assets.identities.match import is_matched, last_match

    home = home_for_command(home_folder, must_exist=True)
    with people_locked(home):  # ids must not change between finding PERSON and saving the correction
        one = say(home)
    if later:
        console().print(f"Saved as {one.correction_id}; the next run applies it.")
        return
    if is_matched(home):  # a name or role changes no group: publish at once, without loading Dagster, which takes seconds
        from meetbefore_assets.publishing.database import publish

        make_people(home)
        print_outcome(console(), home, one, None)
        publish(home)
        return
    from meetbefore_assets.running.run import update_identities

    waits_for = update_identities(home_folder, build_definitions)
    if waits_for:
        console().print(f"{one.correction_id} is saved. Another run is going on and will apply it when it ends ({waits_for})")
        return
    print_outcome(console(), home, one, last_match(home))


COMMANDS = (
    *(name, me, companion, ignore, role, merge, not_same, split, move, not_a_face, portrait, unsure),
    *(undo, corrections, history, review),
)
