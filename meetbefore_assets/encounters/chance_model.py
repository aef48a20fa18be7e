"""The chance model: is somebody met on more days than chance explains?

The question: if everybody who is around when I record had an equal chance to be in the picture, on how many days would I see one person
whom I have seen at all? The model and its assumptions:

* **Strata.** The people who are around on Tuesdays at eight may differ from those of Saturday night or of another place: then there are
  few candidates, and meeting one of them again is less surprising. Or they are the same all week: then there were more chances to meet.
  Nobody knows which, so all are tried for which enough was recorded: people keep to the weekdays and hours (and places, if known) at which
  they were seen, or to the hours, or to the quarters of the day, or to nothing. The one that explains the days best by chance is used.
* **How many are around.** In a stratum, some people are seen on one day, some on two. The number of those who are never seen is estimated
  from them (Chao's estimator for incidence data, bias-corrected: A. Chao, Biometrics 43, 1987, 783-791; Chao & Chiu 2016, eq. 10):
  `N = S + (m - 1) / m * q1 (q1 - 1) / (2 (q2 + 1))` with S people seen on m recorded days, q1 of them on one and q2 on two.
  It is a lower bound if people differ in how often they are around, which errs on the side of chance. The person in question is left out
  of S, q1 and q2, and counted as one more.
* **Coincidence.** On a recorded day with k people in the picture, everybody is among them with probability k / N, independently of other
  days. The number of days is taken as Poisson with their sum L as its mean (its spread is no less than that of the true distribution, which
  again errs on the side of chance), given that it is not 0, because only people who were seen are tested.
* **False links.** A stranger's track is taken for this person with probability f, on whatever day: the number of such days is Poisson
  with mean f times the tracks of all other days.

`chance_p` is the probability of at least as many days as were seen, `expected_by_chance` the expected number of days, including the first,
and `chance_q` the share of coincidences among all people with this chance_p or a lower one (Benjamini & Hochberg 1995, over everybody who
was seen).

Limits: the model takes people as equal, so somebody who is out more than others (a shopkeeper, a commuter in an archive of mostly
tourists) looks remarkable, and is, but not because of me. Without places, a neighbour is compared with the whole town. Lookalikes who are
regulars themselves are linked on more days than independent false links would be. A person who was split in two has fewer days than they
were seen. And the model does not know why the camera was on.
"""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import F64

# Fewest recorded days and people with which a stratum is used.
LEAST_DAYS, LEAST_PEOPLE = 4, 15
# From fine to coarse; `place` is null if unknown.
LEVELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("weekday and hour", ("place", "weekday", "hour")),
    ("hour", ("place", "hour")),
    ("time of day", ("place", "quarter")),
    ("all", ("everywhere",)),
)
TOO_LITTLE = "too little"
COLUMNS = ("person_id", "days", "expected_by_chance", "expected_coincidence", "expected_false", "chance_p", "chance_q", "basis")


@dataclass(frozen=True)
class FalseLinks:
    """How often strangers are mistaken for each other.

    Attributes:
        rate: probability that one track of a stranger is taken for a given person.
        tracks: columns day, tracks: number of tracks per day.
    """

    rate: float
    tracks: pl.DataFrame


def more_than_chance(seen: pl.DataFrame, recorded: pl.DataFrame, links: FalseLinks) -> pl.DataFrame:
    """Compare the days on which people were met with what chance would give.

    Args:
        seen: person_id, day (date), hour (0..23, local), place (text or null); rows may repeat.
        recorded: day, hour, place of everything that was recorded, whether anybody was seen or not; rows may repeat.
        links: rate of false links.

    Returns:
        One row per person, sorted by chance_p and person_id: person_id, days, expected_by_chance (days, the sum of the next two),
        expected_coincidence, expected_false, chance_p, chance_q, basis (the name of a level). If the basis is TOO_LITTLE, all numbers
        except days and expected_false are null.
    """
    cells = _with_cells(seen).unique()
    mean = _expected_days(cells, _strata(cells, _with_cells(recorded).unique()))
    days = seen.group_by("person_id").agg(pl.col("day").n_unique().cast(pl.Int64).alias("days"), pl.col("day").unique().alias("its_days"))
    tracks = dict(links.tracks.select("day", "tracks").iter_rows())
    whole = sum(tracks.values())
    others = [whole - sum(tracks.get(day, 0) for day in its) for its in days["its_days"].to_list()]
    people = days.with_columns(pl.Series("expected_false", np.array(others, np.float64) * links.rate, pl.Float64))
    return _tested(people.join(mean, on="person_id", how="left").sort("person_id"))


def _with_cells(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.col("day").dt.weekday().cast(pl.Int64).alias("weekday"),
        (pl.col("hour") // 6).alias("quarter"),
        pl.col("place").fill_null(""),
        pl.lit(0).alias("everywhere"),
    )


def _strata(cells: pl.DataFrame, recorded: pl.DataFrame) -> list[pl.DataFrame]:
    """The strata of each level: keys, days (recorded), incidences (of people on days), people, once, twice (people seen on 1, 2 days)."""
    result = []
    for _, keys in LEVELS:
        counted = (
            cells.group_by(*keys, "person_id")
            .agg(pl.col("day").n_unique().alias("n"))
            .group_by(keys)
            .agg(
                pl.col("n").sum().alias("incidences"),
                pl.len().alias("people"),
                (pl.col("n") == 1).sum().alias("once"),
                (pl.col("n") == 2).sum().alias("twice"),
            )
        )
        days = recorded.group_by(keys).agg(pl.col("day").n_unique().alias("days"))
        # A stratum in which somebody was seen has at least one recorded day, even if a clock was corrected since.
        result.append(counted.join(days, on=keys, how="left").with_columns(pl.col("days").fill_null(1)))
    return result


def _expected_days(cells: pl.DataFrame, strata: list[pl.DataFrame]) -> pl.DataFrame:
    """For each person the level with the greatest expected number of days: person_id, level (name), coincidence (days, with the first).

    A level is used for a person if each stratum that they were seen in has enough days and people. People without such a level are left
    out.
    """
    means = [pl.DataFrame(schema={"person_id": pl.String, "coincidence": pl.Float64, "level": pl.String})]
    for (name, keys), known in zip(LEVELS, strata, strict=True):
        rows = cells.group_by("person_id", *keys).agg(pl.col("day").n_unique().alias("n")).join(known, on=keys)
        rows = rows.with_columns((pl.col("incidences") / _around(rows)).alias("mean"))
        enough = (pl.col("days") >= LEAST_DAYS) & (pl.col("people") >= LEAST_PEOPLE)
        sums = rows.group_by("person_id").agg(pl.col("mean").sum().alias("coincidence"), enough.all().alias("is_enough"))
        means.append(sums.filter("is_enough").select("person_id", "coincidence", pl.lit(name).alias("level")))
    ranked = pl.concat(means).sort("person_id", -pl.col("coincidence"), maintain_order=True)
    return ranked.group_by("person_id", maintain_order=True).first()


def _around(rows: pl.DataFrame) -> pl.Series:
    """Chao's estimate of the number of people in the stratum of each row; the row's own person (n days) is counted separately."""
    numbers = {name: rows[name].to_numpy().astype(np.float64) for name in ("people", "once", "twice", "days", "n")}
    once = numbers["once"] - (numbers["n"] == 1)
    twice = numbers["twice"] - (numbers["n"] == 2)
    unseen = (numbers["days"] - 1) / numbers["days"] * once * np.maximum(once - 1, 0) / (2 * (twice + 1))
    return pl.Series(numbers["people"] + unseen)


def _tested(people: pl.DataFrame) -> pl.DataFrame:
    known = people["coincidence"].is_not_null().to_numpy()
    mean = people["coincidence"].fill_null(1.0).to_numpy()
    false = people["expected_false"].to_numpy()
    p = np.array([poisson_tail(int(d), m, f) for d, m, f in zip(people["days"], mean, false, strict=True)], np.float64)
    coincidence = mean / -np.expm1(-mean) if len(mean) else mean
    q = np.full(len(p), np.nan)
    q[known] = false_discovery_share(p[known])

    def shown(name: str, values: F64) -> pl.Series:
        return pl.Series(name, np.where(known, values, np.nan), pl.Float64).fill_nan(None)

    table = people.select("person_id", "days", "expected_false").with_columns(
        shown("expected_by_chance", coincidence + false),
        shown("expected_coincidence", coincidence),
        shown("chance_p", p),
        shown("chance_q", q),
        people["level"].fill_null(TOO_LITTLE).alias("basis"),
    )
    return table.select(COLUMNS).sort("chance_p", "person_id", nulls_last=True)


def poisson_tail(days: int, coincidence: float, false: float) -> float:
    """Probability of `days` or more: the sum of a Poisson number with mean `coincidence`, given not 0, and one with mean `false`."""
    if days <= 1:
        return 1.0
    from scipy.special import gammaln, pdtr  # half a second to load (scipy.stats: more than one), which most runs do not need

    counts = np.arange(1, days)
    given = np.exp(counts * np.log(coincidence) - gammaln(counts + 1) - coincidence) / -np.expm1(-coincidence)
    # For each number of coincidences: the probability that the false links stay below the rest.
    fewer = float((given * pdtr(days - 1 - counts, false)).sum())
    return min(1.0, max(0.0, 1.0 - fewer))


def false_link_rate(strangers: F64, threshold: float) -> float:
    """Probability that a track of a stranger reaches the threshold.

    Args:
        strangers: (n,) cosines between tracks of different people.
        threshold: least cosine of one person.

    Returns:
        The upper tail of a normal distribution with their median and median absolute deviation, which a few pairs of one person among
        them do not move. With SFace, 0.1% of strangers were measured above 0.371; a normal distribution with the measured mean 0.104 and
        deviation 0.087 gives 0.373. 0 if there are fewer than two pairs.
    """
    if len(strangers) < 2:
        return 0.0
    centre = float(np.median(strangers))
    spread = float(np.median(np.abs(strangers - centre))) * 1.4826
    return math.erfc((threshold - centre) / max(spread, 1e-9) / math.sqrt(2)) / 2


def false_discovery_share(p: F64) -> F64:
    """(n,) p-values -> (n,) share of false discoveries among all with this or a lower one (Benjamini & Hochberg).

    `scipy.stats.false_discovery_control` gives the same, and takes a second of processor time to load.

    >>> false_discovery_share(np.array([0.01, 0.5, 0.02])).round(3).tolist()
    [0.03, 0.5, 0.03]
    """
    order = np.argsort(p, kind="stable")
    raised = p[order] * len(p) / np.arange(1, len(p) + 1)
    result = np.empty_like(p)
    result[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return result
