"""A corpus of recordings as they should not be, and what is expected of each: a reason in words, or that it is done all the same."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meetbefore_assets_tests.support.builders import audio_only, corrupt, draw_clip, text_file, truncate

SMALL = (160, 120)
FASTSTART = {"movflags": "faststart"}


@dataclass(frozen=True)
class Case:
    """A file to make, and words of its message; "" where it must be done. Some are not taken for recordings at all."""

    name: str
    make: Callable[[Path], object]
    words: str = ""
    is_skipped: bool = False


def _clip(path: Path, **options: object) -> Path:
    return draw_clip(path, **{"seconds": 1.0, "fps": 5, "gop": 5, "size": SMALL, **options})  # type: ignore[arg-type]


def _cut(path: Path, share: float, **options: object) -> Path:
    return truncate(_clip(path, seconds=8.0, **options), share)


def _patched(path: Path, mark: bytes, offset: int, value: bytes) -> Path:
    """Overwrite bytes behind the first `mark` of a clip."""
    _clip(path)
    data = bytearray(path.read_bytes())
    at = data.index(mark) + offset
    data[at : at + len(value)] = value
    path.write_bytes(data)
    return path


def _loop(path: Path) -> None:
    path.mkdir()
    (path / "again").symlink_to(path, target_is_directory=True)
    _clip(path / "inside a loop.mp4")


def _sparse_head(path: Path) -> None:
    """A copy whose beginning never arrived."""
    _clip(path)
    data = path.read_bytes()
    path.write_bytes(bytes(len(data) // 2) + data[len(data) // 2 :])


LONG = "x" * 240
CASES = (
    Case("good.mp4", _clip),
    Case("good too.mov", lambda path: _clip(path, audio=True)),
    Case("empty.mp4", Path.touch, "empty (0 bytes)"),
    Case("text.mp4", text_file, "found text"),
    Case("zeros.mp4", lambda path: path.write_bytes(bytes(50_000)), "only zeros"),
    Case("noise.mkv", lambda path: path.write_bytes(np.random.default_rng(1).bytes(50_000)), "FFmpeg cannot read"),
    Case("no header.mp4", lambda path: _cut(path, 0.6), "without its header"),
    Case("cut in the middle.mp4", lambda path: _cut(path, 0.6, container_options=FASTSTART), "ends after"),
    Case("cut at the tail.mp4", lambda path: _cut(path, 0.97, container_options=FASTSTART), "ends after"),
    Case("cut in the middle.mkv", lambda path: _cut(path, 0.6), "ends after"),
    Case("beginning never arrived.mp4", _sparse_head, "FFmpeg cannot read"),
    Case("damaged packets.mp4", lambda path: corrupt(_clip(path, seconds=4.0, fps=10), 0.5)),
    Case("sound.mp4", audio_only, "no pictures"),
    Case("sound with a cover.mp3", lambda path: audio_only(path, cover=True), "no recording", is_skipped=True),
    Case("unknown codec.mp4", lambda path: path.write_bytes(_clip(path).read_bytes().replace(b"avc1", b"zzz9")), "cannot decode"),
    Case("no frame rate.mp4", lambda path: _patched(path, b"mdhd", 16, bytes(4))),
    Case("one picture.mp4", lambda path: _clip(path, vfr=[0.0])),
    Case("8K.mp4", lambda path: _clip(path, size=(7680, 4320), vfr=[0.0])),
    Case("portrait.mp4", lambda path: _clip(path, size=(120, 160), rotation_deg=90)),
    Case("HDR 10 bit.mp4", lambda path: _clip(path, codec="libx265", pix_fmt="yuv420p10le")),
    Case("variable rate.mp4", lambda path: _clip(path, vfr=[0.0, 0.1, 0.9, 3.0, 3.04])),
    Case("starts before 0.mp4", lambda path: _clip(path, start_s=-0.4)),
    Case("starts after a year.mkv", lambda path: _clip(path, start_s=3.2e7)),
    Case("interlaced.mp4", lambda path: _clip(path, options={"flags": "+ildct+ilme", "x264-params": "interlaced=1"})),
    Case("loop", _loop),
    Case("link to nowhere.mp4", lambda path: path.symlink_to("nothing.mp4"), "leads nowhere", is_skipped=True),
    Case("with spaces  and 'quotes' \"both\".mp4", _clip),
    Case("two\nlines.mp4", _clip),
    Case("🎥 café 日本.mp4", _clip),
    Case("..mp4", _clip, "hidden", is_skipped=True),
    Case("...hidden dots...mp4", _clip, "hidden", is_skipped=True),
    Case("[red]markup %s {x}.mp4", _clip),
    Case("-rf.mp4", _clip),
    Case(f"{LONG}.mp4", _clip),
    Case("Case.mp4", lambda path: _clip(path, seconds=1.2)),
    Case("case.mp4", lambda path: _clip(path, seconds=1.4)),
)


def make_corpus(folder: Path) -> Path:
    """Write every case into a folder; contents differ, so that none is taken for another's copy."""
    folder.mkdir(parents=True)
    for number, case in enumerate(CASES):
        path = folder / case.name
        case.make(path)
        if path.is_file() and not case.words and path.suffix in (".mp4", ".mov"):
            # A box that players pass over: 8 bytes of head and the number of the case.
            with path.open("ab") as file:
                file.write((12).to_bytes(4, "big") + b"free" + number.to_bytes(4, "big"))
    return folder
