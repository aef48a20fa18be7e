"""Brings a home up to date by calling what the assets call: quicker than runs, where runs are not what is tested."""

from collections.abc import Sequence
from pathlib import Path

from meetbefore_assets.encounters.make_tables import make_people
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.match import match
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.recordings.status import all_statuses


def bring_up_to_date(home: Home, folders: Sequence[Path] = ()) -> None:
    """Import the recordings of some folders, make what is missing of each, and decide who is who."""
    if folders:
        import_recordings(home, list(folders))
    for status in all_statuses(home):
        for asset in status.todo:
            STAGES[asset](home, status.video_id)
    match(home)
    make_people(home)
