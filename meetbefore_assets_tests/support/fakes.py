"""Fakes behind the ports: videos are small JSON files, faces are coloured squares, and everything else is real.

A fake video says who is seen in each of its moments: `{"moments": [[3, 7], [], [3]]}`. A picture of it has a square for each,
in whose colour the number of the person is written; the fake detector reads the squares, the fake embedder the colour.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import numpy as np

from meetbefore_assets.core.errors import PackNotFoundError, RecordTornError, UnreadableVideoError
from meetbefore_assets.core.model_packs import AskingModel, EvidenceModel, LoadedModels, ModelPack, Recogniser
from meetbefore_assets.core.ports import F32, F64, I64, U8, FaceBatch, GpsFix, MediaFacts, PacketIndex, Picture
from meetbefore_assets.home.adapters import Adapters
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.adapters import Identities
from meetbefore_assets.recordings.adapters import Recordings
from meetbefore_assets.storage.adapters import Storage

SQUARE_PX = 64
SQUARES = 4
VECTOR_SIZE = 32
NOISE = 0.35
# Of the fake embedder's vectors, whose raw length is about 6: a person's part in them is 0.94.
MEASURED = EvidenceModel(
    threshold=0.5,
    least_ratio=5.0,
    ratio_per_threshold=40.0,
    best_fidelity=0.94,
    least_fidelity=0.7,
    middle_length=4.0,
    length_scale=0.5,
    good_length=5.0,
    poor_price=1.0,
    variance=1.0,
    dimensions=32.0,
    dependence=0.05,
    look_weight=0.5,
    certainty=0.63,
    certainty_at_least=0.5,
)


class FakeReader:
    """Reads a fake video; a moment that is the text "broken" cannot be decoded."""

    def __init__(self, uri: str) -> None:
        try:
            self._moments: list[list[int] | str] = json.loads(Path(uri).read_text())["moments"]
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableVideoError(f"{Path(uri).name} is no video: {error}.", remedy="Copy it again.") from error

    def facts(self) -> MediaFacts:
        return MediaFacts(float(len(self._moments)), SQUARE_PX * SQUARES, SQUARE_PX, 0, 1.0, "fake", "fake", {})

    def index(self) -> PacketIndex:
        count = len(self._moments)
        return PacketIndex(np.arange(count, dtype=np.int64) * 10, np.ones(count, bool), Fraction(1, 10))

    def is_sought(self) -> bool:
        return True

    def pictures(self, pts: I64) -> Iterator[Picture]:
        for moment in pts:
            who = self._moments[int(moment) // 10]
            if isinstance(who, str):
                yield Picture(int(moment), None, "damaged")
                continue
            yield Picture(int(moment), draw(who, int(moment)))

    def close(self) -> None: ...

    def __enter__(self) -> "FakeReader":
        return self

    def __exit__(self, *exc: object) -> None: ...


def draw(who: Sequence[int], moment: int) -> U8:
    """The picture of a moment: a square for each person, from left to right."""
    image = np.zeros((SQUARE_PX, SQUARE_PX * SQUARES, 3), np.uint8)
    for place, person in enumerate(who):
        image[:, place * SQUARE_PX : (place + 1) * SQUARE_PX] = (person % 256, person // 256 + 1, moment // 10 % 256)
    return image


class FakeDetector:
    def __init__(self, model_id: str = "squares-1") -> None:
        self.model_id = model_id

    def detect(self, image: U8, *, min_score: float, max_side: int) -> FaceBatch:
        places = [place for place in range(SQUARES) if image[0, place * SQUARE_PX, 1] > 0]
        boxes = np.array([[place * SQUARE_PX, 0, (place + 1) * SQUARE_PX, SQUARE_PX] for place in places], np.float32).reshape(-1, 4)
        points = np.array([[18, 25], [46, 25], [32, 38], [21, 50], [43, 50]], np.float32)
        landmarks = (points[None] + boxes[:, None, :2]).reshape(-1, 5, 2)
        return FaceBatch(boxes, landmarks, np.full(len(places), 0.9, np.float32))


class FakeEmbedder:
    """Persons are random directions; a moment of theirs turns them a little."""

    size = VECTOR_SIZE

    def __init__(self, model_id: str = "colours-1") -> None:
        self.model_id = model_id

    def embed(self, crops: U8) -> F32:
        rows = []
        for crop in crops:
            low, high, moment = (int(value) for value in crop[56, 56])
            person = np.random.default_rng([low, high, len(self.model_id)]).normal(size=VECTOR_SIZE)
            noise = np.random.default_rng([low, high, moment]).normal(size=VECTOR_SIZE)
            rows.append(person + NOISE * noise)
        return np.array(rows, np.float32).reshape(-1, VECTOR_SIZE)


class FakeImaging:
    """Cuts squares out, and keeps them as raw bytes."""

    def align(self, image: U8, matrices: F64) -> U8:
        centres = [np.linalg.solve(matrix[:, :2], np.array([56.0, 70.0]) - matrix[:, 2]) for matrix in matrices]
        return np.array([np.broadcast_to(image[int(y), int(x)], (112, 112, 3)) for x, y in centres], np.uint8).reshape(-1, 112, 112, 3)

    def thumbnail(self, image: U8, box: F32, side: int) -> bytes:
        return b"\xff\xd8" + bytes(image[int(box[1]), int(box[0])])

    def blurred(self, jpeg: bytes) -> bytes:
        return b"\xff\xd8 nobody can be known"

    def encode_crop(self, crop: U8) -> bytes:
        return bytes(crop[56, 56])

    def is_crop(self, blob: bytes) -> bool:
        return len(blob) == 3

    def decode_crops(self, blobs: Sequence[bytes]) -> U8:
        if any(len(blob) != 3 for blob in blobs):
            raise RecordTornError("a crop is no picture.")
        return np.array([np.broadcast_to(np.frombuffer(blob, np.uint8), (112, 112, 3)) for blob in blobs], np.uint8).reshape(
            -1, 112, 112, 3
        )

    def contact_sheet(self, thumbnails: Sequence[bytes], side: int, columns: int) -> bytes:
        return b"\xff\xd8" + b"".join(thumbnails)

    def encode_jpeg(self, image: U8, quality: int, max_side: int = 0) -> bytes:
        return b"\xff\xd8" + image.tobytes()[:16]


class FakeRecordings(Recordings):
    """Real files, fake videos."""

    def open_video(self, uri: str, allow_truncated: bool) -> FakeReader:
        return FakeReader(uri)

    def sidecar_start(self, uri: str) -> str:
        return ""

    def machine_zone(self) -> str:
        return "UTC"

    def place_files(self, uris: Sequence[str]) -> list[tuple[tuple[str, int, int], ...]]:
        return [()] * len(uris)

    def read_fixes(self, path: str, started_at: datetime | None, duration_s: float) -> list[GpsFix]:
        return []


class FakeFaces:
    """A pack called sface; any other pack is nowhere."""

    def __init__(self, detector: str, embedder: str, evidence: EvidenceModel | None = None) -> None:
        self._detector, self._embedder, self._evidence = detector, embedder, evidence

    def find_pack(self, name: str) -> ModelPack:
        if name != "sface":
            raise PackNotFoundError(f"the pack '{name}' is nowhere.", remedy="Put it there.")
        asking = AskingModel(slope=0.75, offset=0.1) if self._evidence else None
        recogniser = Recogniser(self._embedder, VECTOR_SIZE, None, None, "RGB", 0.5, 0.4, "free", evidence=self._evidence, asking=asking)
        return ModelPack("sface", Path("squares.onnx"), "scrfd", self._detector, Path("colours.onnx"), self._embedder, recogniser, "free")

    def load_models(self, pack: ModelPack, device: str, threads: int) -> LoadedModels:
        return LoadedModels(FakeDetector(self._detector), FakeEmbedder(self._embedder), "cpu")

    def open_imaging(self) -> FakeImaging:
        return FakeImaging()

    def is_gpu_used(self, device: str) -> bool:
        return False


def fake_home(home_folder: Path, detector: str = "squares-1", embedder: str = "colours-1", evidence: EvidenceModel | None = None) -> Home:
    """A home with fake videos and fake models, whose pack is called sface; any other pack is nowhere.

    Args:
        home_folder: the home.
        detector, embedder: ids of the models.
        evidence: what was measured of the embedder; None: nobody measured it.
    """
    faces = FakeFaces(detector, embedder, evidence)
    return Home(home_folder, Adapters(FakeRecordings(home_folder), faces, Identities(home_folder), Storage(home_folder)))


def write_video(folder: Path, name: str, moments: Sequence[Sequence[int] | str]) -> Path:
    """A fake video; give it a name that tells its time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(json.dumps({"moments": list(moments), "name": name}))
    return path
