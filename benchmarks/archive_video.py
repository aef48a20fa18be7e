"""Part of `benchmarks.archive`: a `run` that leaves matching, and what comes after it, to the next one.

usage: python -m benchmarks.archive_video HOME VIDEO
"""

import sys
from pathlib import Path

from rich.console import Console

from meetbefore_assets import runner
from meetbefore_assets.report.progress import RunView


def main() -> None:
    home, video = map(Path, sys.argv[1:])
    runner._match = lambda *_arguments: None
    with RunView(Console()) as view:
        summary = runner.run(home, runner.RunOptions((video,)), view)
    sys.exit(0 if summary.is_success and summary.computed else 1)


if __name__ == "__main__":
    main()
