"""`meetbefore forget`."""

import sys
from pathlib import Path

import click

from meetbefore_assets.cli.options import console, home_for_command, home_option
from meetbefore_assets.core.errors import UsageError


@click.command()
@click.argument("what", nargs=-1, metavar="PERSON|VIDEO...")
@home_option
@click.option("--block", is_flag=True, help="Keep one vector of the person, so that they are dropped at sight in new videos.")
@click.option("--lift", is_flag=True, help="Take back: a forgotten file may be taken in again, a person goes off the block list.")
@click.option("--list", "is_listed", is_flag=True, help="What is kept of what was forgotten.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def forget(what: tuple[str, ...], home_folder: Path, block: bool, lift: bool, is_listed: bool, yes: bool) -> None:
    """Erase people or videos everywhere: faces, vectors, pictures, rows, database, index and page.

    PERSON is an id, its beginning, or a name; VIDEO an id, a file name or a path. Your own files are left alone. A person's
    faces stay away when their videos are processed again: their places are kept, not their looks. A video is not taken in
    again: its content hash is kept.
    """
    from meetbefore_assets.forgetting import forget as forgetting

    home = home_for_command(home_folder, must_exist=True)
    if is_listed:
        for kind, key, words in forgetting.suppressions_kept(home):
            console().print(f"{kind:8}{key}  {words}")
        return
    if not what:
        raise UsageError("nobody was named; expected a person or a video.", remedy="`meetbefore people --all` lists everybody.")
    if lift:
        for text in what:
            console().print(f"{forgetting.lift_suppression(home, text)}.")
        return
    found = [forgetting.find_target(home, text) for text in what]
    people, videos = ([key for kind, key, _ in found if kind == wanted] for wanted in ("person", "video"))
    if block and videos:
        raise UsageError("--block is for people, found a video.")
    _confirm([words for _, _, words in found], yes)
    _erase(home_folder, people, videos, block)


def _confirm(words: list[str], is_sure: bool) -> None:
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise UsageError("this cannot be undone, and there is nobody to ask.", remedy="Add --yes.")
    click.echo("\n".join(words))
    click.confirm("Erase for good?", abort=True)


def _erase(home_folder: Path, people: list[str], videos: list[str], block: bool) -> None:
    from meetbefore_assets.core.words import count
    from meetbefore_assets.forgetting import forget as forgetting

    home, out = home_for_command(home_folder), console()
    if people:
        done = forgetting.forget_people(home, people, is_blocked=block)
        out.print(f"{count(done.faces, 'face')} in {count(len(done.videos), 'video')} erased.")
        if done.block_id:
            out.print(f"On the block list as {done.block_id}; `meetbefore forget --lift {done.block_id}` takes it off.")
    if videos:
        from meetbefore_assets.running.instance_cleanup import forget_videos_in_dagster

        done = forgetting.forget_videos(home, videos)
        runs = forget_videos_in_dagster(home_folder, videos)
        out.print(f"{count(len(done.dropped), 'video')} with {count(done.faces, 'face')} erased, and {count(runs, 'run')} in Dagster.")
