"""Puts the adapters behind the ports. Each library is loaded when it is first needed, so that reading commands start fast."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from meetbefore_assets import settings as settings_module
from meetbefore_assets.domain.edges import MakeIndex
from meetbefore_assets.domain.places import Fix
from meetbefore_assets.domain.ports import F32, FaceCamera, Store, VideoReader
from meetbefore_assets.hands import FarHands
from meetbefore_assets.packs import MIN_SCORES
from meetbefore_assets.settings import Settings, is_remote
from meetbefore_assets.workbench import Found, FoundPack, LoadedPack, Publisher, SharedFiles, Tools, Workbench, size_and_time

if TYPE_CHECKING:
    from meetbefore_assets.adapters.recordings_remote import Copies

# What a home holds of an object store, to be done without at any time.
CACHE = "cache"


def build_workbench(home: Path, settings: Settings | None = None) -> Workbench:
    """The workbench of a home on this machine; `settings` hold instead of those of the file."""
    home = home.expanduser().absolute()
    copies = partial(_copies, home)

    return Workbench(
        home,
        Tools(
            open_store=partial(_open_store, home),
            open_video=partial(_open_video, copies),
            find_pack=_find_pack,
            load_pack=_load_pack,
            open_camera=_open_camera,
            make_index=_make_index,
            map_vectors=_map_vectors,
            scan=partial(_scan, home),
            content_hash=_content_hash,
            sidecar_start=partial(_sidecar_start, copies),
            machine_zone=_machine_zone,
            hold=_hold,
            open_database=_open_database,
            place_files=_place_files,
            read_fixes=_read_fixes,
            is_gpu_used=_is_gpu_used,
            size_and_time=_size_and_time,
            at_hand=partial(_at_hand, copies),
            hold_in_postgres=_hold_in_postgres,
            shared_files=_shared_files,
            sweep=_sweep,
            far_hands=_far_hands,
        ),
        fixed_settings=settings,
    )


# Folders of a home that are not looked into for recordings.
_OURS = ("record", "frames", "previews", "index", "dagster", "models", "locks", CACHE)


def _scan(home: Path, places: Sequence[Path | str]) -> Found:
    from meetbefore_assets.adapters.files_local import scan

    found = [scan([place for place in places if isinstance(place, Path)], exclude=[home / name for name in _OURS])]
    for address in (place for place in places if isinstance(place, str)):
        from meetbefore_assets.adapters import recordings_remote

        found.append(recordings_remote.scan(address))
    recordings = {each.uri: each for part in found for each in part.recordings}
    skipped, missing = (tuple(each for part in found for each in getattr(part, name)) for name in ("skipped", "missing"))
    return Found(tuple(recordings[uri] for uri in sorted(recordings)), skipped, missing)


def _open_store(home: Path, uri: str) -> Store:
    if is_remote(uri):
        from meetbefore_assets.adapters.store_objects import ObjectStore

        return ObjectStore(uri, home / CACHE)
    from meetbefore_assets.adapters.store_parquet import open_store

    return open_store(uri)


def _copies(home: Path) -> "Copies":
    from meetbefore_assets.adapters.recordings_remote import Copies

    return Copies(home / CACHE / "recordings", round(settings_module.load(home).store.cache_gib * 2**30))


def _open_video(copies: "Callable[[], Copies]", uri: str, allow_truncated: bool) -> VideoReader:
    from meetbefore_assets.adapters.seed_reader import SeedReader, is_seed
    from meetbefore_assets.adapters.video_pyav import open_video

    return SeedReader(uri) if is_seed(uri) else open_video(_at_hand(copies, uri), allow_truncated=allow_truncated)


def _at_hand(copies: "Callable[[], Copies]", uri: str) -> str:
    return str(copies().fetch(uri)) if is_remote(uri) else uri


def _size_and_time(uri: str) -> tuple[int, int] | None:
    if is_remote(uri):
        from meetbefore_assets.adapters.recordings_remote import size_and_time as remote

        return remote(uri)
    return size_and_time(uri)


def _shared_files(url: str, home: Path) -> SharedFiles:
    from meetbefore_assets.adapters.files_shared import ObjectFiles

    return ObjectFiles(url, home)


def _far_hands() -> FarHands | None:
    if os.environ.get("MEETBEFORE_EXECUTOR") != "ray" or not os.environ.get("MEETBEFORE_PIECE_MOMENTS"):
        return None
    from meetbefore_assets.elsewhere import far_hands

    return far_hands()


def _find_pack(name: str, home: Path) -> FoundPack:
    from meetbefore_assets.adapters.packs_local import find_pack

    local = find_pack(name, home)
    return FoundPack(local.name, local.detector_id, local.recogniser_id, local.recogniser, MIN_SCORES[local.detector_kind], local.licence)


def _load_pack(name: str, home: Path, device: str, threads: int) -> LoadedPack:
    import cv2

    from meetbefore_assets.adapters.faces_insightface import load_pack
    from meetbefore_assets.adapters.packs_local import find_pack

    cv2.setNumThreads(1)  # the cores are shared out among pictures
    pack = load_pack(find_pack(name, home), device=device, threads=threads)
    return LoadedPack(pack.detector, pack.embedder, pack.device, pack.detector_device)


def _is_gpu_used(device: str) -> bool:
    if device != "auto":
        return device in ("cuda", "tensorrt")
    from meetbefore_assets.adapters.onnx_devices import is_gpu_offered

    return is_gpu_offered()


def _open_camera() -> FaceCamera:
    from meetbefore_assets.adapters.faces_opencv import OpenCvCamera

    return OpenCvCamera()


def _make_index(kind: str, address: str, home: Path) -> MakeIndex:
    from meetbefore_assets.adapters.indexes import make_index

    return make_index(kind, address, home)


def _map_vectors(blocks: Iterable[F32], home: Path) -> F32:
    from meetbefore_assets.adapters.scratch import mapped

    return mapped(blocks, home / "index" / "scratch")


def _sweep(home: Path) -> list[Path]:
    from meetbefore_assets.adapters.scratch import sweep

    return sweep(home / "index" / "scratch")


def _content_hash(uri: str) -> str:
    from meetbefore_assets.adapters.files_hash import content_hash
    from meetbefore_assets.adapters.seed_reader import is_seed, seed_hash

    if is_remote(uri):
        from meetbefore_assets.adapters import recordings_remote

        return recordings_remote.content_hash(uri)
    if is_seed(uri):
        return seed_hash(uri)
    return content_hash(uri)


def _sidecar_start(copies: "Callable[[], Copies]", uri: str) -> str:
    from meetbefore_assets.adapters.files_sidecar import sidecar_start

    return sidecar_start(_at_hand(copies, uri))


def _place_files(uris: Sequence[str]) -> list[tuple[tuple[str, int, int], ...]]:
    from meetbefore_assets.adapters.files_places import place_files

    return place_files(uris)


def _read_fixes(path: str, started_at: datetime | None) -> list[Fix]:
    from meetbefore_assets.adapters.files_places import read_fixes

    return read_fixes(path, started_at)


def _machine_zone() -> str:
    from meetbefore_assets.adapters.files_local import machine_zone

    return machine_zone()


def _hold(folder: Path, name: str, timeout_s: float) -> AbstractContextManager[None]:
    from meetbefore_assets.adapters.locks import hold

    return hold(folder, name, timeout_s)


def _hold_in_postgres(address: str, scope: str, name: str, timeout_s: float) -> AbstractContextManager[None]:
    from meetbefore_assets.adapters.locks_postgres import hold

    return hold(address, scope, name, timeout_s)


def _open_database(path: Path, shared_uri: str) -> Publisher:
    if shared_uri:
        from meetbefore_assets.adapters.database_shared import SharedPublisher

        return SharedPublisher(shared_uri, path)
    from meetbefore_assets.adapters.database_duckdb import DuckDbPublisher

    return DuckDbPublisher(path)
