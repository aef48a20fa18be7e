"""Shows faces inline in terminals that can, or writes them to a folder."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.home_files import PAGE_NAME
from meetbefore_assets.storage.atomic_file import write_private

LINES_HIGH = 5


def can_show_images(environment: Mapping[str, str]) -> bool:
    """Whether the terminal understands iTerm2's inline images, which WezTerm, mintty and Konsole do too."""
    programs = (environment.get("TERM_PROGRAM", ""), environment.get("LC_TERMINAL", ""))
    is_known = any(name in ("iTerm.app", "iTerm2", "WezTerm", "mintty") for name in programs)
    return is_known or int(environment.get("KONSOLE_VERSION", "0") or 0) >= 220400


def inline_image(jpeg: bytes) -> str:
    """The escape sequence that shows a picture, LINES_HIGH lines high."""
    data = base64.b64encode(jpeg).decode("ascii")
    return f"\x1b]1337;File=inline=1;size={len(jpeg)};height={LINES_HIGH};preserveAspectRatio=1:{data}\a"


class FaceView:
    """Shows pictures of faces inline where the terminal can, and writes them to a folder where one is named.

    Args:
        folder: where to write pictures to; it is made if its parent is there.

    Raises:
        UsageError: the folder is a file, or its parent does not exist.
    """

    def __init__(self, home: Home, console: Console, folder: Path | None) -> None:
        self._home, self._console, self._folder = home, console, folder
        self._is_shown = console.is_terminal and can_show_images(os.environ)
        if folder is not None and (folder.is_file() or not folder.absolute().parent.is_dir()):
            raise UsageError(f"cannot write pictures to {folder}; expected a folder, or a new name in a folder that exists.")

    def show_jpeg(self, jpeg: bytes) -> None:
        """Show a picture that is no part of the record; it is written nowhere."""
        if self._is_shown and jpeg:
            self._console.file.write(f"   {inline_image(jpeg)}\n")

    def show(self, face_id: str, video_id: str, name: str) -> None:
        """Show a face of the record; `name` is that of its file, without the ending."""
        if not self._is_shown and self._folder is None:
            return
        blobs = self._home.store.get("detections", video_id, ["face_id", "thumbnail"])
        jpeg: bytes = dict(blobs.iter_rows()).get(face_id, b"")
        self.show_jpeg(jpeg)
        if jpeg and self._folder is not None:
            path = self._folder / f"{name}.jpg"
            write_private(path, jpeg)
            self._console.print(f"   {printable(str(path))}")


class Faces:
    """Implements `person.ShowFace`. Arguments and errors as of FaceView."""

    def __init__(self, home: Home, console: Console, person_id: str, folder: Path | None) -> None:
        self._home, self._console, self._person, self._view = home, console, person_id, FaceView(home, console, folder)

    def __call__(self, face_id: str, video_id: str, number: int) -> None:
        self._view.show(face_id, video_id, f"{self._person}-{number:03d}")

    def print_where(self) -> None:
        """Say where all faces of the person can be seen."""
        page = self._home.folder / PAGE_NAME
        if page.is_file():
            self._console.print(f"All faces: {printable(str(page))}#p-{self._person}")
