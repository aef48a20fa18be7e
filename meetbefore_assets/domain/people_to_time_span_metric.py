"""The measure by which AreWeMeetBefore's notebook ranks people, for comparison with ours; computed with real seconds.

It takes everybody who was pictured more than once, brings the span from first to last picture and the number of pictures each to
0..1 over these people, drops those with the least number of pictures, and divides the one by the other. The original subtracts
numbers such as 20250307122924, in which a minute counts 100 and a day 1,000,000. What remains with real seconds: one more picture
lowers it, the person who is pictured least of all who are left comes first, and adding a stranger changes everybody's number.
Definition: BaiHLiu/AreWeMeetBefore (MIT), analyse.ipynb, the cell that makes `time_span_metric`.
"""

import polars as pl


def time_span_metric(people: pl.DataFrame) -> pl.Series:
    """The measure of each person.

    Args:
        people: faces (pictures of the person), first_seen, last_seen (UTC); a row a person.

    Returns:
        `time_span_metric`, one value a row, 0 or more; null for those whom the original leaves out: people pictured once, those with
        the least number of pictures of the others, and everybody where all have the same span.
    """
    pictured = pl.col("faces") > 1
    span_s = (pl.col("last_seen") - pl.col("first_seen")).dt.total_microseconds() / 1e6
    ratio = _to_one(span_s, pictured) / _to_one(pl.col("faces").cast(pl.Float64), pictured)
    value = pl.when(pictured & ratio.is_finite()).then(ratio)
    return people.select(value.cast(pl.Float64).alias("time_span_metric"))["time_span_metric"]


def _to_one(value: pl.Expr, among: pl.Expr) -> pl.Expr:
    """Brought to 0..1 over the rows of `among`; NaN where they are all equal."""
    least, most = value.filter(among).min(), value.filter(among).max()
    return (value - least) / (most - least)
