"""Copies of a home's files in the object store: contact sheets, kept frames, the page."""

from pathlib import Path

from meetbefore_assets.storage.object_store import objects_at


class ObjectStoreFiles:
    """Implements `ports.SharedFiles`: `<url>/files/<name in the home>`."""

    def __init__(self, url: str, home_folder: Path) -> None:
        self._objects, self._home_folder = objects_at(url), home_folder

    def put(self, path: Path) -> None:
        """Upload a file of the home. Raises StoreError."""
        self._objects.put(self._name(path), path)

    def address(self, path: Path) -> str:
        """The URL of a file's copy."""
        return self._objects.address(self._name(path))

    def drop(self, path: Path) -> None:
        """Delete the copy of a file, or of everything in a folder. Raises StoreError."""
        name = self._name(path)
        self._objects.remove(name, *(facts.name for facts in self._objects.below(name)))

    def _name(self, path: Path) -> str:
        return f"files/{path.relative_to(self._home_folder).as_posix()}"
