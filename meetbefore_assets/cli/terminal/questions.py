"""Prints review questions, each with the commands that answer it."""

import shlex

from rich.console import Console

from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core import words
from meetbefore_assets.review.questions import FaceLocation, Question


def print_review(console: Console, found: tuple[float, list[Question]]) -> None:
    """Each question, where to look, and what to type."""
    threshold, questions = found
    if not questions:
        console.print("No question is open near the threshold in force.")
    for number, question in enumerate(questions, start=1):
        ask = _ask_same if question.kind == "same" else _ask_other
        console.print(f"[bold]{number}.[/bold] {ask(question, threshold)}")


def _ask_same(question: Question, threshold: float) -> str:
    places = " and ".join(_seen(place) for place in question.places)
    return (
        f"Are {question.first} and {question.second} one person? ({places}; they would be from {question.threshold:.2f} down, "
        f"in force is {threshold:.2f})\n"
        f"   yes: meetbefore merge {question.first} {question.second}\n"
        f"   no:  meetbefore not-same {question.first} {question.second}"
    )


def _ask_other(question: Question, threshold: float) -> str:
    part, rest = question.places
    faces = " ".join(shlex.quote(face) for face in question.face_ids)
    return (
        f"Is {question.first} at {_seen(part)} the same as at {_seen(rest)}? (at {question.threshold:.2f} they would be two, "
        f"in force is {threshold:.2f})\n"
        f"   yes: nothing to do\n"
        f"   no:  meetbefore split {question.first} {faces}"
    )


def _seen(place: FaceLocation) -> str:
    return f"{printable(place.file_name)}@{words.offset(place.time_s)}"
