"""Object stores (S3, Google Cloud, Azure) through obstore. Credentials come from the environment.

Writes are atomic (one PUT, or a multipart upload that is completed at the end), and the next read sees them:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import from_url

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.storage.atomic_file import atomic_file
from meetbefore_assets.storage.private_folder import private_folder

_REMEDY = "Check the address, the network and the credentials (AWS_… in the environment, or what the store asks for), then run again."
_ROOM = "Free some space or check the permissions, then run again."
_CHUNK_BYTES = 8 << 20


@dataclass(frozen=True)
class ObjectFacts:
    """What a listing says of one object.

    Attributes:
        name: relative to the root.
        size_bytes: size of the content.
        modified_ns: when it was written, nanoseconds since 1970 UTC.
        tag: changes with the content.
    """

    name: str
    size_bytes: int
    modified_ns: int
    tag: str


class Objects:
    """All objects below one URL; every method raises StoreError if the store cannot be reached or refuses."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        with _store_errors(self.url):
            self._store: Any = from_url(self.url)

    def check(self) -> None:
        """Raise StoreError if the bucket does not exist or may not be listed, which a request for one object does not tell."""
        with _store_errors(self.url):
            next(iter(obstore.list(self._store, chunk_size=1)), None)

    def put(self, name: str, content: bytes | Path, tag: str | None = None) -> str:
        """Write an object; returns its new tag.

        Args:
            content: the bytes, or a file that holds them.
            tag: write only if the current object has this tag ("": only if there is none).

        Raises:
            FileExistsError: the current object has another tag.
        """
        more: Any = {} if tag is None else {"mode": {"e_tag": tag} if tag else "create", "use_multipart": False}
        with _store_errors(f"{self.url}/{name}"):
            try:
                done = obstore.put(self._store, name, content, chunk_size=_CHUNK_BYTES, **more)
            except (AlreadyExistsError, PreconditionError) as error:
                raise FileExistsError(name) from error
        return str(done["e_tag"] or "")

    def get(self, name: str) -> tuple[bytes, str]:
        """Content and tag of an object. Raises KeyError if there is none."""
        with _store_errors(f"{self.url}/{name}"):
            try:
                found = obstore.get(self._store, name)
                return bytes(found.bytes()), str(found.meta["e_tag"] or "")
            except FileNotFoundError:
                raise KeyError(name) from None

    def tail(self, name: str, length: int) -> tuple[bytes, ObjectFacts]:
        """The last `length` bytes of an object, or all if it is shorter. Raises KeyError if there is none."""
        with _store_errors(f"{self.url}/{name}"):
            try:
                found = obstore.get(self._store, name, options={"range": {"suffix": length}})
                return bytes(found.bytes()), _facts(found.meta, name)
            except FileNotFoundError:
                raise KeyError(name) from None

    def facts(self, name: str) -> ObjectFacts | None:
        """Facts about one object; None if there is none."""
        with _store_errors(f"{self.url}/{name}"):
            try:
                return _facts(obstore.head(self._store, name), name)
            except FileNotFoundError:
                return None

    def below(self, folder: str) -> list[ObjectFacts]:
        """All objects below a folder ("" for the root), in no order."""
        with _store_errors(f"{self.url}/{folder}"):
            chunks = obstore.list(self._store, folder or None)
            return [_facts(meta, str(meta["path"])) for chunk in chunks for meta in chunk]

    def folders(self, folder: str) -> tuple[list[str], list[ObjectFacts]]:
        """Names of the folders directly in a folder, and the objects directly in it."""
        with _store_errors(f"{self.url}/{folder}"):
            found: Any = obstore.list_with_delimiter(self._store, folder or None)
            return list(found["common_prefixes"]), [_facts(meta, str(meta["path"])) for meta in found["objects"]]

    def remove(self, *names: str) -> None:
        """Delete objects, if they exist."""
        with _store_errors(self.url):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    obstore.delete(self._store, name)

    def opened(self, name: str) -> Any:
        """A file object to read and seek in; only what is read is downloaded."""
        with _store_errors(f"{self.url}/{name}"):
            return obstore.open_reader(self._store, name, buffer_size=1 << 17)

    def download(self, name: str, path: Path) -> None:
        """Download an object into a file, whole or not at all.

        Raises:
            KeyError: there is no such object.
            StoreError: the store cannot be reached, or this machine's disk is full or read-only; the message says which.
        """
        try:
            private_folder(path.parent)
            with atomic_file(path) as temporary, temporary.open("wb") as file:
                for chunk in self._chunks(name):
                    file.write(chunk)
        except OSError as error:
            raise StoreError(f"{path} could not be written: {error.strerror or error}.", remedy=_ROOM) from error

    def _chunks(self, name: str) -> Iterator[bytes]:
        """The content of an object in chunks; errors raised here are the store's, not those of this machine's disk."""
        with _store_errors(f"{self.url}/{name}"):
            try:
                for chunk in obstore.get(self._store, name).stream(min_chunk_size=_CHUNK_BYTES):
                    yield bytes(chunk)
            except FileNotFoundError:
                raise KeyError(name) from None

    def address(self, name: str) -> str:
        """The URL of an object, for people and for Polars."""
        return f"{self.url}/{name}"


@cache
def objects_at(url: str) -> Objects:
    """The objects below a URL; one connection per URL and process."""
    return Objects(url)


def split_address(address: str) -> tuple[Objects, str]:
    """Split an object's URL into its bucket (or container) and its name in it."""
    scheme, _, rest = address.partition("://")
    bucket, _, name = rest.partition("/")
    return objects_at(f"{scheme}://{bucket}"), name


def as_file_name(address: str) -> str:
    """Turn a URL into a valid file name."""
    return quote(address, safe="")


@contextlib.contextmanager
def _store_errors(address: str) -> Iterator[None]:
    """Turn errors of the store into StoreError."""
    try:
        yield
    except FileExistsError:  # what the caller asked about
        raise
    except (BaseError, OSError, ValueError) as error:
        said = str(error).split("\n")[0].split(": <?xml")[0]
        raise StoreError(f"{address} could not be reached: {said}.", remedy=_REMEDY) from error


def _facts(meta: Any, name: str) -> ObjectFacts:
    return ObjectFacts(name, int(meta["size"]), int(meta["last_modified"].timestamp() * 1e9), str(meta["e_tag"] or ""))
