"""Forgets people or videos everywhere, and rebuilds what people open."""

import datetime as dt
from pathlib import Path

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.schema.forgetting import BLOCKED_PEOPLE, FORGOTTEN_FACES, FORGOTTEN_VIDEOS
from meetbefore_assets.encounters.make_tables import make_encounter_scores, make_people
from meetbefore_assets.forgetting import erase
from meetbefore_assets.forgetting.erase import Erased
from meetbefore_assets.forgetting.erase_history import forget_history
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities import queries
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.identities.match import match
from meetbefore_assets.publishing.database import publish
from meetbefore_assets.recordings.intake import known_videos


def find_videos(home: Home, text: str) -> list[str]:
    """Ids of the videos with this id, file name or path; none, one, or several of one name."""
    path = str(Path(text).expanduser().absolute())
    return [
        video_id
        for video_id, known in known_videos(home).items()
        if text == video_id or text in known.names or {text, path} & set(known.uris)
    ]


def find_one_video(home: Home, text: str) -> str:
    """The video with this id, file name or path; "" where there is none.

    Raises:
        UsageError: several have this name.
    """
    found = find_videos(home, text)
    if len(found) > 1:
        raise UsageError(f"{len(found)} videos are called '{text}': {', '.join(found)}.", remedy="Give the id of one of them.")
    return found[0] if found else ""


def forget_people(home: Home, person_ids: list[str], *, is_blocked: bool = False) -> Erased:
    """Erase people everywhere, and decide anew who is who."""
    done = erase.erase_people(home, person_ids, is_blocked=is_blocked)
    rebuild(home)
    return done


def forget_videos(home: Home, video_ids: list[str]) -> Erased:
    """Erase videos everywhere, and decide anew who is who."""
    done = erase.erase_videos(home, video_ids)
    rebuild(home)
    return done


def forget_expired_strangers(home: Home, now: dt.datetime | None = None) -> int:
    """Forget the strangers whose time is over (`privacy.single_sightings_days`); returns how many people that were.

    Args:
        now: naive UTC; None: this moment.
    """
    people = erase.expired_strangers(home, now or dt.datetime.now(dt.UTC).replace(tzinfo=None))
    if people:
        forget_people(home, people)
    return len(people)


def complete_forgetting(home: Home) -> bool:
    """Bring to an end what a broken attempt left half done; whether there was anything."""
    if not erase.is_pending(home):
        return False
    erase.complete_erasure(home)
    rebuild(home)
    return True


def rebuild(home: Home) -> None:
    """Decide who is who, and write index, database and page from the record alone."""
    from meetbefore_assets.publishing.page.render import write_report  # jinja2, which a run that has nothing to forget does without

    build_face_index(home)
    match(home)
    if erase.is_pending(home):
        forget_history(home)
    make_encounter_scores(home)
    make_people(home)
    publish(home)
    write_report(home)
    erase.finish_erasure(home)


def lift_suppression(home: Home, text: str) -> str:
    """Let a forgotten file be taken in again, or take a person off the block list; returns what was lifted, in words.

    Args:
        text: a file, the beginning of its content hash, or the id that `--block` gave.

    Raises:
        UsageError: neither the one nor the other is known.
    """
    if text in home.store.keys(BLOCKED_PEOPLE.name):
        home.store.drop(BLOCKED_PEOPLE.name, text)
        return f"{text} is off the block list"
    wanted = home.adapters.recordings.content_hash(text) if home.is_present([text]) else text
    found = [key for key in home.store.keys(FORGOTTEN_VIDEOS.name) if key.startswith(wanted)]
    if len(found) != 1:
        raise UsageError(
            f"'{text}' fits {len(found)} forgotten files, and no entry of the block list; expected one.",
            remedy="`meetbefore forget --list` shows what is kept.",
        )
    home.store.drop(FORGOTTEN_VIDEOS.name, found[0])
    return f"{text} is taken in again by the next run that finds it"


def suppressions_kept(home: Home) -> list[tuple[str, str, str]]:
    """What is kept of what was forgotten: (kind, id, in words)."""
    rows = []
    for key in home.store.keys(FORGOTTEN_VIDEOS.name):
        rows.append(
            ("file", key[:16], f"not taken in again, since {home.store.get(FORGOTTEN_VIDEOS.name, key)['forgotten_at'][0]:%Y-%m-%d}")
        )
    for key in home.store.keys(BLOCKED_PEOPLE.name):
        entry = home.store.get(BLOCKED_PEOPLE.name, key, ["model", "blocked_at"])
        rows.append(("person", key, f"dropped at sight by {entry['model'][0]}, since {entry['blocked_at'][0]:%Y-%m-%d}"))
    for key in home.store.keys(FORGOTTEN_FACES.name):
        stamp = home.store.stamp(FORGOTTEN_FACES.name, key)
        rows.append(("faces", key, f"{stamp.rows if stamp else 0} places in this video, no vectors"))
    return rows


def find_target(home: Home, text: str) -> tuple[str, str, str]:
    """What a word on the command line means: ("video", id, in words) or ("person", id, in words).

    Raises:
        UsageError: nothing or too much fits.
    """
    video_id = find_one_video(home, text)
    if video_id:
        return "video", video_id, f"the video {video_id}"
    row = queries.find_person(home, text).row
    name = f" ({row['name']})" if row["name"] else ""
    return "person", str(row["person_id"]), f"{row['person_id']}{name}: {row['faces']} faces in {row['videos']} videos"
