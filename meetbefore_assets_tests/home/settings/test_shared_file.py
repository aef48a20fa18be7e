"""Settings that several machines share: one file in the store, and what a machine says of itself over it."""

import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from meetbefore_assets.core.errors import SettingsError, StoreError
from meetbefore_assets.home.settings import settings_file, shared_file
from meetbefore_assets.storage.object_store import Objects, objects_at
from meetbefore_assets_tests.support.s3 import new_bucket


@pytest.fixture
def uri(monkeypatch: pytest.MonkeyPatch) -> str:
    uri = f"{new_bucket()}/archive"
    monkeypatch.setenv("MEETBEFORE_STORE", uri)
    monkeypatch.setattr(shared_file, "BELIEVED_S", 0.0)
    return uri


def shared(uri: str) -> dict[str, object]:
    return tomllib.loads(objects_at(uri).get("settings.toml")[0].decode())


def test_what_one_machine_sets_holds_on_all(uri: str, tmp_path: Path) -> None:
    settings_file.apply(tmp_path / "one", ["matching.threshold=0.42", "encounters.gap_min=5"])
    assert settings_file.load(tmp_path / "two").matching.threshold == 0.42
    settings_file.apply(tmp_path / "two", ["matching.threshold=auto"])
    assert settings_file.load(tmp_path / "one").matching.threshold == "auto"
    assert shared(uri) == {"matching": {"threshold": "auto"}, "encounters": {"gap_min": 5}}
    assert not (tmp_path / "one" / "settings.toml").exists()


def test_what_a_machine_says_of_itself_stays_there(uri: str, tmp_path: Path) -> None:
    settings_file.apply(tmp_path / "one", ["models.mirror=false"])
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "settings.toml").write_text('[models]\ndevice = "cpu"\n')
    settings_file.apply(tmp_path / "two", ["models.device=auto", "models.threads=3", "store.cache_gib=5"])
    assert shared(uri) == {"models": {"mirror": False, "threads": 3}}
    here, there = settings_file.load(tmp_path / "two"), settings_file.load(tmp_path / "one")
    assert (here.models.device, here.models.threads, here.store.cache_gib, here.models.mirror) == ("auto", 3, 5.0, False)
    assert (there.models.threads, there.store.cache_gib) == (3, 20.0)


def test_the_file_comes_before_the_environment(uri: str, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('store.uri = "/mnt/nas"\n')
    assert settings_file.load(tmp_path).store.uri == "/mnt/nas"
    assert settings_file.load(tmp_path / "other").store.uri == uri


def test_comments_stay_and_what_is_wrong_is_refused(uri: str, tmp_path: Path) -> None:
    objects_at(uri).put("settings.toml", b"# ours\n[matching]\nthreshold = 0.4 # tried\n")
    settings_file.apply(tmp_path, ["matching.threshold=0.41"])
    assert objects_at(uri).get("settings.toml")[0] == b"# ours\n[matching]\nthreshold = 0.41 # tried\n"
    with pytest.raises(SettingsError):
        settings_file.apply(tmp_path, ["matching.threshold=7"])
    assert settings_file.load(tmp_path).matching.threshold == 0.41
    objects_at(uri).put("settings.toml", b"matching = [")
    with pytest.raises(SettingsError, match=f"{uri}/settings.toml is not valid TOML"):
        settings_file.load(tmp_path)


def test_nobody_s_change_is_lost(uri: str, tmp_path: Path) -> None:
    keys = ["matching.threshold=0.4", "encounters.gap_min=7", "sampling.interval_s=2", "tracks.max_gap_s=4"]
    threads = [threading.Thread(target=settings_file.apply, args=(tmp_path / str(number), [key])) for number, key in enumerate(keys)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = settings_file.load(tmp_path)
    assert (found.matching.threshold, found.encounters.gap_min, found.sampling.interval_s, found.tracks.max_gap_s) == (0.4, 7, 2, 4)


def test_machines_that_write_all_the_time_lose_nothing(uri: str, tmp_path: Path) -> None:
    objects_at(uri).put("settings.toml", b"# ours\n[time]\nzone = 'UTC' # of the cameras\n")
    keys = ["detection.max_side", "upkeep.watch_s", "privacy.single_sightings_days", "detection.min_face_px", "models.threads"]

    def write(key: str) -> None:
        for value in range(200, 203):
            settings_file.apply(tmp_path / key, [f"{key}={value}"])
            assert settings_file.explain_settings(tmp_path / key, [key])[0].value == value

    with ThreadPoolExecutor(len(keys)) as pool:
        list(pool.map(write, keys))
    assert {row.value for row in settings_file.explain_settings(tmp_path, keys)} == {202}
    assert objects_at(uri).get("settings.toml")[0].startswith(b"# ours\n[time]\nzone = 'UTC' # of the cameras\n")


def test_a_machine_that_is_always_overtaken_says_so(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(*_: object) -> str:
        raise FileExistsError

    monkeypatch.setattr(shared_file, "PATIENCE_S", 0.1)
    monkeypatch.setattr(Objects, "put", overtaken)
    with pytest.raises(StoreError, match=r"was changed by others all the time for 0\.1 s"):
        settings_file.apply(tmp_path, ["matching.threshold=0.41"])


def test_what_became_wrong_by_another_machine_is_refused(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects_at(uri).put("settings.toml", b"[sampling]\ninterval_s = 4\n")
    fetch, quicker = shared_file._fetch, [b"[sampling]\ninterval_s = 1\n"]

    def overtaken(address: str) -> tuple[str, str]:
        """Another machine puts its change between the first text that is read and what is put."""
        found = fetch(address)
        if quicker:
            objects_at(uri).put("settings.toml", quicker.pop())
        return found

    monkeypatch.setattr(shared_file, "BELIEVED_S", 60.0)
    settings_file.load(tmp_path)  # what is believed from now on
    monkeypatch.setattr(shared_file, "_fetch", overtaken)
    with pytest.raises(SettingsError, match="tolerance_s must be at most half of interval_s"):
        settings_file.apply(tmp_path, ["sampling.tolerance_s=1.5"])
    assert objects_at(uri).get("settings.toml")[0] == b"[sampling]\ninterval_s = 1\n"


def test_what_would_be_wrong_on_a_machine_without_a_file_of_its_own_is_refused(uri: str, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[sampling]\ninterval_s = 4\n")
    with pytest.raises(SettingsError, match=f"{uri}/settings.toml: setting 'sampling': tolerance_s must be at most half"):
        settings_file.apply(tmp_path, ["sampling.tolerance_s=1.5"])
    assert settings_file.load(tmp_path).sampling.tolerance_s == 0.25
    assert settings_file.load(tmp_path / "other").sampling.tolerance_s == 0.25


def test_nothing_is_written_anywhere_where_one_of_both_files_would_be_wrong(uri: str, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[models]\nthreads = 2\n")
    objects_at(uri).put("settings.toml", b"[sampling]\ninterval_s = 4\ntolerance_s = 1.5\n")
    with pytest.raises(SettingsError, match="tolerance_s must be at most half"):
        settings_file.apply(tmp_path, ["models.threads=3"], ["sampling.interval_s"])
    assert (tmp_path / "settings.toml").read_text() == "[models]\nthreads = 2\n"
    assert settings_file.load(tmp_path).sampling.interval_s == 4
