"""The last lines of a run."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from meetbefore_assets.cli.terminal.progress import RunView
from meetbefore_assets.home.home import Home
from meetbefore_assets.recordings.intake import Intake
from meetbefore_assets.running.run import Summary
from meetbefore_assets_tests.support.record import Record, Seen, dji

FULL = "the disk of the home is full. -> Free some space, then run again."


def said(home: Home, summary: Summary) -> str:
    written = io.StringIO()
    RunView(Console(file=written, width=300, no_color=True)).summarise(home, summary)
    return written.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    record = Record(tmp_path)
    for day in (1, 9):
        record.video(dji(day), [Seen("ann", [1.0])])
    return record.finish()


def test_what_failed_for_the_same_reason_is_told_once(home: Home) -> None:
    failed = {"a-1": FULL, "b-2": "b-2: no picture.", "c-3": FULL, "d-4": FULL}
    lines = said(home, Summary(Intake(present=["x", *failed]), ["x"], failed, untried=["d-4"])).splitlines()
    start = lines.index("4 videos failed (all others are done):")
    assert lines[start + 1 : start + 4] == [
        f"  a-1, c-3: {FULL}",
        "  b-2: b-2: no picture.",
        f"  d-4: {FULL} (failed before, not tried again: --retry-failed)",
    ]


def test_the_page_is_named_where_it_lies(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Home, "address", lambda _self, path: f"s3://archive/{path.name}")
    page, summary = home.folder / "report.html", Summary(Intake(present=["x"]), ["x"])
    assert "or open s3://archive/report.html\n" in said(home, summary)
    page.write_text("")
    assert f"or open {page}\n" in said(home, summary)
