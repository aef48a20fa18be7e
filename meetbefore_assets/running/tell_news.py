"""Passes news to the program or file in the settings (`news.command`, `news.file`); a failure is reported and stops nothing."""

import contextlib
import datetime as dt
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.core.ports import WHOLE, Stamp
from meetbefore_assets.core.schema.encounters import NEWS_TOLD
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.core.untrusted_text import without_controls
from meetbefore_assets.encounters import news
from meetbefore_assets.home.home import Home
from meetbefore_assets.publishing.news import as_json
from meetbefore_assets.storage.atomic_file import write_private

# Bytes of a failed program's error output that are reported.
_ERROR_BYTES = 400


def tell_news(home: Home) -> tuple[bool, list[str]]:
    """Pass on the news since the last success.

    Returns:
        Whether there were news and a program or file to pass them to; and a sentence for each failure. After a failure the same news are
        passed on again next time, together with newer ones.
    """
    settings = home.settings().news
    if not settings.command and not settings.file:
        return False, []
    with home.lock("news"):
        known = news.first_on_record(home)
        told = home.store.get(NEWS_TOLD.name, WHOLE)["told_at"][0] if home.store.stamp(NEWS_TOLD.name, WHOLE) else None
        newest = known["on_record_at"].max()
        if not isinstance(newest, dt.datetime) or (told is not None and newest <= told):
            return False, []
        found = news.since(home, None if told is None else told + dt.timedelta(microseconds=1))
        text = as_json(found, home.zone())
        problems = _written(home.folder / Path(settings.file).expanduser(), text) if settings.file else []
        problems += _run(settings.command, text, home.folder, settings.timeout_s) if settings.command else []
        if not problems:
            table = check(NEWS_TOLD, NEWS_TOLD.frame([{"told_at": newest}]))
            home.store.put(NEWS_TOLD.name, WHOLE, table, Stamp(digest(str(newest)), {}, {}, 1))
    return True, problems


def _written(path: Path, text: str) -> list[str]:
    try:
        write_private(path, text.encode())
    except (OSError, StoreError) as error:
        return [f"news.file: {path} cannot be written: {getattr(error, 'strerror', None) or error}."]
    return []


def _run(command: tuple[str, ...], text: str, folder: Path, timeout_s: float) -> list[str]:
    """Run a program in a process group of its own; the group is killed after `timeout_s`, or if this process is interrupted."""
    name = Path(command[0]).name
    # A file: a pipe would stay open as long as processes that the program leaves running.
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                [shutil.which(command[0]) or command[0], *command[1:]],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return [f"news.command: {name} cannot be started: {getattr(error, 'strerror', None) or error}."]
        try:
            process.communicate(text.encode(), timeout=timeout_s)
        except BaseException as error:
            _end(process)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            return [f"news.command: {name} was ended after {timeout_s:g} s (news.timeout_s)."]
        if not process.returncode:
            return []
        errors.seek(0, os.SEEK_END)
        errors.seek(max(0, errors.tell() - _ERROR_BYTES))
        said = without_controls(errors.read().decode(errors="replace")).strip()
        return [f"news.command: {name} ended with {process.returncode}{f': {said}' if said else '.'}"]


def _end(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # it is the leader of its own group
    process.wait()
