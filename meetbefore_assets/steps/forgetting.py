"""Being forgotten: first what is to go is written down, then it is taken out of everything, so that a broken attempt is completed."""

import contextlib
import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from meetbefore_assets.domain.detections_to_embeddings import unit
from meetbefore_assets.domain.ports import Stamp
from meetbefore_assets.errors import MeetbeforeError
from meetbefore_assets.schema import CHANCE, FORGOTTEN_FACES, REGROUPINGS, SIMILAR_TRACKS
from meetbefore_assets.steps.erasing import erase_rows, is_erased
from meetbefore_assets.steps.forgetting_said import forget_corrections
from meetbefore_assets.steps.forgotten import BOX, block, bury, forgotten_hashes, graves_of, remember_to_skip
from meetbefore_assets.steps.intake import drop_video, known_videos
from meetbefore_assets.steps.matched import matched_videos
from meetbefore_assets.steps.per_video import make_tracks
from meetbefore_assets.steps.publishing import open_published
from meetbefore_assets.steps.scoring import ASSET as SCORES
from meetbefore_assets.workbench import WHOLE, Workbench

# There while something that was to be forgotten may still lie in the database, the index or a page.
_PENDING = "forgetting"


@dataclass
class Forgotten:
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


# Called with the ids of videos that are gone altogether, for what else is kept of them or of forgotten faces (`graves_of`).
HOOKS: list[Callable[[Workbench, list[str]], None]] = [forget_corrections]


def person_faces(bench: Workbench, person_ids: list[str]) -> pl.DataFrame:
    """Where the faces of some people are: face_id, video_id, track_id, time_s, x1, y1, x2, y2."""
    videos = matched_videos(bench)
    columns = ["face_id", "video_id", "track_id", "person_id"]
    if not videos:
        return pl.DataFrame(schema={name: pl.String for name in columns})
    assigned = bench.store.scan("identity_assignments", videos, columns).filter(pl.col("person_id").is_in(person_ids))
    places = bench.store.scan("detections", videos, ["face_id", "time_s", *BOX])
    return assigned.join(places, on="face_id").drop("person_id").sort("video_id", "time_s", "face_id")


def forget_people(bench: Workbench, person_ids: list[str], *, is_blocked: bool = False) -> Forgotten:
    """Take people out of the record, of every video, for good; who is who must be decided anew afterwards.

    Args:
        person_ids: as they are on record.
        is_blocked: keep one vector of each, so that they are dropped at sight in new videos.
    """
    faces = person_faces(bench, person_ids)
    block_id = _block(bench, faces) if is_blocked and faces.height else ""
    _begin(bench)
    bury(bench, faces)
    return Forgotten(faces.height, sorted(faces["video_id"].unique()), complete(bench).dropped, block_id)


def _block(bench: Workbench, faces: pl.DataFrame) -> str:
    embedded = bench.store.scan("embeddings", sorted(faces["video_id"].unique())).join(faces, on="face_id", how="semi")
    mean, _ = unit(np.array(embedded["vector"].to_list(), np.float64).mean(axis=0)[None])
    return block(bench, embedded["model"][0], mean[0])


def forget_videos(bench: Workbench, video_ids: list[str]) -> Forgotten:
    """Take videos out of everything; their files stay where they are, and are not taken in again."""
    known = known_videos(bench)
    faces = sum(stamp.rows for video_id in video_ids if (stamp := bench.store.stamp("detections", video_id)))
    _begin(bench)
    for video_id in video_ids:
        remember_to_skip(bench, known[video_id].content_hash)
    return Forgotten(faces, list(video_ids), complete(bench).dropped)


def expired_strangers(bench: Workbench, now: dt.datetime) -> list[str]:
    """People without name or role who were met once, more than `privacy.single_sightings_days` before `now` (naive UTC)."""
    days = bench.settings().privacy.single_sightings_days
    if not days or bench.store.stamp("people", WHOLE) is None:
        return []
    people = bench.store.get("people", WHOLE)
    is_stranger = (pl.col("encounters") == 1) & pl.col("name").is_null() & pl.col("role").is_null()
    return people.filter(is_stranger & (pl.col("last_seen") < now - dt.timedelta(days=days)))["person_id"].sort().to_list()


def is_pending(bench: Workbench) -> bool:
    """Whether something that was to be forgotten is not out of everything yet."""
    unfinished = (video_id for video_id in bench.store.keys(FORGOTTEN_FACES.name) if not is_erased(bench, video_id))
    return bench.store.stamp(_PENDING, WHOLE) is not None or next(unfinished, None) is not None


def complete(bench: Workbench) -> Forgotten:
    """Take everything that was to be forgotten out of the record, and remove what was made from it.

    Safe to repeat: what to forget is read off the record. `finish` ends it once database, index and page are made anew.
    """
    _begin(bench)
    done = Forgotten()
    hashes = forgotten_hashes(bench)
    for video_id, known in known_videos(bench).items():
        if known.content_hash in hashes:
            with bench.lock("intake"), bench.lock(f"video-{video_id}"):
                drop_video(bench, video_id)
            (bench.home / "locks" / f"video-{video_id}.lock").unlink(missing_ok=True)
            done.dropped.append(video_id)
    for video_id in bench.store.keys(FORGOTTEN_FACES.name):
        with bench.lock(f"video-{video_id}"):
            done.faces += _erase(bench, video_id)
    for hook in HOOKS:
        hook(bench, done.dropped)
    _remove_made(bench)
    return done


def finish(bench: Workbench) -> None:
    """Everything that people open was made anew: nothing is pending any more."""
    bench.store.drop(_PENDING, WHOLE)


def _begin(bench: Workbench) -> None:
    bench.store.put(_PENDING, WHOLE, pl.DataFrame({"is_pending": [True]}), Stamp("pending", {}, {}, 1))


def _erase(bench: Workbench, video_id: str) -> int:
    """Faces and embeddings go; tracks are linked anew, at once or (where the models are not at hand) by the next run."""
    if is_erased(bench, video_id):
        return 0
    erased = erase_rows(bench, video_id)
    if bench.store.stamp("tracks", video_id) is None:
        return erased
    try:
        make_tracks(bench, video_id)
    except MeetbeforeError:
        bench.store.drop("tracks", video_id)
    return erased


def _remove_made(bench: Workbench) -> None:
    """Remove files that hold what was forgotten: rows that are deleted from a database leave their bytes in it."""
    with bench.lock("publishing"):
        open_published(bench).remove()
    with bench.lock("index"):
        if bench.shared_uri:
            for key in bench.index_store.keys(SIMILAR_TRACKS.name):
                bench.index_store.drop(SIMILAR_TRACKS.name, key)
        shutil.rmtree(bench.home / "index", ignore_errors=True)
    with bench.lock("scoring"):
        for key in bench.store.keys(SCORES):
            bench.store.drop(SCORES, key)
        for asset in ("people", CHANCE.name, REGROUPINGS.name):
            bench.store.drop(asset, WHOLE)
    _unlink(*bench.home.glob("report*.html"), *bench.home.glob(".report*.tmp"))
    bench.unshare(bench.home / "report.html")
    for folder in ("previews", "frames"):
        _unlink(*(bench.home / folder).glob("**/.*.tmp"))


def _unlink(*paths: Path) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


__all__ = [
    "HOOKS",
    "Forgotten",
    "complete",
    "expired_strangers",
    "finish",
    "forget_people",
    "forget_videos",
    "graves_of",
    "is_pending",
    "person_faces",
]
