"""`meetbefore export`, `clip` and `import`."""

from pathlib import Path

import click

from meetbefore_assets.cli.corrections import later_option
from meetbefore_assets.cli.options import build_definitions, console, home_for_command, home_option


@click.command()
@click.argument("kind", type=click.Choice(["assignments", "seed", "json", "csv", "ics"]))
@click.argument("destination", type=click.Path(path_type=Path))
@home_option
def export(kind: str, destination: Path, home_folder: Path) -> None:
    """Export results for other programs to DESTINATION.

    \b
    assignments  video,t_s,x1,y1,x2,y2,person: one row per face (.csv or .parquet)
    seed         the files of AreWeMeetBefore, in a new folder
    json         the ranking, one object per person
    csv          one row per encounter and video; times in UTC, no text that a spreadsheet would compute
    ics          calendar entries: encounters with people met more than once
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
    """Cut the clips in which PERSON is seen out of the recordings, into the folder DESTINATION.

    Nothing is re-encoded: each clip begins at the keyframe before.
    """
    from meetbefore_assets.identities import queries
    from meetbefore_assets.publishing.exports.clips import clip_name, plan_clips
    from meetbefore_assets.recordings.video.clips import clip_suffix, cut
    from meetbefore_assets.storage.atomic_file import move_in_place
    from meetbefore_assets.storage.private_folder import private_folder

    home, out = home_for_command(home_folder, must_exist=True), console()
    seconds = plan_clips(home, str(queries.find_person(home, person).row["person_id"]), margin_s)
    private_folder(destination)
    for part in seconds.parts:
        name = clip_name(part, home.zone()) + clip_suffix(part.file_name)
        with home.adapters.storage.scratch() as folder:  # who is killed leaves nothing in a folder that is not ours
            done = cut(part.uri, part.begin_s, part.end_s, folder / name)
            move_in_place(folder / name, destination / name)
        out.print(f"{name}: {done.begins_s:.1f} to {done.ends_s:.1f} s of {part.file_name}")
    for file_name, reason in seconds.left_out:
        out.print(f"{file_name}: {reason}")


@click.group("import")
def import_() -> None:
    """Import from other programs: names of people, or an archive of AreWeMeetBefore."""


@import_.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@home_option
def seed(folder: Path, home_folder: Path) -> None:
    """Import the people of an AreWeMeetBefore archive: FOLDER holds its `db` and `faces` (or their files).

    Each day becomes a recording; every sighting shows the one picture kept of the person. Then use `meetbefore run`.
    """
    from meetbefore_assets.recordings.files.import_awmb import import_awmb

    done = import_awmb(home_for_command(home_folder), folder)
    console().print(f"{done.people:,} people on {done.days:,} days imported ({done.new:,} new). Next: meetbefore run --home {home_folder}")


@import_.command()
@click.argument("source", required=False, type=click.Path(path_type=Path, exists=True))
@home_option
@later_option
@click.option("--take-back", is_flag=True, help="Undo all imported names.")
def names(source: Path | None, home_folder: Path, later: bool, take_back: bool) -> None:
    """Import names with faces that other programs keep.

    SOURCE is a folder with a folder a person (SOURCE/Anna/1.jpg, as face_recognition, Frigate and CompreFace keep them), or photographs
    in which faces are named (XMP regions as digiKam, Lightroom and Picasa write them, in the file or beside it).

    Whoever is sure enough (95%) is named at once; what you said by hand is stronger. The other names wait, and find their people in the
    recordings of later days; `meetbefore review` asks about those who are near. The faces that names come with are kept in the home.
    Importing again adds only what is new. Each name is a correction: `meetbefore corrections` lists them, `undo` takes one back.
    """
    from meetbefore_assets.cli.terminal.known import apply_names, import_with_progress
    from meetbefore_assets.core.errors import UsageError
    from meetbefore_assets.core.words import count
    from meetbefore_assets.identities.known_people import take_back_known
    from meetbefore_assets.storage.private_folder import close_new_home

    if (source is None) == (not take_back):
        raise UsageError("expected a folder, or --take-back.", remedy="For example: meetbefore import names photographs/")
    home, out = home_for_command(home_folder), console()
    if source is None:
        out.print(f"{count(take_back_known(home), 'imported name')} taken back.")
    else:
        close_new_home(home_folder)
        import_with_progress(out, home, source)
    if later:
        out.print("Saved; the next run applies it.")
        return
    apply_names(out, home, home_folder, build_definitions)
