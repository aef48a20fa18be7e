"""The source folders of a home: remembers those that were named, and tells which are missing or empty."""

import os
from collections.abc import Sequence
from pathlib import Path

from meetbefore_assets.core.ports import ScanResult
from meetbefore_assets.core.uris import is_remote
from meetbefore_assets.core.words import folder_not_found
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings.settings_file import add_sources
from meetbefore_assets.recordings.file_kinds import classify_file


def remember_sources(home: Home, places: Sequence[Path | str]) -> list[str]:
    """Add folders to the setting `sources`, so that later runs search them too; single recordings are on record anyway.

    Returns:
        What was added: absolute paths, and addresses as given. A folder inside a source is not added.

    Raises:
        MeetbeforeError: the settings cannot be written.
    """
    folders = [place if isinstance(place, str) else os.path.abspath(place.expanduser()) for place in places if _is_folder(place)]
    return add_sources(home.folder, folders, home.own_videos) if folders else []


def _is_folder(place: Path | str) -> bool:
    return place.expanduser().is_dir() if isinstance(place, Path) else classify_file(place.rpartition("/")[2]).kind != "video"


def without_recordings(found: ScanResult, places: Sequence[Path | str]) -> list[str]:
    """The places that exist but hold no recording, as they were named."""
    uris = [recording.uri.partition("?day=")[0] for recording in found.recordings]
    real = {folder: os.path.realpath(folder) for folder in {os.path.dirname(uri) for uri in uris if not is_remote(uri)}}
    full = {uri if is_remote(uri) else f"{real[os.path.dirname(uri)]}/{os.path.basename(uri)}" for uri in uris}

    def holds_some(place: Path | str) -> bool:
        root = place.rstrip("/") if isinstance(place, str) else os.path.realpath(place.expanduser())
        return any(uri == root or uri.startswith(f"{root}/") for uri in full)

    return [str(place) for place in places if not holds_some(place) and not _is_away(found, place)]


def _is_away(found: ScanResult, place: Path | str) -> bool:
    return str(place if isinstance(place, str) else os.path.abspath(place.expanduser())) in found.missing


def absent_sources(home: Home) -> list[str]:
    """A sentence for each missing source of the settings; the default <home>/videos may be missing."""
    return [
        folder_not_found(str(source)) for source in home.sources() if home.settings().sources and home.adapters.recordings.is_away(source)
    ]
