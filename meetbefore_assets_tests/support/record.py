"""A small record written table by table, with people and times as a test wants them; encounters and scores are really computed."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from meetbefore_assets.core.ports import WHOLE, Stamp
from meetbefore_assets.core.schema.encounters import PEOPLE
from meetbefore_assets.core.schema.faces import DETECTIONS
from meetbefore_assets.core.schema.identities import IDENTITY_ASSIGNMENTS, PERSON_ALIASES
from meetbefore_assets.core.schema.recordings import FAILURES, SOURCES, VIDEOS
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.encounters.make_tables import make_encounter_scores, make_people
from meetbefore_assets.home.home import Home
from meetbefore_assets_tests.support.fakes import fake_home

Row = dict[str, object]


@dataclass(frozen=True)
class Seen:
    """A person in a video at some seconds; a face's quality falls with every further one of the same person."""

    person: str
    times_s: Sequence[float]
    runner_up: str | None = None


def dji(day: int, hour: int = 8) -> str:
    """A file name that tells its time: in March 2025."""
    return f"DJI_202503{day:02d}{hour:02d}0000_0001_D.MP4"


class Record:
    """A home that is filled by hand."""

    def __init__(self, home_folder: Path, picture: bytes = b"\xff\xd8 a face \xff\xd9") -> None:
        self.home: Home = fake_home(home_folder)
        self.folder = home_folder
        self.picture = picture

    def video(self, name: str, seen: Sequence[Seen], facts: dict[str, str] | None = None, *, is_there: bool = True) -> str:
        """One recording with its faces; returns its id."""
        video_id = self._source(name, is_there=is_there)
        row = {"video_id": video_id, "file_name": name, "uri": str(self._path(name)), "content_hash": video_id, "duration_s": 600.0}
        row |= {
            "width": 640,
            "height": 360,
            "rotation_deg": 0,
            "fps": 25.0,
            "codec": "h264",
            "container": "mp4",
            "tags": "{}",
            "sidecar_start": "",
        }
        self._put("videos", video_id, VIDEOS.frame([row]))
        faces = [self._face(video_id, who, place, time_s) for who in seen for place, time_s in enumerate(who.times_s)]
        self._put("detections", video_id, check(DETECTIONS, DETECTIONS.frame([face for face, _ in faces])), facts)
        self._put(
            "identity_assignments", video_id, check(IDENTITY_ASSIGNMENTS, IDENTITY_ASSIGNMENTS.frame([identity for _, identity in faces]))
        )
        return video_id

    def failed_video(self, name: str, message: str) -> None:
        video_id = self._source(name, is_there=True)
        row = {"video_id": video_id, "stage": "videos", "message": message, "failed_at": dt.datetime(2025, 3, 1), "attempts": 1}
        self._put("failures", video_id, check(FAILURES, FAILURES.frame([row])))

    def finish(self, names: dict[str, str] | None = None, roles: dict[str, str] | None = None) -> Home:
        """Score and rank what was written, and call people by name and role."""
        state = Stamp(f"v{len(self.home.store.keys('detections'))}", {}, {"threshold": "0.4", "people": "0", "faces": "0"}, 0)
        self.home.store.put("identity_assignments", WHOLE, PERSON_ALIASES.empty(), state)
        make_encounter_scores(self.home)
        people = make_people(self.home).with_columns(
            pl.col("person_id").replace_strict(names or {}, default=None, return_dtype=pl.String).alias("name"),
            pl.col("person_id").replace_strict(roles or {}, default=None, return_dtype=pl.String).alias("role"),
        )
        self._put("people", WHOLE, check(PEOPLE, people))
        return self.home

    def _path(self, name: str) -> Path:
        return self.folder / "videos" / name.replace("/", "_")

    def _source(self, name: str, *, is_there: bool) -> str:
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_there:
            path.touch()
        video_id = f"v{len(self.home.store.keys('sources')):04d}"
        row: Row = {"video_id": video_id, "content_hash": video_id, "uri": str(path), "file_name": name, "kind": "video"}
        row |= {"size_bytes": 1, "mtime_ns": 1_741_000_000_000_000_000}
        self._put("sources", video_id, check(SOURCES, SOURCES.frame([row])))
        return video_id

    def _face(self, video_id: str, who: Seen, place: int, time_s: float) -> tuple[Row, Row]:
        face_id = f"{video_id}-{who.person}-{place}"
        box = {"x1": 1.0, "y1": 1.0, "x2": 50.0, "y2": 50.0, "landmarks": [0.0] * 10, "det_score": 0.9, "sharpness": 0.5, "frontality": 0.5}
        face: Row = {
            "face_id": face_id,
            "video_id": video_id,
            "frame_id": f"{video_id}-{time_s}",
            "pts": int(time_s * 1000),
            "time_s": time_s,
        }
        face |= {**box, "quality": 0.9 - 0.01 * place, "crop": b"\x80\x60\x40", "thumbnail": self.picture + f"{face_id}".encode()}
        identity: Row = {
            "face_id": face_id,
            "video_id": video_id,
            "track_id": f"{video_id}-{who.person}",
            "person_id": who.person,
            "similarity": 0.62,
        }
        identity |= {"runner_up_person_id": who.runner_up, "runner_up_similarity": 0.31 if who.runner_up else None}
        return face, identity

    def _put(self, asset: str, key: str, frame: pl.DataFrame, facts: dict[str, str] | None = None) -> None:
        version = f"{asset}-{key}-{frame.hash_rows(1).sum()}"
        self.home.store.put(asset, key, frame, Stamp(version, {}, facts or {}, frame.height))
