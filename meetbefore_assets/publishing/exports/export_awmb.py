"""Exports an archive in the format of AreWeMeetBefore, so that its notebook and scripts work on our people.

`face_metadata.jsonl` has one line per person, in order of first sight; `face_id` counts from 0 and is the row of the person's vector in
`face_index.bin` (Faiss, flat, squared L2). The vector is that of the first face, as there. Pictures are named by local time to the second.
`failed_images.txt` lists the frames in which nobody was found, and the videos that could not be used.
"""

import datetime as dt
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import F32
from meetbefore_assets.faces.kept_pictures import kept_frame_name
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities import queries
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.publishing.database import failure_rows, video_rows
from meetbefore_assets.recordings.clocks import clock_table, to_local
from meetbefore_assets.storage.atomic_file import move_in_place, write_private
from meetbefore_assets.storage.private_folder import private_folder

METADATA, INDEX, FAILED = "face_metadata.jsonl", "face_index.bin", "failed_images.txt"
# AreWeMeetBefore's folder of pictures, and its messages for a picture without a face and for one that it cannot use.
_PICTURES = "./video/splitted"
_NO_FACE, _UNUSABLE = "未检测到人脸", "处理异常"

WriteVectors = Callable[[Path, F32], None]


def export_awmb(home: Home, destination: Path, write_vectors: WriteVectors, now: dt.datetime | None = None) -> int:
    """Write the archive into a new or empty folder; returns the number of people.

    Args:
        home: the home.
        destination: the folder.
        write_vectors: writes (n, d) float32 rows as a flat L2 index of Faiss.
        now: local time written into `failed_images.txt`; None: the current time.

    Raises:
        UsageError: the folder is not empty, or cannot be created.
    """
    _check_folder(destination)
    faces = _faces(home)
    with home.adapters.storage.scratch() as scratch:  # if this process is killed, it leaves nothing in the user's folder
        folder = private_folder(scratch / destination.name)
        people = _people(faces)
        lines = (json.dumps(person, ensure_ascii=False) + "\n" for person in people)
        write_private(folder / METADATA, "".join(lines).encode())
        first = faces.group_by("number", maintain_order=True).first().sort("number")
        write_vectors(folder / INDEX, _vectors(home, first))
        os.chmod(folder / INDEX, 0o600)
        _write_pictures(home, first, folder)
        write_private(folder / FAILED, "".join(_failed(home, now or dt.datetime.now())).encode())
        move_in_place(folder, destination)
    return len(people)


def _check_folder(destination: Path) -> None:
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise UsageError(f"{destination} is there already; expected a new or empty folder.", remedy="Name another one.")
    if not destination.absolute().parent.is_dir():
        raise UsageError(f"the folder {destination.parent} does not exist; expected one to make {destination.name} in.")


def _faces(home: Home) -> pl.DataFrame:
    """One row per face, in the order in which AreWeMeetBefore would have processed it: face_id, video_id, person_id, image, number."""
    videos = matched_videos(home)
    if not videos:
        return pl.DataFrame(schema={**dict.fromkeys(("face_id", "video_id", "person_id", "image"), pl.String), "number": pl.Int64})
    places = home.store.scan("detections", videos, ["face_id", "time_s"]).with_row_index("place")
    people = queries.assigned_faces(home, videos).select("face_id", "video_id", "person_id", "file_name")
    named = _named(home, people.join(places, on="face_id")).sort("image", "file_name", "place")
    numbers = named.select("person_id").unique(maintain_order=True).with_row_index("number").cast({"number": pl.Int64})
    return named.join(numbers, on="person_id", maintain_order="left").select("face_id", "video_id", "person_id", "image", "number")


def _named(home: Home, moments: pl.DataFrame) -> pl.DataFrame:
    """Add the picture name of each frame (video_id, time_s); frames of recordings without a clock are dropped."""
    zone, interval_s = home.zone(), home.settings().sampling.interval_s
    clocks = clock_table(home, sorted(moments["video_id"].unique()))
    starts = {video_id: to_local(start, zone) for video_id, start in clocks.select("video_id", "started_at").iter_rows() if start}
    names = [
        kept_frame_name(starts[video_id] + dt.timedelta(seconds=round(time_s) if interval_s >= 1 else time_s), interval_s)
        if video_id in starts
        else None
        for video_id, time_s in moments.select("video_id", "time_s").iter_rows()
    ]
    return moments.with_columns(pl.Series("image", names, pl.String)).filter(pl.col("image").is_not_null())


def _people(faces: pl.DataFrame) -> list[dict[str, object]]:
    grouped = faces.group_by("number", maintain_order=True).agg("image").sort("number")
    return [
        {
            "face_id": number,
            "first_seen": images[0],
            "last_seen": images[-1],
            "appearances": images,
            "count": len(images),
            "face_image": f"face_{number}.jpg",
        }
        for number, images in grouped.iter_rows()
    ]


def _vectors(home: Home, first: pl.DataFrame) -> F32:
    size = home.model_pack().recogniser.vector_size
    if not first.height:
        return np.zeros((0, size), np.float32)
    vectors = home.store.scan("embeddings", sorted(first["video_id"].unique()), ["face_id", "vector"])
    return np.array(first.join(vectors, on="face_id", maintain_order="left")["vector"].to_list(), np.float32)


def _write_pictures(home: Home, first: pl.DataFrame, folder: Path) -> None:
    for (video_id,), rows in first.group_by("video_id", maintain_order=True):
        pictures = dict(home.store.get("detections", str(video_id), ["face_id", "thumbnail"]).iter_rows())
        for face_id, number in rows.select("face_id", "number").iter_rows():
            write_private(folder / f"face_{number}.jpg", pictures[face_id])


def _failed(home: Home, now: dt.datetime) -> list[str]:
    videos = [video_id for video_id in matched_videos(home) if home.store.stamp("frames", video_id)]
    lines = []
    if videos:
        seen = home.store.scan("detections", videos, ["video_id", "frame_id"])
        empty = home.store.scan("frames", videos, ["video_id", "frame_id", "time_s"]).join(seen, on="frame_id", how="anti")
        lines = [f"[{now:%Y-%m-%d %H:%M:%S}] {_PICTURES}/{name} - {_NO_FACE}\n" for name in _named(home, empty)["image"].sort()]
    names = dict(video_rows(home).select("video_id", "file_name").iter_rows())
    for video_id, row in sorted(failure_rows(home).items()):
        reason = " ".join(str(row["message"]).split())
        lines.append(f"[{row['failed_at']:%Y-%m-%d %H:%M:%S}] {names.get(video_id, video_id)} - {_UNUSABLE}: {reason}\n")
    return lines
