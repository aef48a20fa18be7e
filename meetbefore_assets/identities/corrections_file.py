"""The file in which corrections are taken along, as docs/corrections.md describes it: JSON, with a version, a correction a line.

It names no person, no track and no face id: videos by the hash of their content, faces by time and box.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.untrusted_text import without_controls
from meetbefore_assets.identities.corrections import Anchor, Correction, Kind, correction

FORMAT, VERSION = "meetbefore corrections", 1
# Longest file that is read: a hundred thousand corrections, or five thousand faces of imported names.
MOST_BYTES = 256 * 2**20
# Kinds that are about single pictures: another picture of the same track is not what was meant.
OF_ONE_PICTURE = ("not-a-face", "portrait")
_SIDES = ("here", "there", "to")

# What can be told in UTC, in every zone.
Moment = Annotated[AwareDatetime, Field(ge=dt.datetime(1970, 1, 1, tzinfo=dt.UTC), le=dt.datetime(9999, 1, 1, tzinfo=dt.UTC))]
_MOST_S, _MOST_PX = 1e7, 1e6
Second = Annotated[float, Field(ge=0, le=_MOST_S)]
Pixel = Annotated[float, Field(ge=-_MOST_PX, le=_MOST_PX)]


class _Entry(BaseModel):
    # What is not understood is not left out in silence: a later version has another number.
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, ser_json_bytes="base64", val_json_bytes="base64"
    )


class _Head(BaseModel):
    format: str
    version: int


class Video(_Entry):
    """A recording: its content hash as the record has it, and a file name for people to read."""

    content_hash: str = Field(pattern=r"^[A-Za-z0-9]{1,128}$")
    file_name: str = Field(max_length=1000)


class _Place(_Entry):
    video: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    time_s: Second
    box: tuple[Pixel, Pixel, Pixel, Pixel]
    also: tuple[tuple[Second, Pixel, Pixel, Pixel, Pixel], ...] = ()

    @model_validator(mode="after")
    def _has_area(self) -> "_Place":
        for x1, y1, x2, y2 in (self.box, *(rest for _, *rest in self.also)):
            if not (x1 < x2 and y1 < y2):
                raise ValueError("a box is left, top, right, bottom")
        return self

    def anchors(self) -> tuple[Anchor, ...]:
        """The place, and where else the same track is seen."""
        return (Anchor(self.video, self.time_s, *self.box), *(Anchor(self.video, *other) for other in self.also))


class _Statement(_Entry):
    said_at: Moment
    kind: str = Field(pattern=r"^[a-z0-9_-]{1,40}$")
    text: str = ""
    here: tuple[_Place, ...] = ()
    there: tuple[_Place, ...] = ()
    to: tuple[_Place, ...] = ()
    faces: tuple[bytes, ...] = ()


class _File(_Entry):
    format: Literal["meetbefore corrections"]
    version: Literal[1]
    videos: dict[str, Video]
    corrections: tuple[_Statement, ...]

    @model_validator(mode="after")
    def _names_its_videos(self) -> "_File":
        named = {place.video for one in self.corrections for side in (one.here, one.there, one.to) for place in side}
        if unknown := sorted(named - set(self.videos)):
            raise ValueError(f"the video '{unknown[0]}' is not among its videos")
        return self


@dataclass(frozen=True)
class Carried:
    """A correction that is taken along.

    Attributes:
        correction: with ids of videos as they are in the file.
        also: where else the track of an anchor is seen, for homes that sample other frames.
        faces: of an imported name, encoded crops as the record holds them.
    """

    correction: Correction
    also: Mapping[Anchor, tuple[Anchor, ...]] = field(default_factory=dict)
    faces: tuple[bytes, ...] = ()

    def anchors(self) -> list[Anchor]:
        """All anchors of all sides."""
        return [anchor for _, side in self.correction.sides for anchor in side]


@dataclass(frozen=True)
class CorrectionsFile:
    """What is in a file: its videos, by the id that its corrections call them by, and its corrections, oldest first."""

    videos: Mapping[str, Video]
    carried: tuple[Carried, ...]


def can_be_written(anchor: Anchor) -> bool:
    """Whether a place can stand in a file: its box has an area, and its numbers are numbers of pixels and seconds."""
    has_area = anchor.x1 < anchor.x2 and anchor.y1 < anchor.y2
    return has_area and 0 <= anchor.time_s <= _MOST_S and all(abs(edge) <= _MOST_PX for edge in _box(anchor))


def write_file(videos: Mapping[str, Video], carried: Iterable[Carried]) -> bytes:
    """The content of a file: the same for the same corrections, a video or a correction a line."""
    said = list(carried)
    named = sorted({anchor.video_id for one in said for anchor in one.anchors()})
    listed = ",\n".join(f"{json.dumps(key)}: {_line(videos[key])}" for key in named)
    lines = ",\n".join(_line(_statement(one)) for one in said)
    head = f'{{"format": {json.dumps(FORMAT)}, "version": {VERSION}'
    return f'{head}, "videos": {{\n{listed}\n}}, "corrections": [\n{lines}\n]}}\n'.encode()


def _line(entry: BaseModel) -> str:
    return json.dumps(entry.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False)


def _statement(one: Carried) -> _Statement:
    said = one.correction
    sides = {name: tuple(_place(anchor, one.also.get(anchor, ())) for anchor in anchors) for name, anchors in said.sides}
    return _Statement(said_at=said.created_at.replace(tzinfo=dt.UTC), kind=said.kind, text=said.text, faces=one.faces, **sides)


def _place(anchor: Anchor, also: tuple[Anchor, ...]) -> _Place:
    others = tuple((other.time_s, *_box(other)) for other in also)
    return _Place(video=anchor.video_id, time_s=anchor.time_s, box=_box(anchor), also=others)


def _box(anchor: Anchor) -> tuple[float, float, float, float]:
    return anchor.x1, anchor.y1, anchor.x2, anchor.y2


def read_file(data: bytes) -> CorrectionsFile:
    """Read the content of a file.

    Raises:
        UsageError: it is none, is torn, or is of another version; nothing of it is used.
    """
    try:
        head = _Head.model_validate_json(data)
    except ValidationError as error:
        raise UsageError(f"this is no file of corrections: {_reason(error)}. {_NOTHING}", remedy=_REMEDY) from error
    if head.format != FORMAT or head.version != VERSION:
        raise UsageError(
            f"expected '{FORMAT}' of version {VERSION}, found {head.format[:60]!r} of version {head.version}. {_NOTHING}",
            remedy="A later version of meetbefore may have written it." if head.format == FORMAT else _REMEDY,
        )
    try:
        found = _File.model_validate_json(data)
    except ValidationError as error:
        raise UsageError(f"this file of corrections is damaged: {_reason(error)}. {_NOTHING}", remedy=_REMEDY) from error
    carried = [_carried(one) for one in found.corrections]
    ordered = sorted(carried, key=lambda one: (one.correction.created_at, one.correction.correction_id))
    return CorrectionsFile(found.videos, tuple({one.correction.correction_id: one for one in ordered}.values()))


_NOTHING = "Nothing was imported."
_REMEDY = "Expected what `meetbefore corrections export FILE` writes."


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    told = str(first["msg"]).removeprefix("Value error, ")
    return without_controls(f"{where[:100]}: {told}" if where else told)


def _carried(one: _Statement) -> Carried:
    moment = one.said_at.astimezone(dt.UTC).replace(tzinfo=None)
    sides = {name: list(dict.fromkeys(place.anchors() for place in getattr(one, name))) for name in _SIDES}
    also = {first: others for places in sides.values() for first, *rest in places if (others := tuple(rest))}
    said = correction(moment, cast(Kind, one.kind), one.text, *([first for first, *_ in sides[name]] for name in _SIDES))
    return Carried(said, also, one.faces)
