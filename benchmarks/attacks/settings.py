"""Attacks on the settings: concurrent writers, special files in their place, and a password that might be printed."""

import json
import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

from benchmarks.attacks.attack import Attack, Outcome
from meetbefore_assets.storage.object_store import objects_at
from meetbefore_assets_tests.support.s3 import new_bucket

PROCESSES, WRITES = 4, 25
# Whoever still waits after so long waits for ever.
PATIENCE_S = 60
_COMMENTED = "# mine\n[time]\nzone = 'UTC'  # of the cameras\n"

# Writes its own keys by the command line, again and again, and counts the writes that are still there after each of the others'.
_WRITER = """
import contextlib, io, json, sys
from meetbefore_assets.cli.main import cli
from meetbefore_assets.home.settings import shared_file
shared_file.BELIEVED_S = 0.0
home, writes, *keys = sys.argv[1:]

def config(*words):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        cli(["config", *words, "--home", home, "--format", "json"], standalone_mode=False)
    return {key: row["value"] for key, row in json.loads(printed.getvalue()).items()}

written, kept = {}, 0
for number in range(int(writes)):
    key = keys[number % len(keys)]
    config(f"{key}={200 + number}")
    written[key] = 200 + number
    kept += config(*written) == written
print(kept)
"""
_KEYS = (
    ("detection.max_side", "models.threads", "encounters.gap_min"),
    ("detection.min_face_px", "upkeep.watch_s"),
    ("upkeep.keep_runs_days", "tracks.max_gap_s"),
    ("privacy.single_sightings_days", "sampling.interval_s"),
)


def _race(folders: list[Path]) -> int:
    """Write from several processes at once, home after home; returns how many of all writes were kept."""
    commands = [
        [sys.executable, "-c", _WRITER, str(folder), str(WRITES), *keys] for folder, keys in zip(folders, _KEYS[:PROCESSES], strict=True)
    ]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for command in commands]
    printed = [process.communicate(timeout=600) for process in running]
    return sum(int(out) if out.strip().isdigit() else 0 for out, _ in printed)


def _race_on_a_file(folder: Path) -> Outcome:
    (folder / "settings.toml").write_text(_COMMENTED, encoding="utf-8")
    kept = _race([folder] * PROCESSES)
    text = (folder / "settings.toml").read_text(encoding="utf-8")
    mode, left = (folder / "settings.toml").stat().st_mode & 0o777, list(folder.glob(".*.tmp"))
    is_whole = _is_whole(text) and mode == 0o600 and not left
    return Outcome(f"{kept} of {PROCESSES * WRITES} kept, comments {'too' if is_whole else 'LOST'}, mode {mode:o}", _all(kept) and is_whole)


def _race_on_an_object(folder: Path) -> Outcome:
    uri = f"{new_bucket()}/archive"
    os.environ["MEETBEFORE_STORE"] = uri
    try:
        objects_at(uri).put("settings.toml", _COMMENTED.encode())
        kept = _race([folder / str(number) for number in range(PROCESSES)])
        text = objects_at(uri).get("settings.toml")[0].decode()
    finally:
        del os.environ["MEETBEFORE_STORE"]
    return Outcome(f"{kept} of {PROCESSES * WRITES} kept, comments {'too' if _is_whole(text) else 'LOST'}", _all(kept) and _is_whole(text))


def _all(kept: int) -> bool:
    return kept == PROCESSES * WRITES


def _is_whole(text: str) -> bool:
    return text.startswith(_COMMENTED) and len(tomllib.loads(text)) > 1


def _meetbefore(folder: Path, *words: str) -> tuple[int, str]:
    """Run a command; returns its exit code (-1 if it did not end) and its output."""
    command = [sys.executable, "-m", "meetbefore_assets", *words, "--home", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return -1, f"waited more than {PATIENCE_S} s"
    return done.returncode, done.stdout + done.stderr


def _no_file(folder: Path) -> Outcome:
    """Put a named pipe, a device, a folder and a socket in place of the settings."""

    def put_socket(path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))

    printed, held = [], True
    kinds = {"pipe": os.mkfifo, "device": lambda path: os.symlink("/dev/zero", path), "folder": os.mkdir, "socket": put_socket}
    for name, put in kinds.items():
        home = folder / name
        home.mkdir()
        put(home / "settings.toml")
        for words in (["config"], ["config", "matching.threshold=0.4"], ["run"], ["doctor"]):
            code, said = _meetbefore(home, *words)
            held &= code in (1, 2) and "is not a settings file" in said
        printed.append(said.splitlines()[-1] if code == -1 else next(line for line in said.splitlines() if "settings" in line))
    return Outcome(printed[0], held)


def _password(folder: Path) -> Outcome:
    """Look for the server's password in every output and in every file other than the settings."""
    secret, address = "hush-hush", "postgresql://me:hush-hush@127.0.0.1:9/db"
    said = [
        _meetbefore(folder, *words)[1] for words in (["config", f"store.postgres={address}"], ["config"], ["config", "--format", "json"])
    ]
    shown = next((line for line in said[0].splitlines() if "postgres" in line), "")
    wrong = [f"store.postgres=mysql://me:{secret}@h", f"store.postgress={address}", f"sampling={address}", f"store.uri={address}", address]
    said += [_meetbefore(folder, "config", word)[1] for word in wrong]
    said += [_meetbefore(folder, *words)[1] for words in (["run"], ["doctor"], ["run", "--set", f"time.zone={address}"], ["demo", address])]
    leaks = [text for text in said if secret in text]
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "settings.toml"]
    leaks += [str(path) for path in files if secret.encode() in path.read_bytes()]
    kept = json.dumps(tomllib.loads((folder / "settings.toml").read_text(encoding="utf-8")))
    return Outcome(leaks[0] if leaks else " ".join(shown.split()), not leaks and address in kept)


ATTACKS = [
    Attack("3", "`config` from four processes, 25 writes each", _race_on_a_file),
    Attack("3b", "the same, on four machines that share settings in an object store", _race_on_an_object),
    Attack("17", "a named pipe, a device, a folder, a socket as `settings.toml`", _no_file),
    Attack("18", "`config store.postgres=…`, then every command and error that could repeat the password", _password),
]
