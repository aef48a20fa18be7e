"""What people do with the app in a browser: is each change visible at once, does it reach the tables, and does another threshold keep it?

    python -m benchmarks.app_gestures HOME [--threshold 0.45]

Copies a processed HOME of 30 people or more, starts `meetbefore app` over the copy and uses it in headless Chromium: merges two, merges
three, names, ignores, splits by selecting faces, says "not a face", and answers ten questions by keyboard alone. Prints clicks and keys
(typing a word counts as none, and so does moving the focus to a card), and the seconds from the last of them until the page shows the
change. Then the published tables must say the same; so they must after another threshold from the command line; and after undoing
everything they must equal the first. Exit 1 if anything is not as it should be, 2 where there is no Chromium.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
from _pytest.outcomes import Skipped

from benchmarks.app_client import App
from benchmarks.crash import content
from meetbefore_assets.identities.corrections import in_force
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.open_home import open_home
from meetbefore_assets.web.one_time_links import make_token
from meetbefore_assets_tests.support.browser import Looking, chromium, looking

LIMIT_S, REPETITIONS, QUESTIONS, LONGEST_S = 1.0, 3, 10, 600.0
MOST_ACTIONS = {"merge two": 3, "merge three": 4, "name": 2, "ignore": 2, "answer": 1}
NOTICE = "#correction-notice p"
# What is compared after undoing everything. The others tell what was done, and when.
HISTORY = {"corrections", "identity_history", "matching_policies", "runs", "meetbefore_parts", "person_aliases"}


@dataclass
class Measured:
    """Seconds and actions of each time that one kind of change was made."""

    seconds: list[float] = field(default_factory=list)
    actions: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Expectation:
    """One thing that the tables must say: whose faces are (face_id -> person_id), names and roles by person."""

    text: str
    holds: Callable[[dict[str, str], dict[str, str], dict[str, str]], bool]


@dataclass
class Session:
    """A browser on the app, with everything that was measured and is expected."""

    look: Looking
    app: App
    home_folder: Path
    measured: dict[str, Measured] = field(default_factory=dict)
    expected: list[Expectation] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    in_force: set[str] = field(default_factory=set)

    def go(self, path: str) -> None:
        """Open a page of the app."""
        address = urlsplit(self.look.page.url)
        self.look.page.goto(f"{address.scheme}://{address.netloc}{path}")

    def timed(self, kind: str, last: Callable[[], None], is_shown: str, argument: object = None) -> None:
        """Make the last click or key of a change and wait until a condition (JavaScript, of `argument`) holds on the page."""
        begun = time.perf_counter()
        last()
        self.look.page.wait_for_function(is_shown, arg=argument, polling="raf")
        one = self.measured.setdefault(kind, Measured())
        one.seconds.append(time.perf_counter() - begun)
        one.actions.append(self.look.actions)
        self.look.actions = 0

    def unused(self, least_faces: int = 1) -> list[str]:
        """Ids of people on the open page whom nothing was done with yet."""
        whose, *_ = tables(self.home_folder)
        faces = list(whose.values())
        shown = [str(one) for one in self.look.page.eval_on_selector_all(".card", "cards => cards.map(card => card.dataset.person)")]
        return [one for one in shown if one not in self.used and faces.count(one) >= least_faces]


def tables(home_folder: Path) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """The published database: face_id -> person_id, person_id -> name, person_id -> role."""
    with duckdb.connect(str(home_folder / "meetbefore.duckdb"), read_only=True) as reader:
        whose = dict(reader.execute("select face_id, person_id from identity_assignments").fetchall())
        people = reader.execute("select person_id, name, role from people").fetchall()
    return whose, {one: name or "" for one, name, _ in people}, {one: role or "" for one, _, role in people}


def never_together(home_folder: Path, people: list[str], count: int) -> list[str]:
    """The first `count` of some people of whom no two are in one frame: nobody is twice in a frame, so others cannot be merged."""
    with duckdb.connect(str(home_folder / "meetbefore.duckdb"), read_only=True) as reader:
        rows = reader.execute("select person_id, frame_id from identity_assignments join detections using (face_id)").fetchall()
    frames = {person: {frame for one, frame in rows if one == person} for person in people}
    chosen: list[str] = []
    for person in people:
        if len(chosen) < count and not any(frames[person] & frames[other] for other in chosen):
            chosen.append(person)
    return chosen


def are_one(faces: Iterable[str], whose: dict[str, str]) -> bool:
    """Whether some faces, one at least, are all there and belong to one person."""
    people = {whose.get(face) for face in faces}
    return len(people) == 1 and None not in people


def no_shared_person(first: Iterable[str], second: Iterable[str], whose: dict[str, str]) -> bool:
    """Whether both sides have faces that are there, and nobody has faces on both."""
    sides = [{whose[face] for face in side if face in whose} for side in (first, second)]
    return all(sides) and sides[0].isdisjoint(sides[1])


def merge(session: Session, count: int) -> None:
    """Merge so many people of the grid: a click on each, and M."""
    session.go("/people?who=everybody")
    people = never_together(session.home_folder, session.unused(), count)
    whose, *_ = tables(session.home_folder)
    faces = [face for face, person in whose.items() if person in people]
    for person in people:
        session.look.click(f'[data-person="{person}"] .pick')
    shown = "people => document.querySelector('#correction-notice')"
    shown += " && people.filter(one => document.querySelector(`[data-person='${one}']`)).length === 1"
    session.timed("merge two" if count == 2 else "merge three", lambda: session.look.press("m"), shown, people)
    session.used |= set(people)
    session.expected.append(Expectation(f"{count} merged are one person", lambda whose, _names, _roles: are_one(faces, whose)))


def name(session: Session, word: str) -> None:
    """Name a person from the grid: N on the card, the name, Enter."""
    session.go("/people?who=everybody")
    person = session.unused()[0]
    whose, *_ = tables(session.home_folder)
    faces = [face for face, of in whose.items() if of == person]
    session.look.page.locator(f'[data-person="{person}"] .go').focus()
    session.look.press("n")
    session.look.page.wait_for_selector("#name:focus")
    session.look.page.keyboard.type(word)
    shown = "word => document.title.startsWith(word) && document.querySelector('#correction-notice')?.innerText.includes(word)"
    session.timed("name", lambda: session.look.press("Enter"), shown, word)
    session.used.add(person)
    session.expected.append(
        Expectation(
            f"{word} has the faces of whom was named so",
            lambda whose, names, _roles: are_one(faces, whose) and names.get(whose[faces[0]]) == word,
        )
    )


def ignore(session: Session) -> None:
    """Ignore a person of the grid: a click and I."""
    session.go("/people?who=everybody")
    person = session.unused()[0]
    whose, *_ = tables(session.home_folder)
    faces = [face for face, of in whose.items() if of == person]
    session.look.click(f'[data-person="{person}"] .pick')
    session.timed("ignore", lambda: session.look.press("i"), f"() => document.querySelector('{NOTICE}')?.innerText.includes('ignored')")
    session.used.add(person)
    session.expected.append(
        Expectation(
            "who is ignored stays so", lambda whose, _names, roles: are_one(faces, whose) and roles.get(whose[faces[0]]) == "ignored"
        )
    )


def _open_person(session: Session) -> list[str]:
    """Open the page of somebody with several faces; returns the faces on the page, the worst-fitting first."""
    session.go("/people?who=everybody")
    person = session.unused(least_faces=6)[0]
    session.used.add(person)
    session.go(f"/person/{person}")
    return [str(one) for one in session.look.page.eval_on_selector_all('.face input[name="face"]', "all => all.map(one => one.value)")]


def split(session: Session) -> None:
    """Select the worst-fitting face, whose track goes along, and press S."""
    faces = _open_person(session)
    session.look.click(".face .pick", 0)
    along = session.look.page.eval_on_selector_all('.face.along input[name="face"]', "all => all.map(one => one.value)")
    leaving = [faces[0], *map(str, along)]
    staying = [face for face in faces if face not in leaving]
    shown = "left => document.querySelector('#correction-notice') && !document.querySelector(`.face input[value=\"${left}\"]`)"
    session.timed("split", lambda: session.look.press("s"), shown, faces[0])
    session.expected.append(
        Expectation("faces split off stay apart", lambda whose, _names, _roles: no_shared_person(leaving, staying, whose))
    )


def not_a_face(session: Session) -> None:
    """Select the worst-fitting face and press F."""
    faces = _open_person(session)
    session.look.click(".face .pick", 0)
    shown = "left => document.querySelector('#correction-notice') && !document.querySelector(`.face input[value=\"${left}\"]`)"
    session.timed("not a face", lambda: session.look.press("f"), shown, faces[0])
    session.expected.append(Expectation("what is not a face is nobody's", lambda whose, _names, _roles: not whose.get(faces[0])))


def answer(session: Session, key: str) -> bool:
    """Answer the question on the page with one key; False where none is left."""
    page = session.look.page
    question = page.locator('input[name="question"]')
    if not question.count():
        return False
    asked = question.get_attribute("value")
    sides = [
        [
            str(one).rsplit("/", 1)[-1]
            for one in page.eval_on_selector_all(f'[aria-labelledby="side-{side}"] .side-faces a', "all => all.map(one => one.href)")
        ]
        for side in (1, 2)
    ]
    shown = "asked => document.querySelector('input[name=question]')?.value !== asked"
    session.timed("answer", lambda: session.look.press(key), shown, asked)
    if key == "y":
        session.expected.append(Expectation("the same by an answer", lambda whose, _names, _roles: are_one(sides[0] + sides[1], whose)))
    elif key == "n":
        session.expected.append(
            Expectation("different by an answer", lambda whose, _names, _roles: no_shared_person(sides[0], sides[1], whose))
        )
    return True


def wait_until_applied(session: Session) -> float:
    """Wait until the run that follows the corrections has ended; returns seconds."""
    begun = time.monotonic()
    time.sleep(0.5)
    while True:
        state = json.loads(session.app.get("/state").body)
        if not state["is_busy"]:
            return time.monotonic() - begun
        if state["is_trouble"] or time.monotonic() - begun > LONGEST_S:
            raise SystemExit(f"the run after the corrections did not end well: {state}")
        time.sleep(0.2)


def missed(session: Session) -> list[str]:
    """Expectations that the published tables do not meet, and corrections that are no longer in force."""
    found = tables(session.home_folder)
    lost = session.in_force - ids_in_force(session.home_folder)
    return [one.text for one in session.expected if not one.holds(*found)] + [f"{one} is not in force any more" for one in sorted(lost)]


def ids_in_force(home_folder: Path) -> set[str]:
    """Ids of the corrections in force, answers of "not sure" among them."""
    return {one.correction_id for one in in_force(read_corrections(open_home(home_folder)))}


def match_at(home_folder: Path, threshold: str) -> None:
    """Set a threshold from the command line and match again."""
    for words in (["config", f"matching.threshold={threshold}"], ["run"]):
        command = [sys.executable, "-m", "meetbefore_assets", *words, "--home", str(home_folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")


def undo_all(session: Session) -> int:
    """Undo every correction in force by its button, the latest first; returns how many there were."""
    undone = 0
    session.go("/corrections")
    while True:
        button = session.look.page.locator(".said li:not(.undone) form button").first
        if not button.count():
            following = session.look.page.locator('.pager a[rel="next"]')
            if not following.count():
                return undone
            following.click()
            session.look.page.wait_for_load_state()
            continue
        one = str(button.evaluate("button => button.closest('li').id"))
        shown = "id => { const row = document.getElementById(id); return !row || row.classList.contains('undone'); }"
        session.timed("undo", lambda one=one: session.look.click(f'[id="{one}"] form button'), shown, one)  # type: ignore[misc]
        undone += 1


def use(session: Session) -> None:
    """Make every change several times."""
    for _ in range(REPETITIONS):
        merge(session, 2)
    merge(session, 3)
    for number in range(REPETITIONS):
        name(session, f"Friend{number}")
    for act in (ignore, split, not_a_face):
        for _ in range(REPETITIONS):
            act(session)
    wait_until_applied(session)  # questions are about the people that there are now
    session.go("/review")
    session.look.actions = 0
    for number in range(QUESTIONS):
        if not answer(session, "nynu"[number % 4]):
            raise SystemExit(f"only {number} questions were open; expected {QUESTIONS}: take an archive of more people")
    session.in_force = ids_in_force(session.home_folder)


def report(session: Session) -> bool:
    """Print what was measured; returns whether every limit held."""
    is_held = True
    for kind, one in session.measured.items():
        most = MOST_ACTIONS.get(kind)
        is_kept = max(one.seconds) <= LIMIT_S and (most is None or max(one.actions) <= most)
        is_held &= is_kept
        limit = f" (at most {most})" if most else ""
        print(
            f"{kind:12s} {len(one.seconds):3d} times: {max(one.actions)} actions{limit}; visible after"
            f" {statistics.median(one.seconds):.2f} s, at worst {max(one.seconds):.2f} s  {'held' if is_kept else 'NOT HELD'}",
            flush=True,
        )
    return is_held


def main(home: Path, threshold: str) -> int:
    """Use the app over a copy of a home; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="meetbefore-gestures-") as folder, chromium() as browser:
        home_folder = Path(folder) / "home"
        shutil.copytree(home, home_folder, symlinks=True)
        before = content(home_folder)
        with App(home_folder) as app, looking(browser, app.address(f"/enter?token={make_token(home_folder)}")) as look:
            session = Session(look, app, home_folder)
            use(session)
            run_s = wait_until_applied(session)
            wrong = missed(session)
            print(f"after the run ({run_s:.0f} s): {len(session.expected)} expectations and {len(session.in_force)} corrections in force;")
            print(f"  not met: {wrong or 'none'}")
            match_at(home_folder, threshold)
            elsewhere = missed(session)
            print(f"threshold {threshold} from the command line: not met: {elsewhere or 'none'}")
            match_at(home_folder, "auto")
            session.go("/corrections")
            wait_until_applied(session)  # the app has read what the command line changed
            undone = undo_all(session)
            wait_until_applied(session)
            after = content(home_folder)
            changed = [table for table in before if table not in HISTORY and before[table] != after[table]]
            print(f"{undone} corrections undone: tables that differ from the first: {changed or 'none'}")
            is_held = report(session)
            print(f"errors of the console, requests to other hosts: {look.trouble or 'none'}")
            return 0 if is_held and not (wrong or elsewhere or changed or look.trouble) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("home", type=Path, help="a processed home; a copy of it is used")
    parser.add_argument("--threshold", default="0.45", help="the other threshold that is tried from the command line")
    arguments = parser.parse_args()
    with suppress(Skipped):
        sys.exit(main(arguments.home, arguments.threshold))
    print("Chromium or Playwright is missing: apt-get install chromium, and the dependency group dev.")
    sys.exit(2)
