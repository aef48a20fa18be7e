"""Homes of the same fake videos with other models or other sampling, and who is truly seen where in them."""

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets_tests.support.fakes import SQUARE_PX, fake_home, write_video
from meetbefore_assets_tests.support.project import StepsAlone

ANN, BOB, CAT, DAN, EVE = 1, 2, 3, 4, 5
DAYS = tuple(f"DJI_2025030{day}080000_000{day}_D.mp4" for day in (3, 4, 5))
MONDAY, TUESDAY, WEDNESDAY = DAYS
# Who is seen in each second; Ann and Bob are in one picture on Monday, and so are Dan and Eve on Tuesday.
CAST: dict[str, list[list[int]]] = {
    MONDAY: [[ANN, BOB], [ANN], [ANN], [], [], [], [], [CAT], [CAT], [CAT], [], [], [], [], [DAN]],
    TUESDAY: [[ANN], [ANN], [], [], [], [], [BOB], [BOB], [], [], [], [], [CAT], [CAT], [], [], [], [], [DAN, EVE], [DAN]],
    WEDNESDAY: [[BOB], [BOB], [BOB], [], [], [], [], [ANN], [ANN], [], [], [], [], [EVE], [EVE], [EVE], [EVE]],
}


def home_of_cast(root: Path, days: Sequence[str] = DAYS, *, models: int = 1, settings: Sequence[str] = ()) -> StepsAlone:
    """A home of some of the days, made from scratch; another number: another detector and recogniser."""
    root.mkdir(parents=True, exist_ok=True)
    made = StepsAlone(root)
    made.home = fake_home(made.folder, f"squares-{models}", f"colours-{10**models}")
    if settings:
        settings_file.apply(made.folder, list(settings))
    for day in days:
        write_video(made.videos, day, CAST[day])
    made.process()
    made.match()
    return made


def copied(project: StepsAlone, root: Path, *, models: int = 1) -> StepsAlone:
    """The same home in another folder, for a test that changes it."""
    shutil.copytree(project.folder, root / "home")
    root.joinpath("videos").mkdir(exist_ok=True)
    copy = object.__new__(StepsAlone)
    copy.videos, copy.folder = project.videos, root / "home"
    copy.home = fake_home(copy.folder, f"squares-{models}", f"colours-{10**models}")
    return copy


def seen_in(home: Home) -> pl.DataFrame:
    """The faces that belong to somebody, with `who` of the cast they are."""
    faces = assigned_faces(home)
    who = [CAST[name][round(at)][round(x1 / SQUARE_PX)] for name, at, x1 in faces.select("file_name", "time_s", "x1").iter_rows()]
    return faces.with_columns(pl.Series("who", who, pl.Int64))


def person_of(home: Home, who: int) -> str:
    """Id of the person who has most faces of somebody of the cast."""
    return str(seen_in(home).filter(pl.col("who") == who)["person_id"].mode().sort()[0])


def face_of(home: Home, day: str, second: float, who: int) -> str:
    """Id of a face."""
    faces = seen_in(home).filter((pl.col("file_name") == day) & (pl.col("time_s") == second) & (pl.col("who") == who))
    return str(faces["face_id"][0])


def truth_of_names(home: Home) -> dict[str, int]:
    """Name -> who of the cast has most of the faces of whoever bears it."""
    named = people_table(home).drop_nulls("name")
    seen = seen_in(home).group_by("person_id").agg(pl.col("who"))
    return {name: Counter(who).most_common(1)[0][0] for name, who in named.join(seen, on="person_id").select("name", "who").iter_rows()}
