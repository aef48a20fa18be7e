"""Clips: the wanted seconds, from the keyframe before, picture by picture as they were."""

from pathlib import Path

import av
import pytest

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.recordings.video.clips import clip_suffix, cut
from meetbefore_assets.recordings.video.pyav_reader import open_video
from meetbefore_assets_tests.support.builders import audio_only, draw_clip, read_number, text_file


def numbers(path: Path) -> list[int]:
    with open_video(str(path)) as reader:
        return [read_number(picture.image) for picture in reader.pictures(reader.index().pts) if picture.image is not None]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.mp4", {}),
        ("b.mp4", {"bframes": 2}),
        ("late.mp4", {"start_s": 1.5}),
        ("plain.mkv", {}),
        ("plain.mov", {}),
        ("film.avi", {}),
        ("hevc.mp4", {"codec": "libx265"}),
    ],
)
def test_a_clip_holds_the_wanted_pictures_from_the_keyframe_before(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    source = draw_clip(tmp_path / name, seconds=4, fps=10, gop=10, **options)  # type: ignore[arg-type]
    done = cut(str(source), 1.6, 2.4, tmp_path / f"clip{clip_suffix(name)}")
    found = numbers(done.path)
    assert found[0] == 10
    assert found[:15] == list(range(10, 25))
    assert found[-1] <= 27
    assert done.begins_s == pytest.approx(1.0, abs=0.02)
    assert done.path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_encoded_again(tmp_path: Path) -> None:
    source = draw_clip(tmp_path / "a.mp4", seconds=4, fps=10, gop=10)
    done = cut(str(source), 1, 2.9, tmp_path / "clip.mp4")
    with av.open(str(source)) as whole, av.open(str(done.path)) as clip:
        before = [bytes(packet) for packet in whole.demux(video=0) if packet.size]
        after = [bytes(packet) for packet in clip.demux(video=0) if packet.size]
    assert after == before[10:30]


def test_sound_comes_along_and_only_that_of_the_seconds(tmp_path: Path) -> None:
    source = draw_clip(tmp_path / "a.mp4", seconds=4, fps=10, gop=10, audio=True)
    done = cut(str(source), 1, 1.9, tmp_path / "clip.mp4")
    with av.open(str(done.path)) as clip:
        sound = [float(packet.pts * packet.time_base) for packet in clip.demux(audio=0) if packet.pts is not None]
    assert -0.05 <= min(sound) < 0.1
    assert 0.8 < max(sound) < 1.0


def test_the_rotation_is_kept(tmp_path: Path) -> None:
    source = draw_clip(tmp_path / "a.mp4", seconds=2, fps=10, gop=10, rotation_deg=90)
    done = cut(str(source), 1, 1.5, tmp_path / "clip.mp4")
    with open_video(str(done.path)) as reader:
        assert reader.facts().rotation_deg == 90
    assert numbers(done.path)[0] == 10


def test_beyond_the_end_the_last_pictures_are_taken(tmp_path: Path) -> None:
    source = draw_clip(tmp_path / "a.mp4", seconds=2, fps=10, gop=10)
    assert numbers(cut(str(source), 1.7, 60, tmp_path / "clip.mp4").path) == list(range(10, 20))


def test_what_is_no_video_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    for source in (text_file(tmp_path / "a.mp4"), audio_only(tmp_path / "b.mp4")):
        with pytest.raises(UnreadableVideoError, match="could not be copied"):
            cut(str(source), 0, 1, tmp_path / "clip.mp4")
    assert not list(tmp_path.glob("*clip*"))
