"""Frame counts in the facts of a video's detections: how many frames were sampled, and how many could not be decoded."""

from collections.abc import Mapping

SAMPLED, UNDECODABLE, FIRST_ERROR = "sampled frames", "frames not decodable", "first decoding error"
# Their names in records of earlier versions.
_EARLIER = {SAMPLED: "moments", UNDECODABLE: "moments not decodable"}


def sampled_frames(facts: Mapping[str, str]) -> int:
    """Number of sampled frames; 0 if it is not on record."""
    return _count(facts, SAMPLED)


def undecodable_frames(facts: Mapping[str, str]) -> int:
    """Number of sampled frames that could not be decoded."""
    return _count(facts, UNDECODABLE)


def undecodable_sentence(facts: Mapping[str, str]) -> str:
    """A sentence about the frames that could not be decoded; "" if there are none."""
    lost = undecodable_frames(facts)
    return f"{lost} of its {sampled_frames(facts)} sampled frames could not be decoded; the first, {facts[FIRST_ERROR]}" if lost else ""


def _count(facts: Mapping[str, str], name: str) -> int:
    return int(facts.get(name, facts.get(_EARLIER[name], 0)))
