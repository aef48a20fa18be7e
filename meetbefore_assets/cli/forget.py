"""Command `meetbefore forget`: erases people, videos and imported names."""

import sys
from pathlib import Path

import click

from meetbefore_assets.cli.options import console, home_for_command, home_option
from meetbefore_assets.core.errors import UsageError


@click.command()
@click.argument("what", nargs=-1, metavar="PERSON|VIDEO...")
@home_option
@click.option("--block", is_flag=True, help="Keep one vector of the person, to leave them out of new videos too.")
@click.option("--lift", is_flag=True, help="Allow a forgotten file to be imported again, or take a person off the block list.")
@click.option("--list", "is_listed", is_flag=True, help="List what is kept to keep forgotten people and videos out.")
@click.option("--later", is_flag=True, help="Erase videos with the next run (or Dagster's job forget_videos) instead of now.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def forget(what: tuple[str, ...], home_folder: Path, block: bool, lift: bool, is_listed: bool, later: bool, yes: bool) -> None:
    """Erase people or videos everywhere: faces, vectors, pictures, rows, database, index and page.

    PERSON is an id, its beginning, or a name (also an imported name that belongs to nobody yet); VIDEO is an id, a file name or a path.
    Your own files are not touched. To keep forgotten faces out when a video is processed again, their times and places in it are kept,
    not their looks. The content hash of a forgotten video is kept, so that it is not imported again.
    """
    from meetbefore_assets.forgetting import forget as forgetting

    home = home_for_command(home_folder, must_exist=True)
    if is_listed:
        for kind, key, words in forgetting.suppressions_kept(home):
            console().print(f"{kind:8}{key}  {words}")
        return
    if not what:
        raise UsageError("expected a person or a video.", remedy="To list everybody: meetbefore people --all")
    if lift:
        for text in what:
            console().print(f"{forgetting.lift_suppression(home, text)}.")
        return
    found = [forgetting.find_target(home, text) for text in what]
    people = {text: key for text, (kind, key, _) in zip(what, found, strict=True) if kind == "person"}
    videos = [key for kind, key, _ in found if kind == "video"]
    names = [key for kind, key, _ in found if kind == "name"]
    if block and videos:
        raise UsageError("--block works for people, not for videos.")
    if block and names:
        raise UsageError("--block works for people who were seen, not for imported names that belong to nobody yet.")
    if later and (people or names):
        raise UsageError("--later works for videos, not for people.", remedy="Leave it out: by then the id may mean somebody else.")
    _confirm([words for _, _, words in found], yes)
    if people:
        _erase_people(home_folder, people, block)
    if names:
        _erase_names(home_folder, names)
    if videos:
        _erase_videos(home_folder, videos, later)


def _confirm(words: list[str], is_sure: bool) -> None:
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise UsageError("this cannot be undone, and there is no terminal to ask on.", remedy="Add --yes.")
    click.echo("\n".join(words))
    try:
        is_sure = click.confirm("Erase for good?")
    except click.Abort:  # Ctrl-C, or the end of input
        click.echo("\nNothing was erased.", err=True)
        sys.exit(130)
    if not is_sure:
        click.echo("Nothing was erased.", err=True)
        sys.exit(1)


def _erase_people(home_folder: Path, people: dict[str, str], block: bool) -> None:
    from meetbefore_assets.core.words import count
    from meetbefore_assets.forgetting import forget as forgetting

    done = forgetting.forget_named(home_for_command(home_folder), people, is_blocked=block)
    out = console()
    out.print(f"{count(done.faces, 'face')} in {count(len(done.videos), 'video')} erased.")
    if done.block_id:
        out.print(f"On the block list as {done.block_id}; to take it off: meetbefore forget --lift {done.block_id}")


def _erase_names(home_folder: Path, names: list[str]) -> None:
    from meetbefore_assets.core.words import count
    from meetbefore_assets.forgetting import forget as forgetting

    faces = forgetting.forget_names(home_for_command(home_folder), names)
    console().print(f"{count(len(names), 'imported name')} with {count(faces, 'face')} erased.")


def _erase_videos(home_folder: Path, videos: list[str], later: bool) -> None:
    """Save the request, then erase; after an interruption the next run finishes it."""
    from meetbefore_assets.core.words import count
    from meetbefore_assets.forgetting import forget as forgetting
    from meetbefore_assets.forgetting.erase_requests import request_erasure

    home, out = home_for_command(home_folder), console()
    request_erasure(home, videos)
    if later:
        out.print(f"{count(len(videos), 'video')} will be erased by the next run, or by Dagster's job forget_videos.")
        return
    from meetbefore_assets.running.instance_cleanup import forget_videos_in_dagster

    done = forgetting.forget_requested(home, lambda asked: forget_videos_in_dagster(home_folder, asked))
    if done is None:  # another process carried it out meanwhile
        out.print(f"{count(len(videos), 'video')} erased by another process.")
        return
    gone = f"{count(len(done.erased.dropped), 'video')} with {count(done.erased.faces, 'face')} erased"
    out.print(f"{gone}, and {count(done.runs, 'run')} in Dagster.")
