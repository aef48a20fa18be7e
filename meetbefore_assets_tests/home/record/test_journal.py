"""The event log: whoever writes to it while it is rewritten loses nothing."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from meetbefore_assets.home.record.journal import erase_video_events, journal_path, log_event, read_events
from meetbefore_assets_tests.support.fakes import fake_home

WRITERS, EVENTS = 3, 60


def test_no_event_is_lost_while_those_of_a_video_are_erased_again_and_again(tmp_path: Path) -> None:
    def write(writer: int) -> None:
        home = fake_home(tmp_path)
        for number in range(EVENTS):
            log_event(home, "made", video_id="kept", place=f"{writer}-{number}")
            log_event(home, "made", video_id="gone")

    def erase(_: int) -> None:
        home = fake_home(tmp_path)
        for _ in range(EVENTS):
            erase_video_events(home, "gone")

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        list(pool.map(lambda job: job[0](job[1]), [(erase, 0), *((write, writer) for writer in range(WRITERS))]))
    home = fake_home(tmp_path)
    erase_video_events(home, "gone")
    assert b"gone" not in journal_path(home).read_bytes()
    places = [str(event["place"]) for event in read_events(home)]
    assert sorted(places) == sorted(f"{writer}-{number}" for writer in range(WRITERS) for number in range(EVENTS))
