"""Runs a module like `python -m`, and ends when its parent process is gone, even if that was killed.

python -m meetbefore_assets.running.child MODULE ARGUMENT…; standard input is a pipe that the parent process keeps open.
"""

import os
import runpy
import signal
import sys
import threading
import time

_GRACE_S = 10.0
_INTERRUPTED = 130


def main() -> None:
    """Run the module named on the command line."""
    # A process started in the background of a shell ignores Ctrl-C, and its children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    module, *sys.argv[1:] = sys.argv[1:]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    main()
