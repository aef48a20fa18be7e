"""Part of `benchmarks.archive`: a `run` that leaves matching, and what comes after it, to the next one.

usage: python -m benchmarks.archive_video HOME VIDEO
"""

import sys
from pathlib import Path

from rich.console import Console

from meetbefore_assets.cli.options import build_definitions
from meetbefore_assets.cli.terminal.progress import RunView
from meetbefore_assets.running import run


def main() -> None:
    home_folder, video = map(Path, sys.argv[1:])
    run._Execution._match = lambda _execution: None
    with RunView(Console()) as view:
        summary = run.run_pipeline(home_folder, run.RunOptions((video,)), build_definitions, view)
    sys.exit(0 if summary.is_success and summary.computed else 1)


if __name__ == "__main__":
    main()
