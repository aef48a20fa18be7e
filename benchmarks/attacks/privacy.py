"""Attacks on the privacy of a home: another user who reads it, and processes killed while they hold faces in temporary files."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.attacks.attack import Attack, Outcome
from meetbefore_assets.demo.footage import write_clips
from meetbefore_assets.open_home import open_home
from meetbefore_assets_tests.demo.test_footage import CLIPS, shortened

# A user who is nobody here, and his shell.
STRANGER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c"]
EVERYBODY_S = 0o022
_LIST = 'ls -la "$0" 2>/dev/null | head -3; find "$0" -mindepth 1 2>/dev/null | head -3; find "$0" -type f -readable 2>/dev/null | head -3'


def _started(folder: Path, *words: object, environment: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
    """Start a command in its own session with the permissive umask 022."""
    log = (folder / "said.log").open("ab")
    command = [sys.executable, "-m", *(str(word) for word in words)]
    environment = {**os.environ, **(environment or {}), "DAGSTER_DISABLE_TELEMETRY": "1"}
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, umask=EVERYBODY_S, start_new_session=True, env=environment)


def _meetbefore(folder: Path, *words: object) -> int:
    return _started(folder, "meetbefore_assets", *words).wait()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _stranger_sees(home: Path) -> str:
    """What another user can list or read of a home, "" if nothing. The folder around the home is open to them."""
    seen = subprocess.run(
        [*STRANGER, f"ls {home.parent} >/dev/null && echo here; " + _LIST, str(home)], capture_output=True, text=True, check=False
    )
    lines = seen.stdout.splitlines()
    if lines[:1] != ["here"]:
        return f"he does not come so far: {seen.stderr}"
    return " ".join(lines[1:])


def _waited(until: Callable[[], bool], seconds: float = 120) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if until():
            return True
        time.sleep(0.02)
    return False


def _stranger(folder: Path) -> Outcome:
    """After a run, corrections, exports into the home, forgetting, upkeep, `dagster dev`, and a kill."""
    folder.chmod(0o755)
    clips, home = folder / "clips", folder / "home"
    write_clips(clips, (shortened(CLIPS[0], 2), shortened(CLIPS[3], 2)))
    looked = dict[str, str]()
    _meetbefore(folder, "run", clips, "--home", home)
    looked["run"] = _stranger_sees(home)
    person = open_home(home).store.scan("people", ["_all"])["person_id"][0]
    _meetbefore(folder, "name", person, "Anna", "--home", home)
    for kind in ("csv", "json", "seed"):
        _meetbefore(folder, "export", kind, home / f"export-{kind}", "--home", home)
    looked["exports"] = _stranger_sees(home)
    served = {"MEETBEFORE_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    dev = _started(folder, "dagster", "dev", "-m", "meetbefore_assets.definitions", "-p", "0", environment=served)
    is_up = _waited(lambda: "Serving" in (folder / "said.log").read_text(errors="replace"))
    time.sleep(20)  # the sensors look, and the daemon notes it
    looked["dagster dev"] = _stranger_sees(home)
    _kill(dev)
    looked["kill"] = _stranger_sees(home)
    _meetbefore(folder, "forget", "Anna", "--yes", "--home", home)
    looked["forget"] = _stranger_sees(home)
    wide = [path for path in (home, *home.rglob("*")) if path.lstat().st_mode & 0o077 and not path.is_relative_to(home / "dagster")]
    seen = "; ".join(f"after {when}: {what}" for when, what in looked.items() if what)
    printed = seen or f"nothing after {', '.join(looked)}" + (f"; open: {wide[0]}" if wide else "") + (
        "" if is_up else "; the server did not come up"
    )
    return Outcome(printed, not seen and not wide and is_up)


def _fresh_checkout(folder: Path) -> Outcome:
    """`dagster dev` in a fresh checkout: the web server, which knows nothing of homes, starts first."""
    folder.chmod(0o755)
    home = folder / "data"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    served = {"MEETBEFORE_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    (home / "dagster").mkdir()
    dev = _started(folder, "dagster", "dev", "-m", "meetbefore_assets.definitions", "-p", "0", environment=served)
    is_up = _waited(lambda: "Serving" in (folder / "said.log").read_text(errors="replace"))
    time.sleep(20)
    seen = _stranger_sees(home)
    _kill(dev)
    return Outcome(seen or ("nothing" if is_up else "the server did not come up"), not seen and is_up)


def _old_home(folder: Path) -> Outcome:
    """A home with the open permissions of earlier versions: `doctor` reports it, and `doctor --fix` closes it."""
    folder.chmod(0o755)
    home = folder / "home"
    for name in ("record/tracks", "index", "dagster/history", "videos"):
        (home / name).mkdir(parents=True)
    for name in ("record/tracks/t.parquet", "settings.toml", "dagster/history/runs.db"):
        (home / name).touch()
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    before = _stranger_sees(home)
    told = _meetbefore(folder, "doctor", "--home", home)
    _meetbefore(folder, "doctor", "--fix", "--home", home)
    said = [line for line in (folder / "said.log").read_text().splitlines() if "access" in line]
    after = _stranger_sees(home)
    return Outcome(" | ".join(said), bool(before) and told == 1 and not after)


def _killed_publisher(folder: Path) -> Outcome:
    """Kill a publishing run as soon as a temporary database exists; then a run that has nothing to do must clean up."""
    folder.chmod(0o755)
    clips, home = folder / "clips", folder / "home"
    write_clips(clips, (shortened(CLIPS[0], 2),))
    run = _started(folder, "meetbefore_assets", "run", clips, "--home", home)

    def half_made() -> list[Path]:
        return [path for path in home.rglob("*.duckdb*") if path != home / "meetbefore.duckdb"] if home.is_dir() else []

    is_seen = _waited(lambda: bool(half_made()), 300)
    _kill(run)
    left, seen = half_made(), _stranger_sees(home)
    codes = [_meetbefore(folder, "run", clips, "--home", home) for _ in range(1 if left else 0)]
    after = half_made()
    printed = f"{len(left)} left, {'seen: ' + seen if seen else 'closed to others'}; after the next run {len(after)}"
    return Outcome(printed, is_seen and bool(left) and codes == [0] and not seen and not after)


def _killed_clip(folder: Path) -> Outcome:
    """Kill `clip` into a user's folder at many moments: no hidden file may stay there, and the home is clean after the next run."""
    folder.chmod(0o755)
    clips, home, mine = folder / "clips", folder / "home", folder / "mine"
    write_clips(clips, (shortened(CLIPS[0], 4),))
    _meetbefore(folder, "run", clips, "--home", home)
    person = open_home(home).store.scan("people", ["_all"])["person_id"][0]
    hidden, caught = [], 0
    for attempt in range(12):
        process = _started(folder, "meetbefore_assets", "clip", person, mine, "--home", home)
        _waited(lambda: any(home.glob("tmp/scratch/*/*")), 20)
        time.sleep(attempt * 0.002)
        _kill(process)
        caught += any(home.glob("tmp/scratch/*/*"))
        hidden += [path for path in mine.rglob("*") if path.name.startswith(".")] if mine.is_dir() else []
    _meetbefore(folder, "run", clips, "--home", home)
    left = [path for path in home.glob("tmp/scratch/*") if path.is_dir()]
    return Outcome(
        f"{caught} of 12 killed in the middle: {len(hidden)} hidden files in the folder, {len(left)} left in the home",
        not hidden and not left,
    )


ATTACKS = [
    Attack("7", "read a home as another user (umask 022) after run, name, exports, `dagster dev`, kill -9, forget", _stranger),
    Attack("7b", "the same of an empty home that `dagster dev` begins", _fresh_checkout),
    Attack("7c", "the same of a home that an earlier version left open", _old_home),
    Attack("8", "kill -9 while the database is published", _killed_publisher),
    Attack("8b", "kill -9 while `clip` writes into a folder of the user", _killed_clip),
]
