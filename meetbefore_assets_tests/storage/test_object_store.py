"""An object store: whose fault it is that an object could not be fetched."""

from pathlib import Path

import pytest

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.storage.object_store import Objects
from meetbefore_assets_tests.support.disks import mounted_disk
from meetbefore_assets_tests.support.s3 import new_bucket


def test_a_download_is_whole_or_not_there(tmp_path: Path) -> None:
    objects = Objects(f"{new_bucket()}/archive")
    with pytest.raises(KeyError):
        objects.download("missing", tmp_path / "copy")
    objects.put("some", b"x" * 3_000_000)
    objects.download("some", tmp_path / "folder" / "copy")
    assert (tmp_path / "folder" / "copy").read_bytes() == b"x" * 3_000_000
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["copy"]


def test_a_full_disk_of_this_machine_is_not_blamed_on_the_store(tmp_path: Path) -> None:
    objects = Objects(f"{new_bucket()}/archive")
    objects.put("some", b"x" * 3_000_000)
    with mounted_disk(tmp_path / "disk", "1m") as disk:
        with pytest.raises(StoreError, match=r"disk/copy could not be written: No space left on device\. Free some space"):
            objects.download("some", disk / "copy")
        assert list(disk.iterdir()) == []


def test_a_store_that_is_away_is_not_blamed_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"{new_bucket()}/archive"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_RETRIES", "0")
    with pytest.raises(StoreError, match=r"archive/some could not be reached: .* Check the address, the network"):
        Objects(address).download("some", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []
