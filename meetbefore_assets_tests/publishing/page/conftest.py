"""What tests of the page share."""

from pathlib import Path

import pytest

from meetbefore_assets_tests.support.record import Record, Seen, dji


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Ann is met on three days, Bob on two and together with Ann; Cy once; a clock is in doubt, a video failed, one is away."""
    record = Record(tmp_path / "home")
    record.video(dji(3), [Seen("ann", range(5, 15), "bob"), Seen("bob", [6.0, 7.0])], {"dropped: too small": "4", "dropped: blurred": "2"})
    record.video(dji(4, 20), [Seen("ann", [61.0]), Seen("bob", [61.0], "ann"), Seen("cy", [70.0])], {"moments not decodable": "3"})
    record.video("holiday.mp4", [Seen("ann", [1.0, 2.0])])
    record.video(dji(9), [Seen("cy2", [1.0])], is_there=False)
    record.failed_video("torn.mp4", "torn.mp4 ends before its index; expected 12 s, found 3 s.")
    return record
