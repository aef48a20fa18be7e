"""Short, readable ids derived from content."""

import hashlib

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letter looks like a digit
_ID_LENGTH = 10


def short_id(prefix: str, text: str) -> str:
    """`prefix` and 50 bits of the hash of `text`: a million ids collide with probability 4e-4."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return prefix + "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(_ID_LENGTH))


def person_id_after(face_id: str) -> str:
    """Id of the person whose earliest face this is."""
    return short_id("p", face_id)
