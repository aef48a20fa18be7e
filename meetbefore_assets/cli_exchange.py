"""`meetbefore export`, `clip` and `import`: words to calls."""

from pathlib import Path

import click

from meetbefore_assets.cli_common import console, home_option, open_bench


@click.command()
@click.argument("kind", type=click.Choice(["assignments", "seed", "json", "csv", "ics"]))
@click.argument("destination", type=click.Path(path_type=Path))
@home_option
def export(kind: str, destination: Path, home: Path) -> None:
    """Write what is known for other programs to DESTINATION.

    \b
    assignments  video,t_s,x1,y1,x2,y2,person: a row a face (.csv, or .parquet)
    seed         the files of AreWeMeetBefore, into a new folder
    json         the ranking, a person an object
    csv          a row an encounter and video
    ics          calendar entries, an encounter each, of people met more than once
    """
    bench = open_bench(home, must_exist=True)
    if kind == "seed":
        from meetbefore_assets.adapters.index_faiss import write_l2
        from meetbefore_assets.report.exports_seed import export_seed

        people = export_seed(bench, destination, write_l2)
        console().print(f"{people:,} people written to {destination}")
        return
    from meetbefore_assets.report.exports import export as write

    console().print(f"{write(bench, kind, destination):,} rows written to {destination}")


@click.command()
@click.argument("person")
@click.argument("destination", type=click.Path(path_type=Path, file_okay=False))
@home_option
@click.option("--margin", "margin_s", type=click.FloatRange(0, 600), default=2.0, show_default=True, help="Seconds before and after.")
def clip(person: str, destination: Path, home: Path, margin_s: float) -> None:
    """Cut the seconds in which PERSON is seen out of the recordings, into the folder DESTINATION.

    Nothing is encoded again: each clip begins at the keyframe before.
    """
    from meetbefore_assets import reading
    from meetbefore_assets.adapters.clips_pyav import clip_suffix, cut
    from meetbefore_assets.report.clips import clip_name, seconds_of

    bench, out = open_bench(home, must_exist=True), console()
    seconds = seconds_of(bench, str(reading.find_person(bench, person).row["person_id"]), margin_s)
    destination.mkdir(parents=True, exist_ok=True, mode=0o700)
    for part in seconds.parts:
        name = clip_name(part, bench.zone()) + clip_suffix(part.file_name)
        done = cut(part.uri, part.begin_s, part.end_s, destination / name)
        out.print(f"{name}: {done.begins_s:.1f} to {done.ends_s:.1f} s of {part.file_name}")
    for file_name, reason in seconds.left_out:
        out.print(f"{file_name}: {reason}")


@click.group("import")
def import_() -> None:
    """Take in what other programs found: see `meetbefore import seed --help`."""


@import_.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@home_option
def seed(folder: Path, home: Path) -> None:
    """Take in the people of an AreWeMeetBefore archive: FOLDER holds its `db` and `faces` (or their files).

    A day is a recording; every sighting shows the one picture that is kept of the person. `meetbefore run` goes on from there.
    """
    from meetbefore_assets.seed import import_seed

    done = import_seed(open_bench(home), folder)
    console().print(f"{done.people:,} people on {done.days:,} days taken in ({done.new:,} new). Now: meetbefore run --home {home}")
