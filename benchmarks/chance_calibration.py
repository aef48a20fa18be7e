"""How well "more than chance" is calibrated, on made-up towns in which nobody, or some people, are met regularly.

`python -m benchmarks.chance_calibration [--towns 20]` prints a line a town: the share of strangers at or below a chance_p (a calibrated
model shows at most the number itself), how many strangers are on the list of chance_q <= 0.05, and how many regulars are.

The user records on some days, at some hours; on each of them somebody sees a number of people drawn from those who are around at that
hour. Regulars are around at one weekday and hour every week, and are in the picture then with probability 0.7.
"""

import argparse
import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.encounters.chance_model import FalseLinks, more_than_chance

START = dt.date(2025, 3, 3)
LEVELS = (0.2, 0.05, 0.01, 0.001)
LIST_SHARE = 0.05


@dataclass(frozen=True)
class Town:
    """A made-up archive.

    Attributes:
        name: for the table.
        days: how many are looked at; recorded is each with probability `share`.
        hours: at which is recorded.
        around: people around at one hour; `shared` of them are so at every hour.
        seen: people in the picture an hour, on average.
        spread: how unequal people are: shape of the gamma distribution of their weights; 0: all equal.
        regulars: met every week.
        false_rate: probability that a stranger's track is taken for a person.
    """

    name: str
    days: int = 60
    share: float = 0.7
    hours: tuple[int, ...] = (8, 18)
    around: int = 2000
    shared: float = 0.0
    seen: float = 12.0
    spread: float = 0.0
    regulars: int = 0
    false_rate: float = 0.0


TOWNS = (
    Town("big town"),
    Town("small town", around=150),
    Town("tiny town", around=40),
    Town("a week", days=7, share=1.0),
    Town("a year, weekends", days=365, share=0.25, hours=(11,)),
    Town("same people all day", around=400, shared=1.0, hours=(8, 12, 18)),
    Town("false links", false_rate=2e-4),
    Town("many false links", false_rate=1e-3),
    Town("big town, 10 regulars", regulars=10),
    Town("small town, 10 regulars", around=150, regulars=10),
    Town("false links, 10 regulars", false_rate=2e-4, regulars=10),
    Town("unequal people (1)", around=1000, spread=1.0),
    Town("very unequal people (0.3)", around=1000, spread=0.3),
)


def sightings(town: Town, rng: np.random.Generator) -> tuple[list[tuple[str, dt.date, int]], list[tuple[dt.date, int]]]:
    """Simulated sightings (person, day, hour), and the recorded hours (day, hour)."""
    weights = {hour: rng.gamma(town.spread, size=town.around) if town.spread else np.ones(town.around) for hour in (0, *town.hours)}
    slots = [(int(rng.integers(7)), int(rng.choice(town.hours))) for _ in range(town.regulars)]
    rows: list[tuple[str, dt.date, int]] = []
    recorded: list[tuple[dt.date, int]] = []
    for number in range(town.days):
        day = START + dt.timedelta(days=number)
        if rng.random() >= town.share:
            continue
        for hour in town.hours:
            recorded.append((day, hour))
            pool = 0 if rng.random() < town.shared else hour
            count = min(int(rng.poisson(town.seen)), town.around)
            chosen = rng.choice(town.around, count, replace=False, p=weights[pool] / weights[pool].sum())
            rows += [(f"s{pool}-{one}", day, hour) for one in chosen]
            rows += [(f"regular{i}", day, hour) for i, slot in enumerate(slots) if slot == (day.weekday(), hour) and rng.random() < 0.7]
    return _falsely_linked(rows, town.false_rate, rng), recorded


def _falsely_linked(rows: list[tuple[str, dt.date, int]], rate: float, rng: np.random.Generator) -> list[tuple[str, dt.date, int]]:
    """Assign sightings to a wrong person with the probability that one of the others is similar enough."""
    people = sorted({person for person, _, _ in rows})
    return [
        (people[int(rng.integers(len(people)))], day, hour) if rng.random() < 1 - (1 - rate) ** len(people) else (person, day, hour)
        for person, day, hour in rows
    ]


def judged(town: Town, rng: np.random.Generator) -> pl.DataFrame:
    """The scores of one town, with is_regular."""
    rows, recorded = sightings(town, rng)
    place = pl.lit(None, pl.String).alias("place")
    seen = pl.DataFrame(rows, schema=["person_id", "day", "hour"], orient="row").with_columns(place)
    looked = pl.DataFrame(recorded, schema=["day", "hour"], orient="row").with_columns(place)
    tracks = seen.group_by("day").agg(pl.len().alias("tracks"))
    found = more_than_chance(seen, looked, FalseLinks(town.false_rate, tracks))
    return found.with_columns(pl.col("person_id").str.starts_with("regular").alias("is_regular"))


def line(town: Town, towns: int, seed: int) -> str:
    """One printed line for a kind of town, over several towns."""
    found = pl.concat([judged(town, np.random.default_rng([seed, number])) for number in range(towns)])
    known = found.filter(pl.col("chance_p").is_not_null())
    strangers, regulars = known.filter(~pl.col("is_regular")), known.filter("is_regular")
    shares = [float((strangers["chance_p"] <= level).mean() or 0.0) for level in LEVELS]  # type: ignore[arg-type]
    listed = [int((rows["chance_q"] <= LIST_SHARE).sum()) for rows in (strangers, regulars)]
    again = strangers.filter(pl.col("days") > 1).height
    return (
        f"{town.name:28}{strangers.height / towns:9.0f}{again / towns:8.0f}"
        + "".join(f"{share:9.4f}" for share in shares)
        + f"{listed[0] / towns:11.2f}{listed[1] / towns:9.1f} of {town.regulars}"
        + (f"{listed[0] / max(1, sum(listed)):9.3f}" if sum(listed) else "        -")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--towns", type=int, default=20, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    head = "".join(f"{f'p<={level:g}':>9}" for level in LEVELS)
    print(f"{'':28}{'strangers':>9}{'again':>8}{head}{'listed':>11}{'regulars':>14}{'false':>9}")
    for town in TOWNS:
        print(line(town, arguments.towns, arguments.seed))


if __name__ == "__main__":
    main()
