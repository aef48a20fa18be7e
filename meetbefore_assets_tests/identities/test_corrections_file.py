"""The file of corrections says what was said, to the letter; whatever is not such a file is refused with a sentence."""

import datetime as dt
import json
from typing import Any

import numpy as np
import pytest

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.identities.corrections import KINDS, Anchor, correction
from meetbefore_assets.identities.corrections_file import Carried, Video, can_be_written, read_file, write_file

MOMENT = dt.datetime(2025, 3, 3, 8, 0, 0, 123456)
VIDEOS = {name: Video(content_hash=2 * name, file_name=f"{name}.mp4") for name in ("a1", "b2", "c3")}
HOSTILE = '<script>alert(1)</script> \\ " [red]李雷[/red] \u2028 =1+1'


def anchor(rng: np.random.Generator) -> Anchor:
    x, y, side = (round(float(number), 2) for number in rng.uniform(1, 1000, 3))
    return Anchor(str(rng.choice(list(VIDEOS))), round(float(rng.uniform(0, 4000)), 3), x, y, x + side, y + side)


def some(seed: int) -> list[Carried]:
    """Corrections of all kinds, with places drawn at random."""
    rng = np.random.default_rng(seed)
    made = []
    for number, kind in enumerate(KINDS):
        here, there, to = (list({anchor(rng) for _ in range(int(rng.integers(0, 4)))}) for _ in range(3))
        also = {at: tuple(anchor(rng) for _ in range(2)) for at in here[:1]}
        also = {at: tuple(Anchor(at.video_id, *place) for _, *place in map(_plain, others)) for at, others in also.items()}
        faces = (b"\x00\xff picture", b"another") if kind == "known" else ()
        said = correction(MOMENT + dt.timedelta(seconds=number), kind, HOSTILE, here, there, to)  # type: ignore[arg-type]
        made.append(Carried(said, also, faces))
    return made


def _plain(at: Anchor) -> tuple[Any, ...]:
    return (at.video_id, at.time_s, at.x1, at.y1, at.x2, at.y2)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_written_is_read_again(seed: int) -> None:
    said = some(seed)
    data = write_file(VIDEOS, said)
    found = read_file(data)
    assert list(found.carried) == said
    assert {name: VIDEOS[name] for name in found.videos} == found.videos
    assert write_file(found.videos, found.carried) == data


def test_a_correction_is_a_line_and_json_that_any_program_reads() -> None:
    data = write_file(VIDEOS, some(1))
    plain = json.loads(data)
    assert (plain["format"], plain["version"]) == ("meetbefore corrections", 1)
    assert data.count(b'"said_at"') == len(KINDS) == sum(b'"said_at"' in line for line in data.splitlines())
    assert plain["corrections"][0]["text"] == HOSTILE
    assert plain["corrections"][0]["said_at"] == "2025-03-03T08:00:00.123456Z"


def test_nothing_said_is_a_file_too() -> None:
    assert read_file(write_file({}, [])).carried == ()


def test_said_twice_in_one_file_it_is_said_once() -> None:
    one = some(2)[:1]
    assert len(read_file(write_file(VIDEOS, [*one, *one])).carried) == 1


def file_with(**changed: object) -> bytes:
    """A file with one name, changed in some fields of its correction, its place, or its head."""
    plain = json.loads(write_file(VIDEOS, [Carried(correction(MOMENT, "name", "Ann", [Anchor("a1", 1.0, 2.0, 3.0, 4.0, 5.0)]))]))
    said = plain["corrections"][0]
    for where in (plain, said, said["here"][0]):
        where |= {key: value for key, value in changed.items() if key in where or (key in ("extra", "also") and where is said["here"][0])}
    return json.dumps(plain).encode()


WRONG: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no file of corrections"),
    "a text": (b"hello", "no file of corrections"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "no file of corrections"),
    "a list": (b"[]", "no file of corrections"),
    "other JSON": (b'{"videos": {}}', "no file of corrections"),
    "torn": (file_with()[:-30], "no file of corrections"),
    "nested without end": (b'{"format": ' + b"[" * 100_000, "no file of corrections"),
    "not text": (file_with().replace(b"Ann", b"\xff\xfe"), "no file of corrections"),
    "another version": (file_with(version=2), "of version 2"),
    "another format": (file_with(format="photos"), "found 'photos'"),
    "no number": (file_with(time_s=float("nan")), "no file of corrections|damaged"),
    "endless": (file_with(time_s=float("inf")), "no file of corrections|damaged"),
    "before the video": (file_with(time_s=-1.0), "corrections.0.here.0.time_s"),
    "three edges": (file_with(box=[1, 2, 3]), "corrections.0.here.0.box"),
    "no area": (file_with(box=[5, 2, 5, 9]), "a box is left, top, right, bottom"),
    "no area elsewhere": (file_with(also=[[1, 9, 9, 1, 1]]), "a box is left, top, right, bottom"),
    "a text for a number": (file_with(time_s="1"), "time_s"),
    "another field": (file_with(extra=1), "extra"),
    "an unknown video": (file_with(video="zz"), "the video 'zz' is not among its videos"),
    "a path for a video": (file_with(video="../../etc"), "video"),
    "no date": (file_with(said_at="yesterday"), "said_at"),
    "no zone": (file_with(said_at="2025-03-03T08:00:00"), "said_at"),
    "before time": (file_with(said_at="0001-01-01T00:00:00+14:00"), "said_at"),
    "a kind with spaces": (file_with(kind="not same"), "kind"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_such_file_is_refused_with_a_sentence(what: str) -> None:
    data, told = WRONG[what]
    with pytest.raises(UsageError, match=told) as caught:
        read_file(data)
    assert "Nothing was imported." in caught.value.message
    assert caught.value.remedy
    assert len(caught.value.message) < 400


def test_the_sentence_repeats_nothing_of_what_is_in_the_file() -> None:
    with pytest.raises(UsageError) as caught:
        read_file(file_with(time_s="Scheherazade"))
    assert "Scheherazade" not in f"{caught.value}{caught.value.remedy}"


def test_no_control_character_of_a_file_reaches_the_terminal() -> None:
    plain = json.loads(file_with())
    plain["\x1b[31mextra\x07"] = 1
    with pytest.raises(UsageError) as caught:
        read_file(json.dumps(plain).encode())
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    ("box", "expected"), [((0, 0, 1, 1), True), ((0, 0, 0, 1), False), ((0, 0, float("nan"), 1), False), ((0, 0, 1e9, 1), False)]
)
def test_only_places_that_can_be_read_again_are_written(box: tuple[float, float, float, float], expected: bool) -> None:
    assert can_be_written(Anchor("a1", 0.0, *box)) is expected
    assert not can_be_written(Anchor("a1", -1.0, 0, 0, 1, 1))
