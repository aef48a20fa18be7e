"""Erases people and videos from the record: first it is written down what goes, so that a broken attempt is completed."""

import contextlib
import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.core.ports import WHOLE, Stamp, Store
from meetbefore_assets.core.schema.forgetting import FORGOTTEN_FACES
from meetbefore_assets.core.schema.lists import personal_tables
from meetbefore_assets.core.schema.table import Table
from meetbefore_assets.faces.redact import is_redacted, redact_video
from meetbefore_assets.faces.tracks import make_tracks
from meetbefore_assets.faces.unit_vectors import to_unit_vectors
from meetbefore_assets.forgetting.erase_history import forget_corrections
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import BOX, block_person, suppress, suppress_file, suppressed_files
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.publishing.database import open_published
from meetbefore_assets.recordings.intake import drop_video, known_videos

# There while something that was to be forgotten may still lie in the database, the index or a page.
_PENDING = "forgetting"


@dataclass
class Erased:
    """What was taken out.

    Attributes:
        faces: how many.
        videos: ids of the videos they were in.
        dropped: ids of videos that are gone altogether.
        block_id: under which a person was put on the block list; "" if that was not asked for.
    """

    faces: int = 0
    videos: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    block_id: str = ""


# Called with the ids of videos that are gone altogether, for what else is kept of them or of forgotten faces (`suppressions_of`).
HOOKS: list[Callable[[Home, list[str]], None]] = [forget_corrections]


def person_faces(home: Home, person_ids: list[str]) -> pl.DataFrame:
    """Where the faces of some people are: face_id, video_id, track_id, time_s, x1, y1, x2, y2."""
    videos = matched_videos(home)
    columns = ["face_id", "video_id", "track_id", "person_id"]
    if not videos:
        return pl.DataFrame(schema={name: pl.String for name in columns})
    assigned = home.store.scan("identity_assignments", videos, columns).filter(pl.col("person_id").is_in(person_ids))
    places = home.store.scan("detections", videos, ["face_id", "time_s", *BOX])
    return assigned.join(places, on="face_id").drop("person_id").sort("video_id", "time_s", "face_id")


def erase_people(home: Home, person_ids: list[str], *, is_blocked: bool = False) -> Erased:
    """Take people out of the record, of every video, for good; who is who must be decided anew afterwards.

    Args:
        person_ids: as they are on record.
        is_blocked: keep one vector of each, so that they are dropped at sight in new videos.
    """
    faces = person_faces(home, person_ids)
    block_id = _block(home, faces) if is_blocked and faces.height else ""
    _mark_pending(home)
    suppress(home, faces)
    return Erased(faces.height, sorted(faces["video_id"].unique()), complete_erasure(home).dropped, block_id)


def _block(home: Home, faces: pl.DataFrame) -> str:
    embedded = home.store.scan("embeddings", sorted(faces["video_id"].unique())).join(faces, on="face_id", how="semi")
    mean, _ = to_unit_vectors(np.array(embedded["vector"].to_list(), np.float64).mean(axis=0)[None])
    return block_person(home, embedded["model"][0], mean[0])


def erase_videos(home: Home, video_ids: list[str]) -> Erased:
    """Take videos out of everything; their files stay where they are, and are not taken in again."""
    known = known_videos(home)
    faces = sum(stamp.rows for video_id in video_ids if (stamp := home.store.stamp("detections", video_id)))
    _mark_pending(home)
    for video_id in video_ids:
        suppress_file(home, known[video_id].content_hash)
    return Erased(faces, list(video_ids), complete_erasure(home).dropped)


def expired_strangers(home: Home, now: dt.datetime) -> list[str]:
    """People without name or role who were met once, more than `privacy.single_sightings_days` before `now` (naive UTC)."""
    days = home.settings().privacy.single_sightings_days
    if not days or home.store.stamp("people", WHOLE) is None:
        return []
    people = home.store.get("people", WHOLE)
    is_stranger = (pl.col("encounters") == 1) & pl.col("name").is_null() & pl.col("role").is_null()
    return people.filter(is_stranger & (pl.col("last_seen") < now - dt.timedelta(days=days)))["person_id"].sort().to_list()


def is_pending(home: Home) -> bool:
    """Whether something that was to be forgotten is not out of everything yet."""
    unfinished = (video_id for video_id in home.store.keys(FORGOTTEN_FACES.name) if not is_redacted(home, video_id))
    return home.store.stamp(_PENDING, WHOLE) is not None or next(unfinished, None) is not None


def complete_erasure(home: Home) -> Erased:
    """Take everything that was to be forgotten out of the record, and remove what was made from it.

    Safe to repeat: what to forget is read off the record. `finish_erasure` ends it once database, index and page are made anew.
    """
    _mark_pending(home)
    done = Erased()
    hashes = suppressed_files(home)
    for video_id, known in known_videos(home).items():
        if known.content_hash in hashes:
            with home.lock("intake"), home.lock(f"video-{video_id}"):
                drop_video(home, video_id)
            (home.folder / "locks" / f"video-{video_id}.lock").unlink(missing_ok=True)
            done.dropped.append(video_id)
    for video_id in home.store.keys(FORGOTTEN_FACES.name):
        with home.lock(f"video-{video_id}"):
            done.faces += _erase(home, video_id)
    for hook in HOOKS:
        hook(home, done.dropped)
    _remove_derived_files(home)
    return done


def finish_erasure(home: Home) -> None:
    """Everything that people open was made anew: nothing is pending any more."""
    home.store.drop(_PENDING, WHOLE)


def _mark_pending(home: Home) -> None:
    home.store.put(_PENDING, WHOLE, pl.DataFrame({"is_pending": [True]}), Stamp("pending", {}, {}, 1))


def _erase(home: Home, video_id: str) -> int:
    """Faces and embeddings go; tracks are linked anew, at once or (where the models are not at hand) by the next run."""
    if is_redacted(home, video_id):
        return 0
    erased = redact_video(home, video_id)
    if home.store.stamp("tracks", video_id) is None:
        return erased
    try:
        make_tracks(home, video_id)
    except MeetbeforeError:
        home.store.drop("tracks", video_id)
    return erased


def _remove_derived_files(home: Home) -> None:
    """Remove files that hold what was forgotten: rows that are deleted from a database leave their bytes in it."""
    with home.lock("publishing"):
        open_published(home).remove()
    rebuilt = [table for table in personal_tables() if table.redaction == "rebuild"]
    with home.lock("index"):
        if home.shared_uri:
            _drop(home.index_store, [table for table in rebuilt if table.is_cached])
        shutil.rmtree(home.folder / "index", ignore_errors=True)
    with home.lock("scoring"):
        _drop(home.store, [table for table in rebuilt if not table.is_cached])
    _unlink(*home.folder.glob("report*.html"), *home.folder.glob(".report*.tmp"))
    home.unshare(home.folder / "report.html")
    for folder in ("previews", "frames"):
        _unlink(*(home.folder / folder).glob("**/.*.tmp"))


def _drop(store: Store, tables: list[Table]) -> None:
    for table in tables:
        for key in store.keys(table.record_name):
            store.drop(table.record_name, key)


def _unlink(*paths: Path) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
