"""The entry point of the command line, with the commands demo, run, people, show, whatif and doctor; other modules do the work."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from meetbefore_assets.cli.app import app
from meetbefore_assets.cli.config import config
from meetbefore_assets.cli.corrections import COMMANDS as CORRECTIONS
from meetbefore_assets.cli.forget import forget
from meetbefore_assets.cli.import_export import clip, export, import_
from meetbefore_assets.cli.news import news
from meetbefore_assets.cli.options import PathOrUri, build_definitions, console, home_for_command, home_option, jobs_option, set_option
from meetbefore_assets.cli.report import report
from meetbefore_assets.cli.ui import ui
from meetbefore_assets.cli.whois import whois
from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.core.secrets import hide_secrets

EPILOG = """\b
First steps:
  meetbefore demo                       try it on a small demo archive
  meetbefore run /media/camera/DCIM     import your recordings (they stay where they are)
  meetbefore people                     whom you keep meeting
  meetbefore show PERSON                when, where in the videos, and why
"""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="meetbefore", prog_name="meetbefore")
def cli() -> None:
    """Whom do you keep meeting? Finds the people who cross your path again and again in your own recordings.

    Everything stays on this machine.
    """


@cli.command()
@home_option
@jobs_option
def demo(home_folder: Path, jobs: int | None) -> None:
    """Build a small demo archive from sample photographs and run everything on it.

    It has its own home, HOME/demo, and compares the people it hid with the people it found.
    """
    from meetbefore_assets.cli.demo import run_demo

    sys.exit(run_demo(home_folder / "demo", jobs or 0, console()))


@cli.command()
@click.argument("paths", nargs=-1, type=PathOrUri())
@home_option
@set_option
@jobs_option
@click.option("--retry-failed", is_flag=True, help="Try failed videos again even if they did not change.")
@click.option("--retry", multiple=True, metavar="VIDEO", help="Try this failed video again (its id); may be given several times.")
@click.option("--once", is_flag=True, help="Do not remember the folders among PATHS.")
def run(
    paths: tuple[Path | str, ...],
    home_folder: Path,
    assignments: tuple[str, ...],
    jobs: int | None,
    retry_failed: bool,
    retry: tuple[str, ...],
    once: bool,
) -> None:
    """Import recordings (they stay where they are) and process what is new or changed.

    PATHS are recordings or folders with recordings, on a disk or in an object store (s3://bucket/folder). Folders are remembered in
    the setting `sources` (at first HOME/videos): later runs, and the sensor in Dagster, search all of them. Ctrl-C stops at once and
    loses nothing: run again to continue.

    Exit code 1 if a video failed (all others are finished first).
    """
    click.echo("searching folders")  # at once: loading everything else takes a second, and the folders may take minutes
    from meetbefore_assets.cli.terminal.progress import RunView
    from meetbefore_assets.running.run import RunOptions, run_pipeline

    view = RunView(console())
    with view:
        options = RunOptions(paths, assignments, jobs or 0, retry_failed, retry, is_once=once)
        summary = run_pipeline(home_folder, options, build_definitions, view)
    view.summarise(home_for_command(home_folder), summary)
    sys.exit(0 if summary.is_success else 1)


@cli.command()
@home_option
@set_option
@click.option("--all", "show_all", is_flag=True, help="Include people seen once.")
@click.option("--format", "kind", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
def people(home_folder: Path, assignments: tuple[str, ...], show_all: bool, kind: str) -> None:
    """Whom you keep meeting, the most remarkable first."""
    from meetbefore_assets.cli.terminal import ranking
    from meetbefore_assets.identities.queries import people_table

    home = home_for_command(home_folder, assignments, must_exist=True)
    table = people_table(home)
    if kind == "table":
        ranking.print_ranking(console(), table, home.zone(), show_all=show_all)
        return
    from meetbefore_assets.publishing.exports.tables import as_json, for_spreadsheets, with_utc

    rows, _ = ranking.ranking(table, show_all=show_all)
    click.echo(as_json(rows) if kind == "json" else for_spreadsheets(with_utc(rows)).write_csv(), nl=kind == "json")


@cli.command()
@click.argument("person")
@home_option
@set_option
@click.option("--faces", "show_faces", is_flag=True, help="List every face with its id (for `meetbefore split`).")
@click.option("--pictures", type=click.Path(path_type=Path), metavar="DIR", help="Write the best face of each encounter to this folder.")
def show(person: str, home_folder: Path, assignments: tuple[str, ...], show_faces: bool, pictures: Path | None) -> None:
    """One person's encounters: when, where in the videos, and why it is one person.

    PERSON is an id (or its beginning), a name, or an earlier id. Shows pictures in terminals that can.
    """
    from meetbefore_assets.cli.terminal import person as terminal_person
    from meetbefore_assets.cli.terminal.pictures import Faces
    from meetbefore_assets.identities import queries
    from meetbefore_assets.identities.policy import policy
    from meetbefore_assets.identities.threshold_sweep import sureness_of_thresholds

    home = home_for_command(home_folder, assignments, must_exist=True)
    found = queries.find_person(home, person)
    out, person_id = console(), str(found.row["person_id"])
    if found.asked_as:
        out.print(f"{found.asked_as} is now {person_id}.")
    if show_faces:
        terminal_person.print_faces(out, person_id, queries.assigned_faces(home), home.zone())
        return
    faces = Faces(home, out, person_id, pictures)
    story = (queries.people_table(home), queries.person_encounters(home, person_id), queries.assigned_faces(home))
    sureness = sureness_of_thresholds(home)
    terminal_person.print_person(out, person_id, *story, home.zone(), policy(home).threshold, sureness, faces)
    faces.print_where()


@cli.command()
@home_option
@click.option("--threshold", "thresholds", multiple=True, required=True, type=click.FloatRange(-1, 1), help="May be repeated.")
def whatif(home_folder: Path, thresholds: tuple[float, ...]) -> None:
    """What other thresholds would change: people and meetings, with examples as video@time.

    Fast, and changes nothing.
    """
    from meetbefore_assets.cli.terminal import ranking
    from meetbefore_assets.identities.policy import policy
    from meetbefore_assets.review.what_if import what_if

    home = home_for_command(home_folder, must_exist=True)
    ranking.print_what_if(console(), *what_if(home, list(thresholds)), policy(home).threshold_source)


@cli.command()
@home_option
@set_option
@click.option("--fix", "is_fixed", is_flag=True, help="First close the home to other users of this machine.")
def doctor(home_folder: Path, assignments: tuple[str, ...], is_fixed: bool) -> None:
    """Check the installation, the models, the home and Dagster. Changes nothing without --fix."""
    from meetbefore_assets.cli.terminal.doctor import examine, fix_access

    home, out = home_for_command(home_folder, assignments), console()
    if is_fixed:
        fix_access(home, out)
    sys.exit(0 if examine(home, out) else 1)


for command in (*CORRECTIONS, app, clip, config, export, forget, import_, news, report, ui, whois):
    cli.add_command(command)


def main() -> None:
    """Run the command line; print expected errors as a sentence, and end without a traceback at Ctrl-C."""
    sys.exit(_exit_code_of(lambda: cli(standalone_mode=False)))


def _exit_code_of(call: Callable[[], object]) -> int:
    try:
        call()
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        click.echo(hide_secrets(told.getvalue()), err=True, nl=False)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped. Finished work is kept; run the same command again to continue.", err=True)
        return 130
    except MeetbeforeError as error:
        click.echo(f"meetbefore: {error.message}", err=True)
        if error.remedy:
            click.echo(error.remedy, err=True)
        return 2
    except ImportError:
        from meetbefore_assets.running.libraries import broken_libraries

        broken = broken_libraries()
        if not broken:
            raise
        for one in broken:
            click.echo(f"meetbefore: {one.message}\n{one.remedy}", err=True)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        click.echo(f"meetbefore: {error.filename or 'a file'} could not be read or written: {error.strerror or error}.", err=True)
        click.echo("Free some space or check the permissions, then run again: finished work is kept.", err=True)
        return 2
    return 0
