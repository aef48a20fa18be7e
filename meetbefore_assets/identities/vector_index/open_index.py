"""Opens the vector index that `index.kind` asks for: in memory, on disk, or pgvector."""

from functools import partial
from pathlib import Path

from meetbefore_assets.core.ports import MakeIndex


def make_index(kind: str, address: str, home_folder: Path) -> MakeIndex:
    """The index builder of a kind; imports its library.

    Args:
        kind: auto, memory, disk or pgvector.
        address: address of the Postgres server, for pgvector.
        home_folder: temporary files are written below it.
    """
    if kind == "disk":
        from meetbefore_assets.identities.vector_index.faiss_disk import disk_index_of

        return partial(disk_index_of, folder=home_folder / "index" / "scratch")
    if kind == "pgvector":
        from meetbefore_assets.identities.vector_index.pgvector import pgvector_index_of

        return partial(pgvector_index_of, address=address)
    from meetbefore_assets.identities.vector_index.faiss_memory import index_of

    return index_of
