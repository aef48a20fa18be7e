"""`meetbefore config`: what is in force, where it comes from, and changing it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meetbefore_assets.cli.main import cli
from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets_tests.support.s3 import new_bucket


def config(home_folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["config", *words, "--home", str(home_folder)])


def told(home_folder: Path, *words: str) -> dict[str, dict[str, object]]:
    result = config(home_folder, *words, "--format", "json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_every_setting_is_shown_with_its_default(tmp_path: Path) -> None:
    shown = told(tmp_path)
    assert list(shown) == settings_file.known_keys()
    assert {entry["from"] for entry in shown.values()} == {"default"}
    assert shown["matching.threshold"]["value"] == "auto"
    table = config(tmp_path).output
    assert "people are joined above this similarity (higher: surer)" in " ".join(table.split())
    assert not list(tmp_path.iterdir())


def test_a_change_is_written_shown_and_taken_back(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("# mine\n[matching]\nthreshold = 0.4  # tried\n[encounters]\ngap_min = 5\n")
    assert told(tmp_path, "matching.threshold=0.42") == {
        "matching.threshold": {"value": 0.42, "from": str(tmp_path / "settings.toml")},
    }
    assert settings_file.load(tmp_path).matching.threshold == 0.42
    assert told(tmp_path, "--unset", "matching.threshold")["matching.threshold"] == {"value": "auto", "from": "default"}
    assert "# mine" in (tmp_path / "settings.toml").read_text()
    assert settings_file.load(tmp_path).encounters.gap_min == 5
    assert told(tmp_path, "--unset", "matching.threshold")["matching.threshold"]["from"] == "default"
    assert told(tmp_path, 'sources=["/a b", "s3://c/d"]')["sources"]["value"] == ["/a b", "s3://c/d"]
    assert told(tmp_path, "--unset", "sources")["sources"]["value"] == []


def test_a_password_is_kept_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "postgresql://me:hush@host/db?sslpassword=hush2"
    printed = [config(tmp_path, f"store.postgres={address}"), config(tmp_path), config(tmp_path, "store", "--format", "json")]
    assert settings_file.load(tmp_path).store.postgres == address
    monkeypatch.setenv("MEETBEFORE_POSTGRES", "postgresql://me:hush3@host/db")
    printed.append(config(tmp_path, "--unset", "store.postgres"))
    printed.append(config(tmp_path, 'sources=["s3://key:hush4@bucket/folder"]'))
    assert all(result.exit_code == 0 for result in printed)
    assert not [result.output for result in printed if "hush" in result.output]
    assert json.loads(printed[2].stdout)["store.postgres"]["value"] == "postgresql://me:***@host/db?sslpassword=***"


def test_a_section_and_a_key_are_shown_alone(tmp_path: Path) -> None:
    assert list(told(tmp_path, "matching")) == ["matching.threshold"]
    assert list(told(tmp_path, "store.uri", "encounters")) == ["encounters.gap_min", "store.uri"]


@pytest.mark.parametrize("words", [["matching.treshold"], ["matching.treshold=0.4"], ["--unset", "matching.treshold"]])
def test_an_unknown_key_is_refused_and_nothing_written(tmp_path: Path, words: list[str]) -> None:
    result = config(tmp_path, *words, "encounters.gap_min=5")
    assert isinstance(result.exception, SettingsError)
    assert "Did you mean matching.threshold" in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_what_comes_from_where_with_an_object_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"{new_bucket()}/archive"
    monkeypatch.setenv("MEETBEFORE_STORE", uri)
    assert told(tmp_path, "matching.threshold=0.42")["matching.threshold"]["from"] == f"{uri}/settings.toml"
    (tmp_path / "settings.toml").write_text('[models]\ndevice = "cpu"\n')
    shown = told(tmp_path)
    assert shown["store.uri"] == {"value": uri, "from": "MEETBEFORE_STORE"}
    assert shown["models.device"] == {"value": "cpu", "from": str(tmp_path / "settings.toml")}
    assert told(tmp_path, "--unset", "matching.threshold")["matching.threshold"] == {"value": "auto", "from": "default"}
