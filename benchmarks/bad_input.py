"""Run the corpus of bad recordings, with good ones among them, through `meetbefore run`, and print the message for each.

python benchmarks/bad_input.py
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.open_home import open_home
from meetbefore_assets.publishing.database import video_rows
from meetbefore_assets_tests.support.bad_videos import CASES, make_corpus


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="meetbefore-bad-") as folder:
        corpus, home_folder = make_corpus(Path(folder) / "in"), Path(folder) / "home"
        command = [sys.executable, "-m", "meetbefore_assets", "run", str(corpus), "--home", str(home_folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
        rows = {row["file_name"]: row for row in video_rows(open_home(home_folder)).to_dicts()}
        table = Table("file", "outcome", "said", title=f"meetbefore run: exit {done.returncode}")
        for case in CASES:
            row = rows.get("inside a loop.mp4" if case.name == "loop" else case.name)
            said = (
                next((line for line in done.stdout.splitlines() if printable(case.name) in line), "") if row is None else row["error"] or ""
            )
            table.add_row(
                printable(case.name[:40]), row["status"] if row else "skipped", printable(said.rpartition(": ")[2] if not row else said)
            )
        Console(width=200).print(table)
        wrong = [
            case.name
            for case in CASES
            if not case.is_skipped and not case.words and rows.get(case.name, {"status": "done"})["status"] != "done"
        ]
        count = sum(row["status"] == "done" for row in rows.values())
        print(f"{len(rows)} recordings, {count} done; good ones that are not: {wrong or 'none'}")
        print(f"Traceback printed: {'Traceback' in done.stdout + done.stderr}")


if __name__ == "__main__":
    main()
