"""`meetbefore demo`: builds the sample archive, runs everything on it, and compares whom it found with whom it planted."""

from pathlib import Path

from rich.console import Console

from meetbefore_assets.cli.options import build_definitions
from meetbefore_assets.cli.terminal.progress import RunView
from meetbefore_assets.cli.terminal.ranking import print_ranking, printable
from meetbefore_assets.core.command_line import command_line
from meetbefore_assets.demo.compare import compare
from meetbefore_assets.demo.footage import make_archive
from meetbefore_assets.home.settings.settings_file import apply
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.open_home import open_home
from meetbefore_assets.publishing.exports.tables import assignment_rows
from meetbefore_assets.publishing.page.render import write_report
from meetbefore_assets.running.libraries import check_libraries
from meetbefore_assets.running.run import RunOptions, Summary, run_pipeline

BROKEN_CLIPS = 1


def run_demo(home_folder: Path, jobs: int, console: Console) -> int:
    """Returns 0 if everybody who came back was found exactly once, nobody was merged, and just the broken clip failed."""
    check_libraries()
    home_folder = home_folder.absolute()
    console.print(f"Building a demo archive in {home_folder / 'videos'}")
    archive = make_archive(home_folder / "videos", progress=lambda done, total, name: console.print(f"  {done}/{total} {name}"))
    apply(home_folder, ["time.zone='UTC'"])
    view = RunView(console)
    with view:
        summary = run_pipeline(home_folder, RunOptions(jobs=jobs), build_definitions, view)
    home = open_home(home_folder)
    view.summarise(home, summary)
    console.print("\n[bold]Whom you keep meeting[/bold]")
    print_ranking(console, people_table(home), home.zone(), show_all=False)
    verdict = compare(archive, assignment_rows(home))
    console.print("\n[bold]Hidden and found[/bold]")
    for line in verdict.lines():
        console.print(printable(line))
    page = write_report(home)
    is_right = verdict.is_right and _is_broken_clip_reported(summary)
    console.print(f"\nPage:     {page.path}\nDatabase: {home_folder / 'meetbefore.duckdb'}")
    console.print(f"App:      {command_line(home_folder, 'app')}\nDagster:  {command_line(home_folder, 'ui')}")
    console.print("[green]Everybody was found as hidden.[/green]" if is_right else "[red]Not as hidden: see above.[/red]")
    return 0 if is_right else 1


def _is_broken_clip_reported(summary: Summary) -> bool:
    return len(summary.failed) == BROKEN_CLIPS and not summary.problems and not summary.intake.unreadable
