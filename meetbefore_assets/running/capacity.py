"""How many videos and threads run in parallel."""

import psutil

from meetbefore_assets.core.parallel import usable_cores

# Memory of a worker process: Dagster, models, a decoder and a few pictures. Peak (VmHWM) of the worker of `meetbefore run --jobs 1` with
# one thread, YuNet and SFace: 672 MiB for 1080p H.264, 701 MiB for three minutes of 4K, 713 MiB for 4K HEVC; an hour of 4K takes 90 MiB
# more than a minute (benchmarks.scaling).
WORKER_BYTES = 900 * 2**20

# Each further thread of a video adds a decoder and a few pictures: the same three minutes of 4K took 950 MiB with two threads and
# 1,168 MiB with four.
THREAD_BYTES = 250 * 2**20

# Each process has its own CUDA context and models in GPU memory, and the CPU decodes what the GPU processes: a few processes keep it
# busy. Not measured.
GPU_JOBS = 6


def default_jobs(*, is_gpu: bool = False) -> int:
    """Number of videos processed in parallel: one per core, limited by free memory; `is_gpu`: all of them share one GPU."""
    by_memory = int(psutil.virtual_memory().available) // WORKER_BYTES
    return max(1, min(usable_cores(), by_memory, GPU_JOBS if is_gpu else usable_cores()))


def threads_per_job(jobs: int) -> int:
    """Threads for each of `jobs` parallel videos: one per core, limited by free memory."""
    spare = int(psutil.virtual_memory().available) // jobs - WORKER_BYTES
    return max(1, min(usable_cores() // jobs, 1 + spare // THREAD_BYTES))
