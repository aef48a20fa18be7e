"""From file to embeddings: meetbefore against AreWeMeetBefore's procedure and InsightFace's FaceAnalysis, with the same weights.

usage: python -m benchmarks.pipeline [--pack NAME|FOLDER] [--photos DIR] [--clip h264,1080p,1 …] [--turns 5] [--threads 1 0]
                                     [--seconds 20] [--faces 3] [--set KEY=VALUE …] [--keep DIR]

Makes clips (20 s of 30 pictures a second, faces of the demo's cast or of photographs in DIR/*/ moving over a wall), and runs in turns:

- reference: `ffmpeg -vf fps=1` (the binary on the path) into JPEG files; each is read by cv2, searched at 640 x 640 padded, its faces
  are aligned and embedded one by one, all on onnxruntime with the files as they come; a flat L2 index of Faiss is asked for each face,
  and the JSON lines are rewritten each time;
- FaceAnalysis: the same models on the pictures that cv2 reads, one a second, nothing written;
- ours, same work: `detection.max_side=640`, `models.mirror=false`: the steps videos, frames, detections, embeddings and tracks with
  all they write;
- ours, default: the settings as they are (searched at 1280, mirror images as the pack gains).

Prints medians of CPU seconds (children included), seconds by the clock, and how many times less ours takes; models are loaded before.
Then the least of all turns, which say more where other work is going on.
"""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.clips import ClipKind, make_clip
from benchmarks.speed_methods import Cost, FaceAnalysisOnFrames, Ours, Reference, machine, measured
from meetbefore_assets.faces.models.find_pack import find_pack

SAME_WORK = ("detection.max_side=640", "models.mirror=false")
CLIPS = ["h264,1080p,1", "h264,1080p,2", "hevc,1080p,1", "hevc,1080p,2", "h264,4K,1", "h264,4K,2", "hevc,4K,1", "hevc,4K,2"]


def main() -> None:
    arguments = _arguments()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="meetbefore-pipeline-"))
    print(machine(), f"pack {arguments.pack}, medians and least of {arguments.turns} turns", sep="\n")
    try:
        for threads in arguments.threads:
            which = f"{threads} thread" if threads else "all cores"
            print(f"\n{which}: CPU s / s by the clock (faces); how many times less CPU, and faster")
            for text in arguments.clip:
                codec, size, gop_s = text.split(",")
                kind = ClipKind(codec, size, float(gop_s), arguments.seconds, arguments.faces, arguments.b_frames)
                _compare(kind, threads, folder, arguments)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", default="sface")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--clip", nargs="+", default=CLIPS, help="codec,size,seconds from keyframe to keyframe")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 0], help="0: all cores")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--faces", type=int, default=3)
    parser.add_argument("--b-frames", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], dest="assignments", help="settings of both of ours")
    parser.add_argument("--keep", type=Path, help="make the clips here, and leave them")
    return parser.parse_args()


def _compare(kind: ClipKind, threads: int, folder: Path, arguments: argparse.Namespace) -> None:
    clip = make_clip(kind, folder / "clips", arguments.photos)
    work = Path(tempfile.mkdtemp(prefix="turns-", dir=folder))
    pack = find_pack(arguments.pack, work)
    ours = tuple(arguments.assignments)
    methods: dict[str, Any] = {
        "reference": Reference(pack, threads, work / "reference"),
        "FaceAnalysis": FaceAnalysisOnFrames(pack, threads),
        "ours, same work": Ours(work / "same", arguments.pack, threads, (*SAME_WORK, *ours)),
        "ours, default": Ours(work / "default", arguments.pack, threads, ours),
    }
    costs: dict[str, list[Cost]] = {name: [] for name in methods}
    for turn in range(arguments.turns + 1):
        for name, method in methods.items():
            cost = measured(lambda method=method: method.run(clip))  # type: ignore[misc]
            if turn:  # the first warms up
                costs[name].append(cost)
    shutil.rmtree(work)
    _print(kind, costs)


def _print(kind: ClipKind, costs: dict[str, list[Cost]]) -> None:
    print(kind.name)
    for what, of in (("median", Cost.median), ("least", Cost.least)):
        found = {name: of(turns) for name, turns in costs.items()}
        for name, mine in found.items():
            line = f"  {what:6s} {name:16s} {mine.cpu_s:7.2f} / {mine.wall_s:6.2f} ({mine.faces})"
            if name.startswith("ours"):
                for other in ("reference", "FaceAnalysis"):
                    theirs = found[other]
                    line += f"   {other} {theirs.cpu_s / mine.cpu_s:.1f}x CPU {theirs.wall_s / mine.wall_s:.1f}x clock"
            print(line, flush=True)


if __name__ == "__main__":
    main()
