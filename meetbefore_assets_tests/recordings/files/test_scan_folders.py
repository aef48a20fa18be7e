import json
import logging
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.recordings.files import content_hash as files_hash
from meetbefore_assets.recordings.files.content_hash import content_hash, day_pictures
from meetbefore_assets.recordings.files.local_zone import machine_zone
from meetbefore_assets.recordings.files.scan_folders import scan, unmounted_points
from meetbefore_assets.recordings.files.sidecars import sidecar_start


def put(path: Path, data: bytes = b"moving pictures", mtime_s: int = 1_741_350_564) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (mtime_s, mtime_s))
    return path


def reasons(folder: Path, **options: Any) -> dict[str, str]:
    return {os.path.relpath(uri, folder): reason for uri, reason in scan([folder], **options).skipped}


# scan


def test_an_empty_folder_is_there_and_holds_nothing(tmp_path: Path) -> None:
    found = scan([tmp_path])
    assert (found.recordings, found.skipped, found.missing) == ((), (), ())


def test_recordings_come_in_order_with_size_and_time(tmp_path: Path) -> None:
    put(tmp_path / "b.MP4", b"12345")
    put(tmp_path / "a" / "deep" / "c.mov", b"1")
    put(tmp_path / "a.mkv", b"")
    found = scan([tmp_path])
    assert [(Path(item.uri).relative_to(tmp_path).as_posix(), item.file_name, item.size_bytes) for item in found.recordings] == [
        ("a.mkv", "a.mkv", 0),
        ("a/deep/c.mov", "c.mov", 1),
        ("b.MP4", "b.MP4", 5),
    ]
    assert {(item.mtime_ns, item.kind) for item in found.recordings} == {(1_741_350_564_000_000_000, "video")}


@pytest.mark.parametrize(
    "name", ["🎥 walk.mp4", "two\nlines.mp4", 'it\'s "quoted", …and.mp4', "x" * 251 + ".mp4", "-rf.mp4", "a?day=20250307.mp4"]
)
def test_absurd_names_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    put(tmp_path / name)
    assert [item.file_name for item in scan([tmp_path]).recordings] == [name]
    assert len(content_hash(scan([tmp_path]).recordings[0].uri)) == 64


def test_names_that_differ_in_case_are_two(tmp_path: Path) -> None:
    put(tmp_path / "Walk.mp4")
    put(tmp_path / "walk.MP4")
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system does not tell them apart")
    assert len(scan([tmp_path]).recordings) == 2


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_names_that_are_no_utf8_are_reported(tmp_path: Path) -> None:
    try:
        open(os.fsencode(tmp_path) + b"/caf\xe9.mp4", "wb").close()
    except OSError:
        pytest.skip("this file system refuses such names")
    assert reasons(tmp_path) == {"caf\\xe9.mp4": "the name is no valid UTF-8; rename it"}


def test_what_is_no_recording_is_listed_with_its_reason(tmp_path: Path) -> None:
    for name in ("GL01.LRV", "._a.mp4", ".b.mp4", "c.mp4.part", "notes.txt", ".cache/d.mp4"):
        put(tmp_path / name)
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert reasons(tmp_path) == {
        "GL01.LRV": "low-resolution copy of another recording",
        "._a.mp4": "macOS resource fork",
        ".b.mp4": "hidden file",
        "c.mp4.part": "unfinished copy",
        "notes.txt": "no recording (.txt)",
        ".cache": "hidden folder",
        "gone.mp4": "link that leads nowhere",
        "pipe.mp4": "no ordinary file",
    }


def test_program_text_is_no_transport_stream(tmp_path: Path) -> None:
    put(tmp_path / "app.ts", "export const größe = 1;\n".encode() * 100)
    put(tmp_path / "cut.mts", b"a" * 1023 + "ö".encode())
    put(tmp_path / "tv.ts", b"G@\x11\x10\x00" + b"\xff" * 2000)
    assert reasons(tmp_path) == dict.fromkeys(("app.ts", "cut.mts"), "program text (TypeScript), no recording")
    assert [item.file_name for item in scan([tmp_path]).recordings] == ["tv.ts"]


def test_a_folder_named_like_a_video_is_a_folder(tmp_path: Path) -> None:
    put(tmp_path / "day.mp4" / "a.mp4")
    assert [item.file_name for item in scan([tmp_path]).recordings] == ["a.mp4"]


def test_loops_of_links_end_and_real_places_are_preferred(tmp_path: Path) -> None:
    put(tmp_path / "videos" / "real" / "a.mp4")
    put(tmp_path / "elsewhere" / "b.mp4")
    (tmp_path / "videos" / "again").symlink_to(tmp_path / "videos" / "real")
    (tmp_path / "videos" / "real" / "loop").symlink_to(tmp_path / "videos")
    (tmp_path / "videos" / "other").symlink_to(tmp_path / "elsewhere")
    uris = [Path(item.uri).relative_to(tmp_path).as_posix() for item in scan([tmp_path / "videos"]).recordings]
    assert uris == ["videos/other/b.mp4", "videos/real/a.mp4"]


def test_sources_that_overlap_give_each_file_once(tmp_path: Path) -> None:
    video = put(tmp_path / "sub" / "a.mp4")
    for sources in ([tmp_path, tmp_path / "sub", video], [video, tmp_path / "sub", tmp_path]):
        assert [item.uri for item in scan(sources).recordings] == [str(video)]


def test_deep_folders_are_followed_to_the_end(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 400)
    put(deep / "a.mp4")
    assert len(scan([tmp_path]).recordings) == 1


def test_a_source_that_is_not_there_is_missing_and_not_empty(tmp_path: Path) -> None:
    put(tmp_path / "here" / "a.mp4")
    found = scan([tmp_path / "gone", tmp_path / "here", tmp_path / "gone.mp4"])
    assert found.missing == (str(tmp_path / "gone"), str(tmp_path / "gone.mp4"))
    assert len(found.recordings) == 1


def test_a_mount_point_without_its_disk_is_missing(tmp_path: Path) -> None:
    point = tmp_path / "my disk"
    (point / "videos").mkdir(parents=True)
    put(tmp_path / "a.mp4")
    fstab = tmp_path / "fstab.txt"
    fstab.write_text(f"# table\n/dev/sda1 / ext4 defaults\nUUID=1 {str(point).replace(' ', chr(92) + '040')} ext4 noauto 0 0\n\n")
    assert unmounted_points(fstab) == {str(point)}
    assert scan([point / "videos"], fstab=fstab).missing == (str(point / "videos"),)
    whole = scan([tmp_path], fstab=fstab)
    assert (whole.missing, len(whole.recordings)) == ((str(point),), 1)
    assert unmounted_points(tmp_path / "none") == frozenset()


def test_a_folder_that_cannot_be_read_is_reported_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "locked" / "a.mp4")
    put(tmp_path / "open" / "b.mp4")
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)  # permissions do not stop root, who may run the tests
    found = scan([tmp_path])
    assert found.skipped == ((str(tmp_path / "locked"), "folder cannot be read: Permission denied"),)
    assert found.missing == (str(tmp_path / "locked"),)
    assert [item.file_name for item in found.recordings] == ["b.mp4"]


def test_the_home_is_not_looked_into_but_its_videos_are(tmp_path: Path) -> None:
    put(tmp_path / "home" / "frames" / "20250307122924.jpg")
    put(tmp_path / "home" / "videos" / "a.mp4")
    found = scan([tmp_path, tmp_path / "home" / "videos"], exclude=[tmp_path / "home", tmp_path / "not there"])
    assert [item.file_name for item in found.recordings] == ["a.mp4"]


def test_pictures_named_by_time_become_a_recording_a_day(tmp_path: Path) -> None:
    for number, name in enumerate(["20250307235959.jpg", "20250307081205.jpg", "20250308000000_2.png", "20250309000000.jpg"]):
        put(tmp_path / "walks" / name, b"x" * (number + 1), mtime_s=1000 + number)
    for name in ("me.jpg", "20251307122924.jpg"):
        put(tmp_path / "walks" / name)
    found = scan([tmp_path])
    folder = str(tmp_path / "walks")
    assert [(item.uri, item.file_name, item.size_bytes, item.mtime_ns, item.kind) for item in found.recordings] == [
        (f"{folder}?day=20250307", "20250307081205.jpg", 3, 1001_000_000_000, "pictures"),
        (f"{folder}?day=20250308", "20250308000000_2.png", 3, 1002_000_000_000, "pictures"),
        (f"{folder}?day=20250309", "20250309000000.jpg", 4, 1003_000_000_000, "pictures"),
    ]
    assert found.skipped == ((folder, "2 pictures without a time as name, such as 20250307122924.jpg"),)
    assert [path.name for path in day_pictures(tmp_path / "walks", "20250307")] == ["20250307081205.jpg", "20250307235959.jpg"]


def test_a_single_picture_as_source_is_refused_with_advice(tmp_path: Path) -> None:
    picture = put(tmp_path / "20250307122924.jpg")
    assert "name the folder" in scan([picture]).skipped[0][1]


# content_hash


@pytest.mark.parametrize("size", [0, 1, 4 << 20, (4 << 20) + 1])
def test_the_same_content_has_one_hash_whatever_its_name_and_time(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"z" * (size % 256)
    first, second = put(tmp_path / "a.mp4", data), put(tmp_path / "sub" / "b.MOV", data, mtime_s=5)
    assert content_hash(first) == content_hash(str(second))
    assert content_hash(first) == content_hash(first)
    assert len(content_hash(first)) == 64


@given(st.binary(min_size=1, max_size=200), st.data())
def test_one_byte_more_less_or_other_changes_the_hash_of_a_small_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, draw: Any
) -> None:
    path = tmp_path_factory.mktemp("hash") / "a.mp4"
    place = draw.draw(st.integers(0, len(data) - 1))
    other = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    assert len({content_hash(put(path, content)) for content in (data, other, data + b"\0", data[:-1])}) == 4


def test_of_large_files_size_and_both_ends_count(tmp_path: Path) -> None:
    size = 64 << 20
    path = tmp_path / "large.mp4"
    hashes = set()
    for place in (None, 0, size // 2, size - 1):  # the middle lies between two samples
        with open(path, "wb") as file:
            file.truncate(size)
            if place is not None:
                file.seek(place)
                file.write(b"!")
        hashes.add((place, content_hash(path)))
    os.truncate(path, size - 1)
    different = {value for place, value in hashes if place in (None, 0, size - 1)} | {content_hash(path)}
    assert len(different) == 4


@given(st.integers(files_hash.WHOLE_BYTES + 1, 1 << 45))
def test_samples_rise_do_not_overlap_and_reach_both_ends(size: int) -> None:
    offsets = files_hash.sample_offsets(size)
    assert (offsets[0], offsets[-1] + files_hash.BLOCK_BYTES) == (0, size)
    assert all(after - before >= files_hash.BLOCK_BYTES for before, after in pairwise(offsets))


def test_days_of_pictures_are_hashed_over_names_sizes_and_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        for name in ("20250307122924.jpg", "20250307122925.jpg", "20250308000000.jpg", "me.jpg"):
            put(folder / name, name.encode())
    put(two / "20250308000000.jpg", b"another day does not count")
    uri, same = f"{one}?day=20250307", f"{two}?day=20250307"
    assert content_hash(uri) == content_hash(same)
    put(two / "20250307122924.jpg", b"x0250307122924.jpg")
    changed = content_hash(same)
    (two / "20250307122924.jpg").rename(two / "20250307122923.jpg")
    assert len({content_hash(uri), changed, content_hash(same), content_hash(f"{one}?day=20250308")}) == 4


@pytest.mark.parametrize("uri", ["gone.mp4", "gone?day=20250307", ".?day=20250307"])
def test_what_is_not_there_is_said_in_a_sentence(tmp_path: Path, uri: str) -> None:
    with pytest.raises(UnreadableVideoError, match="expected"):
        content_hash(tmp_path / uri if not uri.startswith(".") else f"{tmp_path}?day=20250307")


@pytest.mark.parametrize("kind", ["video", "pictures"])
def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path = put(tmp_path / ("a.mp4" if kind == "video" else "20250307122924.jpg"))
    name = "_blocks" if kind == "video" else "_ends"
    original = getattr(files_hash, name)

    def grow(*arguments: Any) -> Any:
        with open(path, "ab") as file:
            file.write(b"more")
        return original(*arguments)

    monkeypatch.setattr(files_hash, name, grow)
    with pytest.raises(UnreadableVideoError, match="changed while it was being read") as caught:
        content_hash(path if kind == "video" else f"{tmp_path}?day=20250307")
    assert "copied completely" in caught.value.remedy


# sidecar_start

SRT = '1\n00:00:00,000 --> 00:00:00,033\n<font size="28">FrameCnt: 1, DiffTime: 33ms\n{}\n[iso: 100]</font>\n'
XMP = (
    '<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" {}>{}</rdf:Description>'
    "</rdf:RDF></x:xmpmeta>"
)
TAKEN = json.dumps({"creationTime": {"timestamp": "1750000000"}, "photoTakenTime": {"timestamp": "1741350564", "formatted": "…"}})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.SRT", SRT.format("2025-03-07 12:29:24.380"), "2025-03-07T12:29:24.380000"),
        ("a.srt", SRT.format("2025-03-07 12:29:24,380,112"), "2025-03-07T12:29:24.380000"),
        ("a.srt", SRT.format("HOME(149.0251,-20.2532) 2025.03.07 12:29:24"), "2025-03-07T12:29:24"),
        ("a.srt", SRT.format("Hello, world"), ""),
        ("a.mp4.json", TAKEN, "2025-03-07T12:29:24+00:00"),
        ("a.mp4.supplemental-metadata.json", TAKEN, "2025-03-07T12:29:24+00:00"),
        ("a.mp4.supplemental-meta.json", TAKEN, "2025-03-07T12:29:24+00:00"),
        ("a.json", TAKEN, "2025-03-07T12:29:24+00:00"),
        ("a.mp4.json", '{"creationTime": {"timestamp": "1741350564"}}', "2025-03-07T12:29:24+00:00"),
        ("a.mp4.json", '{"creationTime": "2025-03-07T12:29:24Z"}', "2025-03-07T12:29:24+00:00"),
        ("a.mp4.json", '{"title": "a.mp4"}', ""),
        ("a.mp4.json", "[1, 2]", ""),
        ("a.xmp", XMP.format('xmp:CreateDate="2025-03-07T12:29:24+01:00"', ""), "2025-03-07T12:29:24+01:00"),
        ("a.mp4.XMP", XMP.format("", "<exif:DateTimeOriginal>2025:03:07 12:29:24</exif:DateTimeOriginal>"), "2025-03-07T12:29:24"),
        (
            "a.xmp",
            XMP.format('xmp:CreateDate="2025-05-05T00:00:00" exif:DateTimeOriginal="2025-03-07T12:29:24.5"', ""),
            "2025-03-07T12:29:24.500000",
        ),
        ("a.xmp", XMP.format("", ""), ""),
        ("b.srt", SRT.format("2025-03-07 12:29:24"), ""),
    ],
)
def test_sidecars_tell_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, text: str, expected: str) -> None:
    put(tmp_path / name, text.encode())
    assert sidecar_start(str(put(tmp_path / "a.mp4"))) == expected
    assert caplog.records == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.srt", b"\0\0\0\0"),
        ("a.srt", SRT.format("2025-13-07 12:29:24").encode()),
        ("a.mp4.json", b'{"photoTakenTime": {"times'),
        ("a.mp4.json", b"\xff\xfe\0"),
        ("a.mp4.json", b'{"photoTakenTime": {"timestamp": "99999999999999999999"}}'),
        ("a.xmp", b"<x:xmpmeta"),
    ],
)
def test_torn_sidecars_are_passed_over_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, data: bytes) -> None:
    put(tmp_path / name, data)
    put(tmp_path / "a.mp4.xmp", XMP.format('xmp:CreateDate="2025-03-07T12:29:24"', "").encode())
    with caplog.at_level(logging.WARNING):
        assert sidecar_start(put(tmp_path / "a.mp4")) == "2025-03-07T12:29:24"
    assert [name in record.getMessage() for record in caplog.records] == [True] if name != "a.xmp" else len(caplog.records) == 0


def test_days_of_pictures_have_no_sidecar(tmp_path: Path) -> None:
    put(tmp_path / "20250307122924.jpg")
    assert sidecar_start(f"{tmp_path}?day=20250307") == ""


# machine_zone


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (("Asia/Tokyo", "Europe/Berlin", "Europe/Paris\n"), "Asia/Tokyo"),
        ((":Asia/Tokyo", "", ""), "Asia/Tokyo"),
        (("/usr/share/zoneinfo/Asia/Tokyo", "", ""), "Asia/Tokyo"),
        (("posix/Asia/Tokyo", "", ""), "Asia/Tokyo"),
        (("", "Europe/Berlin", "Europe/Paris\n"), "Europe/Berlin"),
        (("", "", "Europe/Paris\n"), "Europe/Paris"),
        (("CET-1CEST,M3.5.0", "Europe/Berlin", ""), "Europe/Berlin"),
        (("../../etc/passwd", "", ""), "UTC"),
        (("", "", ""), "UTC"),
    ],
)
def test_the_zone_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: tuple[str, str, str], expected: str) -> None:
    variable, link, text = told
    monkeypatch.setenv("TZ", variable)
    localtime, timezone = tmp_path / "localtime", tmp_path / "timezone"
    if link:
        localtime.symlink_to(f"/usr/share/zoneinfo/{link}")
    if text:
        timezone.write_text(text)
    assert machine_zone(localtime, timezone) == expected


def test_a_zone_without_iana_name_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("TZ", "XYZ-7")
    assert machine_zone(tmp_path / "none", tmp_path / "none") == "UTC"
    assert "XYZ-7" in caplog.text


@pytest.mark.skipif(not Path("/proc/self/mounts").is_file(), reason="this machine has no /proc")
def test_folders_of_the_system_are_not_looked_into(tmp_path: Path) -> None:
    """A link in /proc leads to the whole disk, and to what other people's processes have open."""
    (tmp_path / "clip.mp4").touch()
    (tmp_path / "self").symlink_to("/proc/self")
    with (tmp_path / "clip.mp4").open():
        found = scan([Path("/proc"), Path("/sys"), tmp_path])
    assert [recording.uri for recording in found.recordings] == [str(tmp_path / "clip.mp4")]
    assert ("/proc", "folder of the system, which holds no recordings") in found.skipped
    assert len(found.skipped) == 3
