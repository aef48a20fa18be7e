"""Writes a file whole or not at all."""

import os
import secrets
from pathlib import Path

from meetbefore_assets.core.errors import StoreError


def write_private(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        StoreError: the disk is full or must not be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_bytes(data)
        os.chmod(temporary, 0o600)
        os.replace(temporary, path)
    except OSError as error:
        raise StoreError(f"{path} could not be written: {error.strerror or error}.", remedy="Free some space, then run again.") from error
    finally:
        if temporary.exists():
            temporary.unlink()
