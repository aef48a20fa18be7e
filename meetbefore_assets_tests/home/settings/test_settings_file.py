"""Settings: refused where wrong, with the key, what was found and what was expected."""

from pathlib import Path

import pytest

from meetbefore_assets.core import digest, uris
from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.home.settings import sections, settings_file


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
