"""The table `detections`: decodes the sampled frames, finds faces in them, and keeps aligned crops."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.core.ports import VideoReader
from meetbefore_assets.core.schema.faces import DETECTIONS
from meetbefore_assets.faces.frame_counts import FIRST_ERROR, SAMPLED, UNDECODABLE
from meetbefore_assets.faces.kept_pictures import PREVIEW_FACE_COLUMNS, FrameKeeper, best_faces, write_preview
from meetbefore_assets.faces.lasting_ids import lasting_ids
from meetbefore_assets.faces.scan_video import scan_frames
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppression_match import Suppressions, shows_suppressed, suppressed_faces
from meetbefore_assets.home.record.suppressions import suppressions_of
from meetbefore_assets.home.record.table_writer import TableBuilder, TableParts, WrittenTable, start_table
from meetbefore_assets.recordings.open_video import check_unchanged, open_video

SUPPRESSED = "forgotten"
FACE_ALONE_JPEG = 85
ROWS_AT_ONCE = 256


def make_detections(home: Home, video_id: str) -> WrittenTable:
    """Decode the sampled frames of a video once, find faces, and write them with aligned crops."""
    builder = start_table(home, DETECTIONS, video_id)
    reader, uri = open_video(home, video_id)
    with builder.write_parts() as parts:
        with reader:
            facts, best = detect_faces(builder, reader, lambda: open_video(home, video_id)[0], parts)
        check_unchanged(home, video_id, uri)
        preview = write_preview(home, video_id, best)
        return parts.commit({**facts, "preview": preview if "://" in preview else Path(preview)} if preview else facts)


def detect_faces(
    builder: TableBuilder, reader: VideoReader, another: Callable[[], VideoReader], parts: TableParts
) -> tuple[dict[str, object], pl.DataFrame]:
    """Write all faces of one video; returns facts about them, and the best faces.

    Args:
        builder: the table.
        reader: the video; stays open.
        another: opens the video again, for other threads; those readers are closed at the end.
        parts: the faces are written to it.

    Raises:
        UnreadableVideoError: none of the sampled frames could be decoded.
    """
    home, video_id = builder.home, builder.video_id
    plan = home.store.get("frames", video_id, ["frame_id", "pts", "time_s", "is_keyframe"])
    suppressions = suppressions_of(home, video_id)
    keeper = FrameKeeper(builder, suppressions)
    ids = lasting_ids(home, video_id, str(home.store.get("videos", video_id, ["content_hash"])["content_hash"][0]))
    dropped: Counter[str] = Counter()
    rows, errors = _FaceWriter(home, suppressions, parts), list[str]()
    started = time.perf_counter()
    for result in scan_frames(builder, plan, reader, another, keeper.keep if keeper.is_asked else None):
        if result.error:
            errors.append(f"{result.time_s:.1f} s: {result.error}")
        dropped.update(result.dropped)
        for row in ids.give(result.rows):
            rows.add(row)
    if errors and len(errors) == plan.height:
        raise UnreadableVideoError(
            f"{video_id}: none of its {plan.height} sampled frames could be decoded; first error: {errors[0]}.",
            remedy="Play the file; if it plays, convert it with ffmpeg and run again.",
        )
    seconds = time.perf_counter() - started
    best = rows.finish()
    dropped[SUPPRESSED] += rows.found - parts.rows
    facts: dict[str, object] = {
        SAMPLED: plan.height,
        "faces": parts.rows,
        **{f"dropped: {reason}": count for reason, count in sorted(dropped.items()) if count},
        UNDECODABLE: len(errors),
        "moments_per_s": round(plan.height / max(seconds, 1e-9), 1),
        "detector": home.loaded_models(builder.settings).detector.model_id,
        "device": home.loaded_models(builder.settings).detector_device,
        "device asked for": builder.settings.models.device,
    }
    if errors:
        facts[FIRST_ERROR] = errors[0]
    return facts, best


class _FaceWriter:
    """Writes faces a few hundred at a time, so that memory does not grow with the length of a video; keeps the best ones."""

    def __init__(self, home: Home, suppressions: Suppressions, parts: TableParts) -> None:
        self._home, self._suppressions, self._parts = home, suppressions, parts
        self._pending: list[dict[str, object]] = []
        self._best = DETECTIONS.empty().select(PREVIEW_FACE_COLUMNS)
        self.found = 0

    def add(self, row: dict[str, object]) -> None:
        self.found += 1
        self._pending.append(row)
        if len(self._pending) >= ROWS_AT_ONCE:
            self._write()

    def finish(self) -> pl.DataFrame:
        """Write the rest; returns the best faces of those that are not suppressed."""
        if self._pending or not self.found:
            self._write()
        return self._best

    def _write(self) -> None:
        part = without_suppressed(self._home, DETECTIONS.frame(self._pending), self._suppressions)
        self._parts.add(part)
        self._best = best_faces(pl.concat([self._best, part.select(PREVIEW_FACE_COLUMNS)]))
        self._pending = []


def without_suppressed(home: Home, faces: pl.DataFrame, suppressions: Suppressions) -> pl.DataFrame:
    """Drop suppressed faces; thumbnails of others that would show them are replaced by the crop.

    Args:
        home: the home.
        faces: columns of DETECTIONS.
        suppressions: the forgotten faces of the video.
    """
    if not len(suppressions) or not faces.height:
        return faces
    boxes = faces.select("x1", "y1", "x2", "y2").to_numpy().astype(np.float32)
    rest = faces.filter(~pl.Series(suppressed_faces(faces["time_s"].to_numpy(), boxes, suppressions)))
    boxes = rest.select("x1", "y1", "x2", "y2").to_numpy().astype(np.float32).reshape(-1, 4)
    beside = shows_suppressed(rest["time_s"].to_numpy(), boxes, suppressions)
    alone = [
        home.imaging.encode_jpeg(home.imaging.decode_crops([crop])[0], FACE_ALONE_JPEG) if is_beside else thumbnail
        for crop, thumbnail, is_beside in zip(rest["crop"], rest["thumbnail"], beside, strict=True)
    ]
    return rest.with_columns(pl.Series("thumbnail", alone, pl.Binary))
