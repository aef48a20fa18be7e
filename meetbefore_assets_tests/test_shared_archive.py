"""Several machines on one archive in an object store: homes of their own, one record, the answers of a plain home."""

import itertools
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

from meetbefore_assets.encounters.make_tables import is_scored, make_encounter_scores, make_people
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.identities.match import is_matched, match
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.publishing.database import database_path, is_published, open_published, publish
from meetbefore_assets.publishing.page.render import write_report
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.storage import record_objects
from meetbefore_assets.storage.object_store import Objects, objects_at
from meetbefore_assets_tests.support.fakes import fake_home
from meetbefore_assets_tests.support.postgres import address
from meetbefore_assets_tests.support.project import Project
from meetbefore_assets_tests.support.s3 import new_bucket
from meetbefore_assets_tests.support.traces import traces
from meetbefore_assets_tests.test_concurrency import content, work, write_archive

pytestmark = pytest.mark.slow

VIDEOS, MACHINES = 4, 3
# A request for each thousand videos of an asset, and again after each lock.
LISTINGS = 40
MATCHING: tuple[Callable[[Home], object], ...] = (build_face_index, match, make_encounter_scores, make_people, publish)


Tables = dict[str, list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("camera"), VIDEOS)


@pytest.fixture(scope="module")
def plain(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """What a home in folders says of the videos."""
    home_folder = tmp_path_factory.mktemp("plain")
    work(home_folder, videos)
    return content(home_folder)


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> str:
    """An archive with nothing in it."""
    url = f"{new_bucket()}/archive"
    monkeypatch.setenv("MEETBEFORE_STORE", url)
    return url


@pytest.fixture(scope="module")
def template(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The objects of a processed archive, as files."""
    url = f"{new_bucket()}/archive"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEETBEFORE_STORE", url)
        work(tmp_path_factory.mktemp("first"), videos)
    return mirror(url, tmp_path_factory.mktemp("objects"))


@pytest.fixture
def processed(template: Path, url: str) -> str:
    """An archive that another machine has processed."""
    for path in template.rglob("*"):
        if path.is_file():
            objects_at(url).put(path.relative_to(template).as_posix(), path)
    return url


def mirror(url: str, folder: Path) -> Path:
    """All objects as files."""
    for facts in objects_at(url).below(""):
        objects_at(url).download(facts.name, folder / facts.name)
    return folder


def bring_in_step(home_folder: Path) -> None:
    for step in MATCHING:
        step(fake_home(home_folder))


def published(home_folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """The published tables, as a machine that never saw the archive gets them."""
    home = fake_home(home_folder)
    assert is_matched(home)
    assert is_scored(home)
    assert is_published(home)
    return content(home_folder)


def test_machines_at_work_at_once_agree_with_a_plain_home(
    plain: Tables, videos: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEETBEFORE_POSTGRES", address())
    with ThreadPoolExecutor(MACHINES) as pool:
        list(pool.map(lambda number: work(tmp_path / f"machine {number}", videos), range(MACHINES)))
    assert published(tmp_path / "another") == plain
    assert not list(tmp_path.glob("machine*/locks/*"))


def test_every_step_may_run_on_another_machine(plain: Tables, videos: Path, url: str, tmp_path: Path) -> None:
    numbers = itertools.count()

    def machine() -> Home:
        return fake_home(tmp_path / f"machine {next(numbers)}")

    import_recordings(machine(), [videos])
    for status in all_statuses(machine()):
        for asset in status.todo:
            STAGES[asset](machine(), status.video_id)
    assert not [status.video_id for status in all_statuses(machine()) if status.todo]
    for step in MATCHING:
        step(machine())
    assert published(tmp_path / "another") == plain
    assert {facts.name.split("/")[0] for facts in objects_at(url).below("")} == {"record", "index", "published", "files"}


def test_a_change_of_settings_on_one_machine_is_matched_on_another(plain: Tables, processed: str, tmp_path: Path) -> None:
    before = people_table(fake_home(tmp_path / "two")).height
    settings_file.apply(tmp_path / "one", ["matching.threshold=0.999"])
    assert not is_matched(fake_home(tmp_path / "two"))
    bring_in_step(tmp_path / "two")
    assert people_table(fake_home(tmp_path / "one")).height > before
    settings_file.apply(tmp_path / "two", ["matching.threshold=auto"])
    bring_in_step(tmp_path / "one")
    now = published(tmp_path / "two")
    assert {name: rows for name, rows in now.items() if name != "matching_policies"} == {
        name: rows for name, rows in plain.items() if name != "matching_policies"
    }


def databases(url: str) -> list[str]:
    return sorted(facts.name for facts in objects_at(url).below("published") if facts.name.endswith(".duckdb"))


def test_the_pointer_says_which_database_is_the_present_one(processed: str, tmp_path: Path) -> None:
    (first,) = databases(processed)
    assert is_published(fake_home(tmp_path / "two"))
    database_path(fake_home(tmp_path / "two")).write_bytes(b"torn")
    assert is_published(fake_home(tmp_path / "two"))
    settings_file.apply(tmp_path / "one", ["encounters.gap_min=1"])
    bring_in_step(tmp_path / "one")
    assert set(databases(processed)) > {first}  # the one before is there for whoever is fetching it
    settings_file.apply(tmp_path / "one", ["encounters.gap_min=2"])
    bring_in_step(tmp_path / "two")
    assert len(databases(processed)) == 2
    assert first not in databases(processed)
    assert published(tmp_path / "two") == published(tmp_path / "one")


def test_a_database_that_was_taken_away_is_nowhere_and_is_made_anew(plain: Tables, processed: str, tmp_path: Path) -> None:
    one, two = fake_home(tmp_path / "one"), fake_home(tmp_path / "two")
    assert is_published(one)
    assert is_published(two)
    open_published(two).remove()
    assert databases(processed) == []
    assert not is_published(one)
    assert not database_path(one).exists()
    publish(one)
    assert published(tmp_path / "two") == plain


def test_what_is_forgotten_is_nowhere_in_the_bucket(processed: str, tmp_path: Path) -> None:
    """Every object is unpacked and searched for the video and its faces."""
    one = fake_home(tmp_path / "one")
    write_report(one)
    assert {"files/report.html", "published/current.json"} <= {facts.name for facts in objects_at(processed).below("")}
    video_id = one.store.keys("videos")[0]
    faces = one.store.get("detections", video_id, ["face_id"])["face_id"].to_list()
    wanted = [text.encode() for text in (video_id, *faces)]
    assert traces(mirror(processed, tmp_path / "before"), wanted)
    two = fake_home(tmp_path / "two")
    forget.forget_videos(two, [video_id])
    assert traces(mirror(processed, tmp_path / "after"), wanted) == set()
    assert video_id not in two.store.keys("videos")
    assert is_published(fake_home(tmp_path / "three"))


def test_the_assets_through_dagster(url: str, tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        project = Project(tmp_path, instance)
        write_archive(project.videos, 1)
        project.process()
        project.match()
    names = {facts.name for facts in objects_at(url).below("")}
    (video_id,) = project.home.store.keys("videos")
    assert {"published/current.json", f"files/previews/{video_id}.jpg", f"record/tracks/{video_id}.parquet"} <= names


def test_nothing_to_do_is_found_out_by_listings(processed: str, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look() -> None:
        home = fake_home(tmp_path / "home")
        import_recordings(home, [videos])
        assert not [status for status in all_statuses(home) if status.todo]
        assert is_matched(home)
        assert is_scored(home)
        assert is_published(home)

    look()
    monkeypatch.setattr(record_objects, "PATIENCE", 0)
    asked = count_requests(monkeypatch)
    look()
    assert asked["below"] <= LISTINGS, asked
    assert asked["facts"] == 0, asked


def count_requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    asked: Counter[str] = Counter()

    def counted(name: str) -> Callable[..., object]:
        whole = getattr(Objects, name)

        def ask(self: Objects, *arguments: object) -> object:
            asked[name] += 1
            return whole(self, *arguments)

        return ask

    for name in ("get", "tail", "facts", "below", "put"):
        monkeypatch.setattr(Objects, name, counted(name))
    return asked


def test_the_homes_hold_nothing_that_is_needed(processed: str, tmp_path: Path) -> None:
    bring_in_step(tmp_path / "one")
    assert {path.name for path in (tmp_path / "one").iterdir()} <= {"cache", "locks", "meetbefore.duckdb", "meetbefore.duckdb.source"}
