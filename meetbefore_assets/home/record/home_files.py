"""Files of a home outside the record: contact sheets, kept frames, the page, what the last run found."""

import shutil
from pathlib import Path

from meetbefore_assets.home.home import Home

PAGE_NAME = "report.html"


def quiet_run_path(home: Home) -> Path:
    """Path of the note of the last run that found nothing to do (`running.unchanged`)."""
    return home.folder / "cache" / "quiet_run.json"


def preview_path(home: Home, video_id: str) -> Path:
    """Path of the contact sheet of a video's best faces."""
    return home.folder / "previews" / f"{video_id}.jpg"


def kept_frames_folder(home: Home, video_id: str) -> Path:
    """Folder of a video's kept frames (setting `frames.keep`)."""
    return home.folder / "frames" / video_id


def remove_files(home: Home, *paths: Path) -> None:
    """Delete files and folders of a home, and their copies in the object store."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        home.unshare(path)
