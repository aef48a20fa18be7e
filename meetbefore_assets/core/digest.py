"""Hashes of JSON values, the same on every machine."""

import hashlib
import json

from pydantic import BaseModel


def digest(*parts: object) -> str:
    """Hash of JSON values and pydantic models: 16 hex digits, the same on every machine."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"cannot hash a {type(value).__name__}")
