"""Presentation times of a video, and whether its file ends too early."""

import numpy as np

from meetbefore_assets.core.ports import F64, PacketIndex

SLACK_S = 1e-9
CUT_MARGIN_S = 1.5
CUT_MARGIN_SHARE = 0.03


def seconds_since_first(index: PacketIndex) -> F64:
    """Times of all pictures, seconds since the first one; shape (n,)."""
    steps = (index.pts - index.pts[:1]).astype(np.float64)
    time_s: F64 = steps * index.time_base.numerator / index.time_base.denominator
    return time_s


def is_cut_short(end_s: float, promised_s: float, longest_gap_s: float = 0.0) -> bool:
    """Whether a file whose pictures end at `end_s` is cut short, given the length `promised_s` in its header.

    Containers round, and the last picture of a recording with a variable rate may be shown for as long as any other, so the missing part
    must be longer than 1.5 s, 3% of the length, and the longest gap between two pictures.

    Args:
        end_s: end of the last picture, seconds since the first one.
        promised_s: length according to the container, seconds; 0 if it gives none.
        longest_gap_s: longest time from one picture to the next, seconds.
    """
    return promised_s - end_s > max(CUT_MARGIN_S, CUT_MARGIN_SHARE * promised_s, longest_gap_s)
