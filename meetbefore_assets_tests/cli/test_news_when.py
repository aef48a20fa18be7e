"""What people write behind --since."""

import datetime as dt

import pytest

from meetbefore_assets.cli.news import parse_when
from meetbefore_assets.core.errors import UsageError

NOW = dt.datetime(2025, 3, 31, 10, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d", dt.datetime(2025, 3, 24, 10, 30)),
        ("2w", dt.datetime(2025, 3, 17, 10, 30)),
        ("36h", dt.datetime(2025, 3, 29, 22, 30)),
        ("today", dt.datetime(2025, 3, 30, 22)),
        ("Yesterday", dt.datetime(2025, 3, 29, 23)),  # before the clocks went forward
        ("2025-03-07", dt.datetime(2025, 3, 6, 23)),
        ("2025-03-07T18:00", dt.datetime(2025, 3, 7, 17)),
        ("2025-03-07T18:00Z", dt.datetime(2025, 3, 7, 18)),
    ],
)
def test_moments_are_local_and_become_utc(text: str, expected: dt.datetime) -> None:
    assert parse_when(text, NOW, "Europe/Berlin") == expected


@pytest.mark.parametrize("text", ["soon", "7", "7y", "-3d", "999999w", "2025-13-01", "0001-01-01"])
def test_what_is_no_time_says_what_is(text: str) -> None:
    with pytest.raises(UsageError, match="expected a day such as"):
        parse_when(text, NOW, "Europe/Berlin")
