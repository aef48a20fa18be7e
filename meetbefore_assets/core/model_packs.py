"""Packs (a detector and a recogniser) and what is known of each recogniser: plain data, no models."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from meetbefore_assets.core.errors import ThresholdUnknownError

if TYPE_CHECKING:  # loads numpy, which commands that only read do without
    from meetbefore_assets.core.ports import FaceDetector, FaceEmbedder

RESEARCH_ONLY = "InsightFace's weights: for non-commercial research only."

# Least detector score by kind of detector, at longer side 1280: recall / false detections on 927 ordinary faces and on 385
# small, dark, blurred ones. YuNet 0.6: .990 / 38 and .974 / 30, 0.7: .989 / 21 and .971 / 13, 0.8: .989 / 14 and .951 / 6.
# SCRFD-2.5g 0.5: 1.000 / 20 and .982 / 9, 0.6: 1.000 / 10 and .953 / 7, 0.7: .988 / 5 and .860 / 5.
MIN_SCORES: dict[str, float] = {"yunet": 0.7, "scrfd": 0.6}

Progress = Callable[[int, int], None]
Kind = Literal["yunet", "scrfd", "blind detector", "recogniser", "other"]


@dataclass(frozen=True)
class Recogniser:
    """What must be known to use a recogniser. Pictures of 112 x 112, (pixel - mean) / std.

    Attributes:
        name: short name, the beginning of its id.
        vector_size: components of a vector.
        input_mean, input_std: on the 0..255 scale; None: as InsightFace reads them off the graph.
        colour_order: of the channels the graph expects.
        threshold: least cosine at which two groups are one person; None: nobody measured it.
        track_similarity: least cosine between two faces of one track; None: nobody measured it.
        licence: of the weights; empty if unknown.
        sha256: of the file; empty if known by name only.
    """

    name: str
    vector_size: int
    input_mean: float | None
    input_std: float | None
    colour_order: Literal["RGB", "BGR"]
    threshold: float | None
    track_similarity: float | None
    licence: str
    sha256: str = ""


@dataclass(frozen=True)
class PackFile:
    """One file whose content is known."""

    name: str
    sha256: str


@dataclass(frozen=True)
class NamedPack:
    """A pack that can be asked for by name.

    Attributes:
        name: the value of `models.pack`.
        licence: a sentence about the weights.
        size_mb: download, megabytes; 0 if it comes with the dependencies.
        files: detector and recogniser, where their content is known.
        recognisers: what is known of recognisers by file name.
    """

    name: str
    licence: str
    size_mb: int = 0
    files: tuple[PackFile, ...] = ()
    recognisers: tuple[tuple[str, Recogniser], ...] = ()


SFACE = Recogniser(
    name="sface",
    vector_size=128,
    # The graph subtracts 127.5 and divides by 128 itself, behind nodes where InsightFace does not look.
    input_mean=0.0,
    input_std=1.0,
    colour_order="RGB",
    threshold=0.40,
    # 0.36 let strangers who followed each other within seconds share a track; 0.45 splits a few, which grouping mends.
    track_similarity=0.45,
    licence="Apache-2.0",
    sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
)


RECOGNISERS: dict[str, Recogniser] = {SFACE.sha256: SFACE}


def _arcface(name: str) -> Recogniser:
    # 0.40 is what users of ArcFace models commonly set (same-person cosines scatter around 0.6, others around 0).
    # Not measured by this project: the weights are research-only and were not at hand.
    return Recogniser(name, 512, None, None, "RGB", 0.40, 0.36, RESEARCH_ONLY)


_R50 = ("w600k_r50.onnx", _arcface("w600k_r50"))


_MBF = ("w600k_mbf.onnx", _arcface("w600k_mbf"))


_R100 = ("glintr100.onnx", _arcface("glintr100"))


PACKS: dict[str, NamedPack] = {
    pack.name: pack
    for pack in (
        NamedPack(
            "sface",
            "YuNet (MIT) and SFace (Apache-2.0); nothing to download.",
            files=(
                PackFile("face_detection_yunet_2023mar_int8bq.onnx", "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"),
                PackFile("face_recognition_sface_2021dec_int8bq.onnx", SFACE.sha256),
            ),
        ),
        NamedPack("buffalo_l", RESEARCH_ONLY, 276, recognisers=(_R50,)),
        NamedPack("buffalo_m", RESEARCH_ONLY, 264, recognisers=(_R50,)),
        NamedPack("buffalo_s", RESEARCH_ONLY, 122, recognisers=(_MBF,)),
        NamedPack("buffalo_sc", RESEARCH_ONLY, 15, recognisers=(_MBF,)),
        NamedPack("antelopev2", RESEARCH_ONLY, 344, recognisers=(_R100,)),
    )
}


def known_recogniser(sha256: str, pack_name: str, file_name: str) -> Recogniser | None:
    """What is known of a recogniser: by the content of its file, else by its file name within a named pack."""
    if sha256 in RECOGNISERS:
        return RECOGNISERS[sha256]
    pack = PACKS.get(pack_name)
    return dict(pack.recognisers).get(file_name) if pack else None


def default_threshold(recogniser: Recogniser, setting: float | Literal["auto"]) -> float:
    """The cosine of `matching.threshold`, or what belongs to the recogniser where it is 'auto'.

    Raises:
        ThresholdUnknownError: 'auto', and nobody measured this recogniser.
    """
    return _resolved(recogniser, recogniser.threshold, setting, "matching.threshold")


def default_track_similarity(recogniser: Recogniser, setting: float | Literal["auto"]) -> float:
    """The cosine of `tracks.min_similarity`, or what belongs to the recogniser where it is 'auto'.

    Raises:
        ThresholdUnknownError: 'auto', and nobody measured this recogniser.
    """
    return _resolved(recogniser, recogniser.track_similarity, setting, "tracks.min_similarity")


def _resolved(recogniser: Recogniser, known: float | None, setting: float | Literal["auto"], key: str) -> float:
    if setting != "auto":
        return setting
    if known is None:
        raise ThresholdUnknownError(
            f"found the recogniser {recogniser.name} (sha256 {recogniser.sha256 or 'unknown'}), which nobody measured a threshold for; "
            f"expected a known recogniser, or a number for {key}.",
            remedy=f"Set {key} (0.3 to 0.5 is usual for cosines of face recognisers) and compare a few with `meetbefore whatif`.",
        )
    return known


@dataclass(frozen=True)
class FoundPack:
    """A pack whose files are on this machine, and what is known of them; its models are not loaded yet.

    Attributes:
        name: as it was asked for.
        detector_path, recogniser_path: ONNX files.
        detector_kind: which program runs the detector.
        detector_id, recogniser_id: short name and 8 hex digits of the file's sha256; they change whenever the models' answers could.
        recogniser: normalisation, vector size and thresholds; thresholds are None where nobody measured them.
        licence: a sentence about the weights.
    """

    name: str
    detector_path: Path
    detector_kind: Literal["yunet", "scrfd"]
    detector_id: str
    recogniser_path: Path
    recogniser_id: str
    recogniser: Recogniser
    licence: str

    @property
    def min_score(self) -> float:
        """Least score, 0..1, of a face that its detector is trusted with."""
        return MIN_SCORES[self.detector_kind]


@dataclass(frozen=True)
class LoadedPack:
    """Models ready to run.

    Attributes:
        device: where the recogniser really runs.
        detector_device: where the detector does.
    """

    detector: "FaceDetector"
    embedder: "FaceEmbedder"
    device: str
    detector_device: str = "cpu"


@dataclass(frozen=True)
class Models:
    """What the tables of a video depend on besides the settings.

    Attributes:
        detector_id, recogniser_id: change whenever the models' answers could.
        track_similarity: least cosine inside a track.
        min_score: least detector score.
    """

    detector_id: str
    recogniser_id: str
    track_similarity: float
    min_score: float
