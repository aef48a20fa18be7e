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

# Name of the only part of a table that is published in one piece.
WHOLE = "_all"
Fetch = Callable[[Table, list[str]], pl.DataFrame]


@dataclass(frozen=True)
class MediaFacts:
    """What a video file says about itself, read without decoding.

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
    """All pictures of a video in the order in which they are shown, read without decoding.

    Attributes:
        pts: shape (n,), strictly increasing.
        is_keyframe: shape (n,); True where decoding can start.
        time_base: seconds per step of pts.
    """

    pts: I64
    is_keyframe: Bool
    time_base: Fraction


@dataclass(frozen=True)
class FramePlan:
    """The sampled frames of a video.

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
        """Read the facts of the container. Raises UnreadableVideoError."""

    def index(self) -> PacketIndex:
        """List all pictures. Raises UnreadableVideoError (there are none) or TruncatedVideoError (the file ends too early)."""

    def is_sought(self) -> bool:
        """Whether decoding can start at any keyframe, so that several readers can share the work."""

    def pictures(self, pts: I64) -> Iterator[Picture]:
        """Decode the pictures at `pts` (increasing, of `index`), one Picture each, in that order."""

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
    """Finds faces in a picture. `model_id` changes whenever results could."""

    model_id: str

    def detect(self, image: U8, *, min_score: float, max_side: int) -> FaceBatch:
        """Find the faces of one upright B, G, R picture, scaled down for it to a longer side of at most `max_side` pixels."""


class FaceEmbedder(Protocol):
    """Turns aligned faces into vectors. `model_id` names the recogniser; vectors of different recognisers are never compared."""

    model_id: str
    size: int

    def embed(self, crops: U8) -> F32:
        """Embed aligned faces: (n, 112, 112, 3) uint8 B, G, R -> (n, size) float32, not normalised."""


class FaceImaging(Protocol):
    """Picture handling that needs an imaging library."""

    def align(self, image: U8, matrices: F64) -> U8:
        """Cut out aligned faces: each of the (n, 2, 3) matrices maps the picture to 112 x 112 -> (n, 112, 112, 3)."""

    def thumbnail(self, image: U8, box: F32, side: int) -> bytes:
        """Return a JPEG of a box and its surroundings, at most `side` pixels wide and high."""

    def blurred(self, jpeg: bytes) -> bytes:
        """Blur a JPEG so that nobody can be recognised, at the same size. Raises RecordTornError if it is no picture."""

    def encode_crop(self, crop: U8) -> bytes:
        """Compress an aligned crop so little that it gives (nearly) the same vector again."""

    def is_crop(self, blob: bytes) -> bool:
        """Whether bytes of unknown origin say that they are a crop as `encode_crop` makes it; what is of another size is not decoded."""

    def decode_crops(self, blobs: Sequence[bytes]) -> U8:
        """Decompress crops -> (n, 112, 112, 3) uint8 B, G, R. Raises RecordTornError where bytes are no picture."""

    def contact_sheet(self, thumbnails: Sequence[bytes], side: int, columns: int) -> bytes:
        """Return a JPEG with `columns` thumbnails per row, each in a square of `side` pixels; at least one is needed."""

    def encode_jpeg(self, image: U8, quality: int, max_side: int = 0) -> bytes:
        """Return the whole picture as JPEG, scaled down to a longer side of at most `max_side` (0: not scaled)."""


@dataclass(frozen=True)
class Stamp:
    """What the record keeps about one of its tables: its version, and what it was made from.

    Attributes:
        data_version: hash that changes whenever the content could.
        inputs: asset -> data version of each table it was made from.
        facts: short texts for people to read (counts, durations).
        rows: number of rows of the table.
    """

    data_version: str
    inputs: Mapping[str, str]
    facts: Mapping[str, str]
    rows: int


class TableWriter(Protocol):
    """Writes a table in parts, so that it need not fit into memory."""

    def add(self, rows: pl.DataFrame) -> None:
        """Write the next rows; all parts have the same columns. Raises StoreError."""

    def commit(self, stamp: Stamp) -> None:
        """Finish the table, which nobody sees before; at least one part (it may be empty) must have been added. Raises StoreError."""


class Store(Protocol):
    """The record: one immutable table per (asset, key). Readers see a put table whole or not at all."""

    def put(self, asset: str, key: str, table: pl.DataFrame, stamp: Stamp) -> None: ...

    def writer(self, asset: str, key: str) -> AbstractContextManager[TableWriter]:
        """Write a table that is too large to put at once; it is discarded if the context is left before `commit`."""

    def parts(self, asset: str, key: str, columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        """Read a table in order, at most `rows` rows at a time. Raises what `get` raises."""

    def get(self, asset: str, key: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Read a table. Raises RecordTornError, or KeyError if there is none."""

    def scan(self, asset: str, keys: Sequence[str], columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Read the tables of several keys into one, in the order of the keys."""

    def stamp(self, asset: str, key: str) -> Stamp | None:
        """Read the stamp of a table; None if there is no table, or it is torn."""

    def keys(self, asset: str) -> list[str]:
        """List the keys of an asset, sorted."""

    def drop(self, asset: str, key: str) -> None:
        """Remove a table, if there is one, and what dead writers left of it."""

    def sweep(self, asset: str, key: str) -> None:
        """Remove what dead writers left of a table; nobody may be writing it."""

    def refresh(self) -> None:
        """Forget what is cached in this process, so that everything others wrote before now is seen."""


class VectorIndex(Protocol):
    """Finds nearest neighbours by cosine among unit vectors."""

    def search(self, queries: F32, k: int) -> tuple[F32, I64]:
        """Find the k nearest vectors of each query.

        Returns:
            Similarities (n, k), falling, and numbers (n, k) of the vectors in the order they were added; -1 where fewer are found.

        Raises:
            StoreError: the index cannot be read.
        """

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
    """What was found in the source folders.

    Attributes:
        recordings: in order of their uri.
        skipped: (uri, reason).
        missing: sources that do not exist; an unmounted disk is not taken for an empty folder.
        beside: files that may hold GPS tracks: path, size in bytes, modification time (ns).
    """

    recordings: tuple[Recording, ...]
    skipped: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    beside: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True)
class PublishResult:
    """What publishing changed: `changed_parts` is 0 if everything was up to date; `version` is the hash of all parts."""

    changed_parts: int
    path: str
    version: str


class Snapshot(Protocol):
    """The published database as it was at one moment, whatever is published meanwhile."""

    versions: dict[str, dict[str, str]]
    """Table -> part -> version."""

    def counts(self, table: Table, *, is_whole: bool) -> dict[str, int]:
        """Count the rows that are really in the file, by part (WHOLE, or each video). Raises StoreError."""

    def rows(self, table: Table, parts: list[str]) -> pl.DataFrame:
        """Read the rows of some parts, with the public columns. Raises StoreError."""


class Publisher(Protocol):
    """Writes and reads the published database."""

    def publish(self, wanted: Mapping[str, Mapping[str, str]], fetch: Fetch, vector_size: int) -> PublishResult:
        """Bring every part (table -> part -> version) up to date. Raises StoreError."""

    def is_in_step(self, wanted: Mapping[str, Mapping[str, str]], vector_size: int) -> bool:
        """Whether the file holds exactly these parts in these versions."""

    def remove(self) -> None:
        """Remove the database and its side files, since a row that is only deleted leaves its bytes in the file."""

    def snapshot(self, vector_size: int) -> AbstractContextManager[Snapshot | None]:
        """Open the file as it is now; None if there is none, or its tables have another shape. Raises StoreError."""


class SharedFiles(Protocol):
    """Copies of a home's files in the object store, for people at other machines; names are relative to the home."""

    def put(self, path: Path) -> None:
        """Copy a file of this home to the store."""

    def address(self, path: Path) -> str:
        """Return the address of a file's copy."""

    def drop(self, path: Path) -> None:
        """Remove the copy of a file, or of all files in a folder."""


# (vectors, number of queries to come) -> an index over the vectors, which is gone when the context is left.
MakeIndex = Callable[[F32, int], AbstractContextManager[VectorIndex]]


@dataclass(frozen=True)
class NamedRegion:
    """A face in a photograph with its name, as a photo program wrote it: x1, y1, x2, y2 as shares of width and height."""

    name: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class NamedFaces:
    """The named faces that photo programs wrote into a photograph.

    Attributes:
        regions: in the order in which they stand there.
        orientation: 1..8, how EXIF says that the stored picture is turned; programs differ in whether regions are of the stored picture or
            of the upright one.
    """

    regions: tuple[NamedRegion, ...]
    orientation: int


@dataclass(frozen=True)
class GpsFix:
    """Where the camera was at a moment: seconds since the first picture, degrees north and east (WGS 84)."""

    time_s: float
    latitude: float
    longitude: float
