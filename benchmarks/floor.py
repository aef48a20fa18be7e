"""The cost from file to embeddings against its floor: decoding the sampled frames, and running the models.

usage: python -m benchmarks.floor [--pack NAME|FOLDER …] [--photos DIR] [--clip h264,1080p,1 …] [--turns 5] [--seconds 20] [--faces 3]
                                  [--set KEY=VALUE …] [--keep DIR]

The floor is: decoding just the pictures that were planned, straight from their packets, without converting or even looking at them; and the
detector and the recogniser (with the mirror image where the settings say so) run on numbers of the right shape, once a moment and
once a face. All on one thread and fp32 on onnxruntime. Prints CPU seconds (medians) of both, and the ratio; then how far the vectors of
prepared models are from those of the files as they come.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.clips import ClipKind, make_clip
from benchmarks.speed_methods import InsightFaceStyle, Ours, machine, measured
from meetbefore_assets.core.ports import U8
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets.recordings.video.packets import PacketTable, scan

CLIPS = ["h264,1080p,1", "h264,1080p,2", "hevc,1080p,1", "h264,4K,1"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", nargs="+", default=["sface"])
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--clip", nargs="+", default=CLIPS, help="codec,size,seconds from keyframe to keyframe")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--faces", type=int, default=3)
    parser.add_argument("--set", nargs="*", default=[], dest="assignments")
    parser.add_argument("--keep", type=Path, help="make the clips here, and leave them")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="meetbefore-floor-"))
    print(machine(), f"CPU s on one thread, medians of {arguments.turns} turns; settings: {arguments.assignments or 'default'}", sep="\n")
    try:
        for pack in arguments.pack:
            for text in arguments.clip:
                codec, size, gop_s = text.split(",")
                clip = make_clip(
                    ClipKind(codec, size, float(gop_s), arguments.seconds, arguments.faces), folder / "clips", arguments.photos
                )
                _compare(pack, clip, Path(tempfile.mkdtemp(prefix="floor-", dir=folder)), arguments.turns, tuple(arguments.assignments))
    finally:
        if not arguments.keep:
            shutil.rmtree(folder)


def _compare(pack: str, clip: Path, home_folder: Path, turns: int, assignments: tuple[str, ...]) -> None:
    ours = Ours(home_folder, pack, 1, assignments)
    faces, moments = ours.run(clip)
    pts, table = ours.planned(clip), scan(str(clip))
    image = first_picture(clip)
    parts = {"decoding": lambda: decode(clip, table, pts), **ours.pure_models(image, moments, faces)}
    ours.run(clip)
    costs: dict[str, list[float]] = {name: [] for name in ("all", *parts)}
    for _ in range(turns):
        costs["all"].append(measured(lambda: ours.run(clip)).cpu_s)
        for name, work in parts.items():
            costs[name].append(_cpu_s(work))
    medians = {name: statistics.median(values) for name, values in costs.items()}
    whole = medians.pop("all")
    floor = sum(medians.values())
    rest = ", ".join(f"{name} {seconds:.2f}" for name, seconds in medians.items())
    print(f"{pack}, {clip.parent.name}: {moments} moments, {faces} faces")
    print(f"  all {whole:.2f}, floor {floor:.2f} ({rest}): ratio {whole / floor:.2f}")
    print(f"  prepared and original recogniser: least cosine {least_cosine(pack, ours, image):.6f}", flush=True)
    shutil.rmtree(home_folder)


def _cpu_s(work: Callable[[], None]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def decode(clip: Path, table: PacketTable, pts: list[int]) -> None:
    """Decode the frames with these pts and their reference frames, without conversion. Packets are read beforehand where possible."""
    with av.open(str(clip), options={"codec_whitelist": "none"}) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        context = stream.codec_context
        places = {table.place(value) for value in pts}
        runs = [(table.start(place), place) for place in sorted(place for place in places if place is not None)]
        for start, last in runs:
            container.seek(int(table.dts[start]), stream=stream)
            context.flush_buffers()
            packets = container.demux(stream)
            for _ in range(start, last + 1):
                context.decode(next(packets))
            context.decode(None)


def first_picture(clip: Path) -> U8:
    """The first frame of a clip, for shapes and faces."""
    with av.open(str(clip)) as container:
        return np.asarray(next(container.decode(video=0)).to_ndarray(format="bgr24"), np.uint8)


def least_cosine(pack: str, ours: Ours, image: U8) -> float:
    """Least cosine between vectors of the prepared recogniser and of the file as it comes, on the faces of a picture."""
    crops = ours.crops(image)
    original = InsightFaceStyle(find_pack(pack, Path()), 1)
    expected = np.stack([original.vector(crop) for crop in crops])
    found = ours.embedder.embed(crops)
    return float((expected * found / np.linalg.norm(found, axis=1, keepdims=True)).sum(axis=1).min())


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
