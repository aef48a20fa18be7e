"""Decoding the planned moments of one video and keeping the faces in them."""

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
import polars as pl

from meetbefore_assets.domain.forgetting import Graves, boxes_at, forgotten_faces, shows_forgotten
from meetbefore_assets.domain.ports import U8, VideoReader
from meetbefore_assets.errors import UnreadableVideoError
from meetbefore_assets.schema import DETECTIONS, THUMBNAIL_SIDE_PX
from meetbefore_assets.steps.clocks import started_at
from meetbefore_assets.steps.files import kept_frames, preview_path, remove, write_private
from meetbefore_assets.steps.forgotten import graves_of
from meetbefore_assets.steps.looking import look
from meetbefore_assets.steps.made import Making, Parts
from meetbefore_assets.workbench import Workbench

FORGOTTEN = "forgotten"
FACE_ALONE_JPEG = 85
PREVIEW_SIDE_PX = 480
PREVIEW_FACES, PREVIEW_COLUMNS = 24, 6
ROWS_AT_ONCE = 256
_SHOWN = ["face_id", "quality", "thumbnail"]


def detect_faces(
    making: Making, reader: VideoReader, another: Callable[[], VideoReader], parts: Parts
) -> tuple[dict[str, object], pl.DataFrame]:
    """Write all faces of one video; facts about how they were found, and the best of them.

    Args:
        making: the table.
        reader: the video; stays open.
        another: opens it once more; what it opened is closed in the end.
        parts: where the faces are written.

    Raises:
        UnreadableVideoError: not one of the planned moments could be decoded.
    """
    bench, video_id = making.bench, making.video_id
    plan = bench.store.get("frames", video_id, ["frame_id", "pts", "time_s", "is_keyframe"])
    graves = graves_of(bench, video_id)
    keeper = _Keeper(making, graves)
    dropped: Counter[str] = Counter()
    rows, errors = _Rows(bench, graves, parts), list[str]()
    started = time.perf_counter()
    for seen in look(making, plan, reader, another, keeper.keep if keeper.is_asked else None):
        if seen.error:
            errors.append(f"{seen.time_s:.1f} s: {seen.error}")
        dropped.update(seen.dropped)
        for row in seen.rows:
            rows.add(row)
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
        self._best = DETECTIONS.empty().select(_SHOWN)
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
        self._best = best_faces(pl.concat([self._best, part.select(_SHOWN)]))
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


class _Keeper:
    """Writes whole pictures where the setting asks for them, named by local time as AreWeMeetBefore named them."""

    def __init__(self, making: Making, graves: Graves) -> None:
        self._keep, self._graves = making.settings.frames.keep, graves
        self._interval_s = making.settings.sampling.interval_s
        self._bench, self._camera = making.bench, making.bench.camera
        self._folder = kept_frames(making.bench, making.video_id)
        self._start = started_at(making.bench, making.video_id, local=True) if self._keep != "none" else None

    @property
    def is_asked(self) -> bool:
        """Whether any picture is kept."""
        return self._start is not None

    def keep(self, time_s: float, image: U8) -> None:
        if self._start is None or len(boxes_at(time_s, self._graves)[0]):
            return
        moment = self._start + dt.timedelta(seconds=round(time_s) if self._interval_s >= 1 else time_s)
        side = PREVIEW_SIDE_PX if self._keep == "preview" else 0
        data = self._camera.encode_jpeg(image, 85 if side else 95, side)
        path = self._folder / kept_name(moment, self._interval_s)
        write_private(path, data)
        self._bench.share(path)


def kept_name(moment: dt.datetime, interval_s: float) -> str:
    """File name of a whole picture that is kept: local time, with milliseconds where several are kept in a second."""
    return f"{moment:%Y%m%d%H%M%S}{'' if interval_s >= 1 else f'{moment.microsecond // 1000:03d}'}.jpg"


def remove_kept(bench: Workbench, video_id: str, times_s: Iterable[float]) -> None:
    """Remove the whole pictures of some moments; all of the video's where they are named by another clock than the one in force."""
    folder = kept_frames(bench, video_id)
    if not folder.is_dir():
        bench.unshare(folder)  # another machine kept them, and which is not known here
        return
    start, interval_s = started_at(bench, video_id, local=True), bench.settings().sampling.interval_s

    def name(time_s: float) -> str:
        seconds = round(time_s) if interval_s >= 1 else time_s
        return kept_name(start + dt.timedelta(seconds=seconds), interval_s) if start else ""

    planned = {name(time_s) for time_s in bench.store.get("frames", video_id, ["time_s"])["time_s"]}
    if {path.name for path in folder.iterdir()} <= planned:
        remove(bench, *(folder / name(time_s) for time_s in times_s))
    else:
        remove(bench, folder)


def write_preview(bench: Workbench, video_id: str, faces: pl.DataFrame) -> str:
    """A contact sheet of the best faces of a video, for people; returns where it lies, or "" where there is nobody."""
    path = preview_path(bench, video_id)
    best = best_faces(faces)
    if not best.height:
        remove(bench, path)
        return ""
    data = bench.camera.contact_sheet(best["thumbnail"].to_list(), THUMBNAIL_SIDE_PX, PREVIEW_COLUMNS)
    write_private(path, data)
    bench.share(path)
    return bench.address(path)


def best_faces(faces: pl.DataFrame) -> pl.DataFrame:
    """Those that the contact sheet shows: their face_id, quality and thumbnail, in a table that holds on to no others."""
    best = faces.select(_SHOWN).sort(["quality", "face_id"], descending=[True, False]).head(PREVIEW_FACES)
    # Rows taken from a table of polars keep all of its pictures in memory; rows written anew do not.
    return pl.DataFrame(best.rows(), schema=best.schema, orient="row")
