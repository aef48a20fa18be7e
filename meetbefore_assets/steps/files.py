"""Files of a home that are not part of the record: pictures for people, readable by their owner only."""

import os
import secrets
import shutil
from pathlib import Path

from meetbefore_assets.errors import StoreError
from meetbefore_assets.workbench import Workbench


def preview_path(bench: Workbench, video_id: str) -> Path:
    """Contact sheet of a video's best faces."""
    return bench.home / "previews" / f"{video_id}.jpg"


def kept_frames(bench: Workbench, video_id: str) -> Path:
    """Folder of a video's whole pictures, if they are kept."""
    return bench.home / "frames" / video_id


def remove(bench: Workbench, *paths: Path) -> None:
    """Remove files and folders of a home, from the object store too."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        bench.unshare(path)


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
