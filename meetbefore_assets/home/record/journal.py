"""The event log: `<home>/dagster/logs/meetbefore.jsonl`, one JSON object a line, with run and video."""

import datetime as dt
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from meetbefore_assets.home.home import Home
from meetbefore_assets.storage.atomic_file import write_private

# Lines below this length are written whole by one call, whoever else writes at the same time.
MESSAGE_LENGTH = 2000
ROTATE_BYTES = 10 * 2**20


def journal_path(home: Home) -> Path:
    """Where the log lies."""
    return home.folder / "dagster" / "logs" / "meetbefore.jsonl"


def log_event(home: Home, event: str, *, level: str = "info", **fields: object) -> None:
    """Append one event; people's names, pictures and person ids have no business here.

    Args:
        event: what happened, as `made`, `failed`, `matched`.
        fields: run_id, video_id, asset, seconds, rows, message, ….
    """
    moment = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    short = {name: value[:MESSAGE_LENGTH] if isinstance(value, str) else value for name, value in fields.items()}
    line = json.dumps({"time": moment, "level": level, "event": event, **short}, default=str, ensure_ascii=False) + "\n"
    try:
        _append(journal_path(home), line.encode())
    except OSError as error:
        # Work goes on without its log; if the disk is full, whatever is written next says so.
        logging.getLogger(__name__).warning("%s cannot be written to: %s", journal_path(home), error)


def _append(path: Path, line: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(target, line)
    finally:
        os.close(target)


def read_events(home: Home) -> Iterator[dict[str, object]]:
    """The events on file, the earliest first; a line that was cut off by a crash is passed over."""
    for path in _files(home):
        if not path.exists():
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                yield dict(json.loads(line))
            except (ValueError, TypeError):
                continue


def erase_video_events(home: Home, video_id: str) -> None:
    """Take the events of one video out."""
    with home.lock("journal"):
        for path in _files(home):
            if path.exists() and video_id.encode() in path.read_bytes():
                lines = path.read_bytes().splitlines(keepends=True)
                write_private(path, b"".join(line for line in lines if video_id.encode() not in line))


def rotate_log(home: Home) -> bool:
    """Put a log that has grown large aside; the one before it goes."""
    old, now = _files(home)
    if not now.exists() or now.stat().st_size < ROTATE_BYTES:
        return False
    now.replace(old)
    return True


def _files(home: Home) -> tuple[Path, Path]:
    path = journal_path(home)
    return path.with_name(path.name + ".1"), path
