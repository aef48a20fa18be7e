"""Names from other programs: who is named at once, who waits for the day, what is stronger, and that nothing stays when it is forgotten."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from meetbefore_assets.asking.import_names import Imported, import_names, match_boxes, upright
from meetbefore_assets.asking.whois import ask
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import NamedFaces, NamedRegion
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.known_people import known_matches, take_back_known
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.review import make_corrections
from meetbefore_assets_tests.asking.test_whois import ANN, BOB, DAN, MONDAY, TUESDAY, photograph
from meetbefore_assets_tests.support.fakes import MEASURED, fake_home, write_video
from meetbefore_assets_tests.support.traces import traces
from meetbefore_assets_tests.support.without_dagster import bring_up_to_date

WEDNESDAY = "DJI_20250305080000_0003_D.mp4"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Ann and Bob on two days; Dan never."""
    made = fake_home(tmp_path / "home", evidence=MEASURED)
    write_video(tmp_path / "videos", MONDAY, [[ANN, BOB], [ANN]])
    write_video(tmp_path / "videos", TUESDAY, [[ANN], [ANN], [], [], [], [], [BOB]])
    bring_up_to_date(made, [tmp_path / "videos"])
    return made


def folder(tmp_path: Path, **people: Sequence[bytes]) -> Path:
    """A folder a person, with photographs."""
    for name, photographs in people.items():
        (tmp_path / "names" / name).mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(photographs):
            (tmp_path / "names" / name / f"{number}.png").write_bytes(data)
    return tmp_path / "names"


def brought_in(home: Home, path: Path) -> Imported:
    done = import_names(home, path)
    bring_up_to_date(home)
    return done


def states(home: Home) -> dict[str, str]:
    return dict(known_matches(home).select("name", "state").iter_rows())


def names(home: Home) -> set[str]:
    return set(people_table(home)["name"].drop_nulls())


def who(home: Home, person: int) -> str:
    best = ask(home, photograph(person), "photo.png").faces[0].best
    assert best is not None
    return best.person_id


def test_who_is_on_record_is_named_at_once_and_the_others_wait_for_their_day(home: Home, tmp_path: Path) -> None:
    done = brought_in(home, folder(tmp_path, Ann=[photograph(ANN)], Dan_Dee=[photograph(DAN), photograph(DAN, moment=300)]))
    assert {name: one.faces for name, one in done.added.items()} == {"Ann": 1, "Dan Dee": 2}
    assert states(home) == {"Ann": "named", "Dan Dee": "waits"}
    assert names(home) == {"Ann"}
    write_video(tmp_path / "videos", WEDNESDAY, [[DAN], [DAN]])
    bring_up_to_date(home, [tmp_path / "videos"])
    assert names(home) == {"Ann", "Dan Dee"}


def test_the_order_in_which_names_and_videos_come_does_not_matter(home: Home, tmp_path: Path) -> None:
    other = fake_home(tmp_path / "other", evidence=MEASURED)
    given = folder(tmp_path, Ann=[photograph(ANN)], Bob=[photograph(BOB)])
    brought_in(other, given)
    assert states(other) == {"Ann": "waits", "Bob": "waits"}
    bring_up_to_date(other, [tmp_path / "videos"])
    brought_in(home, given)
    assert known_matches(other).equals(known_matches(home))


def test_importing_again_adds_only_what_is_new(home: Home, tmp_path: Path) -> None:
    brought_in(home, folder(tmp_path, Ann=[photograph(ANN)]))
    said = len(read_corrections(home))
    again = import_names(home, tmp_path / "names")
    assert again.added["Ann"].correction is None
    assert len(read_corrections(home)) == said
    more = import_names(home, folder(tmp_path, Ann=[photograph(ANN), photograph(ANN, moment=400)]))
    assert more.added["Ann"].faces == 1


def test_what_is_said_by_hand_is_stronger(home: Home, tmp_path: Path) -> None:
    brought_in(home, folder(tmp_path, Ann=[photograph(ANN)], Bob=[photograph(BOB)]))
    make_corrections.name_person(home, who(home, BOB), "Ann")  # no matter that an import says otherwise
    bring_up_to_date(home)
    assert states(home) == {"Ann": "said", "Bob": "said"}
    assert dict(people_table(home).select("person_id", "name").iter_rows())[who(home, BOB)] == "Ann"
    assert names(home) == {"Ann"}


def test_that_somebody_has_no_name_is_said_by_hand_too(home: Home, tmp_path: Path) -> None:
    brought_in(home, folder(tmp_path, Ann=[photograph(ANN)]))
    make_corrections.name_person(home, who(home, ANN), "")
    bring_up_to_date(home)
    assert names(home) == set()
    assert states(home) == {"Ann": "said"}


def test_undo_takes_a_name_back_and_brings_it_in_again(home: Home, tmp_path: Path) -> None:
    brought_in(home, folder(tmp_path, Ann=[photograph(ANN)], Bob=[photograph(BOB)]))
    (ann,) = [one for one in read_corrections(home) if one.text == "Ann"]
    undone, _ = make_corrections.undo(home, ann.correction_id)
    bring_up_to_date(home)
    assert names(home) == {"Bob"}
    make_corrections.undo(home, undone.correction_id)
    bring_up_to_date(home)
    assert names(home) == {"Ann", "Bob"}
    assert take_back_known(home) == 2
    bring_up_to_date(home)
    assert names(home) == set()


def test_another_recogniser_knows_them_again(home: Home, tmp_path: Path) -> None:
    brought_in(home, folder(tmp_path, Ann=[photograph(ANN)], Dan=[photograph(DAN)]))
    home = fake_home(home.folder, embedder="colours-2", evidence=MEASURED)
    bring_up_to_date(home)
    assert states(home) == {"Ann": "named", "Dan": "waits"}


def test_a_photograph_with_several_faces_is_of_nobody_in_particular(home: Home, tmp_path: Path) -> None:
    done = import_names(home, folder(tmp_path, Ann=[photograph(ANN, BOB), photograph(ANN), b"no picture", photograph()]))
    assert done.added["Ann"].faces == 1
    told = [why for _, why in done.problems]
    assert told[0] == "it shows 2 faces, and none is much larger than the others."
    assert "is no picture" in told[1]
    assert "no face was found" in told[2]


@pytest.mark.parametrize("name", ["Ann\x1b[2J", "A" * 201, "\u202eAnn"])
def test_names_that_are_commands_or_too_long_are_left_out(name: str, home: Home, tmp_path: Path) -> None:
    done = import_names(home, folder(tmp_path, **{name: [photograph(ANN)]}))
    assert done.added == {}
    assert len(done.problems) == 1


def test_a_folder_that_tells_no_name_is_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(photograph(ANN))
    with pytest.raises(UsageError, match="tells a name"):
        import_names(home, tmp_path / "photo.png")
    (tmp_path / "frigate" / "train").mkdir(parents=True)
    (tmp_path / "frigate" / "train" / "1.png").write_bytes(photograph(ANN))
    with pytest.raises(UsageError, match="tells a name"):
        import_names(home, tmp_path / "frigate")


def test_faces_that_a_photo_program_named_are_told_apart(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ann is in the second quarter of the picture, Bob in the third; whoever stands in the first is not named."""
    written = NamedFaces(
        (NamedRegion("Bob", (0.5, 0, 0.75, 1)), NamedRegion("Ann", (0.25, 0, 0.5, 1)), NamedRegion("Eve", (0.9, 0, 1, 0.1))), 1
    )
    monkeypatch.setattr(type(home.adapters.recordings), "named_faces", lambda *_args: written)
    (tmp_path / "photo.png").write_bytes(photograph(DAN, ANN, BOB))
    done = brought_in(home, tmp_path / "photo.png")
    assert states(home) == {"Ann": "named", "Bob": "named"}
    assert dict(people_table(home).select("name", "person_id").iter_rows())["Ann"] == who(home, ANN)
    assert [why for _, why in done.problems] == ["no face was found where Eve is said to be."]


def test_forgetting_somebody_erases_the_name_and_the_faces_it_came_with(home: Home, tmp_path: Path) -> None:
    brought_in(home, folder(tmp_path, Ann_Annabel=[photograph(ANN)], Bob=[photograph(BOB)]))
    forget.forget_people(home, [who(home, ANN)])
    assert states(home) == {"Bob": "named"}
    assert traces(home.folder, [b"Ann Annabel"]) == set()
    assert {one.text for one in read_corrections(home)} == {"Bob"}
    assert len(home.store.keys("known_faces")) == 1


def test_a_name_that_waits_can_be_forgotten_with_what_was_said_of_it(home: Home, tmp_path: Path) -> None:
    brought_in(home, folder(tmp_path, Dan_Daniel=[photograph(DAN)], Bob=[photograph(BOB)]))
    (dan,) = [one for one in read_corrections(home) if one.text == "Dan Daniel"]
    make_corrections.undo(home, make_corrections.undo(home, dan.correction_id)[0].correction_id)
    bring_up_to_date(home)
    assert forget.find_target(home, "dan daniel")[:2] == ("name", "Dan Daniel")
    assert forget.forget_names(home, ["Dan Daniel"]) == 1
    assert traces(home.folder, [b"Dan Daniel"]) == set()
    assert {one.kind for one in read_corrections(home)} == {"known"}
    assert names(home) == {"Bob"}


def test_a_box_of_a_turned_picture_is_turned_with_it() -> None:
    box = (0.1, 0.2, 0.3, 0.6)
    assert upright(box, 1) == box
    assert upright(box, 3) == pytest.approx((0.7, 0.4, 0.9, 0.8))
    assert upright(box, 6) == pytest.approx((0.4, 0.1, 0.8, 0.3))  # clockwise: the top is at the right
    assert upright(box, 8) == pytest.approx((0.2, 0.7, 0.6, 0.9))  # anticlockwise: the top is at the left
    for orientation in range(1, 9):
        x1, y1, x2, y2 = upright(box, orientation)
        assert (x2 - x1) * (y2 - y1) == pytest.approx(0.2 * 0.4)


def test_regions_and_faces_are_paired_one_to_one_the_best_first() -> None:
    regions = [(0.0, 0.0, 0.4, 0.4), (0.05, 0.0, 0.45, 0.4), (0.8, 0.8, 0.9, 0.9)]
    faces = [(0.05, 0.0, 0.45, 0.4), (0.0, 0.0, 0.3, 0.4)]
    found = match_boxes(regions, faces)
    assert {region: face for region, (face, _) in found.items()} == {1: 0, 0: 1}
    assert match_boxes([], faces) == {}
    assert match_boxes(regions, []) == {}
