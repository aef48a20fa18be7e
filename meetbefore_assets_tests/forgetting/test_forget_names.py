"""Names, corrections and ids are forgotten with their people, and a name means whoever bears it now."""

import polars as pl
import pytest

from meetbefore_assets.core.errors import LockTimeoutError, UsageError
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.encounters.make_tables import make_people
from meetbefore_assets.forgetting import erase, forget
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.identity_history import history_table, write_history
from meetbefore_assets.identities.match import match
from meetbefore_assets.identities.policy import policy
from meetbefore_assets.identities.queries import assigned_faces, find_person, people_table
from meetbefore_assets.review import make_corrections
from meetbefore_assets_tests.defs.test_pipeline import FRIDAY, MONDAY, TUESDAY, three_days
from meetbefore_assets_tests.support.fakes import fake_home, write_video
from meetbefore_assets_tests.support.searchable import SearchableHome, most_met, of_person, process, run
from meetbefore_assets_tests.support.traces import traces

pytestmark = pytest.mark.slow


def test_names_and_corrections_go_with_the_person_and_others_stay(project: SearchableHome) -> None:
    three_days(project)
    run(project)
    people = people_table(project.home)["person_id"].to_list()
    make_corrections.name_person(project.home, people[0], "Scheherazade")
    make_corrections.name_person(project.home, people[1], "Dunyazad")
    make_corrections.not_same(project.home, people[0], people[1])
    make_corrections.undo(project.home)
    forget.rebuild(project.home)
    needles = [*of_person(project, people[0]), b"Scheherazade"]
    assert {"meetbefore.duckdb", "report.html"} <= traces(project.folder, [b"Scheherazade"])
    forget.forget_people(project.home, [people[0]])
    assert traces(project.folder, needles) == set()
    assert set(people_table(project.home)["name"]) == {"Dunyazad", None}
    assert len(project.home.store.keys("corrections")) == 1


def test_a_name_goes_with_the_last_video_it_was_given_in(project: SearchableHome) -> None:
    three_days(project)
    run(project)
    make_corrections.name_person(project.home, most_met(project), "Scheherazade")
    forget.rebuild(project.home)
    for left, name in enumerate((MONDAY, TUESDAY, FRIDAY)):
        assert people_table(project.home).filter(pl.col("name") == "Scheherazade")["encounters"].to_list() == [3 - left]
        forget.forget_videos(project.home, [forget.find_one_video(project.home, name)])
    assert traces(project.folder, [b"Scheherazade"]) == set()


def test_what_happened_to_the_ids_of_a_forgotten_person_is_forgotten(project: SearchableHome) -> None:
    three_days(project)
    run(project)
    settings_file.apply(project.folder, ["matching.threshold=0.999"])
    forget.rebuild(project.home)
    split = set(people_table(project.home)["person_id"])
    settings_file.apply(project.folder, ["matching.threshold=auto"])
    forget.rebuild(project.home)
    gone = split - set(people_table(project.home)["person_id"])
    assert traces(project.folder, [person.encode() for person in gone])
    forget.forget_people(project.home, people_table(project.home)["person_id"].to_list())
    assert traces(project.folder, [person.encode() for person in split]) == set()


def named_and_seen_earlier(project: SearchableHome) -> str:
    """Call the person who is met most by a name, and process an earlier video of them that is not matched yet; returns the id so far."""
    three_days(project)
    run(project)
    shown = most_met(project)
    make_corrections.name_person(project.home, shown, "Scheherazade")
    forget.rebuild(project.home)
    write_video(project.videos, "DJI_20250301080000_0000_D.mp4", [[1]])
    process(project)
    return shown


def test_nobody_matches_scores_or_publishes_from_the_first_suppression_to_the_last_page(
    project: SearchableHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_days(project)
    run(project)
    another, refused = fake_home(project.folder), list[str]()

    def look(_home: object, _videos: object) -> None:
        for name in ("matching", "index", "scoring", "publishing"):
            with pytest.raises(LockTimeoutError), another.lock(name, 0.05):
                pass
            refused.append(name)

    monkeypatch.setattr(erase, "HOOKS", [look])
    suppressing, writing = erase.suppress, erase.finish_erasure
    monkeypatch.setattr(erase, "suppress", lambda home, faces: (look(home, faces), suppressing(home, faces)))
    monkeypatch.setattr(erase, "finish_erasure", lambda home: (look(home, []), writing(home)))
    forget.forget_people(project.home, [most_met(project)])
    assert len(refused) == 12
    with another.lock("matching", 0.05):
        pass


def test_a_name_means_whoever_bears_it_when_the_lock_is_held(project: SearchableHome) -> None:
    """A run has found an earlier face since the question was asked: the person has another id."""
    shown = named_and_seen_earlier(project)
    run(project)
    needles = of_person(project, most_met(project))
    assert most_met(project) != shown
    assert forget.forget_named(project.home, {"Scheherazade": shown}).faces == 7
    assert traces(project.folder, [*needles, b"Scheherazade", shown.encode()]) == set()


def test_an_id_that_means_another_by_now_erases_nobody(project: SearchableHome) -> None:
    three_days(project)
    run(project)
    first, second, _ = people_table(project.home)["person_id"]
    with pytest.raises(UsageError, match="Nothing was erased"):
        forget.forget_named(project.home, {first: second})
    assert people_table(project.home).height == 3
    assert not erase.is_pending(project.home)


def test_who_matched_and_did_not_come_to_score_hides_nobody(project: SearchableHome) -> None:
    shown = named_and_seen_earlier(project)
    match(project.home)
    assert shown not in set(assigned_faces(project.home)["person_id"]), "the ranking is of before"
    assert forget.forget_named(project.home, {"Scheherazade": shown}).faces == 7
    assert traces(project.folder, [b"Scheherazade", shown.encode()]) == set()


def test_a_name_is_found_while_others_decide_anew_who_is_who(project: SearchableHome) -> None:
    """One run has scored and is about to rank when another decides anew: the ranking is of ids that are gone, or names nobody."""
    shown = named_and_seen_earlier(project)
    match(project.home)
    now = forget.find_target(project.home, "Scheherazade")[1]
    assert now != shown
    assert now in set(assigned_faces(project.home)["person_id"])
    settings_file.apply(project.folder, ["matching.threshold=0.999"])
    match(project.home)
    make_people(project.home)
    assert "Scheherazade" in people_table(project.home)["name"].to_list(), "ranked by scores of before, it falls out"
    find_person(project.home, "Scheherazade")


def test_whoever_was_killed_while_deciding_hides_nobody(project: SearchableHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some videos have ids of before then and others new ones: an id leads to some of a person's faces, or to none."""
    shown = named_and_seen_earlier(project)
    with monkeypatch.context() as killed:
        killed.setattr("meetbefore_assets.identities.match.write_regroupings", None)
        with pytest.raises(TypeError):
            match(project.home)
    assert shown not in set(assigned_faces(project.home)["person_id"])
    assert forget.forget_named(project.home, {"Scheherazade": shown}).faces == 7
    assert traces(project.folder, [b"Scheherazade", shown.encode()]) == set()


def test_an_older_id_of_somebody_who_is_not_ranked_yet_is_told_in_words(project: SearchableHome) -> None:
    three_days(project)
    run(project)
    state = project.home.store.stamp("identity_assignments", WHOLE)
    assert state is not None
    project.home.store.put("identity_assignments", WHOLE, pl.DataFrame({"alias": ["p0old"], "person_id": ["p0new"]}), state)
    with pytest.raises(UsageError, match="p0new since a moment ago"):
        find_person(project.home, "p0old")


def test_a_forgotten_id_that_somebody_brought_back_leads_to_nobody_and_goes_with_the_next_match(project: SearchableHome) -> None:
    """What a program without the lock, or a machine without a common one, may write after all was done."""
    three_days(project)
    run(project)
    forgotten, stranger, other = people_table(project.home)["person_id"]
    forget.forget_people(project.home, [forgotten])
    home = project.home
    state = home.store.stamp("identity_assignments", WHOLE)
    assert state is not None
    home.store.put("identity_assignments", WHOLE, pl.DataFrame({"alias": [forgotten, "p0old"], "person_id": [stranger, other]}), state)
    ids = pl.DataFrame({"face_id": ["f", "g"], "person_id": [forgotten, "p0old"]})
    write_history(home, ids, ids.with_columns(pl.Series("person_id", [stranger, other])), policy(home), None)
    assert set(history_table(home)["person_id"]) == {forgotten, "p0old"}
    with pytest.raises(UsageError, match="nobody is called"):
        find_person(home, forgotten)
    assert find_person(home, "p0old").row["person_id"] == other
    settings_file.apply(project.folder, ["matching.threshold=0.51"])
    match(home)
    assert traces(project.folder / "record", [forgotten.encode()]) == set()
    assert set(history_table(home)["person_id"]) == {"p0old"}
    assert find_person(home, "p0old").row["person_id"] == other
