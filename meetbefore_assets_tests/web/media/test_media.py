"""Pictures of faces, frames and the recordings themselves: found by id alone, and played from the file as it is."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import polars as pl
import pytest
from starlette.testclient import TestClient

from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.core.schema.faces import DETECTIONS
from meetbefore_assets.core.schema.recordings import SOURCES
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import suppress
from meetbefore_assets.open_home import open_home
from meetbefore_assets.web.app import make_app
from meetbefore_assets.web.media.frames import nearest
from meetbefore_assets_tests.support.builders import draw_clip, read_number

CLIPS = [("mp4", "libx264"), ("mov", "libx264"), ("mkv", "libx264"), ("mp4", "libx265"), ("mov", "libx265"), ("mkv", "libx265")]
KINDS = {"mp4": "video/mp4", "mov": "video/quicktime", "mkv": "video/x-matroska"}
FPS, FACE_S = 25, 1.0
FACES = ["f0", "f1"]


def import_video(home: Home, path: Path, version: str = "1") -> str:
    """Put a file on record, with faces a second from its beginning."""
    status = path.stat()
    video_id = f"{path.stem}-{path.suffix[1:]}"
    row = {"video_id": video_id, "content_hash": "h", "uri": str(path), "file_name": path.name, "kind": "video"}
    row |= {"size_bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    home.store.put("sources", video_id, check(SOURCES, SOURCES.frame([row])), Stamp("1", {}, {}, 1))
    with home.adapters.recordings.open_video(str(path), allow_truncated=False) as reader:
        pts = int(reader.index().pts[round(FACE_S * FPS)])
    put_faces(home, video_id, pts, version)
    return video_id


def put_faces(home: Home, video_id: str, pts: int, version: str, faces: list[str] = FACES) -> None:
    face = {"video_id": video_id, "frame_id": "x", "pts": pts, "time_s": FACE_S, "x1": 10.0, "y1": 10.0, "x2": 60.0, "y2": 60.0}
    face |= {"landmarks": [0.0] * 10, "det_score": 0.9, "sharpness": 0.5, "frontality": 0.5, "quality": 0.5, "crop": b"x"}
    rows = [{**face, "face_id": one, "thumbnail": f"{video_id} {one}".encode() if one != "f1" else b""} for one in faces]
    home.store.put("detections", video_id, check(DETECTIONS, DETECTIONS.frame(rows)), Stamp(version, {}, {}, len(rows)))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(tmp_path / "home")


@pytest.fixture
def client(home: Home) -> Iterator[TestClient]:
    with TestClient(make_app(home), "http://127.0.0.1:3000") as made:
        yield made


@pytest.fixture
def clip(home: Home, tmp_path: Path) -> Path:
    path = draw_clip(tmp_path / "clip.mp4", seconds=3, fps=FPS)
    import_video(home, path)
    return path


def number_in(jpeg: bytes) -> int:
    return read_number(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))


@pytest.mark.parametrize(("ending", "codec"), CLIPS)
def test_a_moment_plays_from_the_file_or_as_frames(home: Home, client: TestClient, tmp_path: Path, ending: str, codec: str) -> None:
    path = draw_clip(tmp_path / f"clip.{ending}", seconds=3, fps=FPS, codec=codec, bframes=2)
    video_id = import_video(home, path)
    played = client.get(f"/media/video/{video_id}")
    assert played.content == path.read_bytes()
    assert (played.status_code, played.headers["content-type"], played.headers["accept-ranges"]) == (200, KINDS[ending], "bytes")
    for offset_ms, number in ((0, 25), (-1000, 0), (400, 35), (1_000, 50), (-60_000, 0), (60_000, 74)):
        frame = client.get(f"/media/frame/{video_id}/f0.jpg", params={"offset_ms": offset_ms, "width": 320})
        assert (frame.status_code, frame.headers["content-type"]) == (200, "image/jpeg")
        assert number_in(frame.content) == number


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-0", 206, (0, 1)),
        ("bytes=0-", 206, (0, None)),
        ("bytes=100-199", 206, (100, 200)),
        ("Bytes=100-199", 206, (100, 200)),
        ("bytes=-10", 206, (-10, None)),
        ("bytes=0-999999999", 206, (0, None)),
        ("bytes=-999999999", 206, (0, None)),
        ("bytes=5-2", 200, (0, None)),  # makes no sense
        ("bytes=0-1,5-6", 200, (0, None)),  # several
        ("lines=1-2", 200, (0, None)),  # another unit
        ("bytes=", 200, (0, None)),
        ("bytes=a-b", 200, (0, None)),
        ("bytes=--5", 200, (0, None)),
        (f"bytes=0-{'9' * 5000}", 200, (0, None)),
    ],
)
def test_ranges_are_those_of_rfc_9110(client: TestClient, clip: Path, asked: str, status: int, part: tuple[int, int | None]) -> None:
    whole = clip.read_bytes()
    reply = client.get("/media/video/clip-mp4", headers={"range": asked})
    assert (reply.status_code, reply.content) == (status, whole[part[0] : part[1]])
    assert int(reply.headers["content-length"]) == len(reply.content)
    if status == 206:
        begin = part[0] if part[0] >= 0 else len(whole) + part[0]
        assert reply.headers["content-range"] == f"bytes {begin}-{begin + len(reply.content) - 1}/{len(whole)}"


def test_a_range_behind_the_end_is_not_satisfiable(client: TestClient, clip: Path) -> None:
    size = clip.stat().st_size
    for asked in (f"bytes={size}-", f"bytes={size + 5}-{size + 9}", "bytes=-0"):
        reply = client.get("/media/video/clip-mp4", headers={"range": asked})
        assert (reply.status_code, reply.headers["content-range"]) == (416, f"bytes */{size}")


def test_a_head_and_a_range_of_another_file_are_answered_whole(client: TestClient, clip: Path) -> None:
    head = client.head("/media/video/clip-mp4", headers={"range": "bytes=0-0"})
    assert (head.status_code, int(head.headers["content-length"]), head.content) == (200, clip.stat().st_size, b"")
    tag = head.headers["etag"]
    assert client.get("/media/video/clip-mp4", headers={"range": "bytes=0-0", "if-range": tag}).status_code == 206
    assert client.get("/media/video/clip-mp4", headers={"range": "bytes=0-0", "if-range": '"another"'}).status_code == 200


def test_a_file_that_went_away_or_changed_is_told(client: TestClient, clip: Path) -> None:
    away = clip.rename(clip.with_suffix(".away"))
    for address in ("/media/video/clip-mp4", "/media/frame/clip-mp4/f0.jpg"):
        reply = client.get(address)
        assert reply.status_code == 404
        assert "Attach the disk" in reply.text
    clip.write_bytes(away.read_bytes() + b"more")
    assert client.get("/media/video/clip-mp4").status_code == 410
    assert client.get("/media/frame/clip-mp4/f0.jpg").status_code == 404
    clip.unlink()
    os.mkfifo(clip)
    assert client.get("/media/video/clip-mp4").status_code == 410
    clip.unlink()
    away.rename(clip)
    assert client.get("/media/video/clip-mp4").status_code == 200


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "..", ".", "/etc/passwd", "a/../b", "x\x00", "clip-mp4/../../x", "C:\\x", "", "x" * 300]
)
def test_nothing_but_an_id_is_looked_up(client: TestClient, clip: Path, path: str) -> None:
    for address in (
        "/media/video/{}",
        "/media/face/{}/f0.jpg",
        "/media/face/clip-mp4/{}.jpg",
        "/media/frame/{}/f0.jpg",
        "/media/frame/clip-mp4/{}.jpg",
    ):
        for written in (quote(path, safe=""), path.replace("\x00", "%00")):
            reply = client.get(address.format(written))
            assert reply.status_code == 404
            assert clip.read_bytes()[:100] not in reply.content


def test_the_picture_of_a_face_is_the_one_on_record(client: TestClient, clip: Path, home: Home) -> None:
    reply = client.get("/media/face/clip-mp4/f0.jpg")
    assert (reply.status_code, reply.content, reply.headers["content-type"]) == (200, b"clip-mp4 f0", "image/jpeg")
    assert client.get("/media/face/clip-mp4/f1.jpg").status_code == 404  # it has none
    assert client.get("/media/face/clip-mp4/f2.jpg").status_code == 404
    assert client.get("/media/face/other/f0.jpg").status_code == 404


def test_a_face_that_was_forgotten_is_gone_at_once(client: TestClient, clip: Path, home: Home) -> None:
    assert client.get("/media/face/clip-mp4/f0.jpg").status_code == 200
    put_faces(home, "clip-mp4", 0, "2", ["f1"])
    assert client.get("/media/face/clip-mp4/f0.jpg").status_code == 404
    assert client.get("/media/frame/clip-mp4/f0.jpg").status_code == 404
    home.store.drop("detections", "clip-mp4")
    assert client.get("/media/face/clip-mp4/f1.jpg").status_code == 404


def test_a_frame_with_somebody_who_was_forgotten_is_not_shown(client: TestClient, clip: Path, home: Home) -> None:
    assert client.get("/media/frame/clip-mp4/f0.jpg").status_code == 200
    where = {"video_id": ["clip-mp4"], "time_s": [FACE_S], "x1": [100.0], "y1": [100.0], "x2": [150.0], "y2": [150.0], "track_id": ["t"]}
    suppress(home, pl.DataFrame(where))
    assert client.get("/media/frame/clip-mp4/f0.jpg").status_code == 404
    assert client.get("/media/frame/clip-mp4/f0.jpg?offset_ms=1900").status_code == 200


@pytest.mark.parametrize(
    ("query", "size"), [("", (320, 240)), ("?width=200", (200, 150)), ("?width=1", (160, 120)), ("?width=99999", (320, 240))]
)
def test_frames_are_no_larger_than_asked_for(client: TestClient, clip: Path, query: str, size: tuple[int, int]) -> None:
    jpeg = client.get(f"/media/frame/clip-mp4/f0.jpg{query}").content
    image = cv2.imdecode(np.frombuffer(io.BytesIO(jpeg).getvalue(), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[:2][::-1] == size


@pytest.mark.parametrize("query", ["width=x", "width=", "width=1.5", "offset_ms=1e3", "offset_ms=9999999999999999999", "offset_ms=²"])
def test_what_is_no_number_is_refused(client: TestClient, clip: Path, query: str) -> None:
    assert client.get(f"/media/frame/clip-mp4/f0.jpg?{query}").status_code == 400


def test_nearest_is_what_a_slow_search_finds() -> None:
    random = np.random.default_rng(3)
    for _ in range(200):
        pts = np.unique(random.integers(0, 60, random.integers(1, 12)))
        wanted = int(random.integers(-10, 70))
        assert nearest(pts, wanted) == min(pts.tolist(), key=lambda value: (abs(value - wanted), value))
