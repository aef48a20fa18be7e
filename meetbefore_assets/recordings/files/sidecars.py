"""Reads the start of a recording from a file beside it: DJI's .SRT, Google Takeout's .json, or .xmp."""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from meetbefore_assets.recordings.identifiers import split_uri

_LOG = logging.getLogger(__name__)
_HEAD_BYTES = 64 << 10
_LARGEST_BYTES = 4 << 20
_STAMP = re.compile(
    r"(?P<day>[0-9]{4}[-.:][0-9]{2}[-.:][0-9]{2})[ T](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,6}))?"
    r"\s?(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_XMP_NAMES = ("{http://ns.adobe.com/exif/1.0/}DateTimeOriginal", "{http://ns.adobe.com/xap/1.0/}CreateDate")
_TAKEOUT = "supplemental-metadata"


def sidecar_start(uri: str | Path) -> str:
    """Start of a video from its sidecar, ISO 8601, without offset if it is local time; "" if there is none.

    Sidecars of `NAME.mp4` are `NAME.srt`, `NAME.mp4.json`, `NAME.mp4.supplemental-metadata.json` (also truncated, as Takeout does with
    long names), `NAME.json`, `NAME.mp4.xmp`, `NAME.xmp`; extensions in lower or upper case. Broken sidecars are skipped with a logged
    warning. Days of pictures have none.
    """
    _, day = split_uri(str(uri))
    if day and not os.path.isfile(str(uri)):
        return ""
    for sidecar, read in _sidecars(Path(uri)):
        start = _read(sidecar, read)
        if start:
            return start
    return ""


def sidecar_names(file_name: str) -> list[str]:
    """Possible names of the sidecars of a file, the most trusted first."""
    return [candidate for name, _ in _names(Path(file_name)) for candidate in _spelt(name)]


def _names(video: Path) -> list[tuple[str, Callable[[bytes], str]]]:
    cut = [f"{video.name}.{_TAKEOUT[:length]}.json" for length in range(len(_TAKEOUT), 0, -1)]
    names: list[tuple[str, Callable[[bytes], str]]] = [(f"{video.stem}.srt", _from_srt)]
    names += [(name, _from_json) for name in (f"{video.name}.json", *cut, f"{video.stem}.json")]
    return names + [(name, _from_xmp) for name in (f"{video.name}.xmp", f"{video.stem}.xmp")]


def _spelt(name: str) -> tuple[str, str]:
    stem, suffix = os.path.splitext(name)
    return stem + suffix, stem + suffix.upper()


def _sidecars(video: Path) -> Iterator[tuple[Path, Callable[[bytes], str]]]:
    for name, read in _names(video):
        for candidate in _spelt(name):
            if os.path.isfile(video.with_name(candidate)):
                yield video.with_name(candidate), read
                break


def _read(sidecar: Path, read: Callable[[bytes], str]) -> str:
    try:
        with open(sidecar, "rb") as file:
            return read(file.read(_HEAD_BYTES if read is _from_srt else _LARGEST_BYTES))
    except (OSError, ValueError, OverflowError, ElementTree.ParseError) as error:
        _LOG.warning("sidecar %r is passed over: %s", str(sidecar), error)
        return ""


def _from_srt(data: bytes) -> str:
    """First date and time in subtitles: DJI writes local time into each one; ordinary subtitles have none."""
    text = data.decode("utf-8", "replace")
    if "-->" not in text:
        raise ValueError("expected subtitles with '-->' between times, found none")
    match = _STAMP.search(text)
    return _iso(match) if match else ""


def _from_json(data: bytes) -> str:
    """Start in Takeout's JSON: photoTakenTime (recorded), else creationTime (uploaded; all that some files have)."""
    document = json.loads(data.decode("utf-8-sig"))
    if not isinstance(document, dict):
        return ""
    for key in ("photoTakenTime", "creationTime"):
        value: Any = document.get(key)
        value = value.get("timestamp") if isinstance(value, dict) else value
        if isinstance(value, str) and (match := _STAMP.match(value)):
            return _iso(match)
        if isinstance(value, int | str) and re.fullmatch(r"-?[0-9]+", str(value)):
            return datetime.fromtimestamp(int(value), UTC).isoformat()
    return ""


def _from_xmp(data: bytes) -> str:
    root = ElementTree.fromstring(data)
    for name in _XMP_NAMES:
        for element in root.iter():
            text = element.get(name) or (element.text if element.tag == name else "") or ""
            if match := _STAMP.match(text.strip()):
                return _iso(match)
    return ""


def _iso(match: re.Match[str]) -> str:
    """A match as ISO 8601. Raises ValueError if the date does not exist."""
    day = re.sub("[.:]", "-", match["day"])
    fraction = f".{match['fraction'].ljust(6, '0')}" if match["fraction"] else ""
    return datetime.fromisoformat(f"{day}T{match['time']}{fraction}{match['offset'] or ''}").isoformat()
