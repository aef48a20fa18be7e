"""Puts the adapters behind the ports. Each library is loaded when it is first needed, so that reading commands start fast."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from meetbefore_assets.domain.places import Fix
from meetbefore_assets.domain.ports import F32, FaceCamera, Store, VectorIndex, VideoReader
from meetbefore_assets.packs import MIN_SCORES
from meetbefore_assets.settings import Settings
from meetbefore_assets.workbench import Found, FoundPack, LoadedPack, Publisher, Tools, Workbench


def build_workbench(home: Path, settings: Settings | None = None) -> Workbench:
    """The workbench of a home on this machine; `settings` hold instead of those of the file."""
    home = home.expanduser().absolute()

    def scan(paths: list[Path]) -> Found:
        from meetbefore_assets.adapters.files_local import scan as scan_files

        return scan_files(paths, exclude=[home / name for name in ("record", "frames", "previews", "index", "dagster", "models", "locks")])

    return Workbench(
        home,
        Tools(
            open_store=_open_store,
            open_video=_open_video,
            find_pack=_find_pack,
            load_pack=_load_pack,
            open_camera=_open_camera,
            index_of=_index_of,
            scan=scan,
            content_hash=_content_hash,
            sidecar_start=_sidecar_start,
            machine_zone=_machine_zone,
            hold=_hold,
            open_database=_open_database,
            place_files=_place_files,
            read_fixes=_read_fixes,
            is_gpu_used=_is_gpu_used,
        ),
        fixed_settings=settings,
    )


def _open_store(uri: str) -> Store:
    from meetbefore_assets.adapters.store_parquet import open_store

    return open_store(uri)


def _open_video(uri: str, allow_truncated: bool) -> VideoReader:
    from meetbefore_assets.adapters.seed_reader import SeedReader, is_seed
    from meetbefore_assets.adapters.video_pyav import open_video

    if is_seed(uri):
        return SeedReader(uri)
    return open_video(uri, allow_truncated=allow_truncated)


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


def _index_of(vectors: F32, queries: int) -> VectorIndex:
    from meetbefore_assets.adapters.index_faiss import index_of

    return index_of(vectors, queries)


def _content_hash(uri: str) -> str:
    from meetbefore_assets.adapters.files_hash import content_hash
    from meetbefore_assets.adapters.seed_reader import is_seed, seed_hash

    if is_seed(uri):
        return seed_hash(uri)
    return content_hash(uri)


def _sidecar_start(uri: str) -> str:
    from meetbefore_assets.adapters.files_sidecar import sidecar_start

    return sidecar_start(uri)


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


def _open_database(path: Path) -> Publisher:
    from meetbefore_assets.adapters.database_duckdb import DuckDbPublisher

    return DuckDbPublisher(path)
