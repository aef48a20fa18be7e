"""Kinds of vector index compared: cost and recall of finding similar tracks.

usage: python -m benchmarks.vector_indexes [N] [--dim 128] [--kinds cells,disk,ivfflat,hnsw] [--folder DIR] [--postgres URL]

N vectors (a million) of made-up people, as `benchmarks.matching_scale` makes them, lie in a file. Each kind builds its index in a
process of its own, is asked for the 32 nearest of the 500 tracks of a new video, and for the 10 nearest of 2,000 that it holds, which
are compared with what an exact search finds. `flat` compares everything in memory; `blocks` compares everything in the file.

* build: seconds by the clock and of the processor (of Postgres: its processes' too), until it can be asked;
* own: most memory of the process that no file backs (VmHWM is not split, so it is looked at twenty times a second: RssAnon);
* mapped: most memory that files back, which the system takes back when somebody else wants it (RssFile and RssShmem);
* server: the same two together, of Postgres' processes, each counted with its share of what they have in common (Pss), once a second;
* disk: what the index takes there, besides the vectors themselves;
* queries/s: 500 at once, k = 32, the best of three;
* recall: of the 10 nearest; same: of those of them that show the same person, which is what counts.

Memory kinds are given the vectors in memory, the others the mapped file. Without --postgres a server of the wheel `pgserver` is started
in a folder under --folder, with its defaults but for the memory for building an index, which the project asks for itself.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import faiss
import numpy as np
import psutil
import psycopg2

from benchmarks.matching_scale import people_of, vectors_of
from meetbefore_assets.core.ports import F32, I64, Bool, MakeIndex
from meetbefore_assets.identities.vector_index import faiss_disk, faiss_memory, pgvector
from meetbefore_assets.storage.scratch import map_blocks

KINDS = ("flat", "blocks", "cells", "disk", "ivfflat", "hnsw")
NEW, K, SAMPLE, NEAR = 500, 32, 2000, 10
SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--kinds", default="cells,disk,ivfflat,hnsw")
    parser.add_argument("--folder", type=Path, help="keep the vectors here, for another time")
    parser.add_argument("--postgres", default="")
    parser.add_argument("--one", choices=KINDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(arguments.one, arguments.folder, arguments.postgres)))
        return
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_vectors(folder, arguments.count, arguments.dim)
        print(f"{arguments.count:,} x {arguments.dim}; {os.cpu_count()} cores; faiss {faiss.__version__}")
        costs = f"{'clock s':>8} {'cpu s':>8} {'own MB':>7} {'mapped MB':>9} {'server MB':>9} {'disk MB':>8} {'queries/s':>9}"
        print(f"{'kind':8} {costs}  recall  same")
        for kind in arguments.kinds.split(","):
            address = arguments.postgres
            with server(folder) if kind in ("ivfflat", "hnsw") and not address else contextlib.nullcontext(address) as address:
                print_line(kind, folder, address)


def print_line(kind: str, folder: Path, address: str) -> None:
    """Measure one kind of index in its own process and print its line."""
    command = [sys.executable, "-m", "benchmarks.vector_indexes", "--one", kind, "--folder", str(folder), "--postgres", address]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    cost = f"{found['clock_s']:8.1f} {found['cpu_s']:8.1f} {found['own']:7.0f} {found['mapped']:9.0f} {found['server']:9.0f}"
    print(f"{kind:8} {cost} {found['disk']:8.0f} {found['queries_s']:9.0f}  {found['recall']:.3f}   {found['same']:.3f}", flush=True)


def write_vectors(folder: Path, count: int, dim: int) -> None:
    """Write the vectors of an archive and of a new video, and the exact answers, unless they exist."""
    if (folder / "exact.npz").exists():
        return
    rng = np.random.default_rng(SEED)
    vectors = vectors_of(people_of(count + NEW, rng), dim, rng)
    folder.mkdir(parents=True, exist_ok=True)
    vectors[:count].tofile(folder / "vectors.f32")
    sample = np.sort(rng.choice(count, min(SAMPLE, count), replace=False))
    _, rows = faiss_disk.BlockIndex(vectors[:count]).search(vectors[sample], NEAR + 1)
    np.savez(folder / "exact.npz", new=vectors[count:], sample=sample, rows=rows)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Start a temporary Postgres server; yields its address."""
    import pgserver

    data = folder / "postgres"
    running = pgserver.get_server(data, cleanup_mode="delete")
    try:
        yield str(running.get_uri())
    finally:
        running.cleanup()


# ---- what is measured


def measured(kind: str, folder: Path, address: str) -> dict[str, float]:
    with np.load(folder / "exact.npz") as exact:
        new, sample, rows = (exact[name] for name in ("new", "sample", "rows"))
    vectors = read(folder, new.shape[1], is_mapped=kind not in ("flat", "cells"))
    watch = Watch(address)
    watch.start()
    clock, cpu = time.perf_counter(), watch.cpu_s()
    with made(kind, folder, address)(vectors, len(vectors)) as index:
        found = {"clock_s": time.perf_counter() - clock, "cpu_s": watch.cpu_s() - cpu, "disk": disk_mb(index, folder)}
        seconds = []
        for _ in range(3):
            clock = time.perf_counter()
            index.search(new, K)
            seconds.append(time.perf_counter() - clock)
        answer = index.search(np.ascontiguousarray(vectors[sample]), NEAR + 1)[1]
    watch.stop()
    person = people_of(len(vectors) + NEW, np.random.default_rng(SEED))
    is_other = rows != sample[:, None]
    every, same = recall(answer, rows, is_other), recall(answer, rows, is_other & (person[rows] == person[sample][:, None]))
    return {**found, **watch.most_mb, "queries_s": len(new) / min(seconds), "recall": every, "same": same}


def read(folder: Path, dim: int, *, is_mapped: bool) -> F32:
    """All vectors: in memory, or copied blockwise into a memory-mapped file, as the record does."""
    if not is_mapped:
        return np.fromfile(folder / "vectors.f32", np.float32).reshape(-1, dim)
    return map_blocks(_blocks(folder, dim), folder / "scratch")


def _blocks(folder: Path, dim: int) -> Iterator[F32]:
    with (folder / "vectors.f32").open("rb") as file:
        while len(block := np.fromfile(file, np.float32, 2**16 * dim)):
            yield block.reshape(-1, dim)


def made(kind: str, folder: Path, address: str) -> MakeIndex:
    faiss_memory.EXACT_WORK = 10**18 if kind in ("flat", "blocks") else 0
    pgvector.EXACT_WORK = 0
    if kind in ("flat", "cells"):
        return faiss_memory.index_of
    if kind in ("blocks", "disk"):
        return partial(faiss_disk.disk_index_of, folder=folder / "scratch")
    return partial(pgvector.pgvector_index_of, address=address, method=kind)


def disk_mb(index: object, folder: Path) -> float:
    if isinstance(index, pgvector.PgVectorIndex):
        return index.size_bytes() / 2**20
    return sum(path.stat().st_size for path in (folder / "scratch").rglob("*") if path.is_file()) / 2**20


def recall(answer: I64, rows: I64, which: Bool) -> float:
    """Share of the true neighbours that are among the answers."""
    is_found = (rows[:, :, None] == answer[:, None, :]).any(axis=2)
    return float(is_found[which].mean())


def postmaster(address: str) -> psutil.Process:
    """The first process of a server on this machine."""
    with contextlib.closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return psutil.Process(psutil.Process(cursor.fetchone()[0]).ppid())


class Watch(threading.Thread):
    """Tracks the peak memory of this process and of a server's processes."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._is_over = threading.Event()
        self._server = postmaster(address) if address else None
        self._cpu_s: dict[int, float] = {}
        self._watching_s = 0.0
        self.most_mb = {"own": 0.0, "mapped": 0.0, "server": 0.0}

    def run(self) -> None:
        turn = 0
        while not self._is_over.wait(0.05):
            self._look()
            if turn % 20 == 0:  # the kernel walks through all of a process' pages for this
                self._look_at_server()
            turn += 1
            self._watching_s = time.thread_time()

    def stop(self) -> None:
        self._is_over.set()
        self.join()
        self._look()
        self._look_at_server()

    def cpu_s(self) -> float:
        """CPU seconds of this process (without the watching thread) and of the server's processes, including ended ones as far as seen."""
        self._look_at_server()
        return time.process_time() - self._watching_s + sum(self._cpu_s.values())

    def _look(self) -> None:
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        own, files, shared = (int(status[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile", "RssShmem"))
        self._note("own", own)
        self._note("mapped", files + shared)

    def _look_at_server(self) -> None:
        if self._server is not None:
            self._note("server", sum(self._server_mb()))

    def _server_mb(self) -> Iterator[float]:
        assert self._server is not None
        for process in [self._server, *self._server.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                times = process.cpu_times()
                self._cpu_s[process.pid] = times.user + times.system
                rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
                yield next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024

    def _note(self, name: str, value: float) -> None:
        self.most_mb[name] = max(self.most_mb[name], value)


if __name__ == "__main__":
    main()
