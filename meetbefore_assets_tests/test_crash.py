"""Kill -9 at random moments: the last good state stays readable, and the next run completes it. `benchmarks.crash` does it with
the whole program; here a process takes all steps with fake models, so that many kills cost little."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from meetbefore_assets.publishing.database import is_published
from meetbefore_assets_tests.support.fakes import fake_home
from meetbefore_assets_tests.test_concurrency import content, work, write_archive

pytestmark = pytest.mark.slow

WORKER = """
import sys
from pathlib import Path
from meetbefore_assets_tests.test_concurrency import work
print("ready", flush=True)
work(Path(sys.argv[1]), Path(sys.argv[2]))
"""
KILLS = 3


@contextmanager
def working(home_folder: Path, folder: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that is about to do everything."""
    with subprocess.Popen([sys.executable, "-c", WORKER, str(home_folder), str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process


def kill_at_random(home_folder: Path, folder: Path, longest_s: float, dice: random.Random) -> bool:
    """Start everything and kill it after a while; whether that was before it was done."""
    with working(home_folder, folder) as process:
        try:
            code = process.wait(timeout=dice.uniform(0, longest_s))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return True
        assert code == 0
        return False


def assert_readable(home_folder: Path) -> None:
    """The published database opens and is whole, if there is one yet."""
    path = home_folder / "meetbefore.duckdb"
    if path.exists():
        with duckdb.connect(str(path), read_only=True) as reader:
            lost = "select count(*) from identity_assignments where face_id not in (select face_id from detections)"
            assert reader.execute(lost).fetchall() == [(0,)]


def rounds(root: Path, kills: int, seed: int) -> int:
    """Kill, look, go on, until there were so many kills; every home must end like one that nobody disturbed. Returns the rounds."""
    folder = write_archive(root / "videos", 3)
    work(root / "warm", folder)
    begun = time.monotonic()
    work(root / "calm", folder)
    longest_s = 1.5 * (time.monotonic() - begun)
    expected = content(root / "calm")
    dice, done, number = random.Random(seed), 0, 0
    while done < kills:
        number += 1
        home_folder = root / f"killed-{number}"
        while done < kills and kill_at_random(home_folder, folder, longest_s, dice):
            done += 1
            assert_readable(home_folder)
        work(home_folder, folder)
        assert content(home_folder) == expected, f"round {number}"
        assert is_published(fake_home(home_folder))
    return number


def test_killed_at_random_moments_the_next_run_completes_the_same(tmp_path: Path) -> None:
    assert rounds(tmp_path, KILLS, seed=3) >= 1
