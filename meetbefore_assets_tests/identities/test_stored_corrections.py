"""What people said outlives a torn file; said again it is one correction; forgotten it is in no copy."""

from pathlib import Path

import pytest

from meetbefore_assets.core.errors import RecordTornError
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.identities.stored_corrections import read_corrections, torn_corrections
from meetbefore_assets.review import make_corrections
from meetbefore_assets.upkeep.verify_record import maintain_home
from meetbefore_assets_tests.defs.test_pipeline import three_days
from meetbefore_assets_tests.support.fakes import fake_home
from meetbefore_assets_tests.support.s3 import new_bucket
from meetbefore_assets_tests.support.searchable import SearchableHome, run, searchable_home
from meetbefore_assets_tests.support.traces import traces

pytestmark = pytest.mark.slow

NAMES = ("Ann", "Bob", "Cat")


@pytest.fixture
def project(tmp_path: Path) -> SearchableHome:
    """Three people, each named."""
    project = searchable_home(tmp_path)
    three_days(project)
    run(project)
    for person_id, name in zip(people_table(project.home)["person_id"], NAMES, strict=True):
        make_corrections.name_person(project.home, person_id, name)
    forget.rebuild(project.home)
    return project


def files(project: SearchableHome, correction_id: str) -> list[Path]:
    return [project.folder / "record" / folder / f"{correction_id}.parquet" for folder in ("corrections", "corrections_copy")]


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def names(project: SearchableHome) -> set[str | None]:
    return set(people_table(project.home)["name"])


def test_one_torn_file_loses_no_name_and_upkeep_mends_it(project: SearchableHome) -> None:
    said = read_corrections(project.home)
    first, second = files(project, said[1].correction_id)
    whole = first.read_bytes()
    for torn in (first, second):
        tear(torn)
        project.home = fake_home(project.folder)
        found = maintain_home(project.home)
        assert ("corrections", said[1].correction_id) not in found.torn
        assert first.read_bytes() == second.read_bytes() == whole
        assert read_corrections(project.home) == said


def test_where_both_files_are_torn_they_are_named_and_all_others_hold(project: SearchableHome) -> None:
    said = read_corrections(project.home)
    for path in files(project, said[0].correction_id):
        tear(path)
    project.home = fake_home(project.folder)
    assert read_corrections(project.home) == said[1:]
    (error,) = torn_corrections(project.home)
    assert isinstance(error, RecordTornError)
    assert all(str(path) in str(error) for path in files(project, said[0].correction_id))
    assert "lost unless you restore" in error.remedy
    forget.rebuild(project.home)
    assert names(project) == {"Bob", "Cat", None}
    again = make_corrections.name_person(project.home, people_table(project.home)["person_id"][0], "Ann")
    assert again.text == "Ann"


def test_who_is_forgotten_is_in_no_copy_torn_or_not(project: SearchableHome) -> None:
    said = read_corrections(project.home)
    ann = people_table(project.home).row(0, named=True)["person_id"]
    for path in files(project, said[1].correction_id):
        path.write_bytes(path.read_bytes()[:-8])
    home = fake_home(project.folder)
    home.adapters.faces.open_imaging = project.home.adapters.faces.open_imaging
    forget.forget_people(home, [ann])
    assert not any(path.exists() for path in files(project, said[0].correction_id))
    assert not any(path.exists() for path in files(project, said[1].correction_id)), "nobody can tell whom it names"
    assert traces(project.folder, [b"Ann"]) == set()


def test_the_same_words_again_are_one_correction(project: SearchableHome) -> None:
    ann, bob, cat = people_table(project.home)["person_id"]
    first = read_corrections(project.home)[0]
    assert make_corrections.name_person(project.home, ann, " Ann ") == first
    apart = make_corrections.not_same(project.home, bob, cat)
    assert make_corrections.not_same(project.home, bob, cat) == apart
    assert len(read_corrections(project.home)) == 4
    other = make_corrections.name_person(project.home, ann, "Anna")
    assert make_corrections.name_person(project.home, ann, "Ann") != first, "what was said last holds"
    assert other in read_corrections(project.home)
    make_corrections.undo(project.home)
    assert make_corrections.name_person(project.home, ann, "Anna") == other
    make_corrections.undo(project.home, apart.correction_id)
    assert make_corrections.not_same(project.home, bob, cat) != apart, "it was taken back, and is said anew"
    mine = make_corrections.set_role(project.home, cat, "companion")
    assert make_corrections.set_role(project.home, cat, "companion") == mine
    assert make_corrections.set_role(project.home, cat, "none") != mine


def test_in_an_object_store_one_torn_object_loses_no_name(tmp_path: Path) -> None:
    project = searchable_home(tmp_path)
    settings_file.apply(project.folder, [f"store.uri='{new_bucket()}/archive'"])
    three_days(project)
    run(project)
    one = make_corrections.name_person(project.home, people_table(project.home)["person_id"][0], "Ann")
    objects = project.home.store._store._objects  # type: ignore[attr-defined]
    objects.put(f"corrections/{one.correction_id}.parquet", b"PAR1 torn")
    home = fake_home(project.folder)
    home.adapters.faces.open_imaging = project.home.adapters.faces.open_imaging
    assert read_corrections(home) == [one]
    assert objects.get(f"corrections/{one.correction_id}.parquet")[0] == objects.get(f"corrections_copy/{one.correction_id}.parquet")[0]
    forget.forget_people(home, [people_table(home)["person_id"][0]])
    assert [facts.name for facts in objects.below("") if facts.name.startswith("corrections")] == []
