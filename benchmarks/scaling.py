"""How the cost from file to embeddings grows with a video's length, with its faces, and with the number of videos.

usage: python -m benchmarks.scaling [--pack NAME|FOLDER] [--size 1080p|4K] [--lengths 20 40 80] [--faces 1 4 16] [--videos 1 2 4 8]
                                    [--memory 60 240 960] [--turns 3] [--keep DIR]

Long clips are one clip's packets again and again. Each line runs in a process of its own, on one thread; CPU seconds are those after the
models are loaded (least of the turns), memory is the peak of the whole process. Exponents are slopes of a straight line through the
logarithms: 1 is proportional, less means that something is paid only once. `--memory` (seconds of 4K) looks at memory alone.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.clips import ClipKind, loop_clip, make_clip
from benchmarks.speed_methods import Ours, machine, measured

BASE_S = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", default="sface")
    parser.add_argument("--size", default="1080p")
    parser.add_argument("--lengths", type=int, nargs="*", default=[20, 40, 80])
    parser.add_argument("--faces", type=int, nargs="*", default=[1, 4, 16])
    parser.add_argument("--videos", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--memory", type=int, nargs="*", default=[60, 240, 960])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="make the clips here, and leave them")
    parser.add_argument("--one", nargs="+", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(arguments.pack, arguments.one[0], arguments.one[1:], arguments.turns)))
        return
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="meetbefore-scaling-"))
    print(machine(), f"pack {arguments.pack}, {arguments.size}", sep="\n")
    try:
        run_all(arguments, folder)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder)


def run_all(arguments: argparse.Namespace, folder: Path) -> None:
    def clip(length_s: int, faces: int = 3, size: str = arguments.size, copy: int = 0) -> Path:
        kind = ClipKind(size=size, seconds=BASE_S, faces=faces)
        source = make_clip(kind, folder / "clips", None)
        target = folder / "clips" / f"{kind.name}_looped_{length_s}s_{copy}" / f"202503070812{copy:02d}.mp4"
        if not target.exists():
            looped = loop_clip(source, length_s // BASE_S, target.with_suffix(".looped"))
            with looped.open("ab") as file:
                # A box that players pass over tells copies apart, or they would be one recording.
                file.write((12).to_bytes(4, "big") + b"free" + copy.to_bytes(4, "big"))
            looped.replace(target)
        return target

    def compare(what: str, rows: dict[int, list[Path]], turns: int) -> None:
        found = {number: child(arguments.pack, folder, clips, turns) for number, clips in rows.items()}
        for number, (cpu_s, faces, moments, rss_mb) in found.items():
            print(f"  {what} {number}: {cpu_s:.2f} CPU s, {moments:.0f} moments, {faces:.0f} faces, peak {rss_mb:.0f} MB", flush=True)
        if len(found) > 1:
            slope = np.polyfit(np.log(list(found)), np.log([cpu_s for cpu_s, *_ in found.values()]), 1)[0]
            print(f"  exponent of CPU time in {what}: {slope:.2f}", flush=True)

    compare("seconds of video", {length: [clip(length)] for length in arguments.lengths}, arguments.turns)
    compare("faces in every picture", {faces: [clip(BASE_S, faces)] for faces in arguments.faces}, arguments.turns)
    compare("videos", {count: [clip(BASE_S, copy=copy) for copy in range(count)] for count in arguments.videos}, arguments.turns)
    compare("seconds of 4K", {length: [clip(length, size="4K")] for length in arguments.memory}, 1)


def child(pack: str, folder: Path, clips: list[Path], turns: int) -> tuple[float, float, float, float]:
    """CPU seconds, faces, sampled frames and peak megabytes of a process that works on some clips."""
    home_folder = Path(tempfile.mkdtemp(prefix="scaling-", dir=folder))
    command = [
        sys.executable,
        "-m",
        "benchmarks.scaling",
        "--pack",
        pack,
        "--turns",
        str(turns),
        "--one",
        str(home_folder),
        *map(str, clips),
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    shutil.rmtree(home_folder)
    cpu_s, faces, moments, rss_mb = json.loads(answer.splitlines()[-1])
    return cpu_s, faces, moments, rss_mb


def one(pack: str, home_folder: Path, clips: list[Path], turns: int) -> list[float]:
    ours = Ours(home_folder, pack, 1)
    for clip in clips:
        ours.take_in(clip)

    def all_clips() -> tuple[int, int]:
        faces, moments = zip(*(ours.run(clip) for clip in clips), strict=True)
        return sum(faces), sum(moments)

    costs = [measured(all_clips) for _ in range(turns)]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [min(cost.cpu_s for cost in costs), costs[0].faces, costs[0].moments, peak_mb]


if __name__ == "__main__":
    main()
