"""A home in whose files people can be looked for byte by byte."""

import base64
import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from meetbefore_assets import forget
from meetbefore_assets.domain.ports import F32, U8
from meetbefore_assets.reading import assigned_faces, people_table
from meetbefore_assets.steps import forgetting
from meetbefore_assets.steps.intake import take_in
from meetbefore_assets.steps.matching import is_matched
from meetbefore_assets.steps.per_video import MAKERS
from meetbefore_assets.steps.publishing import is_published
from meetbefore_assets.steps.scoring import is_scored
from meetbefore_assets.steps.status import all_statuses
from meetbefore_assets.workbench import Workbench
from meetbefore_assets_tests.assets.test_pipeline import Project
from meetbefore_assets_tests.fakes import FakeCamera, fake_bench


class SearchableCamera(FakeCamera):
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
class Home:
    """A home that is filled without Dagster, which takes most of the time otherwise."""

    videos: Path
    bench: Workbench

    @property
    def home(self) -> Path:
        return self.bench.home


def searchable_home(tmp_path: Path) -> Home:
    """An empty one."""
    bench = fake_bench(tmp_path / "home")
    bench.tools = dataclasses.replace(bench.tools, open_camera=SearchableCamera)
    return Home(tmp_path / "videos", bench)


def run(project: Home | Project) -> dict[str, list[str]]:
    """Make what is out of date; video -> assets that were made."""
    take_in(project.bench, [project.videos])
    made = {status.video_id: list(status.todo) for status in all_statuses(project.bench) if status.todo}
    for video_id, assets in made.items():
        for asset in assets:
            MAKERS[asset](project.bench, video_id)
    forget.make_anew(project.bench)
    return made


def most_met(project: Home) -> str:
    return str(people_table(project.bench)["person_id"][0])


def of_person(project: Home, person_id: str) -> list[bytes]:
    """All that tells of a person: id, face ids, vectors, crops, thumbnails."""
    videos = project.bench.store.keys("detections")
    faces = forgetting.person_faces(project.bench, [person_id])
    looks = project.bench.store.scan("detections", videos).join(faces, on="face_id", how="semi")
    vectors = project.bench.store.scan("embeddings", videos).join(faces, on="face_id", how="semi")["vector"].to_list()
    tracks = project.bench.store.scan("tracks", videos).filter(pl.col("track_id").is_in(faces["track_id"].to_list()))
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


def in_step(project: Home) -> bool:
    return is_matched(project.bench) and is_scored(project.bench) and is_published(project.bench)


def tables(project: Home) -> dict[str, pl.DataFrame]:
    videos = project.bench.store.keys("detections")
    return {asset: project.bench.store.scan(asset, videos) for asset in ("detections", "embeddings", "tracks", "identity_assignments")}


def person_at(project: Home, time_s: float, x1: float) -> str:
    faces = assigned_faces(project.bench).filter((pl.col("time_s") == time_s) & (pl.col("x1") == x1))
    return str(faces["person_id"][0])
