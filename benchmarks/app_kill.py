"""Kill -9 the app after every tenth answer: no acknowledged answer may be lost, and none may be there twice.

usage: python -m benchmarks.app_kill HOME [--answers 60] [--seed 1]

Answers the questions of the review page of a copy of HOME, one after the other, at random. After each tenth answer the app is killed
with all that it started: before the answer was sent back, just after, or while the run goes on that makes answers official. At the end,
every answer that was acknowledged must be on record once, and the run that follows must leave nothing undone.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.app_client import App, field_of
from meetbefore_assets.identities.corrections import Correction
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.open_home import open_home

KILLED_AFTER = 10
ANSWERS = ("same", "different", "unsure")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--answers", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meetbefore-app-kill-") as folder:
        home_folder = Path(folder) / "home"
        shutil.copytree(arguments.home, home_folder)
        sys.exit(0 if answer_and_kill(home_folder, arguments.answers, random.Random(arguments.seed)) else 1)


def answer_and_kill(home_folder: Path, answers: int, rng: random.Random) -> bool:
    """Answer, kill and restart; return whether every acknowledged answer is on record exactly once."""
    before = {one.correction_id for one in said(home_folder)}
    acknowledged: list[str] = []
    kills = unacknowledged = given = 0
    while given < answers:
        with App(home_folder) as app:
            for place in range(KILLED_AFTER):
                page = app.get("/review").body
                question, token = field_of(page, "question"), field_of(page, "token")
                if not question:
                    answers = given  # all are answered
                    break
                is_last = place == KILLED_AFTER - 1
                way = rng.choice(("at once", "after the answer", "in the run")) if is_last else ""
                if way == "at once":
                    threading.Timer(rng.uniform(0, 0.15), app.kill).start()
                told = _answer(app, token, question, rng.choice(ANSWERS))
                given += 1
                acknowledged += [told] if told else []
                unacknowledged += not told
                if is_last:
                    time.sleep({"in the run": rng.uniform(2.5, 8.0), "at once": 0.3}.get(way, 0.0))
                    app.kill()
                    kills += 1
    left = [one for one in said(home_folder) if one.correction_id not in before]
    ids = {one.correction_id for one in left}
    lost = [one for one in acknowledged if one not in ids]
    twice = [words for words, count in Counter(_words(one) for one in left).items() if count > 1]
    done = subprocess.run(
        [sys.executable, "-m", "meetbefore_assets", "run", "--home", str(home_folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )
    after = [one for one in said(home_folder) if one.correction_id not in before]
    print(
        f"{given} answers, {kills} kills; {len(acknowledged)} acknowledged, {unacknowledged} cut off by a kill; on record: {len(left)}, "
        f"lost: {len(lost)}, twice: {len(twice)}; after a run (exit {done.returncode}) on record: {len(after)}"
    )
    return not lost and not twice and len(after) == len(left) and len(acknowledged) <= len(left) <= given


def _answer(app: App, token: str, question: str, told: str) -> str:
    """The id of the correction, or "" if the app died before it answered."""
    try:
        answer = app.post("/review/answer", token, question=question, answer=told, done="0")
    except OSError:
        return ""
    if answer.status != 303:
        raise SystemExit(f"an answer was answered with {answer.status}: {answer.body[:1000]}")
    return parse_qs(urlsplit(answer.location).query)["said"][0]


def said(home_folder: Path) -> list[Correction]:
    return list(read_corrections(open_home(home_folder)))


def _words(one: Correction) -> tuple[object, ...]:
    """The content of a correction without its time."""
    return tuple(value for name, value in sorted(vars_of(one).items()) if name not in ("correction_id", "created_at"))


def vars_of(one: Correction) -> dict[str, str]:
    return {name: repr(getattr(one, name)) for name in one.__dataclass_fields__}


if __name__ == "__main__":
    main()
