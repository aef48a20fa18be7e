"""Exports and imports, each read by what people read them with."""

import datetime as dt
import json
from pathlib import Path

import faiss
import icalendar
import numpy as np
import polars as pl
import pytest

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import F32
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.queries import assigned_faces
from meetbefore_assets.identities.vector_index.faiss_memory import write_l2
from meetbefore_assets.publishing.exports.clips import clip_name, plan_clips
from meetbefore_assets.publishing.exports.export_awmb import export_awmb
from meetbefore_assets.publishing.exports.tables import export
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets_tests.support.fakes import fake_home, write_video
from meetbefore_assets_tests.support.record import Record, Seen, dji

NOW = dt.datetime(2025, 6, 1, 12)


def home_folder(tmp_path: Path, videos: dict[str, list[list[int]]]) -> Home:
    home = fake_home(tmp_path / "home")
    for name, moments in videos.items():
        write_video(tmp_path / "videos", name, moments)
    import_recordings(home, [tmp_path / "videos"])
    for status in all_statuses(home):
        for asset in status.todo:
            STAGES[asset](home, status.video_id)
    forget.rebuild(home)
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Three people on three days, over midnight; a moment with nobody."""
    videos = {
        "DJI_20250303235958_0001_D.mp4": [[1], [2, 1], [1], []],
        "DJI_20250304080000_0002_D.mp4": [[3], [1]],
        "DJI_20250307080000_0003_D.mp4": [[2], [1, 3], [1]],
    }
    return home_folder(tmp_path_factory.mktemp("seed"), videos)


def by_the_book(images: list[str], vectors: F32, threshold: float) -> tuple[list[dict[str, object]], F32]:
    """What AreWeMeetBefore writes, given faces in its order: nearest known first face by 1 / (1 + squared distance), else somebody new."""
    people: list[dict[str, object]] = []
    firsts: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []
    for image, vector in zip(images, vectors, strict=True):
        distances = [float(((first - vector) ** 2).sum()) for first in firsts]
        nearest = int(np.argmin(distances)) if distances else -1
        if nearest >= 0 and 1 / (1 + distances[nearest]) >= threshold:
            seen = people[nearest]
            seen["appearances"].append(image)  # type: ignore[attr-defined]
            seen |= {"last_seen": image, "count": int(str(seen["count"])) + 1}
            continue
        number = len(people)
        entry = {"face_id": number, "first_seen": image, "last_seen": image, "appearances": [image], "count": 1}
        people.append({**entry, "face_image": f"face_{number}.jpg"})
        firsts.append(vector)
    return people, np.array(firsts, np.float32)


def test_the_seed_is_what_areweemeetbefore_writes_where_both_agree_who_is_who(home: Home, tmp_path: Path) -> None:
    """Vectors of one person are 0.9 alike here, so its own rule at its default (cosine 0.667) comes to the same people."""
    assert export_awmb(home, tmp_path / "seed", write_l2) == 3
    videos = home.store.keys("videos")
    faces = home.store.scan("detections", videos, ["face_id", "video_id", "time_s"]).join(
        home.store.scan("embeddings", videos, ["face_id", "vector"]), on="face_id", maintain_order="left"
    )
    starts = {v: dt.datetime.strptime(v[4:18], "%Y%m%d%H%M%S") for v in videos}
    images = [f"{starts[v] + dt.timedelta(seconds=t):%Y%m%d%H%M%S}.jpg" for v, t in faces.select("video_id", "time_s").rows()]
    expected, firsts = by_the_book(images, np.array(faces["vector"].to_list(), np.float32), 0.60)
    lines = (tmp_path / "seed" / "face_metadata.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == expected
    assert [list(json.loads(line)) for line in lines] == [list(entry) for entry in expected]
    index = faiss.read_index(str(tmp_path / "seed" / "face_index.bin"))
    assert isinstance(index, faiss.IndexFlatL2)
    assert np.array_equal(index.reconstruct_n(0, index.ntotal), firsts)


def test_row_i_of_the_index_is_face_id_i_and_appearances_are_sorted(home: Home, tmp_path: Path) -> None:
    export_awmb(home, tmp_path / "seed", write_l2)
    people = pl.read_ndjson(tmp_path / "seed" / "face_metadata.jsonl")
    assert people["face_id"].to_list() == list(range(people.height))
    assert all(names == sorted(names) for names in people["appearances"].to_list())
    assert people["count"].to_list() == people["appearances"].list.len().to_list()
    index = faiss.read_index(str(tmp_path / "seed" / "face_index.bin"))
    first = assigned_faces(home).sort("seen_at", "x1").group_by("person_id", maintain_order=True).first()
    vectors = home.store.scan("embeddings", home.store.keys("videos"))
    for number, face_id in enumerate(first["face_id"]):
        vector = vectors.filter(pl.col("face_id") == face_id)["vector"].to_list()
        distance, row = index.search(np.array(vector, np.float32), 1)
        assert (row[0, 0], round(float(distance[0, 0]), 5)) == (number, 0.0)
        assert (tmp_path / "seed" / f"face_{number}.jpg").read_bytes().startswith(b"\xff\xd8")


def test_moments_with_nobody_are_listed(home: Home, tmp_path: Path) -> None:
    export_awmb(home, tmp_path / "seed", write_l2, NOW)
    text = (tmp_path / "seed" / "failed_images.txt").read_text(encoding="utf-8")
    assert text == "[2025-06-01 12:00:00] ./video/splitted/20250304000001.jpg - 未检测到人脸\n"


def test_a_seed_is_never_written_over_anything(home: Home, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    export_awmb(home, tmp_path / "mine", write_l2)
    with pytest.raises(UsageError, match="there already"):
        export_awmb(home, tmp_path / "mine", write_l2)
    with pytest.raises(UsageError, match="does not exist"):
        export_awmb(home, tmp_path / "no" / "where", write_l2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


def test_a_home_without_anybody_gives_a_seed_without_anybody(tmp_path: Path) -> None:
    assert export_awmb(fake_home(tmp_path / "home"), tmp_path / "seed", write_l2) == 0
    assert faiss.read_index(str(tmp_path / "seed" / "face_index.bin")).ntotal == 0


def test_encounters_as_calendar_entries(tmp_path: Path) -> None:
    record = Record(tmp_path / "home")
    record.video(dji(3), [Seen("ann", [5, 75]), Seen("bob", [6])])
    record.video(dji(4, 20), [Seen("ann", [61])])
    record.video(dji(5), [Seen("cy", [1])])
    record.video(dji(6), [Seen("cy", [1])])
    home = record.finish(names={"ann": "Ann, of the bus; 7:15\nand 7:45"}, roles={"cy": "ignored"})
    assert export(home, "ics", tmp_path / "e.ics") == 2
    calendar = icalendar.Calendar.from_ical((tmp_path / "e.ics").read_bytes())
    first, second = calendar.walk("VEVENT")
    assert first["summary"] == "Ann, of the bus; 7:15\nand 7:45"
    assert first.decoded("dtstart") == dt.datetime(2025, 3, 3, 8, 0, 5, tzinfo=dt.UTC)
    assert first.decoded("dtend") == dt.datetime(2025, 3, 3, 8, 1, 15, tzinfo=dt.UTC)
    assert second.decoded("dtend") - second.decoded("dtstart") == dt.timedelta(seconds=1)
    assert f"{dji(4, 20)} at 1:01" in second["description"]
    assert "Met 2 times on 2 days." in second["description"]
    assert first["uid"] != second["uid"]
    before = (tmp_path / "e.ics").read_bytes()
    export(home, "ics", tmp_path / "e.ics")
    assert (tmp_path / "e.ics").read_bytes() == before


@pytest.mark.parametrize("name", ['=cmd|"/C calc"!A0', "+1", "-1", "@SUM(A1)", "＝1", "\x1b=1"])
def test_no_cell_of_a_csv_is_computed(tmp_path: Path, name: str) -> None:
    record = Record(tmp_path / "home")
    record.video("=1+1.mp4", [Seen("ann", [5])])
    record.video(dji(4), [Seen("ann", [5])])
    home = record.finish(names={"ann": name})
    export(home, "csv", tmp_path / "e.csv")
    export(home, "assignments", tmp_path / "a.csv")
    rows = pl.read_csv(tmp_path / "e.csv")
    assert rows["name"].unique().to_list() == ["'" + name.removeprefix("\x1b")]
    assert "'=1+1.mp4" in rows["file_name"].to_list()
    assert "'=1+1.mp4" in pl.read_csv(tmp_path / "a.csv")["video"].to_list()
    assert "\x1b" not in (tmp_path / "e.csv").read_text(encoding="utf-8")


def test_a_calendar_has_no_signs_that_speak_to_a_terminal(tmp_path: Path) -> None:
    record = Record(tmp_path / "home")
    for day in (3, 4):
        record.video(dji(day), [Seen("ann", [5])])
    home = record.finish(names={"ann": "A\x1b]0;n\x07n\u202e"})
    export(home, "ics", tmp_path / "e.ics")
    content = (tmp_path / "e.ics").read_bytes()
    assert b"SUMMARY:A]0\\;nn\r\n" in content
    assert b"\x1b" not in content


def test_a_calendar_without_encounters_is_one(tmp_path: Path) -> None:
    assert export(fake_home(tmp_path / "home"), "ics", tmp_path / "e.ics") == 0
    assert icalendar.Calendar.from_ical((tmp_path / "e.ics").read_bytes()).walk("VEVENT") == []


def test_the_seconds_of_a_person_are_cut_where_long_nothing_is_seen(tmp_path: Path) -> None:
    record = Record(tmp_path / "home")
    record.video(dji(4), [Seen("ann", [1.0, 2.0, 10.0, 60.0])])
    record.video(dji(3), [Seen("ann", [100.0]), Seen("bob", [5.0])])
    record.video(dji(5), [Seen("ann", [1.0])], is_there=False)
    seconds = plan_clips(record.finish(), "ann", 2.0)
    assert [(part.file_name, part.begin_s, part.end_s) for part in seconds.parts] == [
        (dji(3), 98.0, 102.0),
        (dji(4), 0.0, 12.0),
        (dji(4), 58.0, 62.0),
    ]
    assert clip_name(seconds.parts[0], "UTC") == "2025-03-03_08-01-40_DJI_20250303080000_0001_D"
    assert [name for name, _ in seconds.left_out] == [dji(5)]
    (tmp_path / "home" / "videos" / dji(3)).unlink()
    with pytest.raises(UsageError, match="nothing can be cut"):
        plan_clips(record.home, "bob", 2.0)
