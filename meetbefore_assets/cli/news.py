"""Command `meetbefore news`: prints what is new since a time or the last import."""

import datetime as dt
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from meetbefore_assets.cli.options import console, home_for_command, home_option
from meetbefore_assets.core.errors import UsageError

_UNITS_H = {"h": 1, "d": 24, "w": 24 * 7}
_DAYS = {"today": 0, "yesterday": 1}
_SINCE = "A day (2025-03-07), a time (2025-03-07T18:00), yesterday, 36h, 7d or 2w."


@click.command()
@home_option
@click.option("--since", "since_text", metavar="WHEN", default="", help=_SINCE)
@click.option("--format", "kind", type=click.Choice(["text", "json"]), default="text", show_default=True)
def news(home_folder: Path, since_text: str, kind: str) -> None:
    """What is new: whom you met again, who became a regular, whose identity needs a look.

    WHEN refers to the import of videos, not to their recording; without --since, prints the news of the last import. A regular is somebody
    you met on three days or more. You and your companions are left out.

    The settings `news.command` and `news.file` pass the same news to a program or file after every run.
    """
    from meetbefore_assets.cli.terminal.ranking import printable
    from meetbefore_assets.encounters.news import since
    from meetbefore_assets.publishing.news import as_json, lines

    home = home_for_command(home_folder, must_exist=True)
    when = parse_when(since_text, dt.datetime.now(dt.UTC), home.zone()) if since_text else None
    found = since(home, when)
    if kind == "json":
        click.echo(as_json(found, home.zone()))
        return
    head, *rest = lines(found, home.zone())
    out = console()
    out.print(printable(head.en))
    for line in rest:
        out.print(f"  {printable(line.en)}")


def parse_when(text: str, now: dt.datetime, zone: str) -> dt.datetime:
    """Parse a point in time as people write it; returns naive UTC.

    Args:
        text: a day or time (ISO 8601, local where it names no zone), today, yesterday, or a length before now: 36h, 7d, 2w.
        now: aware.
        zone: IANA name of the local zone.

    Raises:
        UsageError: it is none of these.
    """
    here, word = now.astimezone(ZoneInfo(zone)), text.strip().lower()
    try:
        if word in _DAYS:
            moment = (here - dt.timedelta(days=_DAYS[word])).replace(hour=0, minute=0, second=0, microsecond=0)
        elif match := re.fullmatch(r"(\d{1,6}) ?([hdw])", word):
            moment = now - dt.timedelta(hours=int(match[1]) * _UNITS_H[match[2]])
        else:
            moment = dt.datetime.fromisoformat(text.strip())
            moment = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
        return moment.astimezone(dt.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"'{text}' is no time; expected a day such as 2025-03-07, a time such as 2025-03-07T18:00, yesterday, or 36h, 7d, 2w."
        ) from error
