"""The face index: nearest neighbours of all tracks, a cache that can always be rebuilt."""

import json
import os
import time
from dataclasses import dataclass

import numpy as np

from meetbefore_assets.settings import digest
from meetbefore_assets.steps.policy import usable_tracks
from meetbefore_assets.workbench import Workbench

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Indexed:
    """The index in force: its file, vectors, and whether it had to be built."""

    data_version: str
    path: str
    vectors: int
    size: int
    was_in_step: bool
    seconds: float


def build_index(bench: Workbench) -> Indexed:
    """Index the vectors of all tracks of the recogniser in force, unless that is already on disk."""
    started = time.perf_counter()
    pack = bench.found_pack()
    with bench.lock("index"):
        versions = usable_tracks(bench, pack.recogniser_id)
        version = digest("face_index", pack.recogniser_id, versions)
        folder = bench.home / "index"
        known = _manifest(bench)
        if known and known.data_version == version:
            return Indexed(version, str(folder / known.file), known.vectors, pack.recogniser.vector_size, True, 0.0)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        index = bench.tools.new_index(pack.recogniser.vector_size)
        tracks = bench.store.scan("tracks", sorted(versions), ["track_id", "vector"]) if versions else None
        ids: list[str] = []
        if tracks is not None and tracks.height:
            tracks = tracks.sort("track_id")
            ids = tracks["track_id"].to_list()
            index.add(np.array(tracks["vector"].to_list(), np.float32))
        name = f"tracks-{version}.faiss"
        index.save(str(folder / f".{name}.tmp"))
        os.chmod(folder / f".{name}.tmp", 0o600)
        os.replace(folder / f".{name}.tmp", folder / name)
        content = {"data_version": version, "file": name, "bytes": os.path.getsize(folder / name), "vectors": len(index), "track_ids": ids}
        temporary = folder / f".{MANIFEST}.tmp"
        temporary.write_text(json.dumps(content), encoding="utf-8")
        os.replace(temporary, folder / MANIFEST)
        for stale in folder.glob("tracks-*.faiss"):
            if stale.name != name:
                stale.unlink()
        return Indexed(version, str(folder / name), len(index), pack.recogniser.vector_size, False, time.perf_counter() - started)


@dataclass(frozen=True)
class _Manifest:
    data_version: str
    file: str
    vectors: int


def _manifest(bench: Workbench) -> _Manifest | None:
    """What the folder claims to hold; None where it is missing, torn, or the index is not of the size it says."""
    folder = bench.home / "index"
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        manifest = _Manifest(str(content["data_version"]), str(content["file"]), int(content["vectors"]))
        return manifest if os.path.getsize(folder / manifest.file) == content["bytes"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
