"""Attacks by files in the source folders: huge pictures and GPX tracks, thousands of junk files, regular expressions that never end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil

from benchmarks.attacks.attack import Attack, Outcome
from meetbefore_assets_tests.support.builders import draw_clip, draw_number, write_huge_png

EMPTY_FILES = 50_000
JUNK_FILES = 200


@dataclass
class Ran:
    """A finished command: exit code, output, seconds and peak memory."""

    exit_code: int
    said: str
    wall_s: float
    cpu_s: float
    peak_bytes: int
    first_output_s: float

    def figures(self) -> str:
        peak, first = f"peak RSS {self.peak_bytes / 1e6:,.0f} MB", f"first line after {self.first_output_s:.1f} s"
        return f"exit {self.exit_code}, {self.wall_s:.0f} s ({self.cpu_s:.0f} s of processor), {peak}, {first}"

    def line(self, *words: str) -> str:
        """The first line of the output that contains all of these words."""
        return next((line.strip() for line in self.said.splitlines() if all(word in line for word in words)), "(not said)")


def run(home: Path, *words: str, interrupt_after_s: float = 0.0) -> Ran:
    """`meetbefore run` in a process of its own; `interrupt_after_s`: Ctrl-C after so many seconds."""
    command = [sys.executable, "-m", "meetbefore_assets", "run", *words, "--home", str(home)]
    before, begun_s = os.times(), time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "NO_COLOR": "1"})
    lines, first_s = list[str](), list[float]()

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            first_s.append(time.monotonic() - begun_s)
            lines.append(line)

    reader = threading.Thread(target=read)
    reader.start()
    peak, is_sent = 0, False
    while process.poll() is None:
        peak = max(peak, _largest(process.pid))
        if interrupt_after_s and not is_sent and time.monotonic() - begun_s > interrupt_after_s:
            process.send_signal(signal.SIGINT)
            is_sent = True
        time.sleep(0.05)
    reader.join()
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Ran(process.returncode, "".join(lines), time.monotonic() - begun_s, cpu_s, peak, first_s[0] if first_s else float("inf"))


def _largest(pid: int) -> int:
    """Resident memory of the largest process among a process and its children, bytes."""
    try:
        process = psutil.Process(pid)
        return max(member.memory_info().rss for member in (process, *process.children(recursive=True)))
    except psutil.Error:
        return 0


def _pictures(folder: Path) -> Outcome:
    """Run over a 30,000 x 30,000 PNG and a 600 megapixel JPEG among ordinary pictures."""
    sources = folder / "in"
    sources.mkdir()
    cv2.imwrite(str(sources / "20250307120000.png"), draw_number(1, (640, 480)))
    write_huge_png(sources / "20250307120001.png", 30_000, rows=30_000)
    cv2.imwrite(str(sources / "20250307120002.jpg"), np.zeros((24_495, 24_495), np.uint8))
    ran = run(folder / "home", str(sources))
    held = ran.exit_code == 0 and ran.peak_bytes < 1.5e9 and "2 of its 3 sampled frames could not be decoded" in ran.said
    return Outcome(f"{ran.figures()}: {ran.line('megapixels')}", held)


def _picture_alone(folder: Path) -> Outcome:
    sources = folder / "in"
    sources.mkdir()
    write_huge_png(sources / "20250307120001.png", 30_000, rows=30_000)
    ran = run(folder / "home", str(sources))
    return Outcome(
        f"{ran.figures()}: {ran.line('megapixels')}", ran.exit_code == 1 and ran.peak_bytes < 1.5e9 and "900 megapixels" in ran.said
    )


def _gpx(folder: Path) -> Outcome:
    """Run over a GPX track of 100 MB beside a clip of 3 s."""
    sources = folder / "in"
    sources.mkdir()
    draw_clip(sources / "20250307_080000.mp4", seconds=3, size=(160, 120))
    point = '<trkpt lat="48.{0:06}" lon="2.1"><ele>12.3</ele><time>2025-{1:02}-{2:02}T{3:02}:{4:02}:{5:02}Z</time></trkpt>\n'
    with (sources / "ride.gpx").open("w", encoding="ascii") as file:
        file.write('<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>\n')
        second = 0
        while file.tell() < 100_000_000:
            day, rest = divmod(second, 86_400)
            file.write(point.format(second % 1_000_000, 3 + day // 28, 1 + day % 28, rest // 3600, rest // 60 % 60, rest % 60))
            second += 1
        file.write("</trkseg></trk></gpx>")
    without = run(folder / "home", str(sources), "--jobs", "1")
    (sources / "ride.gpx").unlink()
    (sources / "again").mkdir()
    draw_clip(sources / "again" / "20250307_090000.mp4", seconds=3, size=(160, 120))
    plain = run(folder / "plain", str(sources / "again"), "--jobs", "1")
    more_s = without.cpu_s - plain.cpu_s
    held = without.exit_code == 0 and more_s < 20 and without.peak_bytes < plain.peak_bytes + 300e6
    return Outcome(
        f"{without.figures()}; {more_s:.0f} s of processor more than without, whose peak was {plain.peak_bytes / 1e6:,.0f} MB", held
    )


def _many_empty(folder: Path) -> Outcome:
    sources = _files(folder / "in", EMPTY_FILES, 0)
    stopped = run(folder / "stopped", str(sources), interrupt_after_s=6)
    ran = run(folder / "home", str(sources))
    is_told = ran.exit_code == 1 and "the file is empty (0 bytes)" in ran.said and f"{EMPTY_FILES - 9:,} more" in ran.said
    held = is_told and stopped.exit_code == 130 and "Stopped" in stopped.said and "Traceback" not in ran.said + stopped.said
    return Outcome(f"{ran.figures()}; Ctrl-C after 6 s: {stopped.figures()}; {ran.line('more')}; {ran.line('empty')}", held)


def _much_junk(folder: Path) -> Outcome:
    """Run over many different files that are no videos, and over one; returns the cost of each file."""
    one = run(folder / "one", str(_files(folder / "few", 1, 2000)))
    ran = run(folder / "home", str(_files(folder / "in", JUNK_FILES, 2000)))
    each_s = (ran.cpu_s - one.cpu_s) / (JUNK_FILES - 1)
    return Outcome(
        f"{ran.figures()}; {each_s * 1000:.0f} ms of processor a file; {ran.line('cannot read')}", ran.exit_code == 1 and each_s < 0.06
    )


def _files(folder: Path, count: int, size_bytes: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"clip{number:05}.mp4").write_bytes(os.urandom(size_bytes))
    return folder


def _playlist(folder: Path, text: str) -> Outcome:
    (folder / "in").mkdir()
    draw_clip(folder / "in" / "good.mp4", seconds=1, size=(160, 120))
    (folder / "in" / "list.mp4").write_text(text, encoding="utf-8")
    ran = run(folder / "home", str(folder / "in"))
    return Outcome(
        f"exit {ran.exit_code}: {ran.line('list.mp4')}", ran.exit_code == 1 and "a concat script" in ran.said and "chmod" not in ran.said
    )


def _pattern(folder: Path) -> Outcome:
    (folder / "in").mkdir()
    draw_clip(folder / "in" / f"20250307{'a' * 80}.mp4", seconds=1, size=(160, 120))
    hostile = "time.patterns=[{name='x', pattern='(?P<year>[0-9]{4})(?P<month>..)(?P<day>..)(a|aa)+[.]$'}]"
    ran = run(folder / "home", str(folder / "in"), "--set", hostile)
    return Outcome(
        f"{ran.figures()}: {ran.line('did not come to an end')}", "did not come to an end" in ran.said and "Traceback" not in ran.said
    )


def _proc(folder: Path) -> Outcome:
    ran = run(folder / "home", "--set", "sources=['/proc', '/sys']")
    return Outcome(f"{ran.figures()}: {' '.join(ran.said.split())[-200:]}", "Traceback" not in ran.said and ran.wall_s < 300)


def _threads(folder: Path, clips: Sequence[str] = ("20250307_080000.mp4",)) -> Outcome:
    (folder / "in").mkdir()
    for name in clips:
        draw_clip(folder / "in" / name, seconds=60, size=(320, 240))
    ran = run(folder / "home", str(folder / "in"), "--set", "models.threads=1024")
    return Outcome(ran.figures(), ran.exit_code == 0 and ran.peak_bytes < 4e9)


def _growing(folder: Path) -> Outcome:
    """Process a recording that grows all the while."""
    (folder / "in").mkdir()
    clip = draw_clip(folder / "in" / "20250307_080000.mp4", seconds=60, size=(320, 240))
    done = threading.Event()

    def grow() -> None:
        with clip.open("ab") as file:
            while not done.wait(0.05):
                file.write((12).to_bytes(4, "big") + b"free" + bytes(4))
                file.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    growing = run(folder / "home", str(folder / "in"))
    done.set()
    writer.join()
    after = run(folder / "home", str(folder / "in"))
    told = "being written" in growing.said or "changed while" in growing.said
    held = growing.exit_code == 1 and told and after.exit_code == 0 and "Traceback" not in growing.said + after.said
    return Outcome(f"while it grows: exit {growing.exit_code}, {growing.line('writ')}; afterwards: exit {after.exit_code}", held)


ATTACKS = [
    Attack("10", "a 30,000² PNG and a 600 megapixel JPEG among pictures", _pictures),
    Attack("10b", "a 30,000² PNG alone in a folder", _picture_alone),
    Attack("11", "a GPX of 100 MB beside a clip of 3 s", _gpx),
    Attack("12", f"a folder of {EMPTY_FILES:,} empty files, also with Ctrl-C", _many_empty),
    Attack("12b", f"{JUNK_FILES} files that are no video, each another", _much_junk),
    Attack("16", "a concat script named .mp4", lambda folder: _playlist(folder, "ffconcat version 1.0\nfile '/etc/passwd'\n")),
    Attack("16b", "a concat script that leads to a video", lambda folder: _playlist(folder, "ffconcat version 1.0\nfile 'good.mp4'\n")),
    Attack("20", "a pattern of time.patterns that never ends", _pattern),
    Attack("21", "sources = ['/proc', '/sys']", _proc),
    Attack("22", "models.threads = 1024", _threads),
    Attack("23", "a recording that grows while it is worked on", _growing),
]
