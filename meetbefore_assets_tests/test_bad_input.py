"""Recordings and surroundings as they should not be: everything has its reason in words, and whatever is good is done."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pytest

from meetbefore_assets.core.errors import MeetbeforeError, RecordTornError, StoreError, UnreadableVideoError, VideoError
from meetbefore_assets.core.model_packs import LoadedModels
from meetbefore_assets.core.ports import I64, U8, FaceBatch, Picture
from meetbefore_assets.core.schema.identities import SIMILAR_TRACKS
from meetbefore_assets.encounters.make_tables import make_encounter_scores, make_people
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings.settings_file import apply
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.identities.match import is_matched, match
from meetbefore_assets.publishing.database import database_path, failure_rows, is_published, publish, video_rows
from meetbefore_assets.recordings.adapters import Recordings
from meetbefore_assets.recordings.failures import record_failure
from meetbefore_assets.recordings.intake import Intake, import_recordings
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.upkeep.verify_record import maintain_home
from meetbefore_assets_tests.support.bad_videos import CASES, Case, make_corpus
from meetbefore_assets_tests.support.disks import mounted_disk
from meetbefore_assets_tests.support.fakes import FakeDetector, FakeEmbedder, FakeReader, fake_home, write_video

pytestmark = pytest.mark.slow

DAYS = tuple(f"DJI_202503{day:02}080000_{day:04}_D.mp4" for day in range(1, 6))


class Blind:
    """A detector that sees nobody, in pictures of any size."""

    model_id = "blind-1"

    def detect(self, image: U8, *, min_score: float, max_side: int) -> FaceBatch:
        return FaceBatch(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))


class Crowd:
    """A detector that sees 300 faces in every picture."""

    model_id = "crowd-1"

    def detect(self, image: U8, *, min_score: float, max_side: int) -> FaceBatch:
        corners = np.array([[x * 40, y * 40] for y in range(15) for x in range(20)], np.float32)
        points = np.array([[11, 16], [29, 16], [20, 24], [13, 31], [27, 31]], np.float32)
        return FaceBatch(np.hstack([corners, corners + 40]), corners[:, None] + points, np.full(300, 0.9, np.float32))


class Wide(FakeReader):
    """Pictures of 800 x 600."""

    def pictures(self, pts: I64) -> Iterator[Picture]:
        yield from (Picture(int(moment), np.zeros((600, 800, 3), np.uint8)) for moment in pts)


def process(home: Home) -> None:
    """Everything that is out of date, as the job does it; then matching and publishing."""
    for status in all_statuses(home):
        asset = ""
        try:
            for asset in status.todo:
                STAGES[asset](home, status.video_id)
        except VideoError as error:
            record_failure(home, status.video_id, asset, str(error))
    for step in (build_face_index, match, make_encounter_scores, make_people, publish):
        step(home)


@dataclass(frozen=True)
class Corpus:
    home: Home
    intake: Intake


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The whole corpus, read by the real reader, with a detector that sees nobody."""
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder / "in")
    home = fake_home(folder / "home", detector=Blind.model_id)
    pack = LoadedModels(Blind(), FakeEmbedder(), "cpu")
    home.adapters.faces.load_models = lambda *_: pack
    home.adapters.recordings.open_video = Recordings(home.folder).open_video
    intake = import_recordings(home, [folder / "in"])
    process(home)
    return Corpus(home, intake)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name[:40])
def test_every_recording_is_done_or_has_its_reason(corpus: Corpus, case: Case) -> None:
    skipped = {Path(uri).name: reason for uri, reason in corpus.intake.skipped}
    inside = "inside a loop.mp4" if case.name == "loop" else case.name
    rows = {row["file_name"]: row for row in video_rows(corpus.home).to_dicts()}
    if case.is_skipped:
        assert case.words in skipped[case.name]
        assert case.name not in rows
        return
    row = rows[inside]
    assert (row["status"], bool(row["error"])) == (("failed", True) if case.words else ("done", False)), row["error"]
    assert case.words in (row["error"] or "")
    assert "Traceback" not in (row["error"] or "")


def test_no_case_was_taken_for_another(corpus: Corpus) -> None:
    assert corpus.intake.duplicates == []
    assert corpus.intake.unreadable == []
    assert len(corpus.intake.present) == sum(not case.is_skipped for case in CASES)


def test_three_hundred_faces_in_one_picture_are_three_hundred_people(tmp_path: Path) -> None:
    home = fake_home(tmp_path / "home", detector=Crowd.model_id)
    crowd = LoadedModels(Crowd(), FakeEmbedder(), "cpu")
    home.adapters.faces.load_models = lambda *_: crowd
    home.adapters.recordings.open_video = lambda uri, _allow: Wide(uri)
    imaging = home.imaging
    imaging.align = lambda image, matrices: np.array(  # type: ignore[method-assign]
        [np.full((112, 112, 3), (i % 256, i // 256 + 1, 0)) for i in range(len(matrices))], np.uint8
    )
    imaging.thumbnail = lambda image, box, side: b"\xff\xd8"  # type: ignore[method-assign]
    write_video(tmp_path / "videos", DAYS[0], [[1], [1]])
    import_recordings(home, [tmp_path / "videos"])
    process(home)
    (video_id,) = home.store.keys("tracks")
    assigned = home.store.get("identity_assignments", video_id)
    assert assigned.height == 600
    assert assigned["person_id"].n_unique() == 300


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Three days that are done; the files lie in `videos`."""
    home = fake_home(tmp_path / "home")
    for name in DAYS[:3]:
        write_video(tmp_path / "videos", name, [[1], [2]])
    import_recordings(home, [tmp_path / "videos"])
    process(home)
    return home


def test_a_video_that_grows_after_it_was_taken_in_is_refused_and_taken_anew(tmp_path: Path) -> None:
    home = fake_home(tmp_path / "home")
    path = write_video(tmp_path / "videos", DAYS[0], [[1]])
    (before,) = import_recordings(home, [tmp_path / "videos"]).present
    path.write_text(path.read_text() + " " * 9)
    with pytest.raises(UnreadableVideoError, match="still being written"):
        STAGES["videos"](home, before)
    intake = import_recordings(home, [tmp_path / "videos"])
    assert intake.replaced == [before]
    process(home)
    assert video_rows(home)["status"].to_list() == ["done"]


def test_a_video_that_grows_while_it_is_decoded_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "videos", DAYS[0], [[1]])
    home = fake_home(tmp_path / "home")

    class Growing(FakeDetector):
        def detect(self, image: U8, *, min_score: float, max_side: int) -> FaceBatch:
            path.write_text(path.read_text() + " ")
            return super().detect(image, min_score=min_score, max_side=max_side)

    pack = LoadedModels(Growing(), FakeEmbedder(), "cpu")
    home.adapters.faces.load_models = lambda *_: pack
    (video_id,) = import_recordings(home, [tmp_path / "videos"]).present
    STAGES["videos"](home, video_id)
    STAGES["frames"](home, video_id)
    with pytest.raises(UnreadableVideoError, match="still being written"):
        STAGES["detections"](home, video_id)
    assert home.store.keys("detections") == []


def test_a_file_that_was_only_touched_is_the_same(home: Home, tmp_path: Path) -> None:
    os.utime(tmp_path / "videos" / DAYS[0], (1.7e9, 1.7e9))
    for video_id in home.store.keys("videos"):
        STAGES["videos"](home, video_id)


@pytest.mark.parametrize(
    ("asset", "keep"),
    [("videos", 0), ("detections", 10), ("tracks", -5), ("identity_assignments", 10), ("encounter_scores", 0), ("sources", -5)],
)
def test_a_torn_table_is_made_anew(home: Home, tmp_path: Path, asset: str, keep: int) -> None:
    before = {key: home.store.get("identity_assignments", key) for key in home.store.keys("identity_assignments")}
    path = home.folder / "record" / asset / f"{home.store.keys('tracks')[1]}.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    import_recordings(home, [tmp_path / "videos"])
    process(home)
    assert is_matched(home)
    assert is_published(home)
    assert all(home.store.get("identity_assignments", key).equals(frame) for key, frame in before.items())


def test_a_table_that_rots_in_its_body_is_named_with_what_to_do(home: Home) -> None:
    path = home.folder / "record" / "embeddings" / f"{home.store.keys('tracks')[0]}.parquet"
    data = bytearray(path.read_bytes())
    data[4:200] = bytes(196)
    path.write_bytes(data)
    with pytest.raises(RecordTornError) as caught:
        home.store.get("embeddings", path.stem)
    assert str(path) in caught.value.message
    assert "Delete it and run again" in caught.value.remedy


@pytest.mark.parametrize("damage", ["empty", "short", "noise", "gone"])
def test_a_torn_index_is_built_anew(home: Home, damage: str) -> None:
    path = max((home.folder / "index" / SIMILAR_TRACKS.name).glob("*.parquet"))
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "short": whole[:-3], "noise": os.urandom(len(whole) + 1)}[damage])
    assert not build_face_index(home).was_in_step
    assert build_face_index(home).was_in_step


def test_an_index_that_rots_in_its_body_goes_with_the_weekly_upkeep_and_is_built_anew(home: Home) -> None:
    path = max((home.folder / "index" / SIMILAR_TRACKS.name).glob("*.parquet"))
    data = bytearray(path.read_bytes())
    data[4:60] = bytes(56)
    path.write_bytes(data)
    assert maintain_home(home).torn == [(SIMILAR_TRACKS.name, path.stem)]
    assert not build_face_index(home).was_in_step
    apply(home.folder, ["matching.threshold=0.6"])
    process(home)
    assert is_matched(home)


@pytest.fixture
def foreign(home: Home) -> Iterator[Path]:
    """Somebody else's database where ours should be."""
    path = database_path(home)
    path.unlink()
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table holidays as select 42 as days")
    yield path
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("select days from holidays").fetchall() == [(42,)]


def test_a_foreign_database_in_our_place_is_refused_and_left_alone(home: Home, foreign: Path) -> None:
    before = foreign.read_bytes()
    with pytest.raises(StoreError, match="not written by meetbefore") as caught:
        publish(home)
    assert "Move it away" in caught.value.remedy
    assert foreign.read_bytes() == before


@pytest.mark.parametrize("content", [b"SQLite format 3\0" + bytes(4000), b"a letter to my aunt\n" * 50])
def test_a_file_that_is_no_database_is_left_alone_too(home: Home, content: bytes) -> None:
    database_path(home).write_bytes(content)
    with pytest.raises(StoreError, match="not written by meetbefore"):
        publish(home)
    assert database_path(home).read_bytes() == content


def test_our_own_database_that_was_torn_is_made_anew(home: Home) -> None:
    path = database_path(home)
    path.write_bytes(path.read_bytes()[:20_000])
    publish(home)
    assert is_published(home)


NOBODY = 65534
as_somebody_else = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to act as an ordinary user")
# Everything is loaded while the process is still root's: an ordinary user may not get to this Python.
BECOME_NOBODY = """
import os, sys, encodings.idna, meetbefore_assets.recordings.files.content_hash, meetbefore_assets.recordings.video.pyav_reader
import meetbefore_assets.running.run
import meetbefore_assets.storage.record_parquet, meetbefore_assets.storage.file_locks, meetbefore_assets.recordings.files.scan_folders
import meetbefore_assets.faces.models.find_pack, meetbefore_assets.recordings.intake, meetbefore_assets.recordings.video.damage
from pathlib import Path
from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.open_home import open_home
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    {code}
except MeetbeforeError as error:
    print(type(error).__name__, error)
"""


def as_nobody(code: str, *words: object) -> str:
    """What an ordinary user is told (root may read and write everything)."""
    command = [sys.executable, "-c", BECOME_NOBODY.format(code=code), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that an ordinary user can get to."""
    folder = Path(tempfile.mkdtemp(prefix="meetbefore-public-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@as_somebody_else
def test_a_file_without_permission_is_said_to_have_none(public: Path) -> None:
    path = public / "secret.mp4"
    path.write_bytes(b"0")
    path.chmod(0o600)
    code = "meetbefore_assets.recordings.files.content_hash.content_hash(sys.argv[1])"
    assert "Permission denied" in as_nobody(code, path)
    assert "no permission" in as_nobody("meetbefore_assets.recordings.video.pyav_reader.open_video(sys.argv[1])", path)


@as_somebody_else
def test_a_home_that_must_not_be_written_to_says_so(public: Path) -> None:
    home_folder = public / "home"
    home_folder.mkdir(mode=0o755)
    write_video(public / "videos", DAYS[0], [[1]])
    code = "meetbefore_assets.recordings.intake.import_recordings(open_home(Path(sys.argv[1])), [Path(sys.argv[2])])"
    said = as_nobody(code, home_folder, public / "videos")
    assert said.startswith("StoreError")
    assert "Permission denied" in said
    assert "Check the permissions of the home" in said


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted_disk(tmp_path / "disk", "24m") as folder:
        yield folder


def test_a_full_disk_says_so_and_when_there_is_space_again_the_next_run_completes(tiny_disk: Path, tmp_path: Path) -> None:
    home = fake_home(tiny_disk / "home")
    for name in DAYS:
        write_video(tmp_path / "videos", name, [[1], [2]] * 20)
    import_recordings(home, [tmp_path / "videos"])
    ballast = tiny_disk / "ballast"
    free = os.statvfs(tiny_disk).f_bavail * os.statvfs(tiny_disk).f_frsize
    ballast.write_bytes(bytes(free - 40_000))
    with pytest.raises(MeetbeforeError, match=r"No space left|could not be written") as caught:
        process(home)
    assert "Free some space" in caught.value.remedy
    assert not list((tiny_disk / "home").rglob("*.tmp")), "nothing half written is left"
    ballast.unlink()
    process(home)
    assert video_rows(home)["status"].to_list() == ["done"] * 5
    assert is_published(home)
    assert failure_rows(home) == {}
