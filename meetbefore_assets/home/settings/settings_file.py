"""Reads, checks, explains and writes `<home>/settings.toml`."""

import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError

from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.core.uris import is_remote
from meetbefore_assets.home.settings.sections import Section, Settings
from meetbefore_assets.storage.atomic_file import write_private
from meetbefore_assets.storage.file_locks import hold

FILE_NAME = "settings.toml"
# Stand in for a setting that the file of the home does not have: where a container has no file of its own.
ENVIRONMENT = {"MEETBEFORE_STORE": ("store", "uri"), "MEETBEFORE_POSTGRES": ("store", "postgres")}

# Whoever changes settings holds the lock while the object store answers, which may take minutes where that is slow.
_WAIT_S = 300.0

_MEND = "Mend that line, or delete the file to return to the defaults."


def parse(document: dict[str, Any], where: str) -> Settings:
    """Check a settings document.

    Raises:
        SettingsError: naming the key, what was found and what was expected.
    """
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(entry, where) for entry in error.errors())) from None


def _sentence(entry: Any, where: str) -> str:
    key = ".".join(str(part) for part in entry["loc"] if part not in ("float", "literal['auto']"))
    if entry["type"] == "extra_forbidden":
        return f"{where}: unknown setting '{key}'. {_neighbours(key)}"
    message = entry["msg"].removeprefix("Value error, ")
    found = "" if "found" in message else f", found {entry['input']!r}"
    return f"{where}: setting '{key}': {message[0].lower() + message[1:]}{found}."


def _neighbours(key: str) -> str:
    import difflib

    known = known_keys()
    close = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(close)}?" if close else "Known settings: " + ", ".join(known) + "."


def known_keys() -> list[str]:
    """Every key, dotted, in the order declared."""
    return [key for key, _ in described_keys()]


def described_keys() -> list[tuple[str, str]]:
    """Every key, dotted, with its description."""
    rows: list[tuple[str, str]] = []
    for name, info in Settings.model_fields.items():
        section = info.annotation
        if isinstance(section, type) and issubclass(section, Section):
            rows += [(f"{name}.{key}", sub.description or "") for key, sub in section.model_fields.items()]
        else:
            rows.append((name, info.description or ""))
    return rows


def load(home_folder: Path) -> Settings:
    """The settings of a home; defaults where there is no file.

    Where `store.uri` is in an object store, `settings.toml` lies there too, for all machines; what the home's own file says, and the
    environment for `store.uri` and `store.postgres` (ENVIRONMENT), is for this one and lies over it.

    Raises:
        SettingsError: the file is no TOML, or a key or value is wrong.
        StoreError: the object store cannot be reached.
    """
    return parse(_document(_own(home_folder)), str(home_folder / FILE_NAME))


def _document(own: dict[str, Any]) -> dict[str, Any]:
    """What is in force on a machine whose own settings these are."""
    uri = _store_uri(own)
    return _over(own, _shared(uri)) if is_remote(uri) else own


def _own(home_folder: Path) -> dict[str, Any]:
    """What holds on this machine."""
    return _with_environment(_read(home_folder / FILE_NAME))


def _with_environment(own: dict[str, Any]) -> dict[str, Any]:
    for variable, (section, key) in ENVIRONMENT.items():
        if os.environ.get(variable) and isinstance(own.get(section, {}), dict):
            own = {**own, section: {key: os.environ[variable], **own.get(section, {})}}
    return own


def _store_uri(document: dict[str, Any]) -> str:
    section = document.get("store", {})
    return str(section.get("uri", "")) if isinstance(section, dict) else ""


def _shared(uri: str) -> dict[str, Any]:
    from meetbefore_assets.home.settings import shared_file

    return _parsed(shared_file.read(uri)[0], f"{uri}/{FILE_NAME}")


def _over(upper: dict[str, Any], lower: dict[str, Any]) -> dict[str, Any]:
    both = {**lower, **upper}
    for key in upper.keys() & lower.keys():
        if isinstance(upper[key], dict) and isinstance(lower[key], dict):
            both[key] = {**lower[key], **upper[key]}
    return both


def _read(path: Path) -> dict[str, Any]:
    return _parsed(_text(path), str(path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.", remedy=_MEND) from error


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where} is not valid TOML: {error}.", remedy=_MEND) from error


def override(document: dict[str, Any], assignments: list[str]) -> dict[str, Any]:
    """Apply `key=value` assignments (values in TOML; bare words are strings) to a copy of a document.

    Raises:
        SettingsError: an assignment has no `=`.
    """
    result = tomlkit.parse(tomlkit.dumps(document))
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        if not separator:
            raise SettingsError(f"--set {assignment}: expected KEY=VALUE, for example matching.threshold=0.4.")
        node: Any = result
        *parents, leaf = key.strip().split(".")
        for parent in parents:
            node = node.setdefault(parent, tomlkit.table())
        node[leaf] = _value(text.strip())
    return result


def _value(text: str) -> Any:
    try:
        return tomlkit.parse(f"value = {text}")["value"]
    except tomlkit.exceptions.ParseError:
        return text


def effective(home_folder: Path, assignments: list[str]) -> Settings:
    """Settings of a home with assignments that hold for one command only."""
    return parse(override(_document(_own(home_folder)), assignments).unwrap(), "--set")  # type: ignore[attr-defined]


def apply(home_folder: Path, assignments: Sequence[str], unset: Sequence[str] = ()) -> Settings:
    """Write assignments into the settings file (its comments stay), after checking the whole, and take keys out of it.

    Where the record is in an object store they go into the file there, which is for all machines; but what says where the store is,
    and what this machine's own file says already, goes into its own. Nobody's change is lost, whoever else makes one at the same time.

    Raises:
        SettingsError: and the file is left as it was.
        StoreError: the object store cannot be reached, or the home not be written to.
        LockTimeoutError: somebody else was changing settings all the time.
    """
    explain_settings(home_folder, unset)
    effective(home_folder, list(assignments))  # before the lock, which leaves a folder: what is refused leaves nothing
    with hold(home_folder / "locks", "settings", _WAIT_S):
        _change(home_folder, assignments, unset)
    return load(home_folder)


def _change(home_folder: Path, assignments: Sequence[str], unset: Sequence[str]) -> None:
    path = home_folder / FILE_NAME
    before = _text(path)
    own = _parsed(before, str(path))
    uri = _store_uri(_with_environment(own))
    shared_path = f"{uri}/{FILE_NAME}"

    def is_here(entry: str) -> bool:
        return not is_remote(uri) or _belongs_here(entry, own)

    after = _rewritten(before, [each for each in assignments if is_here(each)], [key for key in unset if is_here(key)])
    changed = _with_environment(_parsed(after, str(path)))
    there, gone = [each for each in assignments if not is_here(each)], [key for key in unset if not is_here(key)]

    def rewritten_for_all(text: str) -> str:
        _parsed(text, shared_path)
        text = _rewritten(text, there, gone)
        parse(_parsed(text, shared_path), shared_path)  # as on a machine without settings of its own
        parse(_over(changed, _parsed(text, shared_path)), str(path))
        return text

    if there or gone:  # first what is for all, which is checked together with what this machine will say
        from meetbefore_assets.home.settings import shared_file

        shared_file.change(uri, rewritten_for_all)
    if after != before:
        parse(_document(changed), str(path))
        write_private(path, after.encode(), durable=True)


def _belongs_here(entry: str, own: dict[str, Any]) -> bool:
    section, _, key = entry.partition("=")[0].strip().partition(".")
    return section == "store" or (section in own and (not key or key in own[section]))


def _rewritten(text: str, assignments: list[str], unset: list[str]) -> str:
    document: Any = override(tomlkit.parse(text), assignments)
    for key in unset:
        section, _, leaf = key.partition(".")
        (document.get(section, {}) if leaf else document).pop(leaf or section, None)
    return tomlkit.dumps(document)


@dataclass(frozen=True)
class ExplainedSetting:
    """A setting in force: its value as JSON has it, where it comes from, and what it means."""

    key: str
    value: object
    source: str
    meaning: str


def explain_settings(home_folder: Path, keys: Sequence[str] = ()) -> list[ExplainedSetting]:
    """The settings in force, in the order declared.

    Args:
        keys: keys or sections that are asked for; all where there are none.

    Raises:
        SettingsError: there is no such key, or the file is wrong.
    """
    known = known_keys()
    for key in keys:
        if key not in known and not any(each.startswith(f"{key}.") for each in known):
            raise SettingsError(f"unknown setting '{key}'. {_neighbours(key)}")
    values = load(home_folder).model_dump(mode="json")
    return [
        ExplainedSetting(key, _at(values, key), _source(home_folder, key), meaning)
        for key, meaning in described_keys()
        if not keys or key in keys or key.partition(".")[0] in keys
    ]


def _at(document: Any, key: str) -> object:
    for name in key.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _source(home_folder: Path, key: str) -> str:
    path = home_folder / FILE_NAME
    if _at(_read(path), key) is not None:
        return str(path)
    own = _own(home_folder)
    if _at(own, key) is not None:
        return next(variable for variable, place in ENVIRONMENT.items() if ".".join(place) == key)
    uri = _store_uri(own)
    return f"{uri}/{FILE_NAME}" if is_remote(uri) and _at(_shared(uri), key) is not None else "default"
