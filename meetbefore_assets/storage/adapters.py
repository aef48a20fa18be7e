"""The storage adapters of a home (port `StorageAdapters`). Libraries are imported at first use, so that commands start fast."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from meetbefore_assets.core.ports import F32, Publisher, SharedFiles, Store
from meetbefore_assets.core.uris import is_remote


class Storage:
    """Parquet in folders or in an object store, DuckDB, file locks and Postgres locks."""

    def __init__(self, home_folder: Path) -> None:
        self._home_folder = home_folder

    def open_store(self, uri: str) -> Store:
        if is_remote(uri):
            from meetbefore_assets.storage.record_objects import ObjectStore

            return ObjectStore(uri, self._home_folder / "cache")
        from meetbefore_assets.storage.record_parquet import open_store

        return open_store(uri)

    def open_database(self, path: Path, shared_uri: str) -> Publisher:
        if shared_uri:
            from meetbefore_assets.storage.database_shared import SharedPublisher

            return SharedPublisher(shared_uri, path)
        from meetbefore_assets.storage.database_duckdb import DuckDbPublisher

        return DuckDbPublisher(path)

    def hold(self, folder: Path, name: str, timeout_s: float) -> AbstractContextManager[None]:
        from meetbefore_assets.storage.file_locks import hold

        return hold(folder, name, timeout_s)

    def hold_in_postgres(self, address: str, scope: str, name: str, timeout_s: float) -> AbstractContextManager[None]:
        from meetbefore_assets.storage.postgres_locks import hold

        return hold(address, scope, name, timeout_s)

    def shared_files(self, shared_uri: str) -> SharedFiles:
        from meetbefore_assets.storage.shared_files import ObjectStoreFiles

        return ObjectStoreFiles(shared_uri, self._home_folder)

    def map_vectors(self, blocks: Iterable[F32]) -> F32:
        from meetbefore_assets.storage.scratch import map_blocks

        return map_blocks(blocks, self._scratch)

    def scratch(self) -> AbstractContextManager[Path]:
        from meetbefore_assets.storage.scratch import scratch, scratch_of

        return scratch(scratch_of(self._home_folder))

    def sweep_scratch(self) -> list[Path]:
        from meetbefore_assets.storage.scratch import scratch_of, sweep_scratch

        folders = (self._scratch, scratch_of(self._home_folder), self._home_folder / "cache" / "tables")
        return [removed for folder in folders for removed in sweep_scratch(folder)]

    @property
    def _scratch(self) -> Path:
        return self._home_folder / "index" / "scratch"
