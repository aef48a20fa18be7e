"""Recordings in an object store: found, hashed as on a disk, and fetched into a bounded cache."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from meetbefore_assets.core.errors import StoreError, UnreadableVideoError
from meetbefore_assets.recordings.files import content_hash as files_hash
from meetbefore_assets.recordings.files import scan_buckets
from meetbefore_assets.recordings.files.scan_buckets import IN_USE_S, Copies, content_hash, scan, size_and_time
from meetbefore_assets.storage import object_store
from meetbefore_assets.storage.object_store import objects_at
from meetbefore_assets_tests.support.s3 import new_bucket


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(scan_buckets, "_LISTED_S", 0.0)
    return new_bucket()


def put(address: str, content: bytes = b"film") -> str:
    folder, _, name = address.rpartition("/")
    objects_at(folder).put(name, content)
    return address


def test_recordings_are_found_by_name_and_the_rest_is_said(bucket: str) -> None:
    for name in ("b.MP4", "day 1/ä.mov", "day 1/deeper/a.mkv", "notes.txt", "20250307122924.jpg", "day 1/.hidden.mp4"):
        put(f"{bucket}/dcim/{name}")
    put(f"{bucket}/dcim-other/x.mp4")
    found = scan(f"{bucket}/dcim/")
    assert [recording.uri for recording in found.recordings] == [
        f"{bucket}/dcim/b.MP4",
        f"{bucket}/dcim/day 1/deeper/a.mkv",
        f"{bucket}/dcim/day 1/ä.mov",
    ]
    first = found.recordings[0]
    assert (first.file_name, first.size_bytes, first.kind) == ("b.MP4", 4, "video")
    assert (first.size_bytes, first.mtime_ns) == size_and_time(first.uri)
    reasons = dict(found.skipped)
    assert "mount the bucket" in reasons[f"{bucket}/dcim/20250307122924.jpg"]
    assert set(reasons) == {f"{bucket}/dcim/{name}" for name in ("notes.txt", "20250307122924.jpg", "day 1/.hidden.mp4")}


def test_one_recording_and_none(bucket: str) -> None:
    put(f"{bucket}/dcim/b.mp4")
    assert [recording.uri for recording in scan(f"{bucket}/dcim/b.mp4").recordings] == [f"{bucket}/dcim/b.mp4"]
    assert [recording.uri for recording in scan(bucket).recordings] == [f"{bucket}/dcim/b.mp4"]
    assert scan(f"{bucket}/nothing").missing == (f"{bucket}/nothing",)
    assert size_and_time(f"{bucket}/dcim/c.mp4") is None


@pytest.mark.parametrize("size", [0, 1, files_hash.WHOLE_BYTES, files_hash.WHOLE_BYTES + 1, 3 * files_hash.WHOLE_BYTES + 7])
def test_a_recording_has_the_hash_that_it_has_on_a_disk(bucket: str, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "a.mp4").write_bytes(content)
    assert content_hash(put(f"{bucket}/a.mp4", content)) == files_hash.content_hash(tmp_path / "a.mp4")


def test_what_is_not_there_has_no_hash(bucket: str) -> None:
    with pytest.raises(UnreadableVideoError, match="found nothing there"):
        content_hash(f"{bucket}/a.mp4")


def test_a_copy_is_fetched_once_and_again_when_it_changed(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = put(f"{bucket}/dcim/a.mp4", b"one")
    copies = Copies(tmp_path / "copies", 1 << 20)
    path = copies.fetch(address)
    assert (path.name, path.read_bytes(), path.stat().st_mode & 0o777) == ("a.mp4", b"one", 0o600)
    monkeypatch.setattr(object_store.objects_at("s3://" + address.split("/")[2]).__class__, "download", _never)
    assert copies.fetch(address) == path
    monkeypatch.undo()
    put(address, b"two!")
    assert copies.fetch(address).read_bytes() == b"two!"


def _never(*_: object) -> None:
    raise AssertionError("fetched once more")


def test_what_tells_of_a_recording_comes_with_it(bucket: str, tmp_path: Path) -> None:
    address = put(f"{bucket}/dcim/a.mp4")
    put(f"{bucket}/dcim/a.mp4.json", b"{}")
    put(f"{bucket}/dcim/a.SRT", b"1")
    put(f"{bucket}/dcim/b.srt", b"1")
    path = Copies(tmp_path / "copies", 1 << 20).fetch(address)
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["a.SRT", "a.mp4", "a.mp4.json"]


def test_the_room_is_bounded_and_what_is_in_use_stays(bucket: str, tmp_path: Path) -> None:
    copies = Copies(tmp_path / "copies", 250)
    old, older, used = (copies.fetch(put(f"{bucket}/{name}.mp4", name.encode() * 100)) for name in "abc")
    for path, age_s in ((old, IN_USE_S + 100), (older, IN_USE_S + 200)):
        os.utime(path, (time.time() - age_s, time.time()))
    copies.fetch(put(f"{bucket}/d.mp4", b"d" * 100))
    assert [path.exists() for path in (old, older, used)] == [False, False, True]


def test_no_room_on_the_disk_is_said(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = put(f"{bucket}/a.mp4")
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=1))
    with pytest.raises(StoreError, match="0 MiB free") as caught:
        Copies(tmp_path / "copies", 1 << 20).fetch(address)
    assert "MEETBEFORE_HOME" in caught.value.remedy
