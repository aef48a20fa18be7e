"""Prints review questions, each with the commands that answer it."""

import shlex

import polars as pl
from rich.console import Console

from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core import words
from meetbefore_assets.review.question_queue import SAME, Part, Question, Queue


def print_review(console: Console, threshold: float, queue: Queue, near: pl.DataFrame) -> None:
    """Print each question with its places in the videos and the commands that answer it.

    Args:
        console: to print on.
        threshold: in force.
        queue: questions about people.
        near: imported names that may belong to a person (rows of KNOWN_MATCHES); they are asked first.
    """
    if not queue.questions and not near.height:
        console.print("No open questions.")
    for number, row in enumerate(near.iter_rows(named=True), start=1):
        console.print(f"[bold]{number}.[/bold] {_ask_name(row)}")
    for number, question in enumerate(queue.questions, start=near.height + 1):
        ask = _ask_same if question.kind == SAME else _ask_split
        console.print(f"[bold]{number}.[/bold] {ask(question, threshold)}")
    if queue.questions:
        shown = "" if len(queue.questions) == queue.open else f"{words.count(queue.open, 'open question')} in all; "
        console.print(
            f"[dim]{shown}answering them settles {words.count(queue.settles_faces, 'face')}. With pictures and keys: meetbefore app[/dim]"
        )


def _ask_name(row: dict[str, object]) -> str:
    person, name = str(row["person_id"]), str(row["name"])
    sure = words.sureness(float(str(row["probability"])))
    return (
        f"Is {person} {printable(name)}? (an imported name, {sure} sure)\n"
        f"   yes: meetbefore name {person} {printable(shlex.quote(name))}\n"
        f'   no:  meetbefore name {person} ""'
    )


def _ask_same(question: Question, threshold: float) -> str:
    first, second = question.first.person_id, question.second.person_id
    return (
        f"Are {first} and {second} one person? ({_seen(question.first)} and {_seen(question.second)}; {_sure(question)}"
        f"would be joined at {question.threshold:.2f}, your threshold is {threshold:.2f})\n"
        f"   yes: meetbefore merge {first} {second}\n"
        f"   no:  meetbefore not-same {first} {second}\n"
        f"   who can tell? meetbefore unsure {first} {second}"
    )


def _ask_split(question: Question, threshold: float) -> str:
    part = question.second
    faces = " ".join(shlex.quote(face) for face in part.best_of_tracks)
    return (
        f"Is {part.person_id} at {_seen(part)} the same as at {_seen(question.first)}? ({_sure(question)}"
        f"would be split at {question.threshold:.2f}, your threshold is {threshold:.2f})\n"
        f"   yes: nothing to do\n"
        f"   no:  meetbefore split {part.person_id} {faces}"
    )


def _sure(question: Question) -> str:
    """The probability that it is one person, in words; "" if it is not known."""
    return f"{words.sureness(question.sureness)} sure; " if question.sureness is not None else ""


def _seen(part: Part) -> str:
    best = part.moments[0]
    return f"{printable(best.file_name)}@{words.offset(best.time_s)}"
