"""Writes corrections of camera clocks (the setting `clocks`) into the settings; other entries and comments stay."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomlkit

from meetbefore_assets.home.settings.sections import ClockCorrection, Settings
from meetbefore_assets.home.settings.settings_file import rewrite_section

SECTION = "clocks"


def put_clock(home_folder: Path, entry: ClockCorrection, without: Sequence[str] = ()) -> Settings:
    """Add a correction, or replace that of the same pattern.

    Names of single files stand before patterns, since the first entry that fits is used; of each kind the new one is first.

    Args:
        home_folder: the home.
        entry: the correction.
        without: patterns whose corrections are removed, since they would hide the new one.

    Raises:
        SettingsError, StoreError, LockTimeoutError: see `settings_file.apply`.
    """
    return rewrite_section(home_folder, SECTION, lambda text: with_clock(without_clocks(text, without), entry))


def drop_clock(home_folder: Path, files: str) -> Settings:
    """Remove the correction of a pattern, if there is one. Raises what `put_clock` raises."""
    return rewrite_section(home_folder, SECTION, lambda text: without_clocks(text, [files]))


def with_clock(text: str, entry: ClockCorrection) -> str:
    """The text of a settings file with a correction added or replaced."""
    document: Any = tomlkit.parse(text)
    if SECTION not in document:
        if text.strip():
            document.add(tomlkit.nl())
        document.add(SECTION, tomlkit.aot())
    entries = document[SECTION]
    place = next((place for place, each in enumerate(entries) if each.get("files") == entry.files), None)
    if place is None:
        first_pattern = next((place for place, each in enumerate(entries) if _is_pattern(str(each.get("files", "")))), len(entries))
        place = first_pattern if _is_pattern(entry.files) else 0
        entries.insert(place, tomlkit.table() if isinstance(entries, tomlkit.items.AoT) else tomlkit.inline_table())
    written = entries[place]
    written["files"] = entry.files
    written["offset_s"] = int(entry.offset_s) if entry.offset_s == int(entry.offset_s) else entry.offset_s
    if entry.zone is not None:
        written["zone"] = entry.zone
    else:
        written.pop("zone", None)
    return tomlkit.dumps(document)


def without_clocks(text: str, patterns: Sequence[str]) -> str:
    """The text of a settings file without the corrections of some patterns."""
    document: Any = tomlkit.parse(text)
    entries = document.get(SECTION)
    if entries is None:
        return text
    for place in reversed(range(len(entries))):
        if entries[place].get("files") in patterns:
            del entries[place]
    if not len(entries):
        document.pop(SECTION)
    return tomlkit.dumps(document)


def only(name: str) -> str:
    """The pattern that fits one file name alone."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _is_pattern(files: str) -> bool:
    plain = files
    for sign in "*?[":
        plain = plain.replace(f"[{sign}]", "")
    return any(sign in plain for sign in "*?[")
