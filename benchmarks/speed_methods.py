"""Methods from file to embeddings that the speed benchmarks compare: meetbefore's, and those of others with the same weights."""

import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import faiss
import numpy as np
import onnxruntime as ort
from insightface.model_zoo.arcface_onnx import ArcFaceONNX
from insightface.model_zoo.scrfd import SCRFD
from insightface.utils import face_align

from meetbefore_assets.core.model_packs import ModelPack
from meetbefore_assets.core.ports import F32, U8
from meetbefore_assets.faces.alignment import alignment_matrices
from meetbefore_assets.faces.models.face_models import input_size
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets.faces.models.onnx_session import (
    drop_weights_from_inputs,
    load_onnx,
    normalises_itself,
    prepare_detector,
    prepare_recogniser,
    session,
)
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.open_home import open_home
from meetbefore_assets.recordings.intake import import_recordings, known_videos
from meetbefore_assets.recordings.video.packets import clear_scan_cache

warnings.filterwarnings("ignore", category=FutureWarning, module="insightface")

SQUARE = 640  # side of the padded picture that InsightFace searches unless told otherwise
REFERENCE_SIMILARITY = 0.6  # AreWeMeetBefore's 1 / (1 + squared distance)
STEPS = ("videos", "frames", "detections", "embeddings", "tracks")


@dataclass(frozen=True)
class Cost:
    """Cost of one turn, child processes included; seconds."""

    cpu_s: float
    wall_s: float
    faces: int
    moments: int

    @classmethod
    def median(cls, turns: list["Cost"]) -> "Cost":
        """Median seconds; faces and sampled frames are those of the first turn."""
        cpu_s, wall_s = (statistics.median(values) for values in ([c.cpu_s for c in turns], [c.wall_s for c in turns]))
        return cls(cpu_s, wall_s, turns[0].faces, turns[0].moments)

    @classmethod
    def least(cls, turns: list["Cost"]) -> "Cost":
        """Least seconds, the figure least disturbed by other processes; faces and sampled frames are those of the first turn."""
        return cls(min(c.cpu_s for c in turns), min(c.wall_s for c in turns), turns[0].faces, turns[0].moments)


def measured(work: Callable[[], tuple[int, int]]) -> Cost:
    """CPU seconds (this process and its children) and wall-clock seconds of one turn; `work` returns (faces, sampled frames)."""
    before, started = _cpu_s(), time.perf_counter()
    faces, moments = work()
    return Cost(_cpu_s() - before, time.perf_counter() - started, faces, moments)


def _cpu_s() -> float:
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


class InsightFaceStyle:
    """Detector and recogniser of a pack as InsightFace's FaceAnalysis runs them: a padded square, one face at a time, no rewriting."""

    def __init__(self, pack: ModelPack, threads: int) -> None:
        self._yunet = pack.detector_kind == "yunet"
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        if self._yunet:
            self._detector: Any = cv2.FaceDetectorYN.create(str(pack.detector_path), "", (SQUARE, SQUARE), 0.5)
        else:
            self._detector = SCRFD(str(pack.detector_path), session=_session(pack.detector_path, options))
            self._detector.prepare(-1, input_size=(SQUARE, SQUARE), det_thresh=0.5)
        self._recogniser = ArcFaceONNX(str(pack.recogniser_path), session=_session(pack.recogniser_path, options))
        if pack.recogniser.input_mean is not None or normalises_itself(pack.recogniser_path):
            self._recogniser.input_mean, self._recogniser.input_std = 0.0, 1.0

    def faces(self, image: U8) -> Iterator[tuple[F32, F32]]:
        """Box and unit vector of each face."""
        boxes, points = self._found(image)
        for box, landmarks in zip(boxes, points, strict=True):
            yield box, self.vector(face_align.norm_crop(image, landmarks))

    def vector(self, crop: U8) -> F32:
        """Unit vector of an aligned face."""
        vector = self._recogniser.get_feat(crop).ravel()
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    def _found(self, image: U8) -> tuple[F32, F32]:
        if not self._yunet:
            boxes, points = self._detector.detect(image)
            return boxes[:, :4], points
        scale = SQUARE / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale)
        square = np.zeros((SQUARE, SQUARE, 3), np.uint8)
        square[: small.shape[0], : small.shape[1]] = small
        found = self._detector.detect(square)[1]
        found = np.empty((0, 15), np.float32) if found is None else found / scale
        return np.hstack([found[:, :2], found[:, :2] + found[:, 2:4]]), found[:, 4:14].reshape(-1, 5, 2)


def _session(path: Path, options: ort.SessionOptions) -> Any:
    # SFace's file lists its weights as inputs, which onnxruntime refuses; nothing else of it is changed.
    model = load_onnx(path)
    drop_weights_from_inputs(model)
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _let_cv2_use(threads: int) -> None:
    # cv2's number holds for the whole process, and the methods take turns in one.
    cv2.setNumThreads(threads or os.cpu_count() or 1)


class Reference:
    """AreWeMeetBefore's procedure: pictures by ffmpeg, each read and searched, a flat L2 index, all records rewritten at every match."""

    def __init__(self, pack: ModelPack, threads: int, folder: Path) -> None:
        self._models, self._threads, self._folder = InsightFaceStyle(pack, threads), threads, folder
        self._size = pack.recogniser.vector_size

    def run(self, clip: Path) -> tuple[int, int]:
        _let_cv2_use(self._threads)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        threads = ["-threads", str(self._threads)] if self._threads else []
        pattern = str(self._folder / "%06d.jpg")
        command = ["ffmpeg", "-v", "error", *threads, "-i", str(clip), "-vf", "fps=1", *threads, pattern]
        subprocess.run(command, check=True)
        pictures = sorted(self._folder.glob("*.jpg"))
        index, records, faces = faiss.IndexFlatL2(self._size), [], 0
        for second, path in enumerate(pictures):
            image = cv2.imread(str(path))
            for box, vector in self._models.faces(image):
                faces += 1
                self._take(index, records, second, image, box, vector)
        faiss.write_index(index, str(self._folder / "face_index.bin"))
        return faces, len(pictures)

    def _take(self, index: Any, records: list[dict[str, Any]], second: int, image: U8, box: F32, vector: F32) -> None:
        distance, nearest = index.search(vector[None], 1)
        if nearest[0, 0] >= 0 and 1 / (1 + distance[0, 0]) > REFERENCE_SIMILARITY:
            records[nearest[0, 0]]["appearances"].append(second)
        else:
            index.add(vector[None])
            x1, y1, x2, y2 = np.maximum(box, 0).astype(int)
            cv2.imwrite(str(self._folder / f"face_{len(records)}.jpg"), image[y1 : y2 + 1, x1 : x2 + 1])
            records.append({"face_id": len(records), "appearances": [second]})
        lines = [json.dumps(record) + "\n" for record in records]
        (self._folder / "face_metadata.jsonl").write_text("".join(lines))


class FaceAnalysisOnFrames:
    """InsightFace's FaceAnalysis on pictures that cv2 reads, nothing written: frames between the moments are decoded, not converted."""

    def __init__(self, pack: ModelPack, threads: int) -> None:
        self._models, self._threads = InsightFaceStyle(pack, threads), threads

    def run(self, clip: Path) -> tuple[int, int]:
        _let_cv2_use(self._threads)
        parameters = [cv2.CAP_PROP_N_THREADS, self._threads] if self._threads else []
        capture = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG, parameters)
        step = round(capture.get(cv2.CAP_PROP_FPS))
        number = faces = moments = 0
        while capture.grab():
            if number % step == 0:
                moments += 1
                faces += sum(1 for _ in self._models.faces(capture.retrieve()[1]))
            number += 1
        capture.release()
        return faces, moments


class Ours:
    """meetbefore's steps from choosing the frames to tracks, with everything that they write."""

    def __init__(self, home_folder: Path, pack: str, threads: int, assignments: tuple[str, ...] = ()) -> None:
        home_folder.mkdir(parents=True, exist_ok=True)
        chosen = settings_file.effective(home_folder, [f"models.pack={pack}", "models.device=cpu", *assignments])
        self._home = open_home(home_folder, chosen)
        self._home.threads = threads or os.cpu_count() or 1
        loaded = self._home.loaded_models()
        self.detector, self.embedder = loaded.detector, loaded.embedder
        self.parts: dict[str, float] = {}
        self._known: dict[Path, str] = {}

    def run(self, clip: Path) -> tuple[int, int]:
        _let_cv2_use(1)  # as the loading of a pack sets it; the threads share the moments instead
        video_id = self.take_in(clip)
        rows = {}
        clear_scan_cache()
        for step in STEPS:
            before = _cpu_s()
            rows[step] = STAGES[step](self._home, video_id).rows
            self.parts[step] = _cpu_s() - before
        return rows["embeddings"], rows["frames"]

    def take_in(self, clip: Path) -> str:
        """Register a clip once; returns its id."""
        if clip not in self._known:
            import_recordings(self._home, [clip])
            ids = [key for key, known in known_videos(self._home).items() if any(str(clip) in uri for uri in known.uris)]
            self._known[clip] = ids[0]
        return self._known[clip]

    def planned(self, clip: Path) -> list[int]:
        """The pts of the sampled frames."""
        return self._home.store.get("frames", self.take_in(clip), ["pts"])["pts"].to_list()

    def crops(self, image: U8) -> U8:
        """The aligned faces of a frame."""
        found = self.detector.detect(image, min_score=0.6, max_side=self._home.settings().detection.max_side)
        return self._home.imaging.align(image, alignment_matrices(found.landmarks))

    def pure_models(self, image: U8, moments: int, faces: int) -> dict[str, Callable[[], None]]:
        """The models alone on prepared inputs: once per sampled frame and once per face (twice where all mirror images are embedded)."""
        settings = self._home.settings()
        local = find_pack(settings.models.pack, self._home.folder)
        detector = session(prepare_detector(local.detector_path), device="cpu", threads=1)
        recogniser = session(prepare_recogniser(local.recogniser_path), device="cpu", threads=1)
        width, height = input_size(image.shape[1], image.shape[0], settings.detection.max_side)
        picture = cv2.dnn.blobFromImage(cv2.resize(image, (width, height)))
        face = cv2.dnn.blobFromImage(self.crops(image)[0])
        times = faces * {"none": 1, "best": 1, "all": 2}[self._home.models().mirror(settings.models.mirror)]
        return {"detector": _repeated(detector, picture, moments), "recogniser": _repeated(recogniser, face, times)}


def _repeated(made: Any, blob: F32, times: int) -> Callable[[], None]:
    name = made.get_inputs()[0].name

    def work() -> None:
        for _ in range(times):
            made.run(None, {name: blob})

    return work


def machine() -> str:
    """One line about this machine, for the head of a table."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    ffmpeg = "no ffmpeg"
    if shutil.which("ffmpeg"):
        ffmpeg = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=False).stdout.split(" Copyright")[0]
    return f"{os.cpu_count()} cores, {names[0] if names else platform.processor()}; {ffmpeg}; onnxruntime {ort.__version__}"
