"""Settings: refused where wrong, with the key, what was found and what was expected."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from meetbefore_assets.core import digest, uris
from meetbefore_assets.core.errors import SettingsError, StoreError
from meetbefore_assets.home.settings import sections, settings_file
from meetbefore_assets.storage.file_locks import hold


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("matching.threshold=7", ["matching.threshold", "between -1 and 1", "7"]),
        ("matching.threshold=nan", ["matching.threshold"]),
        ("matching.treshold=0.4", ["unknown setting", "Did you mean matching.threshold"]),
        ("nonsense=1", ["unknown setting 'nonsense'", "Known settings"]),
        ("sampling.interval_s=often", ["sampling.interval_s", "number", "often"]),
        ("sampling.interval_s=0", ["sampling.interval_s", "0"]),
        ("sampling.tolerance_s=0.7", ["tolerance_s", "half of interval_s"]),
        ("time.zone=Mars/Olympus", ["time.zone", "Mars/Olympus", "Europe/Berlin"]),
        ("frames.keep=some", ["frames.keep", "some"]),
        ("time.patterns=[{name='x', pattern='('}]", ["regular expression"]),
        ("time.patterns=[{name='x', pattern='(?P<year>..)'}]", ["year, month and day"]),
        ("clocks=[{files='*', zone='Nowhere'}]", ["Nowhere"]),
        ("matching.threshold", ["KEY=VALUE"]),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, assignment: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_file.apply(tmp_path, [assignment])
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_defaults_hold_without_a_file(tmp_path: Path) -> None:
    assert settings_file.load(tmp_path) == sections.Settings()


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("matching = [")
    with pytest.raises(SettingsError, match=r"settings\.toml is not valid TOML"):
        settings_file.load(tmp_path)


@pytest.fixture
def impatience() -> Iterator[None]:
    """Whoever waits for ever is interrupted."""

    def give_up(*_: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def put_pipe(path: Path) -> None:
    os.mkfifo(path)


def put_link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def put_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def put_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def put_giant(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3 << 30)


@pytest.mark.parametrize(
    ("put", "found"),
    [
        (put_pipe, "a named pipe"),
        (put_link_to_pipe, "a named pipe"),
        (put_device, "a device"),
        (put_socket, "a socket"),
        (Path.mkdir, "a folder"),
        (put_giant, "more than 1,048,576 bytes"),
    ],
)
@pytest.mark.usefixtures("impatience")
def test_only_a_file_is_read(put: Callable[[Path], None], found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket may not be long
    put(Path("settings.toml"))
    for look in (settings_file.load, settings_file.explain_settings, lambda home: settings_file.apply(home, ["matching.threshold=0.4"])):
        with pytest.raises(SettingsError, match=f"settings.toml is not a settings file: expected a text file of at most .*, found {found}"):
            look(tmp_path)


def test_a_link_to_a_settings_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[matching]\nthreshold = 0.5\n")
    (tmp_path / "settings.toml").symlink_to("mine.toml")
    assert settings_file.load(tmp_path).matching.threshold == 0.5


@pytest.mark.parametrize(
    "value",
    ["me:hush@host", "mysql://me:hush@host/db", "postgresql://me:hu@sh-hush@host/db", "postgresql://me:hush/hush@host/db", "[1, 'hush']"],
)
def test_a_wrong_address_of_a_server_is_not_repeated(value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_file.apply(tmp_path, [f"store.postgres={value}"])
    assert "store.postgres" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_settings_do_not_show_the_password() -> None:
    held = settings_file.parse({"store": {"postgres": "postgresql://me:hush@host/db"}}, "test")
    assert held.store.postgres == "postgresql://me:hush@host/db"
    assert "hush" not in f"{held} {held!r}"


def test_where_the_record_may_lie() -> None:
    for uri in ("", "/mnt/nas/record", "file:///mnt/nas", "s3://bucket/folder", "gs://b", "az://b/c"):
        parsed = settings_file.parse({"store": {"uri": uri}}, "test")
        assert uris.is_remote(parsed.store.uri) == uri.startswith(("s3", "gs", "az"))
    for uri in ("ftp://host/x", "http://host/x"):
        with pytest.raises(SettingsError, match="expected a folder, or an address that begins with file://, s3://"):
            settings_file.parse({"store": {"uri": uri}}, "test")
    with pytest.raises(SettingsError, match="postgresql://user"):
        settings_file.parse({"store": {"postgres": "mysql://x"}}, "test")


def test_writing_keeps_comments_and_what_else_is_there(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("# mine\n[matching]\nthreshold = 0.5 # strict\n\n[time]\nzone = 'UTC'\n")
    written = settings_file.apply(tmp_path, ["matching.threshold=0.42", "models.pack=buffalo_l"])
    assert written == settings_file.load(tmp_path)
    assert written.matching.threshold == 0.42
    assert written.models.pack == "buffalo_l"
    assert written.time.zone == "UTC"
    assert path.read_text().startswith("# mine\n")


def test_a_wrong_assignment_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[matching]\nthreshold = 0.5\n")
    with pytest.raises(SettingsError):
        settings_file.apply(tmp_path, ["encounters.gap_min=5", "matching.threshold=3"])
    assert path.read_text() == "[matching]\nthreshold = 0.5\n"


def test_taking_a_key_out_must_leave_the_whole_valid(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[sampling]\ninterval_s = 4\ntolerance_s = 1.5\n")
    with pytest.raises(SettingsError, match=r"settings\.toml: setting 'sampling': tolerance_s must be at most half of interval_s"):
        settings_file.apply(tmp_path, [], ["sampling.interval_s"])
    assert path.read_text() == "[sampling]\ninterval_s = 4\ntolerance_s = 1.5\n"


def test_only_the_owner_can_read_what_may_hold_a_password(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[time]\nzone = 'UTC'\n")
    path.chmod(0o644)
    settings_file.apply(tmp_path, ["store.postgres=postgresql://me:secret@host/meetbefore"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_cannot_be_written_is_told_and_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings_file.apply(tmp_path, ["matching.threshold=0.4"])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match=r"settings\.toml could not be written: No space left on device"):
        settings_file.apply(tmp_path, ["matching.threshold=0.5"])
    assert settings_file.load(tmp_path).matching.threshold == 0.4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["locks", "settings.toml"]


def test_what_became_wrong_while_another_was_writing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[sampling]\ninterval_s = 4\n")
    with ThreadPoolExecutor(1) as pool:
        with hold(tmp_path / "locks", "settings", 30):
            waiting = pool.submit(settings_file.apply, tmp_path, ["sampling.tolerance_s=1.5"])
            time.sleep(0.5)
            path.write_text("[sampling]\ninterval_s = 1\n")
        with pytest.raises(SettingsError, match="tolerance_s must be at most half of interval_s"):
            waiting.result(60)
    assert path.read_text() == "[sampling]\ninterval_s = 1\n"


WRITER = """
import sys, time
from pathlib import Path
from meetbefore_assets.home.settings import settings_file
home, *keys = Path(sys.argv[1]), *sys.argv[2:]
(home / f"ready {keys[0]}").touch()
while not (home / "go").exists():
    time.sleep(0.001)
written = {}
for number in range(25):
    key, value = keys[number % len(keys)], 200 + number
    settings_file.apply(home, [f"{key}={value}"])
    written[key] = value
    found = {row.key: row.value for row in settings_file.explain_settings(home, list(written))}
    assert found == written, (number, found, written)
"""
# Keys of one writer each, that stand side by side in a section with those of others.
WRITTEN = [
    ["detection.max_side", "models.threads", "encounters.gap_min"],
    ["detection.min_face_px", "upkeep.watch_s", "store.cache_gib"],
    ["upkeep.keep_runs_days", "tracks.max_gap_s"],
    ["privacy.single_sightings_days", "sampling.interval_s"],
]


@pytest.mark.slow
def test_processes_that_write_at_once_lose_nothing_and_a_reader_sees_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("# mine\n[matching]\nthreshold = 0.5 # strict\n")
    is_over, read = threading.Event(), [0]

    def look() -> None:
        while not is_over.wait(0.001):
            text = path.read_text()
            assert text.startswith("# mine\n")
            assert tomllib.loads(text)["matching"] == {"threshold": 0.5}
            read[0] += 1

    commands = [[sys.executable, "-c", WRITER, str(tmp_path), *keys] for keys in WRITTEN]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("ready *"))) < len(WRITTEN) and time.monotonic() < deadline:
        time.sleep(0.02)
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(look)
        (tmp_path / "go").touch()
        said = [process.communicate(timeout=120)[1] for process in processes]
        is_over.set()
        reader.result()
    assert said == [""] * len(WRITTEN)
    last = {key: 200 + number for keys in WRITTEN for number in range(25) for key in [keys[number % len(keys)]]}
    assert {row.key: row.value for row in settings_file.explain_settings(tmp_path, list(last))} == last
    assert path.read_text().startswith("# mine\n[matching]\nthreshold = 0.5 # strict\n")
    assert read[0] > 0
    assert not list(tmp_path.glob("*.tmp"))


def test_settings_for_one_command_write_nothing(tmp_path: Path) -> None:
    assert settings_file.effective(tmp_path, ["matching.threshold=0.3"]).matching.threshold == 0.3
    assert list(tmp_path.iterdir()) == []


def test_every_setting_is_described() -> None:
    assert all(text for _, text in settings_file.described_keys())


def test_a_hash_is_the_same_everywhere() -> None:
    assert digest.digest("a", 1, {"b": 2.5}) == digest.digest("a", 1, {"b": 2.5})
    assert digest.digest(sections.Settings()) != digest.digest(sections.Settings(sources=("x",)))
    with pytest.raises(TypeError):
        digest.digest(object())


@pytest.mark.parametrize("host", ["faces.example", "faces.example:8443", "[fe80::1]:3000", "192.168.1.2:80"])
def test_a_name_of_the_ui_is_taken(tmp_path: Path, host: str) -> None:
    assert settings_file.apply(tmp_path, [f"ui.hosts=['{host}']"]).ui.hosts == (host,)


@pytest.mark.parametrize("host", ["https://faces.example", "*", "*.example", "faces.example/ui", "", "a b", "faces.example:port"])
def test_an_address_or_pattern_is_no_name_of_the_ui(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="expected names such as"):
        settings_file.apply(tmp_path, [f"ui.hosts=['{host}']"])
