"""What a step needs of its surroundings: one home, its record and settings, and tools behind ports."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import polars as pl

from meetbefore_assets import settings as settings_module
from meetbefore_assets.domain.edges import MakeIndex
from meetbefore_assets.domain.lineage import Models
from meetbefore_assets.domain.places import Fix
from meetbefore_assets.domain.ports import F32, FaceCamera, FaceDetector, FaceEmbedder, Store, VideoReader
from meetbefore_assets.hands import FarHands, usable_cores
from meetbefore_assets.packs import Recogniser, default_track_similarity
from meetbefore_assets.schema import Table
from meetbefore_assets.settings import Settings

# Threads that share one video where nobody shared out the cores: other runs may be at work beside it.
FEW = 4

if TYPE_CHECKING:  # loads scipy, which commands that only read do without
    from meetbefore_assets.domain.thresholds import Calibration


@dataclass(frozen=True)
class FoundPack:
    """A pack of models on this machine, not loaded yet.

    Attributes:
        name: as people call it.
        detector_id, recogniser_id: change whenever the models' answers could.
        recogniser: vector size, and the thresholds that belong to it.
        min_score: least score that belongs to the detector.
        licence: a sentence.
    """

    name: str
    detector_id: str
    recogniser_id: str
    recogniser: Recogniser
    min_score: float
    licence: str


@dataclass(frozen=True)
class LoadedPack:
    """Models ready to run; `device` says where the recogniser really does, `detector_device` where the detector does."""

    detector: FaceDetector
    embedder: FaceEmbedder
    device: str
    detector_device: str = "cpu"


@dataclass(frozen=True)
class Recording:
    """A file, or a day of pictures, found in a source folder; `kind` is video or pictures."""

    uri: str
    file_name: str
    size_bytes: int
    mtime_ns: int
    kind: str


@dataclass(frozen=True)
class Found:
    """What lies in the source folders.

    Attributes:
        recordings: in order of their uri.
        skipped: (uri, reason).
        missing: sources that are not there (an unmounted disk is no empty folder).
    """

    recordings: tuple[Recording, ...]
    skipped: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


# The one part of a table that is published in one piece.
WHOLE = "_all"
Fetch = Callable[[Table, list[str]], pl.DataFrame]


@dataclass(frozen=True)
class Published:
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
        ...

    def rows(self, table: Table, parts: list[str]) -> pl.DataFrame:
        """The rows of some parts, public columns. Raises StoreError."""
        ...


class Publisher(Protocol):
    """Writes the database that people open."""

    def publish(self, wanted: Mapping[str, Mapping[str, str]], fetch: Fetch, vector_size: int) -> Published:
        """Bring every part (table -> part -> version) in step. Raises StoreError."""
        ...

    def is_in_step(self, wanted: Mapping[str, Mapping[str, str]], vector_size: int) -> bool:
        """Whether the file holds just these parts."""
        ...

    def remove(self) -> None:
        """Take the database away, with whatever was left beside it: rows that are deleted leave their bytes in a file."""
        ...

    def snapshot(self, vector_size: int) -> AbstractContextManager[Snapshot | None]:
        """The present file; None where there is none, or one of another shape. Raises StoreError."""
        ...


class SharedFiles(Protocol):
    """Files of a home that lie in the object store too, for people at other machines; names are relative to the home."""

    def put(self, path: Path) -> None:
        """Put a file of this home."""
        ...

    def address(self, path: Path) -> str:
        """Where it is put."""
        ...

    def drop(self, path: Path) -> None:
        """Remove a file, or all in a folder, from the store."""
        ...


def size_and_time(path: str) -> tuple[int, int] | None:
    """Size in bytes and modification time (ns) of a file of this machine; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


@dataclass(frozen=True)
class Tools:
    """The outside world, each behind a function that loads its library when first called."""

    open_store: Callable[[str], Store]
    open_video: Callable[[str, bool], VideoReader]
    find_pack: Callable[[str, Path], FoundPack]
    load_pack: Callable[[str, Path, str, int], LoadedPack]
    open_camera: Callable[[], FaceCamera]
    make_index: Callable[[str, str, Path], MakeIndex]
    map_vectors: Callable[[Iterable[F32], Path], F32]
    scan: Callable[[Sequence[Path | str]], Found]
    content_hash: Callable[[str], str]
    sidecar_start: Callable[[str], str]
    machine_zone: Callable[[], str]
    hold: Callable[[Path, str, float], AbstractContextManager[None]]
    open_database: Callable[[Path, str], Publisher]
    place_files: Callable[[Sequence[str]], list[tuple[tuple[str, int, int], ...]]] = lambda uris: [()] * len(uris)
    read_fixes: Callable[[str, datetime | None], list[Fix]] = lambda _path, _started_at: []
    is_gpu_used: Callable[[str], bool] = lambda _device: False
    size_and_time: Callable[[str], tuple[int, int] | None] = size_and_time
    at_hand: Callable[[str], str] = lambda uri: uri  # path of a recording on this machine, fetched where it lies in an object store
    hold_in_postgres: Callable[[str, str, str, float], AbstractContextManager[None]] | None = None
    shared_files: Callable[[str, Path], SharedFiles] | None = None
    sweep: Callable[[Path], list[Path]] = lambda _home: []
    far_hands: Callable[[], FarHands | None] = lambda: None  # workers of a cluster that share one video, where that is asked for


@dataclass
class Workbench:
    """One home with its tools. Models are loaded once and kept.

    Attributes:
        calibrations: the last one that was worked out, by version.
        handed: what one step has at hand that a later one of the same process would read from disk again, by the name of the table.
        fixed_settings: hold instead of those of the file, for one command.
        threads: that share the work on one video where the settings leave it open; 0: a few of the cores.
        progress: told (video_id, moments done, moments in all) during long work.
    """

    home: Path
    tools: Tools
    threads: int = 0
    progress: Callable[[str, int, int], None] = lambda _video_id, _done, _total: None
    fixed_settings: Settings | None = None
    calibrations: dict[str, "Calibration"] = field(default_factory=dict)
    handed: dict[str, object] = field(default_factory=dict)
    _packs: dict[tuple[str, str, int], LoadedPack] = field(default_factory=dict)

    def settings(self) -> Settings:
        """The settings in force now. Raises SettingsError."""
        return self.fixed_settings or settings_module.load(self.home)

    @cached_property
    def store(self) -> Store:
        shared = self.shared_uri
        return self.tools.open_store(f"{shared}/record" if shared else self.settings().store.uri or str(self.home / "record"))

    @property
    def shared_uri(self) -> str:
        """The address of the archive where it lies in an object store, for several machines; "" where it lies in folders."""
        uri = self.settings().store.uri
        return uri.rstrip("/") if settings_module.is_remote(uri) else ""

    @cached_property
    def index_store(self) -> Store:
        """Beside the record, as a cache: whatever is missing is made anew."""
        return self.tools.open_store(f"{self.shared_uri}/index" if self.shared_uri else str(self.home / "index"))

    def published(self, path: Path) -> Publisher:
        """The published database: the file at `path`, or a copy there of the one in the object store."""
        return self.tools.open_database(path, self.shared_uri)

    def share(self, path: Path) -> None:
        """Put a file of the home into the object store, if there is one."""
        if self._shared_files:
            self._shared_files.put(path)

    def address(self, path: Path) -> str:
        """Where people find a file of the home that is shared."""
        return self._shared_files.address(path) if self._shared_files else str(path)

    def unshare(self, path: Path) -> None:
        """Remove a file of the home, or a folder, from the object store, if there is one."""
        if self._shared_files:
            self._shared_files.drop(path)

    @property
    def _shared_files(self) -> SharedFiles | None:
        opened = self.tools.shared_files
        return opened(self.shared_uri, self.home) if opened and self.shared_uri else None

    def is_present(self, uris: Iterable[str]) -> bool:
        """Whether one of a video's files can be reached."""
        return any(self.tools.size_and_time(uri.partition("?day=")[0]) is not None for uri in uris)

    def zone(self) -> str:
        name = self.settings().time.zone
        return self.tools.machine_zone() if name == "local" else name

    def found_pack(self, settings: Settings | None = None) -> FoundPack:
        """Raises ModelError."""
        return self.tools.find_pack((settings or self.settings()).models.pack, self.home)

    def models(self, settings: Settings | None = None) -> Models:
        """What the tables of a video depend on besides the settings.

        Raises:
            ThresholdUnknownError: `tracks.min_similarity` is auto, and nobody measured one for this recogniser.
        """
        settings = settings or self.settings()
        pack = self.found_pack(settings)
        score = settings.detection.min_score
        return Models(
            pack.detector_id,
            pack.recogniser_id,
            default_track_similarity(pack.recogniser, settings.tracks.min_similarity),
            pack.min_score if isinstance(score, str) else score,
        )

    def hands(self, settings: Settings | None = None) -> int:
        """Threads that share the work on one video."""
        return (settings or self.settings()).models.threads or self.threads or min(usable_cores(), FEW)

    def pack(self, settings: Settings | None = None) -> LoadedPack:
        models = (settings or self.settings()).models
        key = (models.pack, models.device, self.hands(settings))
        if key not in self._packs:
            self._packs[key] = self.tools.load_pack(models.pack, self.home, models.device, key[-1])
        return self._packs[key]

    def index_of(self, kind: str = "") -> MakeIndex:
        """What finds similar vectors: of a kind (see `index.kind`), or of the kind that is set. Raises SettingsError."""
        settings = self.settings()
        return self.tools.make_index(kind or settings.index.kind, settings.store.postgres, self.home)

    @cached_property
    def camera(self) -> FaceCamera:
        return self.tools.open_camera()

    @contextmanager
    def lock(self, name: str, timeout_s: float = 3600.0) -> Iterator[None]:
        """Hold a lock of the archive; what others wrote before is seen. Raises LockTimeoutError or StoreError."""
        store = self.settings().store
        if store.postgres and self.tools.hold_in_postgres:
            held = self.tools.hold_in_postgres(store.postgres, self.shared_uri or store.uri or str(self.home), name, timeout_s)
        else:
            held = self.tools.hold(self.home / "locks", name, timeout_s)
        with held:
            self.store.refresh()
            yield

    def sources(self) -> list[Path | str]:
        """Folders to look for recordings in; as text those in an object store."""
        folders = self.settings().sources
        return [folder if settings_module.is_remote(folder) else Path(folder).expanduser() for folder in folders] or [self.home / "videos"]
