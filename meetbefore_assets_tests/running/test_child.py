"""A process that ends when the one that started it is gone, and without a traceback on Ctrl-C."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from meetbefore_assets.running import child

LONGEST_S = 60.0


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """A module that says what it was called with and stays."""
    (folder / "forever.py").write_text("import sys, time\nprint(__name__, *sys.argv[1:], flush=True)\ntime.sleep(600)\n")
    command = [sys.executable, "-m", child.__name__, "forever", "one", "--two"]
    started = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
    )
    assert started.stdout is not None
    assert started.stdout.readline() == b"__main__ one --two\n"
    return started


def test_it_ends_when_the_pipe_to_its_parent_breaks_as_it_does_when_that_is_killed(tmp_path: Path) -> None:
    started = start(tmp_path)
    assert started.stdin is not None
    assert started.poll() is None
    started.stdin.close()
    assert started.wait(LONGEST_S) == 130


def test_ctrl_c_ends_it_without_a_traceback(tmp_path: Path) -> None:
    started = start(tmp_path)
    started.send_signal(signal.SIGINT)
    assert started.wait(LONGEST_S) == 130
    assert started.stdout is not None
    assert started.stdout.read() == b""
