"""Decoding the planned moments of one video and keeping the faces in them."""

import datetime as dt
import shutil
import time
from collections import Counter
from collections.abc import Iterable

import numpy as np
import polars as pl

from meetbefore_assets.domain import file_to_video
from meetbefore_assets.domain.forgetting import Graves, boxes_at, forgotten_faces, shows_forgotten
from meetbefore_assets.domain.frames_to_detections import (
    alignment_matrices,
    frontality,
    gate,
    gate_sharpness,
    is_turned_away,
    quality,
    sharpness,
)
from meetbefore_assets.domain.ports import U8, VideoReader
from meetbefore_assets.errors import UnreadableVideoError
from meetbefore_assets.schema import DETECTIONS, THUMBNAIL_SIDE_PX
from meetbefore_assets.steps.clocks import started_at
from meetbefore_assets.steps.files import kept_frames, preview_path, write_private
from meetbefore_assets.steps.forgotten import graves_of
from meetbefore_assets.steps.made import Making, Parts
from meetbefore_assets.workbench import Workbench

FORGOTTEN = "forgotten"
FACE_ALONE_JPEG = 85
PREVIEW_SIDE_PX = 480
PREVIEW_FACES, PREVIEW_COLUMNS = 24, 6
# Faces from this score on are looked at, so that those dropped for a low score are counted.
COUNTED_SCORE = 0.4
ROWS_AT_ONCE = 256


def detect_faces(making: Making, reader: VideoReader, parts: Parts) -> tuple[dict[str, object], pl.DataFrame]:
    """Write all faces of one video; facts about how they were found, and the best of them.

    Raises:
        UnreadableVideoError: not one of the planned moments could be decoded.
    """
    bench, video_id = making.bench, making.video_id
    plan = bench.store.get("frames", video_id, ["frame_id", "pts", "time_s"])
    content_hash = bench.store.get("videos", video_id, ["content_hash"])["content_hash"][0]
    graves = graves_of(bench, video_id)
    keeper = _Keeper(making)
    dropped: Counter[str] = Counter()
    rows, errors = _Rows(bench, graves, parts), list[str]()
    started = time.perf_counter()
    moments = zip(plan["frame_id"], plan["time_s"], reader.pictures(plan["pts"].to_numpy()), strict=True)
    for done, (frame_id, time_s, picture) in enumerate(moments, start=1):
        bench.progress(video_id, done, plan.height)
        if picture.image is None:
            errors.append(f"{time_s:.1f} s: {picture.error}")
            continue
        if not len(boxes_at(time_s, graves)[0]):
            keeper.keep(time_s, picture.image)
        place = {"video_id": video_id, "frame_id": frame_id, "pts": picture.pts, "time_s": time_s}
        for ordinal, row in enumerate(_faces(making, picture.image, dropped)):
            rows.add({**place, **row, "face_id": file_to_video.face_id(content_hash, picture.pts, ordinal)})
    if errors and len(errors) == plan.height:
        raise UnreadableVideoError(
            f"{video_id}: none of its {plan.height} moments could be decoded; the first said: {errors[0]}.",
            remedy="Play the file; if it plays, convert it with ffmpeg and run again.",
        )
    seconds = time.perf_counter() - started
    best = rows.finish()
    dropped[FORGOTTEN] += rows.found - parts.rows
    facts: dict[str, object] = {
        "moments": plan.height,
        "faces": parts.rows,
        **{f"dropped: {reason}": count for reason, count in sorted(dropped.items()) if count},
        "moments not decodable": len(errors),
        "moments_per_s": round(plan.height / max(seconds, 1e-9), 1),
        "detector": bench.pack(making.settings).detector.model_id,
        "device": bench.pack(making.settings).detector_device,
        "device asked for": making.settings.models.device,
    }
    if errors:
        facts["first decoding error"] = errors[0]
    return facts, best


class _Rows:
    """Faces written a few hundred at a time, so that memory does not grow with the length of a video; the best are remembered."""

    def __init__(self, bench: Workbench, graves: Graves, parts: Parts) -> None:
        self._bench, self._graves, self._parts = bench, graves, parts
        self._pending: list[dict[str, object]] = []
        self._best = DETECTIONS.empty()
        self.found = 0

    def add(self, row: dict[str, object]) -> None:
        self.found += 1
        self._pending.append(row)
        if len(self._pending) >= ROWS_AT_ONCE:
            self._write()

    def finish(self) -> pl.DataFrame:
        """Write the rest; the best faces of those that were not forgotten."""
        if self._pending or not self.found:
            self._write()
        return self._best

    def _write(self) -> None:
        part = without_forgotten(self._bench, DETECTIONS.frame(self._pending), self._graves)
        self._parts.add(part)
        self._best = best_faces(pl.concat([self._best, part]))
        self._pending = []


def without_forgotten(bench: Workbench, faces: pl.DataFrame, graves: Graves) -> pl.DataFrame:
    """Drop the faces that were forgotten; whoever stood beside them is pictured without surroundings.

    Args:
        faces: columns of DETECTIONS.
    """
    if not len(graves) or not faces.height:
        return faces
    boxes = faces.select("x1", "y1", "x2", "y2").to_numpy().astype(np.float32)
    rest = faces.filter(~pl.Series(forgotten_faces(faces["time_s"].to_numpy(), boxes, graves)))
    boxes = rest.select("x1", "y1", "x2", "y2").to_numpy().astype(np.float32).reshape(-1, 4)
    beside = shows_forgotten(rest["time_s"].to_numpy(), boxes, graves)
    alone = [
        bench.camera.encode_jpeg(bench.camera.decode_crops([crop])[0], FACE_ALONE_JPEG) if is_beside else thumbnail
        for crop, thumbnail, is_beside in zip(rest["crop"], rest["thumbnail"], beside, strict=True)
    ]
    return rest.with_columns(pl.Series("thumbnail", alone, pl.Binary))


def _faces(making: Making, image: U8, dropped: Counter[str]) -> list[dict[str, object]]:
    """The faces of one picture that pass the gates, in a stable order."""
    bench, settings, min_score = making.bench, making.settings.detection, making.models.min_score
    found = bench.pack(making.settings).detector.detect(image, min_score=min(COUNTED_SCORE, min_score), max_side=settings.max_side)
    batch, counts = gate(found, (image.shape[1], image.shape[0]), min_score, settings.min_face_px)
    dropped.update(counts)
    if not len(batch):
        return []
    crops = bench.camera.align(image, alignment_matrices(batch.landmarks))
    sharp, front = sharpness(crops), frontality(batch.landmarks)
    is_sharp = gate_sharpness(sharp, settings)
    is_turned = is_turned_away(front, batch.scores, settings)
    kept = is_sharp & ~is_turned
    dropped.update({"blurred": int((~is_sharp).sum()), "turned away": int((is_sharp & is_turned).sum())})
    sides = np.minimum(batch.boxes[:, 2] - batch.boxes[:, 0], batch.boxes[:, 3] - batch.boxes[:, 1])
    good = quality(sides, sharp, front, batch.scores)
    return [
        {
            **dict(zip(("x1", "y1", "x2", "y2"), batch.boxes[i].tolist(), strict=True)),
            "landmarks": batch.landmarks[i].ravel().tolist(),
            "det_score": float(batch.scores[i]),
            "sharpness": float(sharp[i]),
            "frontality": float(front[i]),
            "quality": float(good[i]),
            "crop": bench.camera.encode_crop(crops[i]),
            "thumbnail": bench.camera.thumbnail(image, batch.boxes[i], THUMBNAIL_SIDE_PX),
        }
        for i in np.flatnonzero(kept)
    ]


class _Keeper:
    """Writes whole pictures where the setting asks for them, named by local time as AreWeMeetBefore named them."""

    def __init__(self, making: Making) -> None:
        self._keep = making.settings.frames.keep
        self._interval_s = making.settings.sampling.interval_s
        self._camera = making.bench.camera
        self._folder = kept_frames(making.bench, making.video_id)
        self._start = started_at(making.bench, making.video_id, local=True) if self._keep != "none" else None

    def keep(self, time_s: float, image: U8) -> None:
        if self._start is None:
            return
        moment = self._start + dt.timedelta(seconds=round(time_s) if self._interval_s >= 1 else time_s)
        side = PREVIEW_SIDE_PX if self._keep == "preview" else 0
        data = self._camera.encode_jpeg(image, 85 if side else 95, side)
        write_private(self._folder / kept_name(moment, self._interval_s), data)


def kept_name(moment: dt.datetime, interval_s: float) -> str:
    """File name of a whole picture that is kept: local time, with milliseconds where several are kept in a second."""
    return f"{moment:%Y%m%d%H%M%S}{'' if interval_s >= 1 else f'{moment.microsecond // 1000:03d}'}.jpg"


def remove_kept(bench: Workbench, video_id: str, times_s: Iterable[float]) -> None:
    """Remove the whole pictures of some moments; all of the video's where they are named by another clock than the one in force."""
    folder = kept_frames(bench, video_id)
    if not folder.is_dir():
        return
    start, interval_s = started_at(bench, video_id, local=True), bench.settings().sampling.interval_s

    def name(time_s: float) -> str:
        seconds = round(time_s) if interval_s >= 1 else time_s
        return kept_name(start + dt.timedelta(seconds=seconds), interval_s) if start else ""

    planned = {name(time_s) for time_s in bench.store.get("frames", video_id, ["time_s"])["time_s"]}
    if {path.name for path in folder.iterdir()} <= planned:
        for time_s in times_s:
            (folder / name(time_s)).unlink(missing_ok=True)
    else:
        shutil.rmtree(folder)


def write_preview(bench: Workbench, video_id: str, faces: pl.DataFrame) -> str:
    """A contact sheet of the best faces of a video, for people; returns its path, or "" where there is nobody."""
    path = preview_path(bench, video_id)
    best = best_faces(faces)
    if not best.height:
        path.unlink(missing_ok=True)
        return ""
    data = bench.camera.contact_sheet(best["thumbnail"].to_list(), THUMBNAIL_SIDE_PX, PREVIEW_COLUMNS)
    write_private(path, data)
    return str(path)


def best_faces(faces: pl.DataFrame) -> pl.DataFrame:
    """Those that the contact sheet shows."""
    return faces.sort(["quality", "face_id"], descending=[True, False]).head(PREVIEW_FACES)
