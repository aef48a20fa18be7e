"""The identity adapters of a home (port `IdentityAdapters`). The library of an index is imported at first use."""

from pathlib import Path

from meetbefore_assets.core.ports import MakeIndex


class Identities:
    """Vector search with Faiss in memory, Faiss on disk, or pgvector."""

    def __init__(self, home_folder: Path) -> None:
        self._home_folder = home_folder

    def make_index(self, kind: str, postgres: str) -> MakeIndex:
        from meetbefore_assets.identities.vector_index.open_index import make_index

        return make_index(kind, postgres, self._home_folder)
