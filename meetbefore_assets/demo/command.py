"""`meetbefore demo`: make the archive, run everything on it, and compare whom it found with whom it planted."""

from pathlib import Path

from rich.console import Console

from meetbefore_assets.demo.compare import compare
from meetbefore_assets.demo.footage import make_archive
from meetbefore_assets.reading import people_table
from meetbefore_assets.report.exports import assignments
from meetbefore_assets.report.progress import RunView
from meetbefore_assets.report.terminal import print_ranking, printable
from meetbefore_assets.runner import RunOptions, Summary, run
from meetbefore_assets.settings import apply
from meetbefore_assets.wiring import build_workbench

BROKEN_CLIPS = 1


def run_demo(home: Path, jobs: int, console: Console) -> int:
    """Returns 0 if everybody who came back was found exactly once, nobody was merged, and just the broken clip failed."""
    home = home.absolute()
    console.print(f"Making a small archive in {home / 'videos'}")
    archive = make_archive(home / "videos", progress=lambda done, total, name: console.print(f"  {done}/{total} {name}"))
    apply(home, ["time.zone='UTC'"])
    view = RunView(console)
    with view:
        summary = run(home, RunOptions(jobs=jobs), view)
    bench = build_workbench(home)
    view.summarise(bench, summary)
    console.print("\n[bold]Whom you keep meeting[/bold]")
    print_ranking(console, people_table(bench), bench.zone(), show_all=False)
    verdict = compare(archive, assignments(bench))
    console.print("\n[bold]Planted and found[/bold]")
    for line in verdict.lines():
        console.print(printable(line))
    is_right = verdict.is_right and _is_broken_clip_reported(summary)
    console.print(f"\nThe report: {home / 'report.html'}\nThe database: {home / 'meetbefore.duckdb'}")
    console.print(f"In the Dagster UI: MEETBEFORE_HOME={home} DAGSTER_HOME={home / 'dagster'} dagster dev")
    console.print("[green]Everything is as planted.[/green]" if is_right else "[red]Not as planted: see above.[/red]")
    return 0 if is_right else 1


def _is_broken_clip_reported(summary: Summary) -> bool:
    return len(summary.failed) == BROKEN_CLIPS and not summary.problems and not summary.intake.unreadable
