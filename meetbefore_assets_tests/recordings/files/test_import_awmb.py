"""An AreWeMeetBefore archive, taken in: its people, at its times."""

import importlib.util
import json
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from meetbefore_assets.core.errors import UnreadableVideoError, UsageError
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets.faces.models.yunet import YuNetDetector
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings.settings_file import apply
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.identities.vector_index.faiss_memory import write_l2
from meetbefore_assets.open_home import open_home
from meetbefore_assets.publishing.exports.export_awmb import export_awmb
from meetbefore_assets.recordings.files.import_awmb import import_awmb
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.recordings.video.awmb_archive import AwmbReader, awmb_days, awmb_hash, is_awmb

DAYS = ("20250303", "20250305")


def line(number: int, names: list[str], picture: str = "") -> str:
    entry = {"face_id": number, "first_seen": names[0], "last_seen": names[-1], "appearances": names, "count": len(names)}
    return json.dumps({**entry, "face_image": picture or f"face_{number}.jpg"}) + "\n"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Grey pictures of two people; the second is seen on two days, and once beside the first."""
    (tmp_path / "awmb" / "db").mkdir(parents=True)
    (tmp_path / "awmb" / "faces").mkdir()
    for number, side in ((0, 40), (1, 60)):
        cv2.imwrite(str(tmp_path / "awmb" / "faces" / f"face_{number}.jpg"), np.full((side, side, 3), 100 * (number + 1), np.uint8))
    text = line(0, ["20250303080000.jpg"]) + "\n" + line(1, ["20250303080000.jpg", "20250303080007.jpg", "20250305120000.jpg"])
    (tmp_path / "awmb" / "db" / "face_metadata.jsonl").write_text(text)
    return tmp_path / "awmb"


def test_a_day_reads_like_a_recording(archive: Path) -> None:
    metadata = archive / "db" / "face_metadata.jsonl"
    assert awmb_days(metadata) == list(DAYS)
    uri = f"{metadata}?day={DAYS[0]}"
    assert is_awmb(uri)
    assert not is_awmb(f"{archive}?day={DAYS[0]}")
    with AwmbReader(uri) as reader:
        assert reader.index().pts.tolist() == [0, 7000]
        assert (reader.facts().width, reader.facts().height, reader.facts().duration_s) == (160, 60, 7.0)
        both, one = (picture.image for picture in reader.pictures(reader.index().pts))
    assert both is not None
    assert one is not None
    assert both.shape == (60, 160, 3)
    assert abs(int(both[20, 20, 0]) - 100) < 4
    assert abs(int(both[20, 90, 0]) - 200) < 4
    assert one.shape == (60, 90, 3)


def test_who_has_no_picture_leaves_a_gap(archive: Path) -> None:
    (archive / "faces" / "face_1.jpg").unlink()
    with AwmbReader(f"{archive / 'db' / 'face_metadata.jsonl'}?day={DAYS[1]}") as reader:
        (picture,) = reader.pictures(reader.index().pts)
    assert picture.image is None
    assert "face_1.jpg has no picture" in picture.error


def test_the_hash_of_a_day_changes_with_that_day_alone(archive: Path) -> None:
    metadata = archive / "db" / "face_metadata.jsonl"
    before = [awmb_hash(f"{metadata}?day={day}") for day in DAYS]
    metadata.write_text(metadata.read_text() + line(2, ["20250305120001.jpg"]))
    after = [awmb_hash(f"{metadata}?day={day}") for day in DAYS]
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)


@pytest.mark.parametrize("text", ["no json\n", "[1]\n", '{"face_id": 0}\n', '{"face_id": "x", "appearances": [], "face_image": ""}\n'])
def test_a_broken_line_is_named(archive: Path, text: str) -> None:
    metadata = archive / "db" / "face_metadata.jsonl"
    metadata.write_text(metadata.read_text() + text)
    with pytest.raises(UnreadableVideoError, match="line 4"):
        awmb_days(metadata)


def test_pictures_are_only_looked_for_beside_the_archive(archive: Path) -> None:
    metadata = archive / "db" / "face_metadata.jsonl"
    metadata.write_text(line(0, ["20250303080000.jpg"], "../../../etc/passwd.jpg"))
    with AwmbReader(f"{metadata}?day={DAYS[0]}") as reader:
        assert [picture.error for picture in reader.pictures(np.array([0]))] == ["passwd.jpg has no picture"]


def test_what_is_no_archive_is_said(tmp_path: Path, archive: Path) -> None:
    home = open_home(tmp_path / "home")
    with pytest.raises(UsageError, match=r"holds no face_metadata\.jsonl"):
        import_awmb(home, tmp_path)
    for picture in (archive / "faces").iterdir():
        picture.unlink()
    with pytest.raises(UsageError, match="none of their pictures"):
        import_awmb(home, archive)


def six_people() -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Faces of the picture that insightface ships, cut with 30 pixels around as AreWeMeetBefore cuts them."""
    spec = importlib.util.find_spec("insightface")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    image = cv2.imread(str(Path(spec.submodule_search_locations[0]) / "data" / "images" / "t1.jpg"))
    assert image is not None
    pack = find_pack("sface", Path("nowhere"))
    boxes = (
        YuNetDetector(pack.detector_path, pack.detector_id)
        .detect(np.asarray(image, np.uint8), min_score=0.8, max_side=1280)
        .boxes.astype(int)
    )
    return [np.asarray(image[max(0, y1 - 30) : y2 + 30, max(0, x1 - 30) : x2 + 30], np.uint8) for x1, y1, x2, y2 in boxes]


def run(home: Home) -> None:
    for status in all_statuses(home):
        for asset in status.todo:
            STAGES[asset](home, status.video_id)
    forget.rebuild(home)


def test_its_people_are_ours_with_their_own_times_and_go_out_again_as_they_came(tmp_path: Path) -> None:
    folder = tmp_path / "awmb"
    folder.mkdir()
    moments = [f"202503{day:02d}0810{second:02d}.jpg" for day in (3, 4, 9) for second in (0, 5)]
    faces = six_people()
    for number, face in enumerate(faces):
        cv2.imwrite(str(folder / f"face_{number}.jpg"), face)
    seen = [moments[number:] for number in range(len(faces))]
    (folder / "face_metadata.jsonl").write_text("".join(line(number, names) for number, names in enumerate(seen)))
    apply(tmp_path / "home", ["time.zone='Asia/Shanghai'"])
    home = open_home(tmp_path / "home")
    assert import_awmb(home, folder).days == 3
    assert import_awmb(home, folder).new == 0
    run(home)
    people = people_table(home)
    assert sorted(people["faces"].to_list()) == [1, 2, 3, 4, 5, 6]
    assert sorted(people["encounters"].to_list()) == [1, 1, 2, 2, 3, 3]
    assert people["first_seen"].min() == datetime(2025, 3, 3, 0, 10)
    assert assigned_faces(home)["similarity"].min() > 0.85  # type: ignore[operator]
    export_awmb(home, tmp_path / "again", write_l2)
    again = [json.loads(text)["appearances"] for text in (tmp_path / "again" / "face_metadata.jsonl").read_text().splitlines()]
    assert sorted(again) == sorted(seen)
