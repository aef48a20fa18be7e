"""Addresses of stores and recordings: which are folders, and which are in an object store."""

from pathlib import Path
from urllib.parse import unquote, urlparse

LOCAL_SCHEMES = ("file",)
REMOTE_SCHEMES = ("s3", "gs", "az", "abfs", "abfss")


def path_of(uri: str) -> Path:
    """The local path of a path or of an address with one of LOCAL_SCHEMES."""
    parts = urlparse(uri)
    return Path(unquote(parts.path) if parts.scheme in LOCAL_SCHEMES else uri)


def is_remote(uri: str) -> bool:
    """Whether an address is in an object store."""
    return uri.partition("://")[0] in REMOTE_SCHEMES and "://" in uri
