"""Decides when a question that was answered with "unsure" is asked again: when there are more tracks, or the evidence changed.

The correction keeps the evidence there was as its text: the probability that two people are one ("?" if the recogniser was never
measured), and the number of tracks of each, as in "0.42 3+12".
"""

# Least change of the probability that counts as new evidence.
STEP = 0.1


def what_was_seen(sureness: float | None, tracks: tuple[int, int]) -> str:
    """Write down the evidence on two people, as in "0.42 3+12".

    Args:
        sureness: probability that they are one, 0..1; None if the recogniser was never measured.
        tracks: number of tracks of each.
    """
    return f"{'?' if sureness is None else f'{sureness:.2f}'} {tracks[0]}+{tracks[1]}"


def is_unchanged(seen: str, sureness: float | None, tracks: tuple[int, int]) -> bool:
    """Whether the evidence is still as written in `seen`: as many tracks of each, and a change of the probability below STEP."""
    told, _, counts = seen.partition(" ")
    if counts != f"{tracks[0]}+{tracks[1]}":
        return False
    if sureness is None or told == "?":
        return sureness is None and told == "?"
    return abs(float(told) - sureness) < STEP
