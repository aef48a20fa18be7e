"""A home in whose files people can be looked for byte by byte."""

import base64
import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import F32, U8
from meetbefore_assets.encounters.make_tables import is_scored
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.forgetting import erase, forget
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.match import is_matched
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.publishing.database import is_published
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets_tests.support.fakes import FakeImaging, fake_home
from meetbefore_assets_tests.support.project import Project


class SearchableImaging(FakeImaging):
    """Its crops and thumbnails are long enough to be looked for."""

    def encode_crop(self, crop: U8) -> bytes:
        return hashlib.sha256(b"crop" + super().encode_crop(crop)).digest() + super().encode_crop(crop)

    def decode_crops(self, blobs: Sequence[bytes]) -> U8:
        return super().decode_crops([blob[-3:] for blob in blobs])

    def thumbnail(self, image: U8, box: F32, side: int) -> bytes:
        return hashlib.sha512(b"thumbnail" + super().thumbnail(image, box, side)).digest()

    def encode_jpeg(self, image: U8, quality: int, max_side: int = 0) -> bytes:
        return hashlib.sha512(image.tobytes()).digest()


@dataclasses.dataclass
class SearchableHome:
    """A home that is filled without Dagster, which takes most of the time otherwise."""

    videos: Path
    home: Home

    @property
    def folder(self) -> Path:
        return self.home.folder


def searchable_home(tmp_path: Path) -> SearchableHome:
    """An empty one."""
    home = fake_home(tmp_path / "home")
    home.adapters.faces.open_imaging = SearchableImaging
    return SearchableHome(tmp_path / "videos", home)


def process(project: SearchableHome | Project) -> dict[str, list[str]]:
    """Import recordings and make the tables of videos that are out of date; video -> assets that were made."""
    import_recordings(project.home, [project.videos])
    made = {status.video_id: list(status.todo) for status in all_statuses(project.home) if status.todo}
    for video_id, assets in made.items():
        for asset in assets:
            STAGES[asset](project.home, video_id)
    return made


def run(project: SearchableHome | Project) -> dict[str, list[str]]:
    """Make everything that is out of date; video -> assets that were made."""
    made = process(project)
    forget.rebuild(project.home)
    return made


def most_met(project: SearchableHome) -> str:
    return str(people_table(project.home)["person_id"][0])


def of_person(project: SearchableHome, person_id: str) -> list[bytes]:
    """All that tells of a person: id, face ids, vectors, crops, thumbnails."""
    videos = project.home.store.keys("detections")
    faces = erase.person_faces(project.home, [person_id])
    looks = project.home.store.scan("detections", videos).join(faces, on="face_id", how="semi")
    vectors = project.home.store.scan("embeddings", videos).join(faces, on="face_id", how="semi")["vector"].to_list()
    tracks = project.home.store.scan("tracks", videos).filter(pl.col("track_id").is_in(faces["track_id"].to_list()))
    vectors += tracks["vector"].to_list()
    needles = [
        person_id.encode(),
        *(track.encode() for track in tracks["track_id"]),
        *(face.encode() for face in faces["face_id"]),
        *looks["crop"],
        *looks["thumbnail"],
    ]
    return [
        *needles,
        *(base64.b64encode(picture)[:60] for picture in looks["thumbnail"]),
        *(np.array(v, np.float32).tobytes() for v in vectors),
    ]


def in_step(project: SearchableHome) -> bool:
    return is_matched(project.home) and is_scored(project.home) and is_published(project.home)


def tables(project: SearchableHome) -> dict[str, pl.DataFrame]:
    videos = project.home.store.keys("detections")
    return {asset: project.home.store.scan(asset, videos) for asset in ("detections", "embeddings", "tracks", "identity_assignments")}


def person_at(project: SearchableHome, time_s: float, x1: float) -> str:
    faces = assigned_faces(project.home).filter((pl.col("time_s") == time_s) & (pl.col("x1") == x1))
    return str(faces["person_id"][0])
