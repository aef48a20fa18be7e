"""`meetbefore report`: words to calls."""

from pathlib import Path

import click

from meetbefore_assets.cli_common import console, home_option, open_bench


@click.command()
@home_option
@click.option("--out", type=click.Path(path_type=Path), help="File to write.  [default: HOME/report.html]")
@click.option("--blur-others", is_flag=True, help="For sharing: only you, your companions and --except are seen clearly.")
@click.option("--except", "clear", multiple=True, metavar="PERSON", help="Somebody who is not blurred. May be repeated.")
def report(home: Path, out: Path | None, blur_others: bool, clear: tuple[str, ...]) -> None:
    """Write the page to look at: one file that holds everything and asks the network for nothing."""
    from meetbefore_assets import reading
    from meetbefore_assets.errors import UsageError
    from meetbefore_assets.report.page import write_report
    from meetbefore_assets.report.sharing import blurred_but, blurred_page, clear_people

    bench = open_bench(home, must_exist=True)
    if clear and not blur_others:
        raise UsageError("--except was given without --blur-others; expected both.")
    named = [str(reading.find_person(bench, text).row["person_id"]) for text in clear]
    if blur_others:
        disguise = blurred_but(bench, clear_people(bench, named))
        written = write_report(bench, out or blurred_page(bench), disguise)
    else:
        written = write_report(bench, out)
    console().print(f"{written.people:,} people on {written.path} ({written.size_bytes / 1e6:.1f} MB)")
