"""Whether a threshold sits on the cliff below which people run together."""

from collections.abc import Sequence

# A step down must not make the largest group half as large again, by one track in fifty of all or more.
GROWTH = 1.5
LEAST_SHARE = 0.02
# How far down counts as near.
REACH = 0.05


def cliff_below(threshold: float, tried: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """The nearest threshold below at which the largest group jumps, and its share of all tracks there; None if there is none.

    Args:
        threshold: the one in force.
        tried: (threshold, share of all tracks in the largest group), the one in force among them.
    """
    shares = dict(tried)
    now = shares.get(threshold)
    if now is None:
        return None
    before = now
    for at in sorted((at for at in shares if threshold - REACH - 1e-9 <= at < threshold), reverse=True):
        if shares[at] > GROWTH * before and shares[at] - now >= LEAST_SHARE:
            return at, shares[at]
        before = max(before, shares[at])
    return None
