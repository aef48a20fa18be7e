"""Model packs (a detector and a recogniser) and the measured figures of each recogniser: plain data, no models are loaded."""

import math
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

# Of which faces the mirror image is embedded too, by kind of detector. BCubed F / meeting F with all, none, the best of each track, SFace.
# YuNet's faces: labelled footage 0.966 / 0.918 by all three; hard 0.932 / 0.765, 0.931 / 0.765, 0.932 / 0.765; regulars 0.972 / 0.926,
# 0.968 / 0.908, 0.972 / 0.926. SCRFD's: 0.975 / 0.940, 0.973 / 0.937, 0.973 / 0.937; hard 0.926 / 0.743, 0.919 / 0.729, 0.919 / 0.729.
Mirror = Literal["none", "best", "all"]
MIRRORED: dict[str, Mirror] = {"yunet": "best", "scrfd": "all"}

Progress = Callable[[int, int], None]
Kind = Literal["yunet", "scrfd", "blind detector", "recogniser", "other"]


@dataclass(frozen=True)
class EvidenceModel:
    """Measured parameters of a recogniser's vectors; identities/evidence.py uses them.

    Attributes:
        threshold: value of `matching.threshold` at which `least_ratio` holds.
        least_ratio: least log-likelihood ratio of two groups that are one person, in an archive of 150 people or more.
        ratio_per_threshold: how much more of it one unit of the threshold asks for.
        best_fidelity, least_fidelity: how much of its person a vector holds, at most and at least, 0..1.
        middle_length, length_scale: length of the raw vector half way between the two, and how fast fidelity rises there.
        good_length: raw vectors of this length and more are not poor.
        poor_price: what poor faces that meet poor ones must bring more; see `poorness`.
        variance: of a vector's part that is not shared, over all dimensions.
        dimensions: that the vectors fill.
        dependence: how little a further look of a person adds.
        certainty, certainty_at_least: how fast the probability of one person rises with the ratio, and its log-odds at `least_ratio`.
        look_weight: how far tracks that agree more than one person's looks do are taken for one look.
    """

    threshold: float
    least_ratio: float
    ratio_per_threshold: float
    best_fidelity: float
    least_fidelity: float
    middle_length: float
    length_scale: float
    good_length: float
    poor_price: float
    variance: float
    dimensions: float
    dependence: float
    look_weight: float
    certainty: float
    certainty_at_least: float

    def sureness(self, threshold: float) -> float:
        """Probability, 0..1, that two groups are one person that a value of `matching.threshold` just joins."""
        log_odds = self.certainty_at_least + self.certainty * self.ratio_per_threshold * (threshold - self.threshold)
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, log_odds))))


@dataclass(frozen=True)
class AskingModel:
    """How log-likelihood ratios of one face and everybody become probabilities; see identities/open_set.py.

    Attributes:
        slope: how fast the log-odds rise with the ratio.
        offset: log-odds, times the number of people, of a ratio of 0.
    """

    slope: float
    offset: float


@dataclass(frozen=True)
class Recogniser:
    """Input format and measured thresholds of a recogniser. It takes pictures of 112 x 112, (pixel - mean) / std.

    Attributes:
        name: short name, the beginning of its id.
        vector_size: components of a vector.
        input_mean, input_std: on the 0..255 scale; None: as InsightFace reads them off the graph.
        colour_order: of the channels the graph expects.
        threshold: least cosine at which two groups are one person; None: nobody measured it.
        track_similarity: least cosine between two faces of one track; None: nobody measured it.
        licence: of the weights; empty if unknown.
        sha256: of the file; empty if known by name only.
        evidence: what its vectors tell; None: nobody measured it, and people are told apart by cosines alone.
        asking: how sure the answer about one face from elsewhere is; None: nobody measured it.
        separation: how far a test put pictures of one person and of strangers apart, in standard deviations, with the input above; None:
            that is known otherwise.
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
    evidence: EvidenceModel | None = None
    asking: AskingModel | None = None
    separation: float | None = None

    @property
    def not_measured(self) -> str:
        """A sentence that says what was never measured for this recogniser; "" if its vectors were measured."""
        if self.evidence is not None:
            return ""
        return f"Nobody measured the recogniser {self.name}: people are told apart by cosines alone, and how sure that is cannot be told."


@dataclass(frozen=True)
class PackFile:
    """One file whose content is known."""

    name: str
    sha256: str


@dataclass(frozen=True)
class PackSource:
    """Where a pack comes from that is asked for by name, and what is known of its files before they are here.

    Attributes:
        name: the value of `models.pack`.
        licence: a sentence about the weights.
        sha256: of the archive that is downloaded; "" if it comes with the dependencies.
        size_bytes: of that archive.
        files: detector and recogniser, where their content is known.
        recognisers: what is known of recognisers by file name.
    """

    name: str
    licence: str
    sha256: str = ""
    size_bytes: int = 0
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
    evidence=EvidenceModel(
        threshold=0.40,
        least_ratio=5.7,
        ratio_per_threshold=50.0,
        best_fidelity=0.72,
        least_fidelity=0.20,
        middle_length=7.4,
        length_scale=1.6,
        good_length=11.0,
        poor_price=2.5,
        variance=0.915,
        dimensions=100.0,
        dependence=0.06,
        look_weight=0.7,
        certainty=0.63,
        certainty_at_least=0.5,
    ),
    asking=AskingModel(slope=0.67, offset=1.0),
)


RECOGNISERS: dict[str, Recogniser] = {SFACE.sha256: SFACE}


def _arcface(name: str) -> Recogniser:
    # 0.40 is what users of ArcFace models commonly set (same-person cosines scatter around 0.6, others around 0).
    # Not measured by this project: the weights are research-only and were not at hand.
    return Recogniser(name, 512, None, None, "RGB", 0.40, 0.36, RESEARCH_ONLY)


_R50 = ("w600k_r50.onnx", _arcface("w600k_r50"))


_MBF = ("w600k_mbf.onnx", _arcface("w600k_mbf"))


_R100 = ("glintr100.onnx", _arcface("glintr100"))


# Sums and sizes of the archives: InsightFace's release v0.7, the same that many projects pin.
PACKS: dict[str, PackSource] = {
    pack.name: pack
    for pack in (
        PackSource(
            "sface",
            "YuNet (MIT) and SFace (Apache-2.0); nothing to download.",
            files=(
                PackFile("face_detection_yunet_2023mar_int8bq.onnx", "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"),
                PackFile("face_recognition_sface_2021dec_int8bq.onnx", SFACE.sha256),
            ),
        ),
        PackSource(
            "buffalo_l",
            RESEARCH_ONLY,
            sha256="80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
            size_bytes=288_621_354,
            recognisers=(_R50,),
        ),
        PackSource(
            "buffalo_m",
            RESEARCH_ONLY,
            sha256="d98264bd8f2dc75cbc2ddce2a14e636e02bb857b3051c234b737bf3b614edca9",
            size_bytes=275_951_529,
            recognisers=(_R50,),
        ),
        PackSource(
            "buffalo_s",
            RESEARCH_ONLY,
            sha256="d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e",
            size_bytes=127_607_557,
            recognisers=(_MBF,),
        ),
        PackSource(
            "buffalo_sc",
            RESEARCH_ONLY,
            sha256="57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72",
            size_bytes=14_969_382,
            recognisers=(_MBF,),
        ),
        PackSource(
            "antelopev2",
            RESEARCH_ONLY,
            sha256="8e182f14fc6e80b3bfa375b33eb6cff7ee05d8ef7633e738d1c89021dcf0c5c5",
            size_bytes=360_662_982,
            recognisers=(_R100,),
        ),
    )
}


def known_recogniser(sha256: str, file_name: str, source: PackSource | None) -> Recogniser | None:
    """Look a recogniser up: by the content of its file, else by its file name in the pack that it came with."""
    return RECOGNISERS.get(sha256) or (dict(source.recognisers).get(file_name) if source else None)


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
class ModelPack:
    """The files of a detector and a recogniser on this machine, and what is known of them.

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
        """Least detector score, 0..1, of a face that is kept."""
        return MIN_SCORES[self.detector_kind]


@dataclass(frozen=True)
class LoadedModels:
    """Detector and recogniser of a pack, ready to run.

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
    """The properties of a pack that the tables of a video depend on, besides the settings.

    Attributes:
        detector_id, recogniser_id: change whenever the models' answers could.
        track_similarity: least cosine inside a track.
        min_score: least detector score.
        auto_mirror: what `models.mirror` means where it is auto.
    """

    detector_id: str
    recogniser_id: str
    track_similarity: float
    min_score: float
    auto_mirror: Mirror = "all"

    def mirror(self, setting: bool | Literal["auto"]) -> Mirror:
        """Of which faces the mirror image is embedded too where `models.mirror` is `setting`."""
        if setting == "auto":
            return self.auto_mirror
        return "all" if setting else "none"
