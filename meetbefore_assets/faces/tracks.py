"""The table `tracks`: one person's faces within one shot."""

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


def make_tracks(home: Home, video_id: str) -> WrittenTable:
    """Link the faces of a video to tracks, and write them; faces of people on the block list are suppressed first."""
    builder = start_table(home, TRACKS, video_id)
    faces = home.store.get("detections", video_id, ["face_id", "pts", "time_s", *BOX, "quality"]).join(
        home.store.get("embeddings", video_id, ["face_id", "model", "vector", "raw_norm"]),
        on="face_id",
        how="inner",
        maintain_order="left",
    )
    rows: list[dict[str, object]] = []
    if faces.height:
        labels = link_faces(
            faces["pts"].to_numpy(),
            faces["time_s"].to_numpy(),
            faces.select(BOX).to_numpy().astype(np.float32),
            np.array(faces["vector"].to_list(), np.float32),
            faces["quality"].to_numpy().astype(np.float32),
            TrackPolicy(builder.settings.tracks.max_gap_s, builder.models.track_similarity),
        )
        rows = track_rows(video_id, faces, labels)
    if _suppress_blocked(builder, TRACKS.frame(rows)):
        return make_tracks(home, video_id)
    stamp = home.store.stamp("embeddings", video_id)
    facts = {"tracks": len(rows), "faces": faces.height, "model": stamp.facts["model"] if stamp else ""}
    return builder.write(TRACKS.frame(rows), facts)


def track_rows(video_id: str, faces: pl.DataFrame, labels: I64) -> list[dict[str, object]]:
    """Rows of TRACKS, one per label.

    Args:
        video_id: the video of all faces.
        faces: FACE_COLUMNS, at least one row.
        labels: (n,) number of each face's track, from 0.
    """
    vectors = np.array(faces["vector"].to_list(), np.float32)
    quality = faces["quality"].to_numpy().astype(np.float32)
    # Weighted by the length of the raw vector, which is greater the better the recogniser sees a face: rank correlation with the cosine to
    # the person's mean 0.82 to 0.89, against 0.71 to 0.78 for the measured quality.
    means, _ = mean_vectors(vectors, (faces["raw_norm"].to_numpy() ** 2).astype(np.float32), labels)
    rows = []
    for label, vector in enumerate(means):
        members = faces.filter(pl.Series(labels == label)).sort("time_s", "face_id")
        ids = members["face_id"].to_list()
        rows.append(
            {
                "track_id": digest("track", ids[0]),
                "video_id": video_id,
                "first_time_s": members["time_s"][0],
                "last_time_s": members["time_s"][-1],
                "faces": len(ids),
                "quality": float(quality[labels == label].mean()),
                "model": members["model"][0],
                "vector": vector,
                "face_ids": ids,
                "frame_pts": members["pts"].to_list(),
            }
        )
    return rows


def _suppress_blocked(builder: TableBuilder, tracks: pl.DataFrame) -> bool:
    """Suppress the faces of people on the block list; returns whether there were any."""
    home, video_id = builder.home, builder.video_id
    if not tracks.height or not home.store.keys(BLOCKED_PEOPLE.name):
        return False
    threshold = default_threshold(home.model_pack(builder.settings).recogniser, builder.settings.matching.threshold)
    is_blocked = is_blocked_person(home, tracks["model"][0], np.array(tracks["vector"].to_list(), np.float32), threshold)
    found = tracks.filter(pl.Series(is_blocked)).select("track_id", pl.col("face_ids").alias("face_id")).explode("face_id")
    if not found.height:
        return False
    suppress(home, found.join(home.store.get("detections", video_id, ["face_id", "video_id", "time_s", *BOX]), on="face_id"))
    redact_video(home, video_id)
    return True
