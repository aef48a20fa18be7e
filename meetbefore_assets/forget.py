"""`meetbefore forget`: take people or videos out of everything, and make anew what people open."""

import datetime as dt
from pathlib import Path

from meetbefore_assets import reading
from meetbefore_assets.errors import UsageError
from meetbefore_assets.schema import BLOCKED_PEOPLE, FORGOTTEN_FACES, FORGOTTEN_VIDEOS
from meetbefore_assets.steps import forgetting
from meetbefore_assets.steps.forgetting import Forgotten
from meetbefore_assets.steps.forgetting_said import forget_history
from meetbefore_assets.steps.indexing import build_index
from meetbefore_assets.steps.intake import known_videos
from meetbefore_assets.steps.matching import match
from meetbefore_assets.steps.publishing import publish
from meetbefore_assets.steps.scoring import rank, score
from meetbefore_assets.workbench import Workbench


def find_videos(bench: Workbench, text: str) -> list[str]:
    """Ids of the videos with this id, file name or path; none, one, or several of one name."""
    path = str(Path(text).expanduser().absolute())
    return [
        video_id
        for video_id, known in known_videos(bench).items()
        if text == video_id or text in known.names or {text, path} & set(known.uris)
    ]


def one_video(bench: Workbench, text: str) -> str:
    """The video with this id, file name or path; "" where there is none.

    Raises:
        UsageError: several have this name.
    """
    found = find_videos(bench, text)
    if len(found) > 1:
        raise UsageError(f"{len(found)} videos are called '{text}': {', '.join(found)}.", remedy="Give the id of one of them.")
    return found[0] if found else ""


def forget_people(bench: Workbench, person_ids: list[str], *, is_blocked: bool = False) -> Forgotten:
    """Erase people everywhere, and decide anew who is who."""
    done = forgetting.forget_people(bench, person_ids, is_blocked=is_blocked)
    make_anew(bench)
    return done


def forget_videos(bench: Workbench, video_ids: list[str]) -> Forgotten:
    """Erase videos everywhere, and decide anew who is who."""
    done = forgetting.forget_videos(bench, video_ids)
    make_anew(bench)
    return done


def expire(bench: Workbench, now: dt.datetime | None = None) -> int:
    """Forget the strangers whose time is over (`privacy.single_sightings_days`); returns how many people that were.

    Args:
        now: naive UTC; None: this moment.
    """
    people = forgetting.expired_strangers(bench, now or dt.datetime.now(dt.UTC).replace(tzinfo=None))
    if people:
        forget_people(bench, people)
    return len(people)


def complete(bench: Workbench) -> bool:
    """Bring to an end what a broken attempt left half done; whether there was anything."""
    if not forgetting.is_pending(bench):
        return False
    forgetting.complete(bench)
    make_anew(bench)
    return True


def make_anew(bench: Workbench) -> None:
    """Decide who is who, and write index, database and page from the record alone."""
    from meetbefore_assets.report.page import write_report  # jinja2, which a run that has nothing to forget does without

    build_index(bench)
    match(bench)
    if forgetting.is_pending(bench):
        forget_history(bench)
    score(bench)
    rank(bench)
    publish(bench)
    write_report(bench)
    forgetting.finish(bench)


def lift(bench: Workbench, text: str) -> str:
    """Let a forgotten file be taken in again, or take a person off the block list; returns what was lifted, in words.

    Args:
        text: a file, the beginning of its content hash, or the id that `--block` gave.

    Raises:
        UsageError: neither the one nor the other is known.
    """
    if text in bench.store.keys(BLOCKED_PEOPLE.name):
        bench.store.drop(BLOCKED_PEOPLE.name, text)
        return f"{text} is off the block list"
    wanted = bench.tools.content_hash(text) if bench.is_present([text]) else text
    found = [key for key in bench.store.keys(FORGOTTEN_VIDEOS.name) if key.startswith(wanted)]
    if len(found) != 1:
        raise UsageError(
            f"'{text}' fits {len(found)} forgotten files, and no entry of the block list; expected one.",
            remedy="`meetbefore forget --list` shows what is kept.",
        )
    bench.store.drop(FORGOTTEN_VIDEOS.name, found[0])
    return f"{text} is taken in again by the next run that finds it"


def kept(bench: Workbench) -> list[tuple[str, str, str]]:
    """What is kept of what was forgotten: (kind, id, in words)."""
    rows = []
    for key in bench.store.keys(FORGOTTEN_VIDEOS.name):
        rows.append(
            ("file", key[:16], f"not taken in again, since {bench.store.get(FORGOTTEN_VIDEOS.name, key)['forgotten_at'][0]:%Y-%m-%d}")
        )
    for key in bench.store.keys(BLOCKED_PEOPLE.name):
        entry = bench.store.get(BLOCKED_PEOPLE.name, key, ["model", "blocked_at"])
        rows.append(("person", key, f"dropped at sight by {entry['model'][0]}, since {entry['blocked_at'][0]:%Y-%m-%d}"))
    for key in bench.store.keys(FORGOTTEN_FACES.name):
        stamp = bench.store.stamp(FORGOTTEN_FACES.name, key)
        rows.append(("faces", key, f"{stamp.rows if stamp else 0} places in this video, no vectors"))
    return rows


def describe(bench: Workbench, text: str) -> tuple[str, str, str]:
    """What a word on the command line means: ("video", id, in words) or ("person", id, in words).

    Raises:
        UsageError: nothing or too much fits.
    """
    video_id = one_video(bench, text)
    if video_id:
        return "video", video_id, f"the video {video_id}"
    row = reading.find_person(bench, text).row
    name = f" ({row['name']})" if row["name"] else ""
    return "person", str(row["person_id"]), f"{row['person_id']}{name}: {row['faces']} faces in {row['videos']} videos"
