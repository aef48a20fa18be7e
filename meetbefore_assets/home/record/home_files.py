"""Files of a home that are not part of the record: contact sheets and kept pictures."""

import shutil
from pathlib import Path

from meetbefore_assets.home.home import Home


def preview_path(home: Home, video_id: str) -> Path:
    """Contact sheet of a video's best faces."""
    return home.folder / "previews" / f"{video_id}.jpg"


def kept_frames_folder(home: Home, video_id: str) -> Path:
    """Folder of a video's whole pictures, if they are kept."""
    return home.folder / "frames" / video_id


def remove_files(home: Home, *paths: Path) -> None:
    """Remove files and folders of a home, from the object store too."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        home.unshare(path)
