"""Threads and spinning of onnxruntime, and which number of processes and threads uses the cores best.

usage: python -m benchmarks.threads [--seconds 4] [--pack sface] [--device cpu]

Embeds noise with the recogniser of a pack. For every number of processes and of threads, and with spinning (threads that wait for
work turn in circles) or without: faces a second of all processes together, and milliseconds of the processor a face. Nothing else
should run meanwhile.
"""

import argparse
import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from meetbefore_assets.core.parallel import usable_cores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--pack", default="sface")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    cores = usable_cores()
    print(f"{cores} cores, {arguments.pack} on {arguments.device}\n")
    print("| processes | threads | spinning | faces a second | CPU ms a face |\n|---|---|---|---|---|")
    for processes in sorted({1, max(1, cores // 2), cores}):
        for threads in sorted({1, max(1, cores // processes), cores}):
            for is_spinning in (False, True) if threads > 1 else (False,):
                faces, cpu_s = measured(arguments, processes, threads, is_spinning)
                how = "yes" if is_spinning else "no"
                print(f"| {processes} | {threads} | {how} | {faces / arguments.seconds:.1f} | {cpu_s / faces * 1e3:.1f} |", flush=True)


def measured(arguments: argparse.Namespace, processes: int, threads: int, is_spinning: bool) -> tuple[int, float]:
    """Faces embedded by all processes, and their CPU seconds."""
    context = multiprocessing.get_context("spawn")
    pipes = []
    for _ in range(processes):
        ours, theirs = context.Pipe()
        context.Process(target=work, args=(theirs, arguments, threads, is_spinning), daemon=True).start()
        pipes.append(ours)
    for pipe in pipes:
        pipe.recv()  # loaded
    for pipe in pipes:
        pipe.send("go")
    found = [pipe.recv() for pipe in pipes]
    return sum(faces for faces, _ in found), sum(cpu_s for _, cpu_s in found)


def work(pipe: Connection, arguments: argparse.Namespace, threads: int, is_spinning: bool) -> None:
    from meetbefore_assets.faces.models import onnx_session
    from meetbefore_assets.faces.models.find_pack import find_pack

    onnx_session.SPINNING = "1" if is_spinning else "0"
    model = onnx_session.prepare_recogniser(find_pack(arguments.pack, Path("data")).recogniser_path)
    made = onnx_session.session(model, device=arguments.device, threads=threads)
    face = {made.get_inputs()[0].name: np.random.default_rng(1).uniform(0, 255, (1, 3, 112, 112)).astype(np.float32)}
    for _ in range(5):
        made.run(None, face)
    pipe.send("loaded")
    pipe.recv()
    faces, cpu_s, until = 0, time.process_time(), time.perf_counter() + arguments.seconds
    while time.perf_counter() < until:
        made.run(None, face)
        faces += 1
    pipe.send((faces, time.process_time() - cpu_s))


if __name__ == "__main__":
    main()
