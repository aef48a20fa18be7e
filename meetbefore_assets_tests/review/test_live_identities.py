"""The warm view: what is said is on record and seen at once, and the run that follows finds the same."""

import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.grouping_input import group
from meetbefore_assets.identities.match import is_matched
from meetbefore_assets.identities.queries import assigned_faces, matched_videos, people_table
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.review import make_corrections
from meetbefore_assets.review.live_identities import LiveIdentities
from meetbefore_assets_tests.review.test_make_corrections import ANN, BOB, CAT, MONDAY, TUESDAY, ann, bob, cat, face_at, refused
from meetbefore_assets_tests.support.fakes import MEASURED, fake_home, write_video
from meetbefore_assets_tests.support.project import StepsAlone

# Compared with everybody, or worked out at other thresholds: they come with the run.
LATER = ("expected_by_chance", "chance_p", "chance_q", "time_span_metric")
RANGES = ("holds_from", "holds_to")
# What differs by less from what is on record is not written anew.
ROUNDED = 2e-6


@pytest.fixture
def project(tmp_path: Path) -> StepsAlone:
    """Ann and Bob on two days, in one picture on Monday; Cat on both, always alone."""
    made = StepsAlone(tmp_path)
    write_video(made.videos, MONDAY, [[ANN, BOB], [ANN], [], [], [], [], [CAT], [CAT]])
    write_video(made.videos, TUESDAY, [[ANN], [ANN], [], [], [], [], [BOB], [], [], [], [], [CAT]])
    made.process()
    made.match()
    return made


def assert_run_finds_the_same(project: StepsAlone, live: LiveIdentities) -> None:
    """Match, score and rank; what the view showed before must be what the tables say then."""
    shown = live.view()
    told = (shown.faces, shown.people, shown.encounters)
    project.match()
    faces, people = assigned_faces(project.home), people_table(project.home)
    assert_frame_equal(
        told[0].select("face_id", "track_id", "person_id").sort("face_id"), faces.select("face_id", "track_id", "person_id").sort("face_id")
    )
    exact = [name for name in people.columns if name not in LATER]
    assert_frame_equal(told[1].select(exact), people.select(exact), rel_tol=1e-9, abs_tol=ROUNDED)
    scores = project.home.store.scan("encounter_scores", matched_videos(project.home))
    exact = [name for name in scores.columns if name not in RANGES]
    key = ["person_id", "started_at", "video_id"]
    assert_frame_equal(told[2].select(exact).sort(key), scores.select(exact).sort(key), rel_tol=1e-9, abs_tol=ROUNDED)
    assert live.refresh()
    after = live.view()
    assert after.waiting == 0
    assert_frame_equal(after.people, people, abs_tol=ROUNDED)
    assert after.faces["person_id"].to_list() == told[0]["person_id"].to_list()


@pytest.mark.parametrize("videos", [1, 2])
def test_tables_of_an_earlier_version_are_shown_until_the_next_run(project: StepsAlone, videos: int) -> None:
    """Columns that came later are not there: in all videos, or while a run goes on in some."""
    store = project.home.store
    for video_id in matched_videos(project.home)[:videos]:
        stamp = store.stamp("encounter_scores", video_id)
        assert stamp is not None
        store.put("encounter_scores", video_id, store.get("encounter_scores", video_id).drop("same_person", "holds_from"), stamp)
    stamp = store.stamp("people", WHOLE)
    assert stamp is not None
    store.put("people", WHOLE, store.get("people", WHOLE).drop("same_person"), stamp)
    live = LiveIdentities(project.home)
    assert live.view().people.height == 3
    live.merge([ann(project), cat(project)])
    assert live.view().people.height == 2
    assert live.view().encounters.height > 0


def test_an_answer_is_on_record_and_seen_before_anything_runs(project: StepsAlone) -> None:
    live = LiveIdentities(project.home)
    before = live.view()
    merged = live.merge([ann(project), cat(project)])
    assert read_corrections(project.home) == [merged]
    assert not is_matched(project.home)
    now = live.view()
    assert (now.people.height, before.people.height) == (2, 3)
    assert now.version != before.version
    assert (now.waiting, before.waiting) == (1, 0)
    assert now.people["person_id"].to_list() != before.people["person_id"].to_list()
    assert_run_finds_the_same(project, live)


def test_an_id_that_an_answer_ended_leads_to_whoever_has_its_faces(project: StepsAlone) -> None:
    live = LiveIdentities(project.home)
    first, second = ann(project), cat(project)
    live.merge([first, second])
    ((ended),) = {first, second} - set(live.view().people["person_id"])
    assert live.view().person(ended) == live.view().person(next(iter({first, second} - {ended})))
    live.name(ended, "Ann")
    assert live.view().person(ended)["name"] == "Ann"  # type: ignore[index]
    with refused("both are"):
        live.not_same(first, second)
    live.undo()
    live.undo()
    assert live.view().person(ended)["person_id"] == ended  # type: ignore[index]
    assert live.view().person("nobody") is None
    assert_run_finds_the_same(project, live)


def test_names_roles_and_portraits_are_seen_at_once(project: StepsAlone) -> None:
    live = LiveIdentities(project.home)
    other = live.view().faces_of(ann(project))["face_id"][-1]
    live.name(ann(project), "Ann")
    live.role(bob(project), "companion")
    live.portrait(other)
    row = live.view().person(ann(project))
    assert row is not None
    assert (row["name"], row["best_face_id"]) == ("Ann", other)
    with refused("already has the name"):
        live.name(bob(project), "ann")
    assert_run_finds_the_same(project, live)
    live.undo()
    assert_run_finds_the_same(project, live)


def test_what_contradicts_is_refused_and_changes_nothing(project: StepsAlone) -> None:
    live = LiveIdentities(project.home)
    live.not_same(ann(project), cat(project))
    version = live.view().version
    with refused("contradicts correction"):
        live.merge([ann(project), cat(project)])
    with refused("in the same picture"):
        live.merge([ann(project), bob(project)])
    assert live.view().version == version
    assert len(read_corrections(project.home)) == 1


def test_what_the_command_line_says_is_seen_and_checked(project: StepsAlone) -> None:
    live = LiveIdentities(project.home)
    assert not live.refresh()
    make_corrections.not_same(project.home, ann(project), cat(project))
    with refused("contradicts correction"):
        live.merge([ann(project), cat(project)])
    make_corrections.name_person(project.home, ann(project), "Ann")
    assert live.refresh()
    assert live.view().person(ann(project))["name"] == "Ann"  # type: ignore[index]
    assert not live.refresh()
    assert [said.state for said in live.view().corrections] == ["applies", "applies"]
    assert live.view().waiting == 2


def test_the_same_answer_again_is_one_correction(project: StepsAlone) -> None:
    live = LiveIdentities(project.home)
    first = live.merge([ann(project), cat(project)])
    other = LiveIdentities(fake_home(project.folder))
    live.undo()
    assert other.refresh()
    assert other.merge([ann(project), cat(project)]) != first
    assert [one.kind for one in read_corrections(project.home)] == ["merge", "undo", "merge"]
    assert LiveIdentities(project.home).name(bob(project), "Bob") == other.name(bob(project), "Bob")


def test_another_threshold_and_every_answer_holds(project: StepsAlone) -> None:
    live = LiveIdentities(project.home)
    live.merge([ann(project), cat(project)])
    settings_file.apply(project.folder, ["matching.threshold=0.95"])
    assert live.refresh(), "the view is of the settings in force, before anything ran"
    assert_run_finds_the_same(project, live)
    assert ann(project) == cat(project)


def test_who_is_forgotten_is_gone_from_the_view_and_is_not_spoken_of(project: StepsAlone) -> None:
    live = LiveIdentities(project.home)
    gone = cat(project)
    forget.forget_people(project.home, [gone])
    with refused("was forgotten a moment ago"):
        live.name(gone, "Cat")
    assert live.refresh()
    assert gone not in live.view().people["person_id"].to_list()
    with refused("has no faces any more"):
        live.name(gone, "Cat")
    assert read_corrections(project.home) == []


def test_what_is_no_face_is_listed_apart(project: StepsAlone) -> None:
    live = LiveIdentities(project.home)
    wheel = face_at(project, TUESDAY, 0.0)
    said = live.not_a_face([wheel])
    assert live.view().not_faces.select("face_id", "correction_id").rows() == [(wheel, said.correction_id)]
    assert wheel not in live.view().faces["face_id"].to_list()
    with refused("is no face of anybody"):
        live.portrait(wheel)
    assert_run_finds_the_same(project, live)


def test_an_empty_home_is_empty(tmp_path: Path) -> None:
    live = LiveIdentities(fake_home(tmp_path / "home"))
    view = live.view()
    assert view.is_empty
    assert (view.people.height, view.faces.height, view.encounters.height, view.not_faces.height, view.waiting) == (0, 0, 0, 0, 0)
    assert (view.questions().open, view.corrections) == (0, ())
    with refused("is no face"):
        live.not_a_face(["f"])


def test_whoever_waits_is_told_of_a_change(project: StepsAlone) -> None:
    live = LiveIdentities(project.home)
    version = live.view().version
    assert live.wait_for_change(version, 0.01).version == version
    stop = threading.Event()
    watching = threading.Thread(target=live.watch, args=(stop, 0.05))
    watching.start()
    make_corrections.name_person(project.home, ann(project), "Ann")
    assert live.wait_for_change(version, 30).version != version
    stop.set()
    watching.join()


def test_the_worst_fitting_face_comes_first(project: StepsAlone) -> None:
    live = LiveIdentities(project.home)
    live.merge([ann(project), cat(project)])
    fit = live.fit(ann(project))
    assert fit.height == live.view().faces_of(ann(project)).height
    assert fit["similarity"].is_sorted()
    project.match()
    similar = dict(assigned_faces(project.home).select("face_id", "similarity").rows())
    assert all(similar[face] == pytest.approx(value, abs=1e-5) for face, value in fit.rows())


class Anybody:
    """Says whatever comes to mind, sensible or not."""

    def __init__(self, live: LiveIdentities, seed: int) -> None:
        self.live, self.rng, self.said = live, np.random.default_rng(seed), 0

    def people(self, count: int) -> list[str]:
        ids = self.live.view().people["person_id"].to_list()
        return [ids[int(at)] for at in self.rng.integers(len(ids), size=count)]

    def faces(self, person_id: str) -> list[str]:
        ids = self.live.view().faces_of(person_id)["face_id"].to_list()
        return [ids[int(at)] for at in self.rng.integers(len(ids), size=int(self.rng.integers(1, 3)))]

    def speak(self) -> None:
        live, rng = self.live, self.rng
        one, two, three = self.people(3)
        only_these = bool(rng.integers(2))
        words = [
            lambda: live.name(one, f"N{rng.integers(6)}"),
            lambda: live.role(one, str(rng.choice(["me", "companion", "ignored", "none"]))),
            lambda: live.merge([one, two]),
            lambda: live.merge([one, two, three]),
            lambda: live.not_same(one, two),
            lambda: live.unsure(one, two),
            lambda: live.split(one, self.faces(one), only_these=only_these),
            lambda: live.move(self.faces(one), two, only_these=only_these),
            lambda: live.not_a_face(self.faces(one)),
            lambda: live.portrait(self.faces(one)[0]),
            live.undo,
            lambda: live.undo(str(rng.choice([entry.correction_id for entry in live.view().said]))),
            self.answer,
        ]
        try:
            words[int(rng.integers(len(words)))]()
            self.said += 1
        except (UsageError, ValueError):
            return

    def answer(self) -> None:
        queue = self.live.view().questions(3)
        question = queue.questions[int(self.rng.integers(len(queue.questions)))]
        self.live.answer(question.question_id, str(self.rng.choice(["same", "different", "unsure"])))


@pytest.fixture(params=["measured", "unmeasured"])
def crowd(tmp_path: Path, request: pytest.FixtureRequest) -> StepsAlone:
    """A dozen people, some alike, in six videos."""
    made = StepsAlone(tmp_path)
    made.home = fake_home(made.folder, evidence=MEASURED if request.param == "measured" else None)
    rng = np.random.default_rng(5)
    for day in range(6):
        cast = [[int(who) for who in rng.choice(np.arange(1, 13), size=int(rng.integers(0, 3)), replace=False)] for _ in range(9)]
        write_video(made.videos, f"DJI_202503{day + 3:02d}080000_000{day}_D.mp4", cast)
    made.process()
    made.match()
    return made


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_said_the_run_finds_what_was_seen_at_once(crowd: StepsAlone, seed: int) -> None:
    live = LiveIdentities(crowd.home)
    speaker = Anybody(live, seed)
    for number in range(30):
        speaker.speak()
        decided = live.view().decided
        assert (decided.grouping.labels == group(decided.given, live.view().archive.threshold)).all()
        if number % 10 == 9:
            assert_run_finds_the_same(crowd, live)
    assert speaker.said > 10
    again = LiveIdentities(fake_home(crowd.folder, evidence=crowd.home.model_pack().recogniser.evidence)).view()
    assert_frame_equal(again.people, live.view().people, abs_tol=ROUNDED)
    assert_frame_equal(again.faces, live.view().faces)
    kinds = {one.kind for one in live.view().said}
    assert len(kinds) > 4
    assert pl.Series([said.is_waiting for said in again.corrections]).sum() == again.waiting
