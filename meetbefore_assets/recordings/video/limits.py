"""The largest picture that is decoded."""

DEFAULT_MAX_MEGAPIXELS = 200.0


def describe_too_large(width: int, height: int, max_megapixels: float) -> str:
    """Message for a picture larger than the limit; "" if it is not.

    >>> describe_too_large(30_000, 30_000, 200)
    'has 900 megapixels (30000 x 30000): expected at most 200 (limits.picture_megapixels)'
    """
    megapixels = width * height / 1e6
    if megapixels <= max_megapixels:
        return ""
    return f"has {megapixels:.0f} megapixels ({width} x {height}): expected at most {max_megapixels:g} (limits.picture_megapixels)"
