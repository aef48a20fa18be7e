"""The way of one video: videos, frames, detections, embeddings, tracks."""

import json
from pathlib import Path

import numpy as np
import polars as pl

from meetbefore_assets.domain import file_to_video
from meetbefore_assets.domain.detections_to_embeddings import unit
from meetbefore_assets.domain.embeddings_to_tracks import TrackPolicy, link_faces
from meetbefore_assets.domain.ports import F32, U8, FaceEmbedder
from meetbefore_assets.domain.video_to_frames import plan_frames
from meetbefore_assets.hands import in_order
from meetbefore_assets.packs import default_threshold
from meetbefore_assets.schema import BLOCKED_PEOPLE, DETECTIONS, EMBEDDINGS, FRAMES, TRACKS, VIDEOS
from meetbefore_assets.steps.detecting import detect_faces, write_preview
from meetbefore_assets.steps.erasing import erase_rows
from meetbefore_assets.steps.forgotten import BOX, blocked, bury
from meetbefore_assets.steps.made import Made, Making, begin
from meetbefore_assets.steps.opening import open_video, refuse_changed
from meetbefore_assets.steps.tracking import track_rows
from meetbefore_assets.workbench import Workbench

# Faces that a thread takes at a time: few, so that no thread ends long before the others, and enough to read the weights of the
# recogniser's last layer seldom (2.3 ms of SFace's a batch, 12.5 a face).
EMBED_BATCH = 16
# Crops read from the record at a time: a multiple of the batch, and of what is written at a time.
CROPS_AT_ONCE = 256


def make_videos(bench: Workbench, video_id: str) -> Made:
    """Read what the container says."""
    making = begin(bench, VIDEOS, video_id)
    sources = bench.store.get("sources", video_id).sort("file_name", "uri")
    reader, uri = open_video(bench, video_id)
    with reader:
        facts = reader.facts()
    row = {
        "video_id": video_id,
        "file_name": sources["file_name"][0],
        "uri": uri,
        "content_hash": sources["content_hash"][0],
        "duration_s": facts.duration_s,
        "width": facts.width,
        "height": facts.height,
        "rotation_deg": facts.rotation_deg,
        "fps": facts.fps,
        "codec": facts.codec,
        "container": facts.container,
        "tags": json.dumps(dict(facts.tags), sort_keys=True),
        "sidecar_start": bench.tools.sidecar_start(uri),
    }
    shown = {name: row[name] for name in ("file_name", "duration_s", "width", "height", "rotation_deg", "fps", "codec", "container")}
    return making.write(VIDEOS.frame([row]), shown)


def make_frames(bench: Workbench, video_id: str) -> Made:
    """Plan the moments; nothing is decoded."""
    making = begin(bench, FRAMES, video_id)
    sampling = making.settings.sampling
    content_hash = bench.store.get("videos", video_id, ["content_hash"])["content_hash"][0]
    reader, _ = open_video(bench, video_id)
    with reader:
        index = reader.index()
    plan = plan_frames(index, sampling.interval_s, sampling.tolerance_s)
    frame = pl.DataFrame(
        {
            "video_id": [video_id] * len(plan.pts),
            "frame_id": [file_to_video.frame_id(content_hash, int(pts)) for pts in plan.pts],
            "pts": plan.pts,
            "time_s": plan.time_s,
            "is_keyframe": plan.is_keyframe,
        },
        schema=FRAMES.dtypes,
    )
    facts = {"pictures": len(index.pts), "moments": len(plan.pts), "keyframes": int(plan.is_keyframe.sum())}
    return making.write(frame, facts)


def make_detections(bench: Workbench, video_id: str) -> Made:
    """Decode the planned moments once, find faces, keep aligned crops."""
    making = begin(bench, DETECTIONS, video_id)
    reader, uri = open_video(bench, video_id)
    with making.writing() as parts:
        with reader:
            facts, best = detect_faces(making, reader, lambda: open_video(bench, video_id)[0], parts)
        refuse_changed(bench, video_id, uri)
        preview = write_preview(bench, video_id, best)
        return parts.commit({**facts, "preview": preview if "://" in preview else Path(preview)} if preview else facts)


def make_embeddings(bench: Workbench, video_id: str) -> Made:
    """Turn the kept crops into unit vectors; the video is not needed."""
    making = begin(bench, EMBEDDINGS, video_id)
    pack, camera, hands = bench.pack(making.settings), bench.camera, bench.hands(making.settings)
    face_ids, raw = list[str](), [np.zeros((0, pack.embedder.size), np.float32)]

    def embed(batch: list[bytes]) -> F32:
        return _embed(pack.embedder, camera.decode_crops(batch), making.settings.models.mirror)

    for part in bench.store.parts("detections", video_id, ["face_id", "crop"], CROPS_AT_ONCE * hands):
        face_ids += part["face_id"].to_list()
        batches = (part["crop"][at : at + EMBED_BATCH].to_list() for at in range(0, part.height, EMBED_BATCH))
        raw += in_order(embed, batches, hands)
    vectors, norms = unit(np.concatenate(raw))
    frame = pl.DataFrame(
        {
            "face_id": face_ids,
            "video_id": [video_id] * len(face_ids),
            "model": [pack.embedder.model_id] * len(face_ids),
            "vector": list(vectors),
            "raw_norm": norms,
        },
        schema=EMBEDDINGS.dtypes,
    )
    facts = {"faces": len(face_ids), "model": pack.embedder.model_id, "device": pack.device}
    return making.write(frame, {**facts, "device asked for": making.settings.models.device})


def _embed(embedder: FaceEmbedder, crops: U8, is_mirrored: bool) -> F32:
    """Vectors of aligned faces, or the means of theirs and of their mirror images'.

    With the mirror image, the labelled footage went from BCubed F 0.968 / meeting F 0.924 to 0.974 / 0.940 (SCRFD-2.5g and
    SFace, threshold 0.40), and stayed where it was with YuNet's faces (0.964 / 0.918 and 0.962 / 0.915).
    """
    if not is_mirrored:
        return embedder.embed(crops)
    vectors = embedder.embed(np.concatenate([crops, crops[:, :, ::-1]]))
    return np.asarray((vectors[: len(crops)] + vectors[len(crops) :]) / 2, np.float32)


def make_tracks(bench: Workbench, video_id: str) -> Made:
    """Link the faces of one person within one shot."""
    making = begin(bench, TRACKS, video_id)
    columns = ["face_id", "pts", "time_s", "x1", "y1", "x2", "y2", "quality"]
    faces = bench.store.get("detections", video_id, columns).join(
        bench.store.get("embeddings", video_id, ["face_id", "model", "vector", "raw_norm"]),
        on="face_id",
        how="inner",
        maintain_order="left",
    )
    rows: list[dict[str, object]] = []
    if faces.height:
        rows = _track_rows(video_id, faces, TrackPolicy(making.settings.tracks.max_gap_s, making.models.track_similarity))
    if _drop_blocked(making, TRACKS.frame(rows)):
        return make_tracks(bench, video_id)
    facts = {"tracks": len(rows), "faces": faces.height, "model": _model_of(bench, video_id)}
    return making.write(TRACKS.frame(rows), facts)


def _drop_blocked(making: Making, tracks: pl.DataFrame) -> bool:
    """Take the tracks of people on the block list out of the video's tables; whether there were any."""
    if not tracks.height or not making.bench.store.keys(BLOCKED_PEOPLE.name):
        return False
    recogniser = making.bench.found_pack(making.settings).recogniser
    threshold = default_threshold(recogniser, making.settings.matching.threshold)
    is_blocked = blocked(making.bench, tracks["model"][0], np.array(tracks["vector"].to_list(), np.float32), threshold)
    found = tracks.filter(pl.Series(is_blocked)).select("track_id", pl.col("face_ids").alias("face_id")).explode("face_id")
    if not found.height:
        return False
    places = making.bench.store.get("detections", making.video_id, ["face_id", "video_id", "time_s", *BOX])
    bury(making.bench, found.join(places, on="face_id"))
    erase_rows(making.bench, making.video_id)
    return True


def _model_of(bench: Workbench, video_id: str) -> str:
    stamp = bench.store.stamp("embeddings", video_id)
    return stamp.facts["model"] if stamp else ""


def _track_rows(video_id: str, faces: pl.DataFrame, policy: TrackPolicy) -> list[dict[str, object]]:
    vectors = np.array(faces["vector"].to_list(), np.float32)
    quality = faces["quality"].to_numpy().astype(np.float32)
    boxes = faces.select("x1", "y1", "x2", "y2").to_numpy().astype(np.float32)
    labels = link_faces(faces["pts"].to_numpy(), faces["time_s"].to_numpy(), boxes, vectors, quality, policy)
    return track_rows(video_id, faces, labels)


MAKERS = {
    "videos": make_videos,
    "frames": make_frames,
    "detections": make_detections,
    "embeddings": make_embeddings,
    "tracks": make_tracks,
}
