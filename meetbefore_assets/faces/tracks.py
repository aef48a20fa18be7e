"""The table tracks: one person's faces within one shot."""

import numpy as np
import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.model_packs import default_threshold
from meetbefore_assets.core.ports import I64
from meetbefore_assets.core.schema.faces import TRACKS
from meetbefore_assets.core.schema.forgetting import BLOCKED_PEOPLE
from meetbefore_assets.faces.linking import TrackPolicy, link_faces, mean_vectors
from meetbefore_assets.faces.redact import redact_video
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import BOX, is_blocked_person, suppress
from meetbefore_assets.home.record.table_writer import TableBuilder, WrittenTable, start_table

FACE_COLUMNS = ("face_id", "pts", "time_s", "quality", "model", "vector", "raw_norm")


def track_rows(video_id: str, faces: pl.DataFrame, labels: I64) -> list[dict[str, object]]:
    """Rows of TRACKS, a track a label.

    Args:
        video_id: the video of all faces.
        faces: FACE_COLUMNS, one row or more.
        labels: (n,) the track of each face, numbered from 0.
    """
    vectors = np.array(faces["vector"].to_list(), np.float32)
    quality = faces["quality"].to_numpy().astype(np.float32)
    # The recogniser's own vector is longer the better it sees a face: rank correlation with the cosine to the person's
    # mean 0.82 to 0.89, against 0.71 to 0.78 of the measured quality.
    means, _ = mean_vectors(vectors, (faces["raw_norm"].to_numpy() ** 2).astype(np.float32), labels)
    return [
        _row(video_id, faces.filter(pl.Series(labels == label)), means[label], float(quality[labels == label].mean()))
        for label in range(len(means))
    ]


def _row(video_id: str, members: pl.DataFrame, vector: object, quality: float) -> dict[str, object]:
    members = members.sort("time_s", "face_id")
    ids = members["face_id"].to_list()
    return {
        "track_id": digest("track", ids[0]),
        "video_id": video_id,
        "first_time_s": members["time_s"][0],
        "last_time_s": members["time_s"][-1],
        "faces": len(ids),
        "quality": quality,
        "model": members["model"][0],
        "vector": vector,
        "face_ids": ids,
        "frame_pts": members["pts"].to_list(),
    }


def make_tracks(home: Home, video_id: str) -> WrittenTable:
    """Link the faces of one person within one shot."""
    builder = start_table(home, TRACKS, video_id)
    columns = ["face_id", "pts", "time_s", "x1", "y1", "x2", "y2", "quality"]
    faces = home.store.get("detections", video_id, columns).join(
        home.store.get("embeddings", video_id, ["face_id", "model", "vector", "raw_norm"]),
        on="face_id",
        how="inner",
        maintain_order="left",
    )
    rows: list[dict[str, object]] = []
    if faces.height:
        rows = _track_rows(video_id, faces, TrackPolicy(builder.settings.tracks.max_gap_s, builder.models.track_similarity))
    if _drop_blocked(builder, TRACKS.frame(rows)):
        return make_tracks(home, video_id)
    facts = {"tracks": len(rows), "faces": faces.height, "model": _model_of(home, video_id)}
    return builder.write(TRACKS.frame(rows), facts)


def _drop_blocked(builder: TableBuilder, tracks: pl.DataFrame) -> bool:
    """Take the tracks of people on the block list out of the video's tables; whether there were any."""
    if not tracks.height or not builder.home.store.keys(BLOCKED_PEOPLE.name):
        return False
    recogniser = builder.home.found_pack(builder.settings).recogniser
    threshold = default_threshold(recogniser, builder.settings.matching.threshold)
    is_blocked = is_blocked_person(builder.home, tracks["model"][0], np.array(tracks["vector"].to_list(), np.float32), threshold)
    found = tracks.filter(pl.Series(is_blocked)).select("track_id", pl.col("face_ids").alias("face_id")).explode("face_id")
    if not found.height:
        return False
    places = builder.home.store.get("detections", builder.video_id, ["face_id", "video_id", "time_s", *BOX])
    suppress(builder.home, found.join(places, on="face_id"))
    redact_video(builder.home, builder.video_id)
    return True


def _model_of(home: Home, video_id: str) -> str:
    stamp = home.store.stamp("embeddings", video_id)
    return stamp.facts["model"] if stamp else ""


def _track_rows(video_id: str, faces: pl.DataFrame, policy: TrackPolicy) -> list[dict[str, object]]:
    vectors = np.array(faces["vector"].to_list(), np.float32)
    quality = faces["quality"].to_numpy().astype(np.float32)
    boxes = faces.select("x1", "y1", "x2", "y2").to_numpy().astype(np.float32)
    labels = link_faces(faces["pts"].to_numpy(), faces["time_s"].to_numpy(), boxes, vectors, quality, policy)
    return track_rows(video_id, faces, labels)
