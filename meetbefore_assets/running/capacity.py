"""How many videos and threads run at the same time."""

import psutil

from meetbefore_assets.core.parallel import usable_cores

# A worker holds Dagster, its models, a decoder and a few pictures. At most (VmHWM of the worker of `meetbefore run --jobs 1`, one thread,
# YuNet and SFace): 672 MiB for H.264 of 1080p, 701 MiB for three minutes of 4K, 713 MiB for HEVC of 4K; an hour of 4K takes 90 MiB more
# than a minute of it (benchmarks.scaling).
WORKER_BYTES = 900 * 2**20

# And with every further thread that works on the same video a decoder and a few pictures more: the same three minutes of 4K took
# 950 MiB with two threads and 1,168 MiB with four.
THREAD_BYTES = 250 * 2**20

# Each process holds its own CUDA context and models in the memory of the GPU, and what a GPU embeds and detects is decoded by the CPU:
# a few processes keep it busy. No GPU was at hand to measure how many.
GPU_JOBS = 6


def default_jobs(*, is_gpu: bool = False) -> int:
    """Videos at a time: a core each, as far as the free memory reaches; `is_gpu`: all of them share one GPU."""
    by_memory = int(psutil.virtual_memory().available) // WORKER_BYTES
    return max(1, min(usable_cores(), by_memory, GPU_JOBS if is_gpu else usable_cores()))


def threads_per_job(jobs: int) -> int:
    """Threads for each of so many jobs: a core each, as far as the free memory reaches."""
    spare = int(psutil.virtual_memory().available) // jobs - WORKER_BYTES
    return max(1, min(usable_cores() // jobs, 1 + spare // THREAD_BYTES))
