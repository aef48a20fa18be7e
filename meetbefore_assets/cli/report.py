"""Command `meetbefore report`: writes the page of people."""

from pathlib import Path

import click

from meetbefore_assets.cli.options import console, home_for_command, home_option


@click.command()
@home_option
@click.option("--out", type=click.Path(path_type=Path), help="File to write.  [default: HOME/report.html]")
@click.option("--blur-others", is_flag=True, help="For sharing: everybody is blurred but you, your companions and --except.")
@click.option("--except", "clear", multiple=True, metavar="PERSON", help="Do not blur this person. May be repeated.")
def report(home_folder: Path, out: Path | None, blur_others: bool, clear: tuple[str, ...]) -> None:
    """Write the page of people you keep meeting: one HTML file that works offline."""
    from meetbefore_assets.core.errors import UsageError
    from meetbefore_assets.identities import queries
    from meetbefore_assets.publishing.page.render import write_report
    from meetbefore_assets.publishing.page.sharing import blurred_but, blurred_page, clear_people

    home = home_for_command(home_folder, must_exist=True)
    if clear and not blur_others:
        raise UsageError("--except works only with --blur-others.")
    named = [str(queries.find_person(home, text).row["person_id"]) for text in clear]
    if blur_others:
        disguise = blurred_but(home, clear_people(home, named))
        written = write_report(home, out or blurred_page(home), disguise)
    else:
        written = write_report(home, out)
    console().print(f"{written.path} ({written.size_bytes / 1e6:.1f} MB): people met more than once: {written.people:,}")
