"""Which index finds similar tracks: in memory, in files of the home, or in a Postgres server, as `index.kind` says."""

from functools import partial
from pathlib import Path

from meetbefore_assets.domain.edges import MakeIndex
from meetbefore_assets.settings import Settings


def make_index(settings: Settings, home: Path) -> MakeIndex:
    """What `index.kind` asks for; its library is loaded here."""
    if settings.index.kind == "disk":
        from meetbefore_assets.adapters.index_disk import disk_index_of

        return partial(disk_index_of, folder=home / "index" / "scratch")
    if settings.index.kind == "pgvector":
        from meetbefore_assets.adapters.index_pgvector import pgvector_index_of

        return partial(pgvector_index_of, address=settings.store.postgres)
    from meetbefore_assets.adapters.index_faiss import index_of

    return index_of
