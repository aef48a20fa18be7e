"""Writes the demo's clips: faces from photographs shipped with the dependencies, moving over backgrounds without faces.

All pictures come from installed packages (`cast.PEOPLE` and the textures of scikit-image); nothing is downloaded. Frames are drawn with cv2
and encoded with PyAV (H.264, a keyframe a second). The same seed gives the same plan and the same truth; the bytes of a clip may differ
between versions of the encoder.
"""

import csv
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path

import av

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.demo import cast
from meetbefore_assets.demo.paint import Backdrop, Painter, to_yuv420
from meetbefore_assets.storage.atomic_file import atomic_file
from meetbefore_assets.storage.private_folder import private_folder

TRUTH_NAME = "truth.csv"
LEDGER_NAME = "demo_archive.json"
# Version of the drawing code; raise it when drawing changes, so that existing clips are written again.
_DRAWING = 1
# Share of the broken clip that is kept. Cameras write the index of an MP4 at its end, so any cut loses it.
_BROKEN_SHARE = 0.6

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Archive:
    """A labelled archive on disk.

    Attributes:
        folder: folder of the clips.
        truth_path: `truth.csv` (video, t_s, time, person, x1, y1, x2, y2), beside the folder.
        clips: their plan.
    """

    folder: Path
    truth_path: Path
    clips: tuple[cast.Clip, ...]


def make_archive(folder: Path, *, seed: int = 7, progress: Progress | None = None) -> Archive:
    """Write the clips into `folder`, and `truth.csv` beside it.

    A clip gets its name only when it is complete. Complete clips of the same plan are kept, so that a second call is quick and an
    interrupted one can be resumed; they are listed in `demo_archive.json` beside the folder.

    Args:
        folder: folder of the clips; created if missing.
        seed: draws paths, sizes and light (see `cast.plan`).
        progress: called with (clips done, clips in all, name of the clip) after each clip.

    Raises:
        UsageError: a photograph is missing from its package, or a file that the demo did not write is in the way.
    """
    return write_clips(folder, cast.plan(seed), progress=progress)


def write_clips(folder: Path, clips: tuple[cast.Clip, ...], *, progress: Progress | None = None) -> Archive:
    """Write clips of a given plan; otherwise as `make_archive`."""
    private_folder(folder)
    ledger = _Ledger(folder)
    ledger.refuse_strangers(clips)
    painter = Painter()
    for done, clip in enumerate(clips, 1):
        if not ledger.holds(clip):
            _write(clip, painter, folder, ledger)
        if progress is not None:
            progress(done, len(clips), clip.name)
    truth_path = folder.parent / TRUTH_NAME
    _write_truth(truth_path, cast.truth(clips))
    return Archive(folder, truth_path, clips)


class _Ledger:
    """List of the written clips with plan and size; a clip is kept if both still match."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder.parent / LEDGER_NAME
        self.entries: dict[str, dict[str, object]] = {}
        if self.path.exists():
            self.entries = _read_ledger(self.path)

    def refuse_strangers(self, clips: tuple[cast.Clip, ...]) -> None:
        for clip in clips:
            if (self.folder / clip.name).exists() and clip.name not in self.entries:
                raise UsageError(
                    f"{self.folder / clip.name} was not made by the demo; expected an empty folder, or one of an earlier demo.",
                    remedy="Choose another folder for the demo.",
                )

    def holds(self, clip: cast.Clip) -> bool:
        path = self.folder / clip.name
        return path.exists() and self.entries.get(clip.name) == _entry(clip, path.stat().st_size)

    def announce(self, clip: cast.Clip, size: int) -> None:
        """Add a clip to the list before it gets its name, so that a clip that is not listed was not written by the demo."""
        self.entries[clip.name] = _entry(clip, size)
        with atomic_file(self.path) as temporary:
            temporary.write_text(json.dumps(self.entries, indent=1), encoding="utf-8")


def _entry(clip: cast.Clip, size: int) -> dict[str, object]:
    return {
        "plan": digest(_DRAWING, cast.WIDTH, cast.HEIGHT, cast.FPS, repr(clip), [repr(cast.person_of(label)) for label in clip.people]),
        "bytes": size,
    }


def _read_ledger(path: Path) -> dict[str, dict[str, object]]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is no list of the demo's clips: {error}.", remedy="Delete it together with the demo's clips.") from error
    if not isinstance(entries, dict):
        raise UsageError(f"{path} is no list of the demo's clips: found a {type(entries).__name__}.", remedy="Choose another folder.")
    return entries


def _write(clip: cast.Clip, painter: Painter, folder: Path, ledger: _Ledger) -> None:
    with atomic_file(folder / clip.name) as temporary:
        _encode(clip, painter, temporary)
        if clip.is_broken:
            os.truncate(temporary, int(temporary.stat().st_size * _BROKEN_SHARE))
        ledger.announce(clip, temporary.stat().st_size)


def _encode(clip: cast.Clip, painter: Painter, path: Path) -> None:
    backdrop = Backdrop.draw(clip.backdrop)
    sprites = [(appearance, painter.sprite(appearance)) for appearance in clip.appearances]
    with av.open(str(path), "w", format="mp4") as container:
        container.metadata["creation_time"] = clip.started_at.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        stream = container.add_stream("libx264", rate=cast.FPS)
        stream.width, stream.height, stream.pix_fmt = cast.WIDTH, cast.HEIGHT, "yuv420p"
        stream.options = {"crf": "24", "preset": "veryfast", "g": str(cast.FPS), "sc_threshold": "0"}
        stream.codec_context.thread_count = 2
        for number in range(clip.duration_s * cast.FPS):
            time_s = number / cast.FPS
            picture = backdrop.at(time_s)
            for appearance, sprite in sprites:
                if appearance.is_there(time_s):
                    sprite.put(picture, *appearance.pose(time_s))
            frame = av.VideoFrame.from_ndarray(to_yuv420(picture), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, cast.FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _write_truth(path: Path, rows: list[cast.TruthRow]) -> None:
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(cast.TruthRow)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
