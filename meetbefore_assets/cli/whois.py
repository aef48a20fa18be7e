"""Command `meetbefore whois`: finds the faces of photographs among the people of the archive."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meetbefore_assets.cli.options import console, home_for_command, home_option, set_option

if TYPE_CHECKING:
    from meetbefore_assets.asking.whois import Asking, PictureAnswers


@click.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@home_option
@set_option
@click.option("--format", "kind", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--pictures", type=click.Path(path_type=Path), metavar="DIR", help="Write the best face of each person found to this folder.")
def whois(photos: tuple[Path, ...], home_folder: Path, assignments: tuple[str, ...], kind: str, pictures: Path | None) -> None:
    """Have we met? Find the faces in PHOTOS among the people of your recordings.

    PHOTOS are pictures (JPEG, PNG, WebP, HEIC), folders of pictures, or short videos; nothing of them is kept. Each face gets a sentence:
    very likely somebody (90% or more), maybe somebody (30% or more), or nobody you have met. The probability takes into account how
    many people the face was compared with. Terminals that can show pictures show the faces.

    Exit code 1 if a file is not a picture or has no face (all others are answered).

    \b
      meetbefore whois photo.jpg
      meetbefore whois ~/Pictures/party --format json
    """
    from rich.console import Console

    from meetbefore_assets.asking.pictures import photographs_in
    from meetbefore_assets.asking.whois import Asking
    from meetbefore_assets.cli.terminal.whois import WhoisView

    home = home_for_command(home_folder, assignments, must_exist=True)
    files = photographs_in(photos)
    asking = Asking(home)
    if kind == "json":
        # Standard output is for the JSON alone: the names of pictures go to standard error.
        view = WhoisView(home, Console(stderr=True, force_terminal=False), pictures)
        answered = []
        for path, answers, reason in _answers(asking, files):
            answered.append((path, answers, reason))
            if answers is not None and pictures is not None:
                view.show_found(answers)
        click.echo(json.dumps([_as_json(path, answers, reason) for path, answers, reason in answered], indent=2, ensure_ascii=False))
        sys.exit(1 if any(reason for _, _, reason in answered) else 0)
    view = WhoisView(home, console(), pictures)
    for path, answers, reason in _answers(asking, files):
        if answers is None:
            click.echo(f"meetbefore: {reason}", err=True)
        else:
            view.show(answers, is_named=len(files) > 1, path=path)
    sys.exit(1 if view.shown < len(files) else 0)


def _answers(asking: "Asking", files: list[Path]) -> "Iterator[tuple[Path, PictureAnswers | None, str]]":
    """Yield each file with its answers, or with the reason why there are none."""
    from meetbefore_assets.asking.pictures import NoAnswerError

    for path in files:
        try:
            yield path, asking.ask_file(path), ""
        except NoAnswerError as error:
            yield path, None, error.message


def _as_json(path: Path, answers: "PictureAnswers | None", reason: str) -> dict[str, object]:
    if answers is None:
        return {"photo": str(path), "error": reason, "faces": []}
    faces = [
        {
            "box": [round(number, 1) for number in face.box],
            **({} if face.time_s is None else {"time_s": round(face.time_s, 3)}),
            "verdict": face.verdict,
            "people": [
                {
                    "person_id": one.person_id,
                    "name": one.name,
                    "role": one.role,
                    "probability": None if one.probability is None else round(one.probability, 4),
                    "similarity": round(one.similarity, 4),
                    "encounters": one.encounters,
                    "days": one.days,
                    "last_seen": f"{one.last_seen.isoformat()}Z",
                    "last_video": one.last_video,
                    "last_time_s": round(one.last_time_s, 3),
                }
                for one in face.candidates
            ],
        }
        for face in answers.faces
    ]
    return {"photo": str(path), "people_compared": answers.people, "faces": faces}
