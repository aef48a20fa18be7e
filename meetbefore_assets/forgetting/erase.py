"""Erases people and videos from the record. What to erase is recorded first, so that an interrupted attempt can be completed."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
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
from meetbefore_assets.home.record.home_files import quiet_run_path
from meetbefore_assets.home.record.suppressions import (
    BOX,
    are_suppressions_known,
    block_person,
    suppress,
    suppress_file,
    suppressed_files,
    suppressions_of,
)
from meetbefore_assets.identities.known_people import forget_known, known_of_people
from meetbefore_assets.identities.queries import matched_videos, people_table
from meetbefore_assets.publishing.database import open_published
from meetbefore_assets.recordings.intake import drop_video, known_videos
from meetbefore_assets.upkeep.corrections_copies import forget_in_copies

# The locks of matching, indexing, scoring and publishing. Always taken in this order.
_DECIDING = ("matching", "index", "scoring", "publishing")
# Marker file: exists while something to be forgotten may still be in the database, the index or a page.
_PENDING = "forgetting"


@dataclass
class Erased:
    """What was erased.

    Attributes:
        faces: number of faces.
        videos: ids of the videos they were in.
        dropped: ids of videos that were erased entirely.
        block_id: entry of the block list; "" if none was asked for.
    """

    faces: int = 0
    videos: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    block_id: str = ""


@contextlib.contextmanager
def forgetting_alone(home: Home) -> Iterator[None]:
    """Hold all deciding locks, so that no other process writes what it read before the erasure. Raises LockTimeoutError."""
    with contextlib.ExitStack() as held:
        for name in _DECIDING:
            held.enter_context(home.lock(name))
        yield


# Called with the ids of entirely erased videos, to erase what else is kept of them or of forgotten faces (`suppressions_of`).
HOOKS: list[Callable[[Home, list[str]], None]] = [forget_corrections, forget_in_copies]


def person_faces(home: Home, person_ids: list[str]) -> pl.DataFrame:
    """The faces of some people: face_id, video_id, track_id, time_s, x1, y1, x2, y2."""
    videos = matched_videos(home)
    columns = ["face_id", "video_id", "track_id", "person_id"]
    if not videos:
        return pl.DataFrame(schema={name: pl.String for name in columns})
    assigned = home.store.scan("identity_assignments", videos, columns).filter(pl.col("person_id").is_in(person_ids))
    places = home.store.scan("detections", videos, ["face_id", "time_s", *BOX])
    return assigned.join(places, on="face_id").drop("person_id").sort("video_id", "time_s", "face_id")


def erase_people(home: Home, person_ids: list[str], *, is_blocked: bool = False) -> Erased:
    """Erase people from the record, in every video, for good; all videos must be matched again afterwards.

    Names from elsewhere that are theirs, or may be, go with their faces.

    Args:
        home: the home.
        person_ids: current ids.
        is_blocked: keep one vector of each, so that they are left out of new videos.

    Raises:
        RecordTornError: the suppressions of one of their videos cannot be read; nothing was erased.
    """
    faces = person_faces(home, person_ids)
    for video_id in faces["video_id"].unique():
        suppressions_of(home, video_id)
    block_id = _block(home, faces) if is_blocked and faces.height else ""
    names = people_table(home).filter(pl.col("person_id").is_in(person_ids))["name"].drop_nulls().to_list()
    _mark_pending(home)
    forget_known(home, known_of_people(home, person_ids, names))
    suppress(home, faces)
    return Erased(faces.height, sorted(faces["video_id"].unique()), complete_erasure(home).dropped, block_id)


def erase_names(home: Home, names: list[str]) -> int:
    """Erase names from elsewhere with their faces; returns the number of faces. Identities must be decided anew afterwards."""
    _mark_pending(home)
    faces = forget_known(home, names)
    complete_erasure(home)
    return faces


def _block(home: Home, faces: pl.DataFrame) -> str:
    embedded = home.store.scan("embeddings", sorted(faces["video_id"].unique())).join(faces, on="face_id", how="semi")
    mean, _ = to_unit_vectors(np.array(embedded["vector"].to_list(), np.float64).mean(axis=0)[None])
    return block_person(home, embedded["model"][0], mean[0])


def erase_videos(home: Home, video_ids: list[str]) -> Erased:
    """Erase videos from the record; their files stay where they are, and are not imported again."""
    known = known_videos(home)
    faces = sum(stamp.rows for video_id in video_ids if (stamp := home.store.stamp("detections", video_id)))
    _mark_pending(home)
    for video_id in video_ids:
        suppress_file(home, known[video_id].content_hash)
    return Erased(faces, list(video_ids), complete_erasure(home).dropped)


def is_pending(home: Home) -> bool:
    """Whether an erasure is not complete yet."""
    unfinished = (video_id for video_id in _redactable(home) if not is_redacted(home, video_id))
    return home.store.stamp(_PENDING, WHOLE) is not None or next(unfinished, None) is not None


def complete_erasure(home: Home) -> Erased:
    """Erase everything that is suppressed from the record, and delete the files made from it.

    Safe to repeat: what to erase is read from the record. Call `finish_erasure` once database, index and page are rebuilt.
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
    for video_id in _redactable(home):
        with home.lock(f"video-{video_id}"):
            done.faces += _erase(home, video_id)
    for hook in HOOKS:
        hook(home, done.dropped)
    _remove_derived_files(home)
    return done


def _redactable(home: Home) -> list[str]:
    """Videos with suppressions that can be read. If they cannot, nothing can be erased, and nothing new is computed for the video."""
    return [video_id for video_id in home.store.keys(FORGOTTEN_FACES.name) if are_suppressions_known(home, video_id)]


def finish_erasure(home: Home) -> None:
    """Mark the erasure as complete, after database, index and page were rebuilt."""
    home.store.drop(_PENDING, WHOLE)


def _mark_pending(home: Home) -> None:
    home.store.put(_PENDING, WHOLE, pl.DataFrame({"is_pending": [True]}), Stamp("pending", {}, {}, 1))


def _erase(home: Home, video_id: str) -> int:
    """Erase suppressed faces and embeddings of a video; tracks are linked again now, or (if the models are missing) by the next run."""
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
    """Delete the files that contain what was forgotten: deleted rows of a database leave their bytes in its file."""
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
    _unlink(quiet_run_path(home))
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
