"""Whom names from elsewhere belong to: sureness decides, what was said by hand is stronger, nobody bears two."""

from meetbefore_assets.identities.known_names import NEAR, SURE, Known, decide


def known(name: str, person: str | None, probability: float | None) -> Known:
    return Known(name, person, probability, 0.5)


def test_who_is_sure_is_named_who_is_near_is_asked_about_the_rest_waits() -> None:
    given = [known("Ann", "p1", SURE), known("Bob", "p2", SURE - 0.001), known("Cat", "p3", NEAR), known("Dan", "p4", NEAR - 0.001)]
    assert decide(given, {}) == ["named", "near", "near", "waits"]


def test_nobody_on_record_and_a_recogniser_that_nobody_measured_name_nobody() -> None:
    assert decide([known("Ann", None, None), known("Bob", "p1", None)], {}) == ["waits", "waits"]


def test_of_two_names_for_one_person_the_likelier_holds_in_any_order() -> None:
    given = [known("Ann", "p1", 0.96), known("Anna", "p1", 0.99)]
    assert decide(given, {}) == ["near", "named"]
    assert decide(given[::-1], {}) == ["named", "near"]


def test_what_was_said_by_hand_is_stronger() -> None:
    assert decide([known("Ann", "p1", 0.99)], {"p1": "Bea"}) == ["said"]  # the person has another name
    assert decide([known("Ann", "p1", 0.99)], {"p1": ""}) == ["said"]  # the person has none, it was said
    assert decide([known("ann", "p1", 0.99)], {"p2": "Ann"}) == ["said"]  # the name is somebody else's
    assert decide([known("Ann", "p1", 0.99), known("Anna", "p1", 0.96)], {"p2": "Ann"}) == ["said", "named"]


def test_nothing_is_nothing() -> None:
    assert decide([], {"p1": "Ann"}) == []
