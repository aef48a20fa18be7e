"""`meetbefore export`, `clip` and `import`."""

from pathlib import Path

import click

from meetbefore_assets.cli.options import console, home_for_command, home_option


@click.command()
@click.argument("kind", type=click.Choice(["assignments", "seed", "json", "csv", "ics"]))
@click.argument("destination", type=click.Path(path_type=Path))
@home_option
def export(kind: str, destination: Path, home_folder: Path) -> None:
    """Write what is known for other programs to DESTINATION.

    \b
    assignments  video,t_s,x1,y1,x2,y2,person: a row a face (.csv, or .parquet)
    seed         the files of AreWeMeetBefore, into a new folder
    json         the ranking, a person an object
    csv          a row an encounter and video
    ics          calendar entries, an encounter each, of people met more than once
    """
    home = home_for_command(home_folder, must_exist=True)
    if kind == "seed":
        from meetbefore_assets.identities.vector_index.faiss_memory import write_l2
        from meetbefore_assets.publishing.exports.export_awmb import export_awmb

        people = export_awmb(home, destination, write_l2)
        console().print(f"{people:,} people written to {destination}")
        return
    from meetbefore_assets.publishing.exports.tables import export as write

    console().print(f"{write(home, kind, destination):,} rows written to {destination}")


@click.command()
@click.argument("person")
@click.argument("destination", type=click.Path(path_type=Path, file_okay=False))
@home_option
@click.option("--margin", "margin_s", type=click.FloatRange(0, 600), default=2.0, show_default=True, help="Seconds before and after.")
def clip(person: str, destination: Path, home_folder: Path, margin_s: float) -> None:
    """Cut the seconds in which PERSON is seen out of the recordings, into the folder DESTINATION.

    Nothing is encoded again: each clip begins at the keyframe before.
    """
    from meetbefore_assets.identities import queries
    from meetbefore_assets.publishing.exports.clips import clip_name, plan_clips
    from meetbefore_assets.recordings.video.clips import clip_suffix, cut

    home, out = home_for_command(home_folder, must_exist=True), console()
    seconds = plan_clips(home, str(queries.find_person(home, person).row["person_id"]), margin_s)
    destination.mkdir(parents=True, exist_ok=True, mode=0o700)
    for part in seconds.parts:
        name = clip_name(part, home.zone()) + clip_suffix(part.file_name)
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
def seed(folder: Path, home_folder: Path) -> None:
    """Take in the people of an AreWeMeetBefore archive: FOLDER holds its `db` and `faces` (or their files).

    A day is a recording; every sighting shows the one picture that is kept of the person. `meetbefore run` goes on from there.
    """
    from meetbefore_assets.recordings.files.import_awmb import import_awmb

    done = import_awmb(home_for_command(home_folder), folder)
    console().print(f"{done.people:,} people on {done.days:,} days taken in ({done.new:,} new). Now: meetbefore run --home {home_folder}")
