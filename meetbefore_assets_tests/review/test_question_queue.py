"""The queue of questions: what the evidence leaves open, the most valuable first; what was answered is not asked again."""

from pathlib import Path

import numpy as np
import pytest

from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.review.live_identities import LiveIdentities
from meetbefore_assets.review.question_queue import SAME, SHOWN, SPLIT, Question
from meetbefore_assets.review.unsure import is_unchanged, what_was_seen
from meetbefore_assets_tests.review.test_make_corrections import refused
from meetbefore_assets_tests.support.fakes import MEASURED, fake_home, write_video
from meetbefore_assets_tests.support.project import StepsAlone


@pytest.fixture
def crowd(tmp_path: Path, request: pytest.FixtureRequest) -> StepsAlone:
    """Twenty people, some alike, in ten videos. Parts of one person are asked about where nobody measured the recogniser."""
    made = StepsAlone(tmp_path)
    is_split = SPLIT in request.node.name.strip("]").rpartition("[")[2].split("-")
    made.home = fake_home(made.folder, evidence=None if is_split else MEASURED)
    rng = np.random.default_rng(7)
    for day in range(10):
        cast = [[int(who) for who in rng.choice(np.arange(1, 21), size=int(rng.integers(0, 3)), replace=False)] for _ in range(9)]
        write_video(made.videos, f"DJI_202503{day + 3:02d}080000_000{day}_D.mp4", cast)
    made.process()
    made.match()
    return made


def asked(live: LiveIdentities, kind: str) -> list[Question]:
    return [one for one in live.view().questions(1000).questions if one.kind == kind]


def at_threshold(crowd: StepsAlone, kind: str) -> LiveIdentities:
    """A view at a threshold at which something of a kind is asked."""
    for threshold in np.arange(0.30, 0.99, 0.03):
        settings_file.apply(crowd.folder, [f"matching.threshold={threshold:.2f}"])
        live = LiveIdentities(crowd.home)
        if asked(live, kind):
            return live
    raise AssertionError(f"nothing of the kind {kind} is asked at any threshold")


@pytest.mark.parametrize("kind", [SAME, SPLIT])
def test_a_question_shows_both_sides_and_what_it_settles(crowd: StepsAlone, kind: str) -> None:
    live = at_threshold(crowd, kind)
    queue = live.view().questions(1000)
    assert len(queue.questions) == queue.open
    assert queue.settles_faces == sum(one.settles_faces for one in queue.questions)
    assert [one.value for one in queue.questions] == sorted((one.value for one in queue.questions), reverse=True)
    assert live.view().questions(1).questions == queue.questions[:1]
    for one in asked(live, kind):
        sides = (one.first, one.second)
        assert (one.first.person_id == one.second.person_id) == (kind == SPLIT)
        assert (one.sureness is None) == (kind == SPLIT)
        assert 0.05 < (one.sureness or 0.5) < 0.95
        assert one.settles_faces == min(side.faces for side in sides) == one.second.faces
        assert not set(one.first.track_ids) & set(one.second.track_ids)
        for side in sides:
            mine = live.view().faces.filter(live.view().faces["track_id"].is_in(list(side.track_ids)))
            assert mine.height == side.faces
            assert set(mine["person_id"]) == {side.person_id}
            assert set(side.face_ids) <= set(mine["face_id"])
            assert 1 <= len(side.face_ids) <= SHOWN
            assert [moment.time_s for moment in side.moments if moment.video_id == side.moments[0].video_id] == sorted(
                moment.time_s for moment in side.moments if moment.video_id == side.moments[0].video_id
            )
    whole = {track for one in asked(live, SPLIT) for side in (one.first, one.second) for track in side.track_ids}
    people = {one.first.person_id for one in asked(live, SPLIT)}
    assert set(live.view().faces.filter(live.view().faces["person_id"].is_in(list(people)))["track_id"]) == whole


@pytest.mark.parametrize("kind", [SAME, SPLIT])
@pytest.mark.parametrize("answer", ["same", "different", "unsure"])
def test_what_was_answered_is_not_asked_again_and_an_undo_asks_it_again(crowd: StepsAlone, kind: str, answer: str) -> None:
    live = at_threshold(crowd, kind)
    question = asked(live, kind)[0]
    before = live.view()
    said = live.answer(question.question_id, answer)
    assert question.question_id not in {one.question_id for one in live.view().questions(1000).questions}
    with refused("this question is over"):
        live.answer(question.question_id, answer)
    people = live.view().faces["person_id"].n_unique() - before.faces["person_id"].n_unique()
    if answer == "unsure" or (kind, answer) in {(SAME, "different"), (SPLIT, "same")}:
        assert live.view().faces["person_id"].equals(before.faces["person_id"])
    else:
        assert people != 0
    crowd.match()
    again = LiveIdentities(crowd.home)
    assert question.question_id not in {one.question_id for one in again.view().questions(1000).questions}
    live.undo(said.correction_id)
    assert question.question_id in {one.question_id for one in live.view().questions(1000).questions}


def test_who_could_not_tell_is_asked_again_when_a_side_loses_a_face(crowd: StepsAlone) -> None:
    live = at_threshold(crowd, SAME)
    question = next(one for one in asked(live, SAME) if one.first.tracks > 1)
    said = live.answer(question.question_id, "unsure")
    track = question.first.track_ids[0]
    faces = live.view().faces.filter(live.view().faces["track_id"] == track)["face_id"].to_list()
    live.not_a_face(faces)
    with_it = {one.question_id for one in live.view().questions(1000).questions}
    live.undo(said.correction_id)
    assert {one.question_id for one in live.view().questions(1000).questions} == with_it, "it keeps no question back any more"


def test_nobody_asks_about_the_ignored(crowd: StepsAlone) -> None:
    live = at_threshold(crowd, SAME)
    question = asked(live, SAME)[0]
    live.role(question.second.person_id, "ignored")
    assert question.question_id not in {one.question_id for one in asked(live, SAME)}


def test_an_unknown_answer_or_question_is_refused(crowd: StepsAlone) -> None:
    live = LiveIdentities(crowd.home)
    with refused("unknown answer"):
        live.answer("q0", "perhaps")
    with refused("this question is over"):
        live.answer("q0", "same")


def test_the_same_is_seen_as_long_as_tracks_and_evidence_are_the_same() -> None:
    seen = what_was_seen(0.42, (3, 12))
    assert seen == "0.42 3+12"
    assert is_unchanged(seen, 0.42, (3, 12))
    assert is_unchanged(seen, 0.51, (3, 12))
    assert not is_unchanged(seen, 0.53, (3, 12))
    assert not is_unchanged(seen, 0.42, (4, 12))
    assert not is_unchanged(seen, 0.42, (12, 3))
    assert not is_unchanged(seen, None, (3, 12))
    assert is_unchanged(what_was_seen(None, (1, 1)), None, (1, 1))
    assert not is_unchanged(what_was_seen(None, (1, 1)), 0.5, (1, 1))
