"""The app over a large archive: seconds until pages are visible, and the server's memory.

usage: python -m benchmarks.app_scale [--home DIR] [--videos 2000] [--people 5000] [--most 0.02]

Makes up an archive of so many people, of whom one has a share of all faces (or takes a home that was made up before, which it changes),
starts `meetbefore app` in a process of its own, and prints by the clock of whoever asks: the first screen (the page of people and the
first 60 of its pictures), the page of the person with most faces (and 60 pictures), a merge until a page shows it, and memory.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.app_client import Answer, App, field_of, pictures_of
from benchmarks.archive import bring_in_step, make_up
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.open_home import open_home

FACES_A_VIDEO, FIRST_PICTURES, CONNECTIONS, TIMES, MERGES = 50, 60, 6, 5, 12
LIMIT_S, LIMIT_BYTES = 1.0, 600 * 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="one that was made up before; corrections are added to it")
    parser.add_argument("--videos", type=int, default=2_000)
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--most", type=float, default=0.02, help="share of the faces that are of one person")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="meetbefore-app-"))
    try:
        home_folder = arguments.home or folder / "home"
        if not arguments.home:
            make_up(home_folder, arguments.videos, FACES_A_VIDEO, arguments.people, arguments.most)
            bring_in_step(home_folder)
        measure(home_folder)
    finally:
        shutil.rmtree(folder)


def measure(home_folder: Path) -> None:
    people = people_table(open_home(home_folder)).sort("faces", descending=True)
    most = people.row(0, named=True)
    print(f"{people.height:,} people, {people['faces'].sum():,} faces, one of {most['faces']:,}")
    with App(home_folder) as app:
        print(f"address printed after {app.link_after_s:.1f} s, first page after {app.page_after_s:.1f} s (archive read meanwhile)")
        # Others each time: those who were merged before are one person.
        pairs = iter(people["person_id"][1:].sample(2 * MERGES).to_list())
        for what, measured, limit_s, times in (
            ("people, page", lambda: app.get("/people").seconds, 0.0, TIMES),
            ("people, first screen", lambda: screen(app, "/people"), LIMIT_S, TIMES),
            ("search by name", lambda: app.get("/people?q=nobody").seconds, 0.0, TIMES),
            ("seen once, page", lambda: app.get("/once").seconds, 0.0, TIMES),
            ("most faces, page", lambda: app.get(f"/person/{most['person_id']}").seconds, 0.0, TIMES),
            ("most faces, first screen", lambda: screen(app, f"/person/{most['person_id']}"), LIMIT_S, TIMES),
            ("review, page", lambda: app.get("/review").seconds, 0.0, TIMES),
            ("has anything changed", lambda: app.get("/state").seconds, 0.0, TIMES),
            ("merge, until it is seen", lambda: merge(app, next(pairs), next(pairs)), LIMIT_S, MERGES),
        ):
            tell(app, what, measured, limit_s, times)
        used = app.memory_bytes()
    print(f"{'memory of the server':26s} {used / 2**20:.0f} MiB{'' if used <= LIMIT_BYTES else '   TOO MUCH'}")


def tell(app: App, what: str, measured: Callable[[], float], limit_s: float, times: int) -> None:
    """Print wall-clock seconds (first, median, worst) and the server's CPU seconds per request."""
    before = app.cpu_s()
    found = [measured() for _ in range(times)]
    cpu_s = (app.cpu_s() - before) / times
    verdict = "" if not limit_s else ("  held" if max(found) <= limit_s else f"  OVER {limit_s:g} s")
    clock = f"{found[0]:6.2f} s first, {statistics.median(found):6.2f} s middle, {max(found):6.2f} s worst"
    print(f"{what:26s} {clock}, {cpu_s:5.2f} CPU s{verdict}", flush=True)


def screen(app: App, path: str) -> float:
    """Seconds until a page and its first pictures are loaded, over as many connections as a browser opens."""
    begun = time.perf_counter()
    page = _good(app.get(path))
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for answer in pool.map(app.get, pictures_of(page.body, FIRST_PICTURES)):
            _good(answer)
    app.memory_bytes()
    return time.perf_counter() - begun


def merge(app: App, first: str, second: str) -> float:
    """Seconds from posting the form until a page shows one person where there were two."""
    token = field_of(app.get(f"/person/{first}").body, "token")
    begun = time.perf_counter()
    said = app.post("/people/act", token, do="merge", person=[first, second], back="/people")
    if said.status != 303:
        raise SystemExit(f"the merge was answered with {said.status}: {said.body[:500]}")
    _good(app.get(said.location))
    seconds = time.perf_counter() - begun
    # Whoever asks for either is shown the same person.
    pages = [_good(app.get(f"/person/{one}")).body for one in (first, second)]
    if len({field_of(page, "token") for page in pages}) != 1 or len({_faces(page) for page in pages}) != 1:
        raise SystemExit("the merge is not seen")
    return seconds


def _faces(page: str) -> int:
    return page.count("/media/face/")


def _good(answer: Answer) -> Answer:
    if answer.status != 200:
        raise SystemExit(f"answered with {answer.status}: {answer.body[:500]}")
    return answer


if __name__ == "__main__":
    main()
