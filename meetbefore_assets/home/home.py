"""A home: its folder, settings, record and locks, and the adapters to the outside world."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from meetbefore_assets.core.model_packs import (
    MIRRORED,
    LoadedModels,
    ModelPack,
    Models,
    default_track_similarity,
)
from meetbefore_assets.core.parallel import usable_cores
from meetbefore_assets.core.ports import FaceImaging, MakeIndex, Publisher, SharedFiles, Store
from meetbefore_assets.core.uris import is_remote, path_of
from meetbefore_assets.home.adapters import Adapters
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.home.settings.sections import Settings
from meetbefore_assets.storage.kept_twice import KeptTwice
from meetbefore_assets.storage.private_folder import private_folder

# Threads per video if the cores were not divided among jobs: other runs may be working at the same time.
MAX_DEFAULT_THREADS = 4


@dataclass
class Home:
    """One home: its settings, record, locks, models and adapters. Models are loaded once.

    Attributes:
        cache: in-process cache between steps, by table name, of what a later step would read or compute again.
        fixed_settings: used instead of those of the file, for one command.
        threads: threads per video if the settings leave it open; 0: a few of the cores.
        progress: called with (video_id, frames done, frames in all) during long work.
    """

    folder: Path
    adapters: Adapters
    threads: int = 0
    progress: Callable[[str, int, int], None] = lambda _video_id, _done, _total: None
    fixed_settings: Settings | None = None
    cache: dict[str, object] = field(default_factory=dict)
    _loaded_models: dict[tuple[str, str, int], LoadedModels] = field(default_factory=dict)
    _held: set[tuple[int, str]] = field(default_factory=set)

    def settings(self) -> Settings:
        """The current settings. Raises SettingsError."""
        return self.fixed_settings or settings_file.load(self.folder)

    @cached_property
    def store(self) -> Store:
        shared = self.shared_uri
        uri = f"{shared}/record" if shared else self.settings().store.uri or str(self.folder / "record")
        return KeptTwice(self.adapters.storage.open_store(uri), lambda: self.lock("copies"))

    @property
    def shared_uri(self) -> str:
        """Address of the archive if it is in an object store; "" if it is in folders."""
        uri = self.settings().store.uri
        return uri.rstrip("/") if is_remote(uri) else ""

    def own_folders(self) -> list[Path]:
        """Local folders with this archive's files: the home, and the record's folder if it is elsewhere."""
        uri = self.settings().store.uri
        elsewhere = [path_of(uri)] if uri and not is_remote(uri) else []
        return [self.folder, *(path for path in elsewhere if not path.absolute().is_relative_to(self.folder))]

    @cached_property
    def index_store(self) -> Store:
        """Store of the face index: a cache, rebuilt if missing."""
        return self.adapters.storage.open_store(f"{self.shared_uri}/index" if self.shared_uri else str(self.folder / "index"))

    def published(self, path: Path) -> Publisher:
        """The published database: the file at `path`, or its local copy of the one in the object store."""
        return self.adapters.storage.open_database(path, self.shared_uri)

    def share(self, path: Path) -> None:
        """Copy a file of the home to the object store, if there is one."""
        if self._shared_files:
            self._shared_files.put(path)

    def address(self, path: Path) -> str:
        """Where people find a file of the home: its URL in the object store, else its path."""
        return self._shared_files.address(path) if self._shared_files else str(path)

    def unshare(self, path: Path) -> None:
        """Delete the copy of a file or folder of the home from the object store, if there is one."""
        if self._shared_files:
            self._shared_files.drop(path)

    @property
    def _shared_files(self) -> SharedFiles | None:
        shared = self.shared_uri
        return self.adapters.storage.shared_files(shared) if shared else None

    def is_present(self, uris: Iterable[str]) -> bool:
        """Whether at least one of a video's files can be reached."""
        return any(self.adapters.recordings.size_and_time(uri.partition("?day=")[0]) is not None for uri in uris)

    def zone(self) -> str:
        name = self.settings().time.zone
        return self.adapters.recordings.machine_zone() if name == "local" else name

    def model_pack(self, settings: Settings | None = None) -> ModelPack:
        """The pack of models that the settings name; not loaded. Raises ModelError."""
        return self.adapters.faces.find_pack((settings or self.settings()).models.pack)

    def models(self, settings: Settings | None = None) -> Models:
        """Model ids and thresholds that the tables of a video depend on.

        Raises:
            ThresholdUnknownError: `tracks.min_similarity` is auto, and none was measured for this recogniser.
        """
        settings = settings or self.settings()
        pack = self.model_pack(settings)
        score = settings.detection.min_score
        return Models(
            pack.detector_id,
            pack.recogniser_id,
            default_track_similarity(pack.recogniser, settings.tracks.min_similarity),
            pack.min_score if isinstance(score, str) else score,
            MIRRORED[pack.detector_kind],
        )

    def threads_per_video(self, settings: Settings | None = None) -> int:
        """Number of threads that share the work on one video."""
        return (settings or self.settings()).models.threads or self.threads or min(usable_cores(), MAX_DEFAULT_THREADS)

    def loaded_models(self, settings: Settings | None = None) -> LoadedModels:
        """The models that the settings name, loaded once. Raises ModelError."""
        models = (settings or self.settings()).models
        key = (models.pack, models.device, self.threads_per_video(settings))
        if key not in self._loaded_models:
            self._loaded_models[key] = self.adapters.faces.load_models(self.model_pack(settings), models.device, key[-1])
        return self._loaded_models[key]

    def index_builder(self, kind: str = "") -> MakeIndex:
        """The builder of a vector index of a kind, by default that of the setting `index.kind`. Raises SettingsError."""
        settings = self.settings()
        return self.adapters.identities.make_index(kind or settings.index.kind, settings.store.postgres)

    @cached_property
    def imaging(self) -> FaceImaging:
        return self.adapters.faces.open_imaging()

    @contextmanager
    def lock(self, name: str, timeout_s: float = 3600.0) -> Iterator[None]:
        """Hold a lock of the archive and see what others wrote before. Raises LockTimeoutError or StoreError.

        The lock is re-entrant: a function that takes it can be called by one that holds it already, in the same thread.
        """
        mine = (threading.get_ident(), name)
        if mine in self._held:
            yield
            return
        store = self.settings().store
        if store.postgres:
            held = self.adapters.storage.hold_in_postgres(store.postgres, self.shared_uri or store.uri or str(self.folder), name, timeout_s)
        else:
            held = self.adapters.storage.hold(self.folder / "locks", name, timeout_s)
        with held:
            self._held.add(mine)
            try:
                self.store.refresh()
                yield
            finally:
                self._held.discard(mine)

    def sources(self) -> list[Path | str]:
        """Folders searched for recordings (paths), and addresses in object stores (text)."""
        folders = self.settings().sources
        return [folder if is_remote(folder) else Path(folder).expanduser() for folder in folders] or [self.own_videos]

    def make_own_source(self) -> None:
        """Create <home>/videos if no source is set, so that people see where recordings go."""
        if not self.settings().sources:
            private_folder(self.own_videos)

    @property
    def own_videos(self) -> Path:
        """The default source, if none is set."""
        return self.folder / "videos"
