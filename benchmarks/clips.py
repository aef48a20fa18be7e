"""Clips for the speed benchmarks: photographs of faces moving over a wall, encoded as cameras encode.

Nothing is downloaded: without a folder of photographs the cast of the demo is used.
"""

import itertools
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from meetbefore_assets.demo import cast
from meetbefore_assets.demo.paint import U8, Backdrop, Painter, Sprite, to_yuv420
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets.faces.models.yunet import YuNetDetector

FPS = 30
SIZES = {"1080p": (1920, 1080), "4K": (3840, 2160)}
ENCODERS = {"h264": "libx264", "hevc": "libx265"}
# Megabits a second, as an iPhone writes them at 30 pictures a second (130 and 350 MB a minute of H.264, 65 and 170 of HEVC).
MBIT = {("h264", "1080p"): 17, ("h264", "4K"): 47, ("hevc", "1080p"): 9, ("hevc", "4K"): 23}
FACE_SHARE = 0.1  # width of a face, of the height of the picture
SWAY = 0.08


@dataclass(frozen=True)
class ClipKind:
    """Parameters of one file; `b_frames` as in x264 and x265 (most cameras write none)."""

    codec: str = "h264"
    size: str = "1080p"
    gop_s: float = 1.0
    seconds: int = 20
    faces: int = 3
    b_frames: int = 0

    @property
    def name(self) -> str:
        between = f"_{self.b_frames}b" if self.b_frames else ""
        return f"{self.codec}_{self.size}_gop{self.gop_s:g}_{self.seconds}s_{self.faces}faces{between}"


def make_clip(kind: ClipKind, folder: Path, photos: Path | None) -> Path:
    """The file of that kind in `folder`, made if missing; its name carries its start time."""
    path = folder / kind.name / "20250307081205.mp4"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        _encode(kind, _sprites(photos, kind.faces), part)
        part.replace(path)
    return path


def loop_clip(source: Path, times: int, target: Path) -> Path:
    """Repeat the packets of a clip without encoding anything: makes a long recording in seconds."""
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    with av.open(str(source)) as given, av.open(str(part), "w", format="mp4") as made:
        stream = given.streams.video[0]
        copy = made.add_stream_from_template(stream)
        length = int(stream.duration)
        for turn in range(times):
            given.seek(0, stream=stream)
            for packet in given.demux(stream):
                if packet.dts is not None:
                    packet.pts, packet.dts, packet.stream = packet.pts + turn * length, packet.dts + turn * length, copy
                    made.mux(packet)
    part.replace(target)
    return target


def _sprites(photos: Path | None, count: int) -> list[Sprite]:
    if photos is None:
        painter = Painter()
        looks = [cast.Appearance(person.label, 0, 1, (0, 0), (0, 0), (100, 100), (0, 0), (1, 1, 1), 0, False) for person in cast.PEOPLE]
        sprites = [painter.sprite(look) for look in looks]
    else:
        detector = YuNetDetector(find_pack("sface", Path()).detector_path, "")
        sprites = []
        for path in sorted(photos.glob("*/*.jpg"), key=lambda path: (path.name, path.parent.name)):
            sprites += [sprite] if (sprite := _cut(cv2.imread(str(path)), detector)) else []
            if len(sprites) >= count:
                break
    return list(itertools.islice(itertools.cycle(sprites), count))


def _cut(photo: U8, detector: YuNetDetector) -> Sprite | None:
    """The head of a photograph with exactly one face; None for others."""
    found = detector.detect(photo, min_score=0.8, max_side=1280)
    if len(found) != 1:
        return None
    x1, y1, x2, y2 = found.boxes[0]
    half = round(0.9 * max(x2 - x1, y2 - y1))
    padded = cv2.copyMakeBorder(photo, half, half, half, half, cv2.BORDER_REPLICATE)
    x, y = round(float(x1 + x2) / 2), round(float(y1 + y2) / 2)
    axis = np.linspace(-1, 1, 2 * half, dtype=np.float32)
    mask = np.clip((1 - np.hypot(axis[:, None], axis[None, :])) / 0.3, 0, 1).astype(np.float32)
    return Sprite(np.ascontiguousarray(padded[y : y + 2 * half, x : x + 2 * half]), mask, float(x2 - x1))


def _encode(kind: ClipKind, sprites: list[Sprite], path: Path) -> None:
    (width, height), rng = SIZES[kind.size], np.random.default_rng(5)
    sway_x, sway_y = round(SWAY * width), round(SWAY * height)
    wide = cv2.resize(Backdrop.draw(3).wide, (width + 2 * sway_x, height + 2 * sway_y), interpolation=cv2.INTER_CUBIC)
    wide = np.clip(wide + rng.normal(0, 6, wide.shape).astype(np.float32), 0, 255).astype(np.uint8)
    grain = np.abs(rng.normal(0, 3, (height + 64, width + 64, 3))).astype(np.uint8)
    with av.open(str(path), "w", format="mp4") as container:
        stream = _stream(container, kind, width, height)
        for number in range(kind.seconds * FPS):
            time_s = number / FPS
            left, top = round(sway_x * (1 + np.sin(time_s / 2.2))), round(sway_y * (1 + np.cos(time_s / 3.1)))
            picture = wide[top : top + height, left : left + width].copy()
            for place, sprite in enumerate(sprites):
                sprite.put(picture, *_pose(place, len(sprites), time_s, width, height))
            dx, dy = rng.integers(0, 64, 2)
            picture = cv2.add(picture, grain[dy : dy + height, dx : dx + width])
            frame = av.VideoFrame.from_ndarray(to_yuv420(picture), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _pose(place: int, count: int, time_s: float, width: int, height: int) -> tuple[float, float, float, float]:
    """Position of a face at a time: everybody walks to and fro within their own cell."""
    columns = min(count, 8)
    rows = -(-count // columns)
    face_px = FACE_SHARE * height * min(1.0, 4 / columns, 2.5 / rows)
    x = width * (place % columns + 0.5 + 0.2 * np.sin(time_s / 1.7 + place)) / columns
    y = height * (place // columns + 0.5 + 0.15 * np.cos(time_s / 2.3 + place)) / rows
    return float(x), float(y), float(face_px), float(6 * np.sin(time_s + place))


def _stream(container: Any, kind: ClipKind, width: int, height: int) -> Any:
    stream = container.add_stream(ENCODERS[kind.codec], rate=FPS)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    gop = str(round(kind.gop_s * FPS))
    stream.bit_rate = MBIT[kind.codec, kind.size] * 1_000_000
    if kind.codec == "h264":
        stream.options = {"preset": "veryfast", "g": gop, "keyint_min": gop, "sc_threshold": "0", "bf": str(kind.b_frames)}
    else:
        more = f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:bframes={kind.b_frames}:log-level=none"
        stream.options = {"preset": "ultrafast", "x265-params": more}
        stream.codec_context.codec_tag = "hvc1"
    stream.codec_context.thread_count = 2
    return stream
