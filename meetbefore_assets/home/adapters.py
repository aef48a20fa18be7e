"""Ports of a home: what each stage needs from the outside world, one object per stage. `open_home` builds the adapters."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from meetbefore_assets.core.model_packs import LoadedModels, ModelPack
from meetbefore_assets.core.parallel import RemoteWorkers
from meetbefore_assets.core.ports import (
    F32,
    U8,
    FaceImaging,
    GpsFix,
    MakeIndex,
    NamedFaces,
    Publisher,
    ScanResult,
    SharedFiles,
    Store,
    VideoReader,
)


class RecordingAdapters(Protocol):
    """Finds, hashes and opens recordings, on disks and in object stores."""

    def scan(self, sources: Sequence[Path | str], progress: Callable[[int], None] | None = None) -> ScanResult:
        """Find the recordings below folders (paths) and object store addresses (text); `progress` gets the number of files seen so far."""

    def is_away(self, source: Path | str) -> bool:
        """Whether a source does not exist, is a mount point without its disk, or may not be listed."""

    def content_hash(self, uri: str) -> str:
        """SHA-256 of a file's size and sampled blocks, 64 hex digits. Raises UnreadableVideoError."""

    def size_and_time(self, uri: str) -> tuple[int, int] | None:
        """Size in bytes and modification time (ns since 1970 UTC); None if there is no such file."""

    def local_path(self, uri: str) -> str:
        """Path of a recording on this machine; downloaded first if it is in an object store."""

    def open_video(self, uri: str, allow_truncated: bool) -> VideoReader:
        """Open a recording; the caller closes the reader. Raises UnreadableVideoError."""

    def decode_picture(self, data: bytes, name: str) -> tuple[U8 | None, str]:
        """An upright B, G, R picture (JPEG, PNG, WebP, HEIC, …), or None and why not; `name` is what it is called in the reason."""

    def named_faces(self, photograph: Path, data: bytes) -> NamedFaces:
        """Named faces that are written in a photograph of this content, or in the file beside it."""

    def encode_clip(self, pictures: Iterable[tuple[float, U8]], kind: str) -> bytes:
        """A clip (mp4 or webm) of pictures with their seconds in it. Raises UnreadableVideoError."""

    def sidecar_start(self, uri: str) -> str:
        """Start of a recording from its sidecar file, ISO 8601; "" if there is none."""

    def place_files(self, uris: Sequence[str]) -> list[tuple[tuple[str, int, int], ...]]:
        """For each recording, the GPS files beside it: path, size in bytes, modification time (ns)."""

    def read_fixes(self, path: str, started_at: datetime | None, duration_s: float) -> list[GpsFix]:
        """Read the GPS fixes of one of these files during a recording that started at `started_at` (naive UTC)."""

    def machine_zone(self) -> str:
        """IANA name of this machine's time zone."""


class FaceAdapters(Protocol):
    """Face models and picture handling."""

    def find_pack(self, name: str) -> ModelPack:
        """Find the pack of a name or folder (`models.pack`), downloading it if needed. Raises PackNotFoundError or PackBrokenError."""

    def load_models(self, pack: ModelPack, device: str, threads: int) -> LoadedModels:
        """Load a pack's models, to be called by this many threads. Raises ModelError."""

    def open_imaging(self) -> FaceImaging:
        """Warping, cropping and JPEG."""

    def is_gpu_used(self, device: str) -> bool:
        """Whether this value of `models.device` uses a GPU on this machine."""


class IdentityAdapters(Protocol):
    """Nearest-neighbour search."""

    def make_index(self, kind: str, postgres: str) -> MakeIndex:
        """The builder of an index of a kind (`index.kind`). Raises SettingsError."""


class StorageAdapters(Protocol):
    """Tables, locks, the published database, and shared files."""

    def open_store(self, uri: str) -> Store:
        """Open the store at a folder or an address."""

    def open_database(self, path: Path, shared_uri: str) -> Publisher:
        """The published database at `path`; with `shared_uri`, its local copy of the one in the object store."""

    def hold(self, folder: Path, name: str, timeout_s: float) -> AbstractContextManager[None]:
        """Hold a lock of this machine. Raises LockTimeoutError."""

    def hold_in_postgres(self, address: str, scope: str, name: str, timeout_s: float) -> AbstractContextManager[None]:
        """Hold a lock shared by several machines. Raises LockTimeoutError or StoreError."""

    def shared_files(self, shared_uri: str) -> SharedFiles:
        """Copies of the home's files in the object store."""

    def map_vectors(self, blocks: Iterable[F32]) -> F32:
        """Stack blocks of rows in a temporary memory-mapped file."""

    def scratch(self) -> AbstractContextManager[Path]:
        """Yield a new temporary folder in the home, removed at the end, or by the next process if this one is killed."""

    def sweep_scratch(self) -> list[Path]:
        """Remove temporary folders of killed processes; returns what was removed."""


def no_remote_workers() -> RemoteWorkers | None:
    """No remote workers: this machine works alone."""
    return None


@dataclass(frozen=True)
class Adapters:
    """The adapters of one home.

    Attributes:
        remote_workers: returns workers of a cluster that share one video, or None.
    """

    recordings: RecordingAdapters
    faces: FaceAdapters
    identities: IdentityAdapters
    storage: StorageAdapters
    remote_workers: Callable[[], RemoteWorkers | None] = no_remote_workers
