"""Drawn videos whose picture number can be read from the pixels, and broken ones."""

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from meetbefore_assets.core.ports import U8

BITS = 12
BANDS = 4
PROBES = np.array([0.3, 0.4, 0.5, 0.6, 0.7])  # of a block: its edges blur
CLOCK = Fraction(1, 90_000)
TONE_HZ = 48_000


def draw_number(number: int, size: tuple[int, int] = (320, 240)) -> U8:
    """Draw `number` (0..4095) as black and white blocks.

    Four bands over the whole picture hold it as it is, inverted, as it is, inverted, so that a picture
    that is mixed from two, turned or mirrored gives no number.

    Args:
        number: what to draw.
        size: width and height, pixels.

    Returns:
        (height, width, 3) uint8, B, G, R.
    """
    width, height = size
    bits = (number >> np.arange(BITS)[::-1]) & 1
    bands = np.stack([bits if band % 2 == 0 else 1 - bits for band in range(BANDS)])
    rows = np.arange(height) * BANDS // height
    columns = np.arange(width) * BITS // width
    gray = np.where(bands[rows][:, columns] == 1, 235, 16).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


def read_number(image: NDArray[np.uint8]) -> int:
    """Read what `draw_number` drew; -1 where the bands disagree or are gray."""
    rows, columns = (_probes(length, count) for length, count in ((image.shape[0], BANDS), (image.shape[1], BITS)))
    blocks = image[np.ix_(rows, columns)].reshape(BANDS, len(PROBES), BITS, len(PROBES), -1).mean(axis=(1, 3, 4))
    ones = blocks > 127
    ones[1::2] = ~ones[1::2]
    if np.any((blocks > 90) & (blocks < 165)) or not (ones == ones[0]).all():
        return -1
    return int((ones[0] * (1 << np.arange(BITS)[::-1])).sum())


def _probes(length: int, count: int) -> NDArray[np.intp]:
    """Where to look along a side that is divided into `count` blocks."""
    return ((np.arange(count)[:, None] + PROBES) * length / count).astype(np.intp).ravel()


def draw_clip(
    path: Path,
    *,
    seconds: float = 3,
    fps: int | Fraction = 25,
    size: tuple[int, int] = (320, 240),
    gop: int = 25,
    codec: str = "libx264",
    bframes: int = 0,
    start_s: float = 0.0,
    rotation_deg: int = 0,
    is_mirrored: bool = False,
    audio: bool = False,
    audio_s: float | None = None,
    vfr: Sequence[float] | None = None,
    pix_fmt: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    draw: Callable[[int, tuple[int, int]], U8] = draw_number,
) -> Path:
    """Write a clip whose picture i shows the number i.

    Args:
        path: the ending tells the container.
        seconds, fps: length and constant rate; where `vfr` is given, `seconds` is ignored.
        size: width and height of the upright picture, pixels.
        gop: pictures from keyframe to keyframe (fixed).
        codec: FFmpeg's name of the encoder.
        bframes: B-frames between two others.
        start_s: presentation time of the first picture; what lies before 0 is hidden by an edit list in mp4.
        rotation_deg: clockwise turn that makes the stored picture upright; the stored one is turned the other way.
        is_mirrored: the stored picture is mirrored, and the container says so.
        audio: adds a tone of `audio_s` seconds (as long as the pictures where None).
        vfr: presentation time of every picture, seconds, before `start_s` is added.
        pix_fmt: pixel format of the encoder.
        options, container_options: for the encoder and the container.
        metadata: container tags.
        draw: another way to draw picture i of a size: upright, B, G, R.

    Returns:
        `path`.
    """
    times = [float(time) for time in vfr] if vfr is not None else [float(i / Fraction(fps)) for i in range(round(seconds * fps))]
    with av.open(str(path), "w", container_options=dict(container_options or {})) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=fps, options=_encoder_options(codec, gop, bframes) | dict(options or {}))
        stream.width, stream.height = size if rotation_deg % 180 == 0 else size[::-1]
        stream.pix_fmt = pix_fmt
        stream.gop_size, stream.max_b_frames, stream.thread_count = gop, bframes, 1
        has_fine_clock = path.suffix != ".avi" and codec in ("libx264", "libx265", "mjpeg", "libvpx-vp9")
        stream.codec_context.time_base = CLOCK if has_fine_clock else 1 / Fraction(fps)
        if rotation_deg or is_mirrored:
            stream.set_display_rotation(-rotation_deg, hflip=is_mirrored)
        tone = container.add_stream("aac" if path.suffix != ".avi" else "mp2", rate=TONE_HZ) if audio else None
        for number, time_s in enumerate(times):
            frame = _frame(draw(number, size), rotation_deg, is_mirrored)
            frame.time_base = stream.codec_context.time_base
            frame.pts = round((time_s + start_s) / frame.time_base)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            _mux_tone(container, tone, audio_s if audio_s is not None else times[-1] + float(1 / Fraction(fps)))
    return path


def audio_only(path: Path, *, seconds: float = 1.0, cover: bool = False) -> Path:
    """Write a tone without pictures; `cover` adds cover art (the ending must be .mp3 then)."""
    with av.open(str(path), "w") as container:
        tone = container.add_stream("mp3" if path.suffix == ".mp3" else "aac", rate=TONE_HZ)
        art = container.add_stream("mjpeg", rate=1) if cover else None
        if art is not None:
            art.width, art.height, art.pix_fmt = 64, 48, "yuvj420p"
            art.disposition = av.stream.Disposition.attached_pic
            container.mux(art.encode(av.VideoFrame.from_ndarray(draw_number(5, (64, 48)), format="bgr24")))
            container.mux(art.encode(None))
        _mux_tone(container, tone, seconds)
    return path


def text_file(path: Path, text: str = "This is a shopping list, not a recording.\n") -> Path:
    """Write a text under the name of a video."""
    path.write_text(text * 20, encoding="utf-8")
    return path


def truncate(path: Path, fraction: float) -> Path:
    """Keep the first `fraction` of a file, as a copy that stopped early does."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    return path


def corrupt(path: Path, at_fraction: float, count: int = 200) -> Path:
    """Overwrite `count` bytes from `at_fraction` of the file on with noise (the same every time)."""
    data = bytearray(path.read_bytes())
    at = int(len(data) * at_fraction)
    end = min(at + count, len(data))
    data[at:end] = np.random.default_rng(1).integers(0, 256, end - at, dtype=np.uint8).tobytes()
    path.write_bytes(data)
    return path


def _frame(image: U8, rotation_deg: int, is_mirrored: bool) -> av.VideoFrame:
    stored = np.rot90(image[:, ::-1] if is_mirrored else image, rotation_deg // 90)
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(stored), format="bgr24")


def _encoder_options(codec: str, gop: int, bframes: int) -> dict[str, str]:
    if codec == "libx264":
        return {"preset": "ultrafast", "crf": "28", "g": str(gop), "keyint_min": str(gop), "sc_threshold": "0", "bf": str(bframes)}
    if codec == "libx265":
        text = f"log-level=none:keyint={gop}:min-keyint={gop}:scenecut=0:bframes={bframes}:pools=1:frame-threads=1"
        return {"preset": "ultrafast", "crf": "28", "x265-params": text}
    return {}


def _mux_tone(container: av.container.OutputContainer, tone: av.AudioStream, seconds: float) -> None:
    for start in range(0, round(seconds * TONE_HZ), 1024):
        wave = (np.sin(np.arange(start, start + 1024) / 20) * 8000).astype(np.int16)[None, :]
        frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = TONE_HZ, start, Fraction(1, TONE_HZ)
        container.mux(tone.encode(frame))
    container.mux(tone.encode(None))


def write_huge_png(path: Path, side: int, rows: int = 10) -> Path:
    """A black PNG whose header says `side` x `side` pixels, of which the first `rows` rows are there; written without holding them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(1)
    row = bytes(1 + 3 * side)
    pixels = b"".join([*(packer.compress(row) for _ in range(rows)), packer.flush()])
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    return path


def wrapped_png(png: Path, path: Path, said: int) -> Path:
    """A video of one PNG, whose container says that it is `said` x `said` pixels."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=1)
        stream.width = stream.height = said
        stream.pix_fmt = "rgb24"
        packet = av.Packet(png.read_bytes())
        packet.stream, packet.pts, packet.dts, packet.time_base, packet.is_keyframe = stream, 0, 0, Fraction(1, 1), True
        container.mux(packet)
    return path
