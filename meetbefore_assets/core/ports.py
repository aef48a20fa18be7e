"""Ports: what the package expects of the outside world, and the values that pass through them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meetbefore_assets.core.schema.table import Table

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
Bool = NDArray[np.bool_]

# The one part of a table that is published in one piece.
WHOLE = "_all"
Fetch = Callable[[Table, list[str]], pl.DataFrame]


@dataclass(frozen=True)
class MediaFacts:
    """What a container says of itself, without decoding.

    Attributes:
        duration_s: length of the picture stream, seconds; 0 if the container does not say.
        width, height: of the upright picture, pixels.
        rotation_deg: clockwise turn that makes the stored picture upright: 0, 90, 180 or 270.
        fps: average pictures a second; 0 if the container does not say.
        codec, container: names as FFmpeg gives them.
        tags: container metadata, keys in lower case (`creation_time`, `com.apple.quicktime.creationdate`,
            `location`, `make`, `model`, …).
    """

    duration_s: float
    width: int
    height: int
    rotation_deg: int
    fps: float
    codec: str
    container: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PacketIndex:
    """Every picture of a video in the order it is shown.

    Attributes:
        pts: shape (n,), strictly increasing.
        is_keyframe: shape (n,); True where decoding can start.
        time_base: seconds a pts step.
    """

    pts: I64
    is_keyframe: Bool
    time_base: Fraction


@dataclass(frozen=True)
class FramePlan:
    """The moments of a video that are looked at.

    Attributes:
        pts: shape (n,), strictly increasing.
        time_s: shape (n,), seconds since the first picture of the video.
        is_keyframe: shape (n,).
    """

    pts: I64
    time_s: F64
    is_keyframe: Bool


@dataclass(frozen=True)
class Picture:
    """One decoded moment; `image` is None where it could not be decoded (and `error` says why)."""

    pts: int
    image: U8 | None
    error: str = ""


class VideoReader(Protocol):
    """One open video (or one folder of pictures); used as a context manager."""

    def facts(self) -> MediaFacts:
        """Raises UnreadableVideoError."""

    def index(self) -> PacketIndex:
        """Raises UnreadableVideoError (no pictures) or TruncatedVideoError (the file ends too early)."""

    def is_sought(self) -> bool:
        """Whether any moment can be reached without decoding all before it, so that several readers may share the work."""

    def pictures(self, pts: I64) -> Iterator[Picture]:
        """Decode the given moments (increasing pts of `index`), one Picture each, in that order."""

    def close(self) -> None: ...
    def __enter__(self) -> "VideoReader": ...
    def __exit__(self, *exc: object) -> None: ...


@dataclass(frozen=True)
class FaceBatch:
    """The faces of one picture.

    Attributes:
        boxes: (n, 4) float32, source pixels; may reach beyond the picture.
        landmarks: (n, 5, 2) float32, source pixels.
        scores: (n,) float32 in 0..1.
    """

    boxes: F32
    landmarks: F32
    scores: F32

    def __len__(self) -> int:
        return len(self.scores)


class FaceDetector(Protocol):
    """Finds faces. `model_id` changes whenever the answers could."""

    model_id: str

    def detect(self, image: U8, *, min_score: float, max_side: int) -> FaceBatch:
        """Faces of one upright B, G, R picture of any size, searched at a longer side of `max_side` pixels or less."""


class FaceEmbedder(Protocol):
    """Turns aligned faces into vectors. `model_id` names the recogniser; vectors of two are never compared."""

    model_id: str
    size: int

    def embed(self, crops: U8) -> F32:
        """(n, 112, 112, 3) uint8 B, G, R, aligned -> (n, size) float32, not normalised."""


class FaceImaging(Protocol):
    """Picture handling that needs an imaging library."""

    def align(self, image: U8, matrices: F64) -> U8:
        """Warp with (n, 2, 3) matrices (source -> 112 x 112) -> (n, 112, 112, 3)."""

    def thumbnail(self, image: U8, box: F32, side: int) -> bytes:
        """JPEG of the surroundings of a box, at most `side` pixels wide and high."""

    def blurred(self, jpeg: bytes) -> bytes:
        """A JPEG of the same size in which nobody can be known; raises RecordTornError where bytes are no picture."""

    def encode_crop(self, crop: U8) -> bytes:
        """Aligned crop -> bytes that give (nearly) the same vector again."""

    def decode_crops(self, blobs: Sequence[bytes]) -> U8:
        """(n, 112, 112, 3) uint8 B, G, R; raises RecordTornError where bytes are no picture."""

    def contact_sheet(self, thumbnails: Sequence[bytes], side: int, columns: int) -> bytes:
        """JPEG with `columns` thumbnails a row, each in a square of `side` pixels; at least one is needed."""

    def encode_jpeg(self, image: U8, quality: int, max_side: int = 0) -> bytes:
        """Whole picture as JPEG, its longer side at most `max_side` (0: as it is)."""


@dataclass(frozen=True)
class Stamp:
    """What the record knows about one of its files.

    Attributes:
        data_version: hash that changes whenever the content could.
        inputs: asset name -> data version of what it was made from.
        facts: small strings for people (counts, durations).
        rows: number of rows of the table.
    """

    data_version: str
    inputs: Mapping[str, str]
    facts: Mapping[str, str]
    rows: int


class TableWriter(Protocol):
    """A table that is written a part at a time, so that it need not fit into memory."""

    def add(self, rows: pl.DataFrame) -> None:
        """The next rows; all parts have the same columns. Raises StoreError."""

    def commit(self, stamp: Stamp) -> None:
        """Nothing is seen of the table before this; at least one part (it may be empty) was added. Raises StoreError."""


class Store(Protocol):
    """The record: one immutable table per (asset, key). A put is seen whole or not at all."""

    def put(self, asset: str, key: str, table: pl.DataFrame, stamp: Stamp) -> None: ...

    def writer(self, asset: str, key: str) -> AbstractContextManager[TableWriter]:
        """For tables too large to put at once; what was not committed when it is left is gone."""

    def parts(self, asset: str, key: str, columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        """A table in its order, at most `rows` rows at a time; errors as of `get`."""

    def get(self, asset: str, key: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Raises RecordTornError, or KeyError where there is nothing."""

    def scan(self, asset: str, keys: Sequence[str], columns: Sequence[str] | None = None) -> pl.DataFrame:
        """All rows of several keys, in the order of the keys."""

    def stamp(self, asset: str, key: str) -> Stamp | None:
        """None where there is nothing or what is there is torn."""

    def keys(self, asset: str) -> list[str]:
        """Sorted."""

    def drop(self, asset: str, key: str) -> None:
        """Remove a table, if it is there, and what a writer that died left of it."""

    def sweep(self, asset: str, key: str) -> None:
        """Remove what writers that died left of a table; nobody may be writing it."""

    def refresh(self) -> None:
        """Whatever others wrote before this is seen after it."""


class VectorIndex(Protocol):
    """Nearest neighbours by cosine; vectors are unit vectors."""

    def search(self, queries: F32, k: int) -> tuple[F32, I64]:
        """Similarities (n, k) falling, and rows (n, k) in the order added; -1 where fewer than k are found. Raises StoreError."""

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Recording:
    """A file, or a day of pictures, found in a source folder; `kind` is video or pictures."""

    uri: str
    file_name: str
    size_bytes: int
    mtime_ns: int
    kind: str


@dataclass(frozen=True)
class ScanResult:
    """What lies in the source folders.

    Attributes:
        recordings: in order of their uri.
        skipped: (uri, reason).
        missing: sources that are not there (an unmounted disk is no empty folder).
    """

    recordings: tuple[Recording, ...]
    skipped: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class PublishResult:
    """What publishing did; `changed_parts` is 0 where everything was in step, `version` is the hash of all parts."""

    changed_parts: int
    path: str
    version: str


class Snapshot(Protocol):
    """The published database as it was at one moment, whatever is published meanwhile."""

    versions: dict[str, dict[str, str]]
    """Table -> part -> version."""

    def counts(self, table: Table, *, is_whole: bool) -> dict[str, int]:
        """Part (WHOLE, or each video) -> number of rows that are really there. Raises StoreError."""

    def rows(self, table: Table, parts: list[str]) -> pl.DataFrame:
        """The rows of some parts, public columns. Raises StoreError."""


class Publisher(Protocol):
    """Writes the database that people open."""

    def publish(self, wanted: Mapping[str, Mapping[str, str]], fetch: Fetch, vector_size: int) -> PublishResult:
        """Bring every part (table -> part -> version) in step. Raises StoreError."""

    def is_in_step(self, wanted: Mapping[str, Mapping[str, str]], vector_size: int) -> bool:
        """Whether the file holds just these parts."""

    def remove(self) -> None:
        """Take the database away, with whatever was left beside it: rows that are deleted leave their bytes in a file."""

    def snapshot(self, vector_size: int) -> AbstractContextManager[Snapshot | None]:
        """The present file; None where there is none, or one of another shape. Raises StoreError."""


class SharedFiles(Protocol):
    """Files of a home that lie in the object store too, for people at other machines; names are relative to the home."""

    def put(self, path: Path) -> None:
        """Put a file of this home."""

    def address(self, path: Path) -> str:
        """Where it is put."""

    def drop(self, path: Path) -> None:
        """Remove a file, or all in a folder, from the store."""


# An index over vectors that is to be asked so many questions, there until the context is left.
MakeIndex = Callable[[F32, int], AbstractContextManager[VectorIndex]]


@dataclass(frozen=True)
class GpsFix:
    """Where the camera was at a moment: seconds since the first picture, degrees north and east (WGS 84)."""

    time_s: float
    latitude: float
    longitude: float
