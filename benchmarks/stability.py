"""How stable people and their names are: videos one by one, in any order, at other thresholds, with another pack.

usage: python -m benchmarks.stability HOME [--other HOME] [--truth TRUTH.csv] [--orders N]

HOME is a home that was run; --other one of the same videos with another pack; neither is changed. TRUTH has the columns video, t_s,
person, x1, y1, x2, y2 (default ../shared/footage/labelled/truth.csv beside the repository). Everybody whom the first home has met
twice is named after who it truly is, and each line says how many of those names are still with that person.
"""

import argparse
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from benchmarks.evaluation import match_faces
from meetbefore_assets.core.schema.lists import pipeline_assets
from meetbefore_assets.encounters.make_tables import make_encounter_scores, make_people
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.identity_history import history_table
from meetbefore_assets.identities.match import MatchResult, match
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.open_home import open_home
from meetbefore_assets.review.make_corrections import name_person

SHARED = Path(__file__).resolve().parents[2] / "shared"
STEP = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--other", type=Path, help="a home of the same videos with another pack")
    parser.add_argument("--truth", type=Path, default=SHARED / "footage" / "labelled" / "truth.csv")
    parser.add_argument("--orders", type=int, default=3, help="random orders to try")
    arguments = parser.parse_args()
    truth = pl.read_csv(arguments.truth)
    with tempfile.TemporaryDirectory() as folder:
        arrivals(arguments.home, Path(folder), arguments.orders)
        names(arguments.home, arguments.other, Path(folder) / "names", truth)


def arrivals(home_folder: Path, folder: Path, orders: int) -> None:
    """Videos one by one: in order of time, and in random orders."""
    videos = [path.stem for path in sorted((home_folder / "record" / "tracks").glob("*.parquet"))]
    at_once = _ids(_one_by_one(home_folder, folder / "once", [videos]))
    print(f"{len(videos)} videos at once: {len(set(at_once.values()))} people")
    wanted = {"in order of time": videos} | {
        f"in random order {seed}": random.Random(seed).sample(videos, len(videos)) for seed in range(1, orders + 1)
    }
    for name, order in wanted.items():
        home = _one_by_one(home_folder, folder / name.replace(" ", "-"), [[video] for video in order])
        events = Counter(history_table(home)["event"].to_list())
        aliases = home.store.get("identity_assignments", "_all").height
        said = ", ".join(f"{count} {event}" for event, count in sorted(events.items())) or "nothing"
        print(f"one by one {name}: same ids as at once: {_ids(home) == at_once}; happened to ids: {said}; aliases at the end: {aliases}")


def names(home_folder: Path, other: Path | None, folder: Path, truth: pl.DataFrame) -> None:
    """Names given once, and which people bear them after each change."""
    _link(home_folder, folder, None)
    home = open_home(folder)
    _match(home)
    for person in people_table(home).filter(pl.col("encounters") > 1)["person_id"]:
        true = Counter(_true_names(home, truth, person)).most_common(1)
        if true and true[0][0] not in people_table(home)["name"].to_list():
            name_person(home, person, true[0][0])
            _match(home)
    _report("as named", home, truth, None)
    threshold = match(home).policy.threshold
    for at in (round(threshold - STEP, 3), round(threshold + STEP, 3), threshold):
        before = assigned_faces(home).select("face_id", "person_id")
        settings_file.apply(folder, [f"matching.threshold={at}"])
        _report(f"threshold {at:g}", open_home(folder), truth, before)
    if other:
        for asset in pipeline_assets():
            shutil.rmtree(folder / "record" / asset)
            shutil.copytree(other / "record" / asset, folder / "record" / asset)
        pack = settings_file.load(other).models.pack
        settings_file.apply(folder, [f"models.pack={pack!r}"])
        _report(f"pack {Path(pack).name}", open_home(folder), truth, None)


def _report(what: str, home: Home, truth: pl.DataFrame, before: pl.DataFrame | None) -> None:
    decided = _match(home)
    named = people_table(home).drop_nulls("name")
    found = {name: Counter(_true_names(home, truth, person)) for person, name in named.select("person_id", "name").rows()}
    wrong = [f"{name} is {dict(counts)}" for name, counts in found.items() if not counts or counts.most_common(1)[0][0] != name]
    right = named.height - len(wrong)
    total = (
        f"; {decided.churn} of {decided.faces} faces changed their person, {decided.new_aliases} ids became aliases"
        if before is not None
        else ""
    )
    print(f"{what}: {named.height} names, {right} with the right person, {decided.names_moved} moved{total}")
    for text in wrong:
        print(f"   not with the right person: {text}")


def _true_names(home: Home, truth: pl.DataFrame, person: str) -> list[str]:
    faces = assigned_faces(home).filter(pl.col("person_id") == person)
    boxes = faces.select(pl.col("file_name").alias("video"), pl.col("time_s").alias("t_s"), "x1", "y1", "x2", "y2")
    pairs, _ = match_faces(truth, boxes.with_columns(pl.lit(person).alias("person")))
    return [str(truth["person"][row]) for row, _ in pairs]


def _one_by_one(home_folder: Path, folder: Path, batches: Iterable[list[str]]) -> Home:
    """Fill a home with batches of videos from another home's record, matching after each batch."""
    _link(home_folder, folder, [])
    home = open_home(folder)
    for batch in batches:
        for asset in (*pipeline_assets(), "sources"):
            for video in batch:
                (folder / "record" / asset).mkdir(parents=True, exist_ok=True)
                shutil.copy(home_folder / "record" / asset / f"{video}.parquet", folder / "record" / asset)
        _match(home)
    return home


def _link(home_folder: Path, folder: Path, videos: list[str] | None) -> None:
    folder.mkdir(parents=True)
    if (home_folder / "settings.toml").exists():
        shutil.copy(home_folder / "settings.toml", folder)
    if videos is None:
        for asset in (*pipeline_assets(), "sources"):
            shutil.copytree(home_folder / "record" / asset, folder / "record" / asset)


def _match(home: Home) -> MatchResult:
    decided = match(home)
    make_encounter_scores(home)
    make_people(home)
    return decided


def _ids(home: Home) -> dict[str, str]:
    return dict(assigned_faces(home).select("face_id", "person_id").rows())


if __name__ == "__main__":
    main()
