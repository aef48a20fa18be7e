"""Forgets people or videos everywhere, and rebuilds identities, index, database and page."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.schema.forgetting import BLOCKED_PEOPLE, FORGOTTEN_FACES, FORGOTTEN_NAMES, FORGOTTEN_VIDEOS
from meetbefore_assets.core.words import count
from meetbefore_assets.encounters.make_tables import make_encounter_scores, make_people, people_locked
from meetbefore_assets.forgetting import erase
from meetbefore_assets.forgetting.erase import Erased
from meetbefore_assets.forgetting.erase_history import forget_history
from meetbefore_assets.forgetting.erase_requests import EraseRequest, erase_requests
from meetbefore_assets.forgetting.expiry import expiry
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities import queries
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.identities.known_people import known_of_people
from meetbefore_assets.identities.match import match
from meetbefore_assets.publishing.database import publish
from meetbefore_assets.recordings.intake import known_videos


def find_videos(home: Home, text: str) -> list[str]:
    """Ids of the videos with this id, file name or path (several may have the same name)."""
    path = str(Path(text).expanduser().absolute())
    return [
        video_id
        for video_id, known in known_videos(home).items()
        if text == video_id or text in known.names or {text, path} & set(known.uris)
    ]


def find_one_video(home: Home, text: str) -> str:
    """Id of the video with this id, file name or path; "" if there is none.

    Raises:
        UsageError: several videos have this name.
    """
    found = find_videos(home, text)
    if len(found) > 1:
        raise UsageError(f"{len(found)} videos are called '{text}': {', '.join(found)}.", remedy="Give the id of one of them.")
    return found[0] if found else ""


def forget_named(home: Home, named: Mapping[str, str], *, is_blocked: bool = False) -> Erased:
    """Erase people by id or name. A concurrent run can neither hide a face of theirs nor bring one back.

    Args:
        home: the home.
        named: an id, its beginning, or a name -> the person's id at the time when the user was asked to confirm.
        is_blocked: keep one vector of each, so that they are left out of new videos.

    Raises:
        UsageError: an id or name means somebody else by now, or nobody; nothing was erased.
    """
    with erase.forgetting_alone(home), people_locked(home):
        people = [_meant_now(home, text, shown) for text, shown in named.items()]
        return forget_people(home, people, is_blocked=is_blocked)


def _meant_now(home: Home, text: str, shown: str) -> str:
    row = queries.find_person(home, text).row
    person_id = str(row["person_id"])
    if person_id != shown and str(row["name"] or "").lower() != text.lower():
        raise UsageError(
            f"'{text}' was {shown} when you were asked, and is now {person_id}. Nothing was erased.",
            remedy=f"Check who that is (meetbefore show {person_id}), then try again.",
        )
    return person_id


def forget_people(home: Home, person_ids: list[str], *, is_blocked: bool = False) -> Erased:
    """Erase people everywhere, and match again, under all deciding locks."""
    with erase.forgetting_alone(home):
        done = erase.erase_people(home, person_ids, is_blocked=is_blocked)
        rebuild(home)
    return done


def forget_videos(home: Home, video_ids: list[str]) -> Erased:
    """Erase videos everywhere, and match again, under all deciding locks."""
    with erase.forgetting_alone(home):
        done = erase.erase_videos(home, video_ids)
        rebuild(home)
    return done


@dataclass(frozen=True)
class Requested:
    """What was erased for requests in the home (`erase_requests`).

    Attributes:
        videos: ids of the requested videos.
        erased: what was erased; nothing if another process was faster.
        runs: number of deleted Dagster runs.
    """

    videos: list[str]
    erased: Erased
    runs: int


def forget_requested(home: Home, forget_in_dagster: Callable[[list[str]], int]) -> Requested | None:
    """Carry out the requests to erase videos; None if there are none. A request is done when nothing of its videos is left.

    Args:
        home: the home.
        forget_in_dagster: deletes videos from Dagster; returns the number of deleted runs. Safe to repeat.

    Raises:
        StoreError: a request cannot be read, or something could not be erased; the requests stay then.
    """
    if not erase_requests(home):
        return None
    with erase.forgetting_alone(home):
        return _forget_requested(home, erase_requests(home), forget_in_dagster)


def _forget_requested(home: Home, requests: list[EraseRequest], forget_in_dagster: Callable[[list[str]], int]) -> Requested | None:
    if not requests:
        return None  # another process was faster
    videos = list(dict.fromkeys(video_id for request in requests for video_id in request.video_ids))
    known = known_videos(home)
    there = [video_id for video_id in videos if video_id in known]
    erased = forget_videos(home, there) if there else Erased()
    complete_forgetting(home)
    runs = forget_in_dagster(videos)
    for request in requests:
        request.path.unlink(missing_ok=True)
    return Requested(videos, erased, runs)


def forget_names(home: Home, names: list[str]) -> int:
    """Erase names from elsewhere that nobody bears, with the faces they came with; returns how many faces."""
    with erase.forgetting_alone(home):
        faces = erase.erase_names(home, names)
        rebuild(home)
    return faces


def forget_expired_strangers(home: Home, now: dt.datetime | None = None) -> tuple[int, str]:
    """Forget expired strangers (`privacy.single_sightings_days`).

    Args:
        home: the home.
        now: naive UTC; None: the current time.

    Returns:
        The number of forgotten people, and a sentence about those who stay because a clock cannot be right ("" if there are none).
    """
    moment = now or dt.datetime.now(dt.UTC).replace(tzinfo=None)
    found = expiry(home, moment)
    if not found.people:
        return 0, found.spared
    with erase.forgetting_alone(home), people_locked(home):
        found = expiry(home, moment)
        if found.people:
            forget_people(home, found.people)
    return len(found.people), found.spared


def complete_forgetting(home: Home) -> bool:
    """Complete an interrupted attempt to forget; returns whether there was one."""
    if not erase.is_pending(home):
        return False
    with erase.forgetting_alone(home):
        if not erase.is_pending(home):
            return False  # another process is completing it
        erase.complete_erasure(home)
        rebuild(home)
    return True


def rebuild(home: Home) -> None:
    """Match all videos, and rebuild index, scores, database and page from the record alone."""
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
    """Allow a forgotten file to be imported again, or take a person off the block list; returns a sentence.

    Args:
        home: the home.
        text: a file, the beginning of its content hash, an id of the block list, or the hash of an imported name.

    Raises:
        UsageError: no forgotten file or entry of the block list fits.
    """
    if text in home.store.keys(BLOCKED_PEOPLE.name):
        home.store.drop(BLOCKED_PEOPLE.name, text)
        return f"{text} is off the block list"
    if text in home.store.keys(FORGOTTEN_NAMES.name):
        home.store.drop(FORGOTTEN_NAMES.name, text)
        return f"{text} may come back with a file of corrections"
    wanted = home.adapters.recordings.content_hash(text) if home.is_present([text]) else text
    found = [key for key in home.store.keys(FORGOTTEN_VIDEOS.name) if key.startswith(wanted)]
    if len(found) != 1:
        raise UsageError(
            f"'{text}' fits {len(found)} forgotten files, and no entry of the block list; expected one.",
            remedy="To list what is kept: meetbefore forget --list",
        )
    home.store.drop(FORGOTTEN_VIDEOS.name, found[0])
    return f"{text} is imported again by the next run that finds it"


def suppressions_kept(home: Home) -> list[tuple[str, str, str]]:
    """What is kept of forgotten things: (kind, id, description)."""
    rows = []
    for key in home.store.keys(FORGOTTEN_VIDEOS.name):
        rows.append(
            ("file", key[:16], f"not imported again, since {home.store.get(FORGOTTEN_VIDEOS.name, key)['forgotten_at'][0]:%Y-%m-%d}")
        )
    for key in home.store.keys(BLOCKED_PEOPLE.name):
        entry = home.store.get(BLOCKED_PEOPLE.name, key, ["model", "blocked_at"])
        rows.append(("person", key, f"left out of new videos (recogniser {entry['model'][0]}), since {entry['blocked_at'][0]:%Y-%m-%d}"))
    for key in home.store.keys(FORGOTTEN_NAMES.name):
        rows.append(("name", key, "imported once, not taken from a file of corrections again"))
    for key in home.store.keys(FORGOTTEN_FACES.name):
        stamp = home.store.stamp(FORGOTTEN_FACES.name, key)
        rows.append(("faces", key, f"{stamp.rows if stamp else 0} places kept in this video, no looks"))
    return rows


def find_target(home: Home, text: str) -> tuple[str, str, str]:
    """Find what to forget: ("video" or "person", id, description), or ("name", imported name, description).

    Raises:
        UsageError: nothing fits, or several do.
    """
    video_id = find_one_video(home, text)
    if video_id:
        return "video", video_id, f"the video {video_id}"
    with people_locked(home):  # ids that a run is about to rewrite would mislead
        try:
            row = queries.find_person(home, text).row
        except UsageError:
            known = known_of_people(home, [], [text])
            if not known:
                raise
            return "name", known[0], f"the name {known[0]}, which was imported and which nobody bears yet"
    name = f" ({row['name']})" if row["name"] else ""
    seen = f"{count(int(str(row['faces'])), 'face')} in {count(int(str(row['videos'])), 'video')}"
    return "person", str(row["person_id"]), f"{row['person_id']}{name}: {seen}"
