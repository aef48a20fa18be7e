"""Scans one video: decodes its sampled frames and detects faces, chunk by chunk, by several threads or by remote workers."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import polars as pl

from meetbefore_assets.core.errors import ClusterError
from meetbefore_assets.core.model_packs import Models
from meetbefore_assets.core.parallel import PerThread, RemoteWorkers, map_in_order
from meetbefore_assets.core.ports import U8, VideoReader
from meetbefore_assets.core.schema.faces import DETECTIONS
from meetbefore_assets.faces.find_faces import FaceFinder
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.table_writer import TableBuilder
from meetbefore_assets.home.record.versions import TableVersion
from meetbefore_assets.home.settings.sections import Settings
from meetbefore_assets.recordings import identifiers
from meetbefore_assets.recordings.open_video import open_video

# Most sampled frames that a thread takes at a time. Chunks begin at the same frames however many threads there are, so that answers are
# the same. They begin at keyframes, so that nothing is decoded twice unless more frames than these share one, and are short, so that no
# thread ends long before the others: 20 frames of a video with a keyframe a second were 16 for one thread and 4 for the other.
MAX_CHUNK_FRAMES = 16

KeepFrame = Callable[[float, U8], None]


@dataclass
class FrameResult:
    """The faces found in one sampled frame.

    Attributes:
        time_s: seconds since the first picture of the video.
        error: why it could not be decoded; "" if it could.
        rows: a row of DETECTIONS for each face that passes the gates.
        dropped: how many faces did not pass, by reason.
    """

    time_s: float
    error: str = ""
    rows: list[dict[str, object]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Chunk:
    """Sampled frames of a video for a remote worker, with everything that its answer depends on.

    Attributes:
        plan: frame_id, pts, time_s and is_keyframe of the frames.
        version: of the table of detections that it is a part of.
    """

    video_id: str
    plan: pl.DataFrame
    settings: Settings
    models: Models
    version: TableVersion


def scan_frames(
    builder: TableBuilder, plan: pl.DataFrame, reader: VideoReader, another: Callable[[], VideoReader], keep: KeepFrame | None
) -> Iterator[FrameResult]:
    """Detect faces in the sampled frames of a video, in their order.

    Args:
        builder: of the table of detections.
        plan: frame_id, pts, time_s and is_keyframe of the frames.
        reader: the video; stays open.
        another: opens it once more, for another thread; what it opened is closed in the end.
        keep: is given each decoded frame, by any thread. Only where no frames are kept do remote workers share the video.
    """
    remote = builder.home.adapters.remote_workers()
    if remote is not None and keep is None and reader.is_sought():
        yield from _scan_remotely(builder, plan, remote)
    else:
        yield from _scan_here(builder, plan, reader, another, keep)


def _scan_here(
    builder: TableBuilder, plan: pl.DataFrame, reader: VideoReader, another: Callable[[], VideoReader], keep: KeepFrame | None
) -> Iterator[FrameResult]:
    threads = builder.home.threads_per_video(builder.settings) if reader.is_sought() else 1
    starts = chunk_starts(plan["is_keyframe"].to_list()) if reader.is_sought() else [0]
    with PerThread(reader, another) as readers:
        scanner = _Scanner(builder, plan.height, readers, keep)
        chunks = (plan[start:end] for start, end in pairwise([*starts, plan.height]))
        if threads == 1:
            for chunk in chunks:
                yield from scanner.scan(chunk)
        else:
            for results in map_in_order(lambda chunk: list(scanner.scan(chunk)), chunks, threads):
                yield from results


def chunk_starts(is_keyframe: Sequence[bool]) -> list[int]:
    """Where chunks begin: at the first frame, at each keyframe, and after MAX_CHUNK_FRAMES without one."""
    starts: list[int] = []
    for frame, is_key in enumerate(is_keyframe):
        if is_key or not starts or frame - starts[-1] >= MAX_CHUNK_FRAMES:
            starts.append(frame)
    return starts


def remote_chunk_starts(starts: Sequence[int], least_frames: int) -> list[int]:
    """Of the places where chunks begin, those where chunks for remote workers do: each but the last has `least_frames` or more."""
    found: list[int] = []
    for start in starts:
        if not found or start - found[-1] >= least_frames:
            found.append(start)
    return found


def _scan_remotely(builder: TableBuilder, plan: pl.DataFrame, remote: RemoteWorkers) -> Iterator[FrameResult]:
    # The chunks of a thread begin at the same frames as they do here, so that answers are the same.
    starts = remote_chunk_starts(chunk_starts(plan["is_keyframe"].to_list()), remote.chunk_frames)
    spans = pairwise([*starts, plan.height])
    chunks = (Chunk(builder.video_id, plan[start:end], builder.settings, builder.models, builder.version) for start, end in spans)
    done = 0
    for results in remote.map_in_order(scan_chunk, chunks):
        for result in results:
            done += 1
            builder.home.progress(builder.video_id, done, plan.height)
            yield result


def scan_chunk(home: Home, chunk: Chunk) -> list[FrameResult]:
    """Detect faces in a chunk, on the worker that was given it.

    Raises:
        ClusterError: this worker has other models than the one that asks.
    """
    models = home.models(chunk.settings)
    if models != chunk.models:
        raise ClusterError(
            f"{chunk.video_id}: a chunk of it was given to a worker with other models: expected {chunk.models}, found {models}.",
            remedy="Install the same version, with the same models, on all machines of the cluster.",
        )
    builder = TableBuilder(home, DETECTIONS, chunk.video_id, chunk.settings, chunk.models, chunk.version, 0.0)
    with open_video(home, chunk.video_id)[0] as reader:
        return list(_scan_here(builder, chunk.plan, reader, lambda: open_video(home, chunk.video_id)[0], None))


class _Scanner:
    """Decodes frames and detects faces; serves any number of threads."""

    def __init__(self, builder: TableBuilder, frames: int, readers: PerThread[VideoReader], keep: KeepFrame | None) -> None:
        self._builder, self._readers, self._keep = builder, readers, keep
        home, settings = builder.home, builder.settings
        # Made before there is more than one thread.
        detector, imaging = home.loaded_models(settings).detector, home.imaging
        self._find = FaceFinder(detector, imaging, settings.detection, builder.models.min_score).find
        self._content_hash = home.store.get("videos", builder.video_id, ["content_hash"])["content_hash"][0]
        self._lock, self._done, self._frames = threading.Lock(), 0, frames

    def scan(self, chunk: pl.DataFrame) -> Iterator[FrameResult]:
        pictures = self._readers.get().pictures(chunk["pts"].to_numpy())
        for frame_id, time_s, picture in zip(chunk["frame_id"], chunk["time_s"], pictures, strict=True):
            result = FrameResult(time_s, error=picture.error if picture.image is None else "")
            if picture.image is not None:
                if self._keep is not None:
                    self._keep(time_s, picture.image)
                place = {"video_id": self._builder.video_id, "frame_id": frame_id, "pts": picture.pts, "time_s": time_s}
                for ordinal, row in enumerate(self._find(picture.image, result.dropped)):
                    result.rows.append({**place, **row, "face_id": identifiers.face_id(self._content_hash, picture.pts, ordinal)})
            with self._lock:
                self._done += 1
                self._builder.home.progress(self._builder.video_id, self._done, self._frames)
            yield result
