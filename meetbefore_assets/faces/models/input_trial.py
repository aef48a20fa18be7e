"""Finds the input format of an unmeasured recogniser by trial: colour order, and whether the graph normalises its input.

Wrong input gives vectors all the same that tell people apart worse, or not at all, and nothing else says so. So the file is tried both ways
on eight faces of eight people that come with the dependencies: each as it is, small, dark, and turned and mirrored. What puts one person's
pictures farthest from strangers' is right. It was so for SFace (separation 6.9, colours swapped 6.3, normalised twice 0.1) and for a
MobileFaceNet without any normalisation in its graph (5.5, colours swapped 5.0, not normalised 1.6); on 250 photographs of 97 people
the same choices told most people apart.
"""

import contextlib
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from meetbefore_assets.core.errors import ModelError, PackBrokenError
from meetbefore_assets.core.model_packs import ModelPack, Recogniser
from meetbefore_assets.core.ports import F32, U8
from meetbefore_assets.faces.alignment import alignment_matrices
from meetbefore_assets.faces.models.face_models import ArcFaceEmbedder
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets.faces.models.onnx_session import normalises_itself
from meetbefore_assets.faces.models.opencv_imaging import OpenCvImaging
from meetbefore_assets.faces.models.yunet import YuNetDetector
from meetbefore_assets.storage.atomic_file import atomic_file
from meetbefore_assets.storage.private_folder import private_folder

# Raise it when the same file would be fed otherwise.
_CODE = 1
# Pictures with one person each, but the second, with six.
_PICTURES = (("skimage", "data/astronaut.png"), ("insightface", "data/images/t1.jpg"), ("insightface", "data/images/Tom_Hanks_54745.png"))
# What separates people less is no recogniser of faces, or wants its faces aligned otherwise; the two above reach 1.7 with wrong input.
_LEAST_SEPARATION = 2.5
# InsightFace's own reading of a file is left as it is unless another is better by so much.
_CLEARLY = 1.02
# On the 0..255 scale: the graph normalises its input itself, or wants what InsightFace gives it.
_OWN, _OUTSIDE = (0.0, 1.0), (127.5, 127.5)


@dataclass(frozen=True)
class InputTrial:
    """The input format that separated people best.

    Attributes:
        colour_order: of the channels.
        mean, std: (pixel - mean) / std on the 0..255 scale.
        separation: of the cosines of one person's pictures and strangers', in standard deviations.
        is_usual: it is how InsightFace reads the file.
    """

    colour_order: Literal["RGB", "BGR"]
    mean: float
    std: float
    separation: float
    is_usual: bool


def with_tried_input(found: ModelPack, home_folder: Path) -> ModelPack:
    """The pack with what a trial says of its recogniser, where nobody measured it; tried once for each file, and kept in the home.

    Raises:
        PackBrokenError: whichever way it is fed, it does not tell people apart.
    """
    about = found.recogniser
    if about.threshold is not None:
        return found
    kept = home_folder / "models" / f"input-{about.sha256[:16]}.json"
    tried = _kept(kept)
    if tried is None:
        tried = try_inputs(found.recogniser_path, about, home_folder)
        with contextlib.suppress(OSError):  # a home that must not be written to: it is tried again
            private_folder(kept.parent)
            with atomic_file(kept) as temporary:
                temporary.write_text(json.dumps({"code": _CODE, **asdict(tried)}), encoding="utf-8")
    told = replace(about, colour_order=tried.colour_order, input_mean=tried.mean, input_std=tried.std, separation=tried.separation)
    # Vectors of a file that is fed otherwise are others.
    fed = "" if tried.is_usual else f"-{tried.colour_order.lower()}{'-raw' if (tried.mean, tried.std) == _OWN else ''}"
    return replace(found, recogniser=told, recogniser_id=found.recogniser_id + fed)


def _kept(path: Path) -> InputTrial | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return InputTrial(**content) if content.pop("code") == _CODE else None
    except (OSError, ValueError, KeyError, TypeError):  # not tried yet, or torn: it is tried again
        return None


def try_inputs(path: Path, about: Recogniser, home_folder: Path) -> InputTrial:
    """Try a recogniser in either order of colours, with and without normalised pictures.

    Args:
        path: the ONNX file.
        about: name and vector size of it.
        home_folder: in which the pack sface lies, where the wheel has none: its detector finds the faces.

    Raises:
        PackBrokenError: it cannot be run, or does not tell people apart.
    """
    pictures = trial_faces(home_folder)
    usual = _OWN if normalises_itself(path) else _OUTSIDE
    tried = []
    for order, (mean, std), is_usual in _inputs(usual):
        fed = replace(about, colour_order=order, input_mean=mean, input_std=std)
        tried.append(InputTrial(order, mean, std, round(_separation(path, fed, pictures), 2), is_usual))
    best = max(tried, key=lambda one: one.separation * (_CLEARLY if one.is_usual else 1.0))
    if not best.separation >= _LEAST_SEPARATION:
        raise PackBrokenError(
            f"{path}: found a recogniser that does not tell people apart, in RGB or BGR, with pictures of 0..255 or of -1..1: "
            f"pictures of one person and of strangers lie {best.separation:.1f} standard deviations apart, expected "
            f"{_LEAST_SEPARATION} or more (eight faces that come with the dependencies).",
            remedy="Replace the file with a recogniser for faces of 112 x 112 that are aligned as InsightFace aligns them.",
        )
    return best


def _inputs(usual: tuple[float, float]) -> Iterator[tuple[Literal["RGB", "BGR"], tuple[float, float], bool]]:
    orders: tuple[Literal["RGB", "BGR"], ...] = ("RGB", "BGR")
    for order in orders:
        for scale in (_OWN, _OUTSIDE):
            yield order, scale, order == "RGB" and scale == usual


def _separation(path: Path, about: Recogniser, pictures: U8) -> float:
    """Distance of the mean cosines of one person's pictures and of strangers', by the root of their mean variance; 0 for no numbers."""
    people, each = pictures.shape[:2]
    try:
        vectors = ArcFaceEmbedder(path, "", about, device="cpu", threads=1).embed(pictures.reshape(-1, *pictures.shape[2:]))
    except ModelError:
        raise
    except Exception as error:  # onnxruntime's exceptions have no common base of their own
        raise PackBrokenError(f"{path}: could not be run on faces: {error}.", remedy="Replace the file with a whole one.") from error
    if vectors.shape != (people * each, about.vector_size):
        found = f"{vectors.shape} numbers for {people * each} faces"
        raise PackBrokenError(f"{path}: gave {found}, expected {about.vector_size} each.", remedy="Replace the file.")
    cosine = _cosines(vectors)
    person, (a, b) = np.repeat(np.arange(people), each), np.triu_indices(people * each, 1)
    same, strangers = cosine[a, b][person[a] == person[b]], cosine[a, b][person[a] != person[b]]
    spread = float(np.sqrt((same.var() + strangers.var()) / 2))
    return float((same.mean() - strangers.mean()) / spread) if spread > 0 and np.isfinite(spread) else 0.0


def _cosines(vectors: F32) -> F32:
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return np.asarray(unit @ unit.T, np.float32)


@lru_cache(maxsize=1)
def trial_faces(home_folder: Path) -> U8:
    """(8, 4, 112, 112, 3) B, G, R: eight people, aligned; each as it is, small, dark, and turned and mirrored."""
    sface = find_pack("sface", home_folder)
    detector = YuNetDetector(sface.detector_path, sface.detector_id)
    faces: list[U8] = []
    for package, name in _PICTURES:
        image = cv2.imread(str(_folder_of(package) / name))
        if image is None:
            raise ModelError(f"{name} of the package {package} is not there; a recogniser that nobody measured is tried on it.")
        picture = np.asarray(image, np.uint8)
        found = detector.detect(picture, min_score=0.7, max_side=1280)
        faces.extend(OpenCvImaging().align(picture, alignment_matrices(found.landmarks)))
    return np.stack([_as_cameras_see(face) for face in faces])


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) if places else Path(package)


def _as_cameras_see(face: U8) -> U8:
    side = face.shape[0]
    small = cv2.resize(cv2.resize(face, (36, 36), interpolation=cv2.INTER_AREA), (side, side), interpolation=cv2.INTER_LINEAR)
    turned = cv2.warpAffine(face, cv2.getRotationMatrix2D((side / 2, side / 2), 14, 0.9), (side, side), borderMode=cv2.BORDER_REFLECT)
    return np.stack([face, small, cv2.convertScaleAbs(face, alpha=0.5), turned[:, ::-1]]).astype(np.uint8)
