"""Shows faces inline in terminals that can, or writes them to a folder."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.home.home import Home
from meetbefore_assets.publishing.page.render import FILE_NAME
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


class Faces:
    """Implements `person.ShowFace`."""

    def __init__(self, home: Home, console: Console, person_id: str, folder: Path | None) -> None:
        """`folder`: where to write pictures to; it is made if its parent is there.

        Raises:
            UsageError: the folder is a file, or its parent does not exist.
        """
        self._home, self._console, self._person, self._folder = home, console, person_id, folder
        self._is_shown = console.is_terminal and can_show_images(os.environ)
        if folder is not None and (folder.is_file() or not folder.absolute().parent.is_dir()):
            raise UsageError(f"cannot write pictures to {folder}; expected a folder, or the name of a new one in a folder that exists.")

    def __call__(self, face_id: str, video_id: str, number: int) -> None:
        if not self._is_shown and self._folder is None:
            return
        blobs = self._home.store.get("detections", video_id, ["face_id", "thumbnail"])
        jpeg: bytes = dict(blobs.iter_rows()).get(face_id, b"")
        if not jpeg:
            return
        if self._is_shown:
            self._console.file.write(f"   {inline_image(jpeg)}\n")
        if self._folder is not None:
            path = self._folder / f"{self._person}-{number:03d}.jpg"
            write_private(path, jpeg)
            self._console.print(f"   {printable(str(path))}")

    def print_where(self) -> None:
        """Say where all faces of the person can be seen."""
        page = self._home.folder / FILE_NAME
        if page.is_file():
            self._console.print(f"All faces: {printable(str(page))}#p-{self._person}")
