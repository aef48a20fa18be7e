"""Several `meetbefore run` on one home at once, and the same videos one by one; a reader has the database open all the while.

python -m benchmarks.at_once --videos 40 --runs 2 --jobs 4
"""

import argparse
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import duckdb

from benchmarks.crash import content, prepare, run_command, start
from meetbefore_assets.demo.footage import write_clips
from meetbefore_assets.recordings.video.pyav_reader import open_video
from meetbefore_assets_tests.demo.test_footage import CLIPS, shortened


def copies(clips: Path, folder: Path, count: int) -> None:
    """Write `count` recordings that differ in bytes that players ignore and whose names give different days."""
    folder.mkdir()
    sources = sorted(clips.iterdir())
    for number in range(count):
        data = sources[number % len(sources)].read_bytes()
        path = folder / f"DJI_2025{number // 28 + 1:02}{number % 28 + 1:02}080000_{number:04}_D.MP4"
        path.write_bytes(data + (12).to_bytes(4, "big") + b"free" + number.to_bytes(4, "big"))
        open_video(str(path)).close()


class Reader(threading.Thread):
    """A thread that opens the database again and again and collects the errors."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path, self.opened, self.errors, self.is_over = path, 0, list[str](), threading.Event()

    def run(self) -> None:
        while not self.is_over.wait(0.02):
            if self.path.exists():
                try:
                    with duckdb.connect(str(self.path), read_only=True) as connection:
                        connection.execute("select count(*) from detections").fetchall()
                        self.opened += 1
                        self.is_over.wait(0.2)
                        connection.execute("select count(*) from embeddings").fetchall()
                except duckdb.Error as error:
                    self.errors.append(str(error))


def timed(processes: "list[subprocess.Popen[bytes]]") -> list[int]:
    return [process.wait() for process in processes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=40)
    parser.add_argument("--runs", type=int, default=2, help="`meetbefore run` at once")
    parser.add_argument("--jobs", type=int, default=4, help="videos at a time of each")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meetbefore-at-once-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        write_clips(folder / "clips", tuple(shortened(clip, 1) for clip in CLIPS[:4]))
        copies(folder / "clips", folder / "videos", chosen.videos)
        homes = (folder / "together", folder / "alone")
        for home_folder in homes:
            prepare(home_folder, folder / "videos")
        reader = Reader(homes[0] / "meetbefore.duckdb")
        reader.start()
        begun = time.monotonic()
        codes = timed(
            [start([*run_command(folder / "videos", homes[0]), "--jobs", str(chosen.jobs)], homes[0]) for _ in range(chosen.runs)]
        )
        middle = time.monotonic()
        reader.is_over.set()
        reader.join()
        alone = timed([start([*run_command(folder / "videos", homes[1]), "--jobs", "1"], homes[1])])
        log = (folder / "together.log").read_text()
        print(f"{chosen.runs} runs of {chosen.jobs} jobs over {chosen.videos} videos: exit {codes}, {middle - begun:.0f} s")
        print(f"one by one: exit {alone}, {time.monotonic() - middle:.0f} s")
        print(f"reader: opened {reader.opened} times, errors: {reader.errors or 'none'}")
        words = ("failed", "locked", "Traceback")
        print(f"lines with {', '.join(words)}: {[line for line in log.splitlines() if any(word in line for word in words)] or 'none'}")
        print(f"content tables equal: {content(homes[0]) == content(homes[1])}")


if __name__ == "__main__":
    main()
