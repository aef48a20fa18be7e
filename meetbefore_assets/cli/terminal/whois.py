"""Prints who the faces of photographs are."""

from pathlib import Path

from rich.console import Console

from meetbefore_assets.asking.whois import Answer, PictureAnswers, sentence
from meetbefore_assets.cli.terminal.pictures import FaceView
from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core import words
from meetbefore_assets.home.home import Home


class WhoisView:
    """Sentences, and faces where the terminal can show them; `shown` counts the photographs."""

    def __init__(self, home: Home, console: Console, folder: Path | None) -> None:
        """Raises UsageError: `folder` cannot be written to."""
        self._home, self._console, self._faces = home, console, FaceView(home, console, folder)
        self._written = 0
        self.shown = 0

    def show(self, answers: PictureAnswers, path: Path, *, is_named: bool) -> None:
        """Print a line a face.

        Args:
            is_named: say first which photograph it is.
        """
        self.shown += 1
        if is_named:
            self._console.print(f"[bold]{printable(str(path))}[/bold]")
        for number, face in enumerate(answers.faces, start=1):
            told = sentence(face, self._home.zone(), answers.people).en
            place = f"at {words.offset(face.time_s)}: " if face.time_s is not None else ""
            which = f"{number}. " if len(answers.faces) > 1 else ""
            line = f"{place}{told}"
            self._console.print(f"{which}{printable(line[0].upper() + line[1:])}.")
            self._faces.show_jpeg(face.thumbnail)
            self._show_best(face)

    def show_found(self, answers: PictureAnswers) -> None:
        """Show or write the best face of each person found, without a sentence."""
        for face in answers.faces:
            self._show_best(face)

    def _show_best(self, face: Answer) -> None:
        if face.best is not None and face.verdict != "nobody":
            self._written += 1
            self._faces.show(face.best.best_face_id, face.best.best_video_id, f"{face.best.person_id}-{self._written:03d}")
