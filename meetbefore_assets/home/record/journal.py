"""The event log of a home: `<home>/dagster/logs/meetbefore.jsonl`, one JSON object per line, with run and video."""

import datetime as dt
import json
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.core.secrets import hide_secrets
from meetbefore_assets.home.home import Home
from meetbefore_assets.storage.atomic_file import write_private
from meetbefore_assets.storage.private_folder import file_mode, private_folder

# Lines below this length are appended in one call, so that lines of several processes do not mix.
MESSAGE_LENGTH = 2000
_PATIENCE_S = 60.0
ROTATE_BYTES = 10 * 2**20


def journal_path(home: Home) -> Path:
    """Path of the log."""
    return home.folder / "dagster" / "logs" / "meetbefore.jsonl"


def log_event(home: Home, event: str, *, level: str = "info", **fields: object) -> None:
    """Append one event. Never log names, pictures or person ids: they could not be forgotten.

    Args:
        event: what happened, such as `made`, `failed`, `matched`.
        fields: run_id, video_id, asset, seconds, rows, message, ….
    """
    moment = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    short = {name: hide_secrets(value)[:MESSAGE_LENGTH] if isinstance(value, str) else value for name, value in fields.items()}
    line = json.dumps({"time": moment, "level": level, "event": event, **short}, default=str, ensure_ascii=False) + "\n"
    try:
        with _alone(home):
            _append(journal_path(home), line.encode())
    except (OSError, StoreError) as error:
        # Work goes on without the log; if the disk is full, the next table that is written fails and says so.
        logging.getLogger(__name__).warning("%s cannot be written to: %s", journal_path(home), error)


def _append(path: Path, line: bytes) -> None:
    private_folder(path.parent)
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, file_mode(path.parent))
    try:
        os.write(target, line)
    finally:
        os.close(target)


def read_events(home: Home) -> Iterator[dict[str, object]]:
    """The logged events, oldest first; a line that was cut off by a crash is skipped."""
    for path in _files(home):
        if not path.exists():
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                yield dict(json.loads(line))
            except (ValueError, TypeError):
                continue


def erase_video_events(home: Home, video_id: str) -> None:
    """Delete the events of one video."""
    with _alone(home):
        for path in _files(home):
            if path.exists() and video_id.encode() in path.read_bytes():
                lines = path.read_bytes().splitlines(keepends=True)
                write_private(path, b"".join(line for line in lines if video_id.encode() not in line))


def rotate_log(home: Home) -> bool:
    """Rename a large log and delete the one renamed before; returns whether it did."""
    old, now = _files(home)
    with _alone(home):
        if not now.exists() or now.stat().st_size < ROTATE_BYTES:
            return False
        now.replace(old)
        return True


def _alone(home: Home) -> AbstractContextManager[None]:
    """Lock against lines being added, and lost, while the log is rewritten; a lock of this machine, as the log is a local file."""
    return home.adapters.storage.hold(home.folder / "locks", "journal", _PATIENCE_S)


def _files(home: Home) -> tuple[Path, Path]:
    path = journal_path(home)
    return path.with_name(path.name + ".1"), path
