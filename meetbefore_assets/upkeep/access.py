"""Permissions of a home: finds files that other users of this machine can read, and closes them."""

from pathlib import Path

from meetbefore_assets.core.words import count
from meetbefore_assets.home.home import Home
from meetbefore_assets.storage.private_folder import is_shared, open_to_others, set_access
from meetbefore_assets.upkeep.checks import CheckResult

MEND = "`meetbefore doctor --fix`"


def access_of_home(home: Home) -> CheckResult:
    """Check that only the owner can read the home (with `privacy.group_access` also its group)."""
    has_group = home.settings().privacy.group_access
    found = open_to_others(_roots(home), has_group=has_group, exclude=_recordings(home))
    findings = []
    if found:
        others = "people outside its group" if has_group else "other users of this machine"
        findings = [
            f"{count(len(found), 'file or folder', 'files and folders')} can be read by {others}, first {found[0]}: {MEND} closes them."
        ]
    elif has_group and home.folder.is_dir() and not is_shared(home.folder):
        findings = [f"privacy.group_access is on, but the group of {home.folder} cannot use it yet: {MEND} lets it in."]
    return CheckResult(findings, {"open to others": len(found)})


def close_home(home: Home) -> tuple[int, list[Path]]:
    """Restrict the home to its owner (with `privacy.group_access` also its group); recordings keep their permissions.

    Returns:
        The number of changed files and folders, and those that could not be changed.
    """
    return set_access(_roots(home), has_group=home.settings().privacy.group_access, exclude=_recordings(home))


def _roots(home: Home) -> list[Path]:
    return [folder.resolve() for folder in home.own_folders()]


def _recordings(home: Home) -> list[Path]:
    """Source folders inside the home, whose content belongs to the user."""
    return [source.absolute().resolve() for source in home.sources() if isinstance(source, Path)]
