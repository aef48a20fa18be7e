"""Pictures kept for the user: sampled frames (setting `frames.keep`), and a contact sheet per video."""

import datetime as dt
from collections.abc import Iterable

import polars as pl

from meetbefore_assets.core.ports import U8
from meetbefore_assets.core.schema.columns import THUMBNAIL_SIDE_PX
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.home_files import kept_frames_folder, preview_path, remove_files
from meetbefore_assets.home.record.suppression_match import Suppressions, boxes_at
from meetbefore_assets.home.record.table_writer import TableBuilder
from meetbefore_assets.recordings.clocks import started_at
from meetbefore_assets.storage.atomic_file import write_private

PREVIEW_SIDE_PX = 480
PREVIEW_FACES, PREVIEW_COLUMNS = 24, 6
PREVIEW_FACE_COLUMNS = ["face_id", "quality", "thumbnail"]


class FrameKeeper:
    """Writes sampled frames if `frames.keep` asks for them, named by local time as in AreWeMeetBefore."""

    def __init__(self, builder: TableBuilder, suppressions: Suppressions) -> None:
        self._keep, self._suppressions = builder.settings.frames.keep, suppressions
        self._interval_s = builder.settings.sampling.interval_s
        self._home, self._imaging = builder.home, builder.home.imaging
        self._folder = kept_frames_folder(builder.home, builder.video_id)
        self._start = started_at(builder.home, builder.video_id, local=True) if self._keep != "none" else None

    @property
    def is_asked(self) -> bool:
        """Whether frames are kept at all."""
        return self._start is not None

    def keep(self, time_s: float, image: U8) -> None:
        if self._start is None or len(boxes_at(time_s, self._suppressions)[0]):
            return
        moment = self._start + dt.timedelta(seconds=round(time_s) if self._interval_s >= 1 else time_s)
        side = PREVIEW_SIDE_PX if self._keep == "preview" else 0
        data = self._imaging.encode_jpeg(image, 85 if side else 95, side)
        path = self._folder / kept_frame_name(moment, self._interval_s)
        write_private(path, data)
        self._home.share(path)


def kept_frame_name(moment: dt.datetime, interval_s: float) -> str:
    """File name of a kept frame: local time, with milliseconds if several are kept in a second."""
    return f"{moment:%Y%m%d%H%M%S}{'' if interval_s >= 1 else f'{moment.microsecond // 1000:03d}'}.jpg"


def remove_kept_frames(home: Home, video_id: str, times_s: Iterable[float]) -> None:
    """Delete the kept frames of some times; all of the video's if they are named by another clock than the current one."""
    folder = kept_frames_folder(home, video_id)
    if not folder.is_dir():
        home.unshare(folder)  # another machine kept them, and their names are not known here
        return
    start, interval_s = started_at(home, video_id, local=True), home.settings().sampling.interval_s

    def name(time_s: float) -> str:
        seconds = round(time_s) if interval_s >= 1 else time_s
        return kept_frame_name(start + dt.timedelta(seconds=seconds), interval_s) if start else ""

    planned = {name(time_s) for time_s in home.store.get("frames", video_id, ["time_s"])["time_s"]}
    if {path.name for path in folder.iterdir()} <= planned:
        remove_files(home, *(folder / name(time_s) for time_s in times_s))
    else:
        remove_files(home, folder)


def write_preview(home: Home, video_id: str, faces: pl.DataFrame) -> str:
    """Write a contact sheet of the best faces of a video; returns its address, or "" if there are no faces."""
    path = preview_path(home, video_id)
    best = best_faces(faces)
    if not best.height:
        remove_files(home, path)
        return ""
    data = home.imaging.contact_sheet(best["thumbnail"].to_list(), THUMBNAIL_SIDE_PX, PREVIEW_COLUMNS)
    write_private(path, data)
    home.share(path)
    return home.address(path)


def best_faces(faces: pl.DataFrame) -> pl.DataFrame:
    """The faces for the contact sheet: face_id, quality and thumbnail, copied so that the memory of the others is released."""
    best = faces.select(PREVIEW_FACE_COLUMNS).sort(["quality", "face_id"], descending=[True, False]).head(PREVIEW_FACES)
    # A slice of a Polars table keeps all of its pictures in memory; a new table does not.
    return pl.DataFrame(best.rows(), schema=best.schema, orient="row")
