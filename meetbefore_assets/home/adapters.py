"""The adapters of a home: what each stage needs of the outside world, one object a stage. `open_home` builds them."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from meetbefore_assets.core.model_packs import FoundPack, LoadedPack
from meetbefore_assets.core.parallel import RemoteWorkers
from meetbefore_assets.core.ports import F32, FaceImaging, GpsFix, MakeIndex, Publisher, ScanResult, SharedFiles, Store, VideoReader


class RecordingAdapters(Protocol):
    """Finds, hashes and opens recordings, on disks and in object stores."""

    def scan(self, sources: Sequence[Path | str]) -> ScanResult:
        """Recordings below some folders (paths) and addresses in object stores (text)."""

    def content_hash(self, uri: str) -> str:
        """Sha256, 64 hex digits, of size and sampled blocks. Raises UnreadableVideoError."""

    def size_and_time(self, uri: str) -> tuple[int, int] | None:
        """Size in bytes and modification time (ns); None where there is no such file."""

    def local_path(self, uri: str) -> str:
        """Path of a recording on this machine; fetched first where it lies in an object store."""

    def open_video(self, uri: str, allow_truncated: bool) -> VideoReader:
        """The reader of a recording, to be closed by the caller. Raises UnreadableVideoError."""

    def sidecar_start(self, uri: str) -> str:
        """ISO 8601 start that a sidecar file tells; "" where there is none."""

    def place_files(self, uris: Sequence[str]) -> list[tuple[tuple[str, int, int], ...]]:
        """For each recording the files beside it that may tell places: path, size in bytes, modification time (ns)."""

    def read_fixes(self, path: str, started_at: datetime | None) -> list[GpsFix]:
        """Places in one of these files; `started_at` (naive UTC) is when its recording began."""

    def machine_zone(self) -> str:
        """IANA name of this machine's time zone."""


class FaceAdapters(Protocol):
    """Face models and picture handling."""

    def find_pack(self, name: str) -> FoundPack:
        """The pack of a name or folder (`models.pack`); fetched where it may be. Raises PackNotFoundError or PackBrokenError."""

    def load_pack(self, pack: FoundPack, device: str, threads: int) -> LoadedPack:
        """Load a pack's models for so many threads. Raises ModelError."""

    def open_imaging(self) -> FaceImaging:
        """Warps, crops and JPEG."""

    def is_gpu_used(self, device: str) -> bool:
        """Whether `models.device` means a GPU here."""


class IdentityAdapters(Protocol):
    """Nearest-neighbour search."""

    def make_index(self, kind: str, postgres: str) -> MakeIndex:
        """What builds an index of a kind (`index.kind`). Raises SettingsError."""


class StorageAdapters(Protocol):
    """Tables, locks, the published database, and shared files."""

    def open_store(self, uri: str) -> Store:
        """The store at a folder or an address."""

    def open_database(self, path: Path, shared_uri: str) -> Publisher:
        """The published database at `path`, or the copy there of the one at an address."""

    def hold(self, folder: Path, name: str, timeout_s: float) -> AbstractContextManager[None]:
        """A lock of this machine. Raises LockTimeoutError."""

    def hold_in_postgres(self, address: str, scope: str, name: str, timeout_s: float) -> AbstractContextManager[None]:
        """A lock that several machines see. Raises LockTimeoutError or StoreError."""

    def shared_files(self, shared_uri: str) -> SharedFiles:
        """Files of the home that lie in the object store too."""

    def map_vectors(self, blocks: Iterable[F32]) -> F32:
        """Blocks of rows, one below the other, in a temporary file that is mapped into memory."""

    def sweep_scratch(self) -> list[Path]:
        """Remove temporary folders of processes that died; returns what was removed."""


def no_remote_workers() -> RemoteWorkers | None:
    """One machine works alone."""
    return None


@dataclass(frozen=True)
class Adapters:
    """The outside world of one home.

    Attributes:
        remote_workers: workers of a cluster that share one video; None where nobody asked for that.
    """

    recordings: RecordingAdapters
    faces: FaceAdapters
    identities: IdentityAdapters
    storage: StorageAdapters
    remote_workers: Callable[[], RemoteWorkers | None] = no_remote_workers
