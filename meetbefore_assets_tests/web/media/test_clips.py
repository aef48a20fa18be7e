"""Clips for browsers that cannot play a recording: made on demand, few at a time, kept in memory, and gone with who was forgotten."""

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import polars as pl
import pytest
from starlette.testclient import TestClient

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.core.ports import U8
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import suppress
from meetbefore_assets.open_home import open_home
from meetbefore_assets.recordings.video import encode_clip as encoding
from meetbefore_assets.web.app import make_app
from meetbefore_assets.web.media import clips
from meetbefore_assets_tests.support.builders import draw_clip, read_number
from meetbefore_assets_tests.web.media.test_media import FACE_S, FPS, import_video, put_faces

CODECS = {"mp4": "h264", "webm": "vp8"}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos") / "hevc.mp4"
    return draw_clip(path, seconds=10, fps=FPS, codec="libx265")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(tmp_path / "home")


@pytest.fixture
def client(home: Home) -> Iterator[TestClient]:
    with TestClient(make_app(home), "http://127.0.0.1:3000") as made:
        yield made


def frames(data: bytes) -> list[tuple[float, U8]]:
    with av.open(io.BytesIO(data)) as clip:
        return [(float(frame.time or 0.0), frame.to_ndarray(format="bgr24")) for frame in clip.decode(video=0)]


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_the_seconds_around_a_face_play_in_any_browser(home: Home, client: TestClient, recording: Path, kind: str) -> None:
    video_id = import_video(home, recording)
    answer = client.get(f"/media/clip/{video_id}/f0.{kind}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, f"video/{kind}")
    with av.open(io.BytesIO(answer.content)) as clip:
        assert clip.streams.video[0].codec_context.name.startswith(CODECS[kind])
        assert clip.streams.video[0].pix_fmt == "yuv420p"
        assert not clip.streams.audio
    seen = frames(answer.content)
    times = np.array([time_s for time_s, _ in seen])
    assert times[0] == 0
    assert times[-1] == pytest.approx(FACE_S + clips.AFTER_S, abs=1.5 / FPS)
    assert np.diff(times) == pytest.approx(1 / FPS, abs=0.002)
    # The picture of a moment is at that moment.
    for place in (0, FPS, len(seen) - 1):
        assert read_number(seen[place][1]) == place


def test_a_range_is_served_as_players_ask_for_it(home: Home, client: TestClient, recording: Path) -> None:
    address = f"/media/clip/{import_video(home, recording)}/f0.mp4"
    whole = client.get(address).content
    for wanted, part in (("bytes=0-9", whole[:10]), ("bytes=10-", whole[10:]), ("bytes=-7", whole[-7:]), ("bytes=5-999999999", whole[5:])):
        answer = client.get(address, headers={"range": wanted})
        assert (answer.status_code, answer.content) == (206, part)
        assert answer.headers["content-range"].endswith(f"/{len(whole)}")
    assert client.get(address, headers={"range": f"bytes={len(whole)}-"}).status_code == 416
    assert client.get(address, headers={"range": "bytes=9-2"}).content == whole


def test_a_clip_is_made_once_and_made_anew_when_the_video_changes(
    home: Home, client: TestClient, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_id, made = import_video(home, recording), 0

    def encode(pictures: Iterator[tuple[float, U8]], kind: str) -> bytes:
        nonlocal made
        made += 1
        return f"{kind} {made}".encode()

    monkeypatch.setattr(encoding, "encode_clip", encode)
    assert [client.get(f"/media/clip/{video_id}/f0.mp4").content for _ in range(2)] == [b"mp4 1", b"mp4 1"]
    with home.adapters.recordings.open_video(str(recording), allow_truncated=False) as reader:
        put_faces(home, video_id, int(reader.index().pts[FPS]), "2")
    assert client.get(f"/media/clip/{video_id}/f0.mp4").content == b"mp4 2"


def test_nobody_is_seen_who_was_forgotten(home: Home, client: TestClient, recording: Path) -> None:
    video_id = import_video(home, recording)
    assert client.get(f"/media/clip/{video_id}/f0.mp4").status_code == 200
    where = {"video_id": [video_id], "time_s": [FACE_S], "x1": [10.0], "y1": [10.0], "x2": [60.0], "y2": [60.0], "track_id": ["t"]}
    suppress(home, pl.DataFrame(where))
    assert client.get(f"/media/clip/{video_id}/f0.mp4").status_code == 404
    assert list(home.folder.rglob("*.mp4")) == []


@pytest.mark.parametrize("path", ["nothing/f0.mp4", "hevc-mp4/nobody.mp4", "hevc-mp4/f0.avi", "hevc-mp4/..%2Ff0.mp4"])
def test_what_is_not_there_is_not_found(home: Home, client: TestClient, recording: Path, path: str) -> None:
    import_video(home, recording)
    assert client.get(f"/media/clip/{path}").status_code == 404


def test_where_nothing_can_be_encoded_the_browser_is_told(
    home: Home, client: TestClient, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(encoding._ENCODERS, "mp4", ("no-such-encoder", {}))
    answer = client.get(f"/media/clip/{import_video(home, recording)}/f0.mp4")
    assert answer.status_code == 404
    assert "no-such-encoder" in answer.text


def test_few_wait_and_the_others_come_again(home: Home, recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video_id, has_begun, may_end, at_once = import_video(home, recording), threading.Event(), threading.Event(), []

    def encode(pictures: Iterator[tuple[float, U8]], kind: str) -> bytes:
        at_once.append(len(at_once))
        has_begun.set()
        assert may_end.wait(30)
        return b"clip"

    monkeypatch.setattr(encoding, "encode_clip", encode)
    maker = clips.Clips(home)
    waiting = [threading.Thread(target=maker.clip, args=(video_id, "f0", "mp4")) for _ in range(clips.MOST_WAITING)]
    for thread in waiting:
        thread.start()
    assert has_begun.wait(30)
    while maker._places._value:  # type: ignore[attr-defined]
        pass
    with pytest.raises(clips.TooManyError):
        maker.clip(video_id, "f0", "webm")
    may_end.set()
    for thread in waiting:
        thread.join()
    assert at_once == [0]
    assert maker.clip(video_id, "f0", "mp4") == b"clip"


def test_no_more_than_thirty_pictures_a_second_and_the_one_that_is_shown_when_it_begins() -> None:
    pts = np.arange(0, 6000, 10, dtype=np.int64)  # 100 a second, ticks of a millisecond
    kept = clips.played(pts, 1.005, 3.0, 0.001)
    assert kept[0] == 1000
    assert kept[-1] <= 3000
    assert len(kept) <= 2 * clips.MOST_FPS + 1
    assert (np.diff(kept) > 0).all()
    # A picture at the very beginning, but for rounding, is the first.
    assert clips.played(np.arange(10, dtype=np.int64), 0.8 - 1e-9, 1.0, 0.1)[0] == 8
    assert clips.played(np.arange(10, dtype=np.int64), 0.8 + 1e-9, 1.0, 0.1)[0] == 8
    assert clips.played(pts[:1], 4.0, 14.0, 0.001).tolist() == [0]


def test_large_pictures_are_made_smaller() -> None:
    large = np.zeros((2160, 3840, 3), np.uint8)
    seen = frames(encoding.encode_clip([(0.0, large), (0.04, large)], "mp4"))
    assert [image.shape for _, image in seen] == [(720, 1280, 3)] * 2


def test_without_a_picture_there_is_no_clip() -> None:
    with pytest.raises(UnreadableVideoError, match="no picture"):
        encoding.encode_clip([], "mp4")
