"""A home: its folder, settings, record and locks, and the adapters to the outside world."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from meetbefore_assets.core.model_packs import FoundPack, LoadedPack, Models, default_track_similarity
from meetbefore_assets.core.parallel import usable_cores
from meetbefore_assets.core.ports import FaceImaging, MakeIndex, Publisher, SharedFiles, Store
from meetbefore_assets.core.uris import is_remote
from meetbefore_assets.home.adapters import Adapters
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.home.settings.sections import Settings

# Threads that share one video where nobody shared out the cores: other runs may be at work beside it.
MAX_DEFAULT_THREADS = 4


@dataclass
class Home:
    """One home with its adapters. Models are loaded once and kept.

    Attributes:
        cache: in-process cache between steps, by name of a table: what a later step would read or compute again.
        fixed_settings: hold instead of those of the file, for one command.
        threads: that share the work on one video where the settings leave it open; 0: a few of the cores.
        progress: told (video_id, moments done, moments in all) during long work.
    """

    folder: Path
    adapters: Adapters
    threads: int = 0
    progress: Callable[[str, int, int], None] = lambda _video_id, _done, _total: None
    fixed_settings: Settings | None = None
    cache: dict[str, object] = field(default_factory=dict)
    _packs: dict[tuple[str, str, int], LoadedPack] = field(default_factory=dict)

    def settings(self) -> Settings:
        """The settings in force now. Raises SettingsError."""
        return self.fixed_settings or settings_file.load(self.folder)

    @cached_property
    def store(self) -> Store:
        shared = self.shared_uri
        return self.adapters.storage.open_store(f"{shared}/record" if shared else self.settings().store.uri or str(self.folder / "record"))

    @property
    def shared_uri(self) -> str:
        """The address of the archive where it lies in an object store, for several machines; "" where it lies in folders."""
        uri = self.settings().store.uri
        return uri.rstrip("/") if is_remote(uri) else ""

    @cached_property
    def index_store(self) -> Store:
        """Beside the record, as a cache: whatever is missing is made anew."""
        return self.adapters.storage.open_store(f"{self.shared_uri}/index" if self.shared_uri else str(self.folder / "index"))

    def published(self, path: Path) -> Publisher:
        """The published database: the file at `path`, or a copy there of the one in the object store."""
        return self.adapters.storage.open_database(path, self.shared_uri)

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
        shared = self.shared_uri
        return self.adapters.storage.shared_files(shared) if shared else None

    def is_present(self, uris: Iterable[str]) -> bool:
        """Whether one of a video's files can be reached."""
        return any(self.adapters.recordings.size_and_time(uri.partition("?day=")[0]) is not None for uri in uris)

    def zone(self) -> str:
        name = self.settings().time.zone
        return self.adapters.recordings.machine_zone() if name == "local" else name

    def found_pack(self, settings: Settings | None = None) -> FoundPack:
        """Raises ModelError."""
        return self.adapters.faces.find_pack((settings or self.settings()).models.pack)

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

    def threads_per_video(self, settings: Settings | None = None) -> int:
        """Threads that share the work on one video."""
        return (settings or self.settings()).models.threads or self.threads or min(usable_cores(), MAX_DEFAULT_THREADS)

    def loaded_pack(self, settings: Settings | None = None) -> LoadedPack:
        """The models in force, loaded once. Raises ModelError."""
        models = (settings or self.settings()).models
        key = (models.pack, models.device, self.threads_per_video(settings))
        if key not in self._packs:
            self._packs[key] = self.adapters.faces.load_pack(self.found_pack(settings), models.device, key[-1])
        return self._packs[key]

    def index_builder(self, kind: str = "") -> MakeIndex:
        """What finds similar vectors: of a kind (see `index.kind`), or of the kind that is set. Raises SettingsError."""
        settings = self.settings()
        return self.adapters.identities.make_index(kind or settings.index.kind, settings.store.postgres)

    @cached_property
    def imaging(self) -> FaceImaging:
        return self.adapters.faces.open_imaging()

    @contextmanager
    def lock(self, name: str, timeout_s: float = 3600.0) -> Iterator[None]:
        """Hold a lock of the archive; what others wrote before is seen. Raises LockTimeoutError or StoreError."""
        store = self.settings().store
        if store.postgres:
            held = self.adapters.storage.hold_in_postgres(store.postgres, self.shared_uri or store.uri or str(self.folder), name, timeout_s)
        else:
            held = self.adapters.storage.hold(self.folder / "locks", name, timeout_s)
        with held:
            self.store.refresh()
            yield

    def sources(self) -> list[Path | str]:
        """Folders to look for recordings in; as text those in an object store."""
        folders = self.settings().sources
        return [folder if is_remote(folder) else Path(folder).expanduser() for folder in folders] or [self.folder / "videos"]
