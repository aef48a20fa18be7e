"""Reads, checks, explains and writes `<home>/settings.toml`."""

import os
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError

from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.core.secrets import hide_secrets
from meetbefore_assets.core.uris import is_remote
from meetbefore_assets.home.settings.sections import Section, Settings
from meetbefore_assets.storage.atomic_file import write_private
from meetbefore_assets.storage.file_locks import hold
from meetbefore_assets.storage.regular_file import NotRegularError, read_regular_file

FILE_NAME = "settings.toml"
# Environment variables for settings that the home's file does not have, for containers without a file of their own.
ENVIRONMENT = {"MEETBEFORE_STORE": ("store", "uri"), "MEETBEFORE_POSTGRES": ("store", "postgres")}

# A process that changes settings holds the lock while the object store answers, which may take minutes.
_WAIT_S = 300.0

# Ten times the size of a file with a thousand folders and a thousand clocks.
LONGEST_BYTES = 1 << 20
# Errors never repeat the value of this key: even a wrong one may hold a password.
SECRET_KEY = "store.postgres"

_MEND = "Mend that line, or delete the file to return to the defaults."


def parse(document: dict[str, Any], where: str) -> Settings:
    """Check a settings document.

    Raises:
        SettingsError: a key or value is wrong; the message names the key, what was found and what was expected.
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
    found = "" if "found" in message or key == SECRET_KEY else f", found {entry['input']!r}"
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
    """Read the settings of a home; defaults if there is no file.

    If `store.uri` is in an object store, a `settings.toml` there holds the settings of all machines. The home's own file overrides them
    for this machine, and so does the environment for `store.uri` and `store.postgres` (ENVIRONMENT).

    Raises:
        SettingsError: the file is not TOML, or a key or value is wrong.
        StoreError: the object store cannot be reached.
    """
    return parse(_document(_own(home_folder)), str(home_folder / FILE_NAME))


def _document(own: dict[str, Any]) -> dict[str, Any]:
    """The settings in force on a machine with these own settings: those of the object store, overridden by its own."""
    uri = _store_uri(own)
    return _over(own, _shared(uri)) if is_remote(uri) else own


def _own(home_folder: Path) -> dict[str, Any]:
    """The own settings of this machine: the home's file and the environment."""
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
        return read_regular_file(path, LONGEST_BYTES).decode()
    except FileNotFoundError:
        return ""
    except NotRegularError as error:
        raise SettingsError(
            f"{path} is not a settings file: expected a text file of at most {LONGEST_BYTES:,} bytes, found {error}.",
            remedy="Move it away, or delete it to return to the defaults.",
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror or error}.", remedy="Check the permissions of the file and its folder."
        ) from error
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
    """The settings of a home with assignments added, without writing them."""
    return parse(override(_document(_own(home_folder)), assignments).unwrap(), "--set")  # type: ignore[attr-defined]


def apply(home_folder: Path, assignments: Sequence[str], unset: Sequence[str] = ()) -> Settings:
    """Write assignments into the settings file and remove the keys in `unset`, after checking the result; comments stay.

    If the record is in an object store, they go into the file there, for all machines, except keys of the section `store` and keys that
    this machine's own file already has. Concurrent changes are not lost.

    Raises:
        SettingsError: the result would be wrong; the file is unchanged.
        StoreError: the object store cannot be reached, or the home cannot be written to.
        LockTimeoutError: other processes were changing settings all the time.
    """
    _refuse_unknown(unset)
    effective(home_folder, list(assignments))  # check before taking the lock, which creates a folder
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
        parse(_parsed(text, shared_path), shared_path)  # what a machine without own settings would read
        parse(_over(changed, _parsed(text, shared_path)), str(path))
        return text

    if there or gone:  # the shared file first: it is checked together with this machine's new settings
        from meetbefore_assets.home.settings import shared_file

        shared_file.change(uri, rewritten_for_all)
    if after != before:
        parse(_document(changed), str(path))
        write_private(path, after.encode(), durable=True)


def add_sources(home_folder: Path, folders: Sequence[str], own_videos: Path) -> list[str]:
    """Append folders to the setting `sources`, unless one of its folders contains them; returns what was added.

    Local folders go into this machine's file, even if the record is in an object store; addresses go into the shared file.

    Args:
        folders: absolute paths and addresses.
        own_videos: the default source; if it exists and none is set, it is added too.

    Raises:
        SettingsError, StoreError, LockTimeoutError: as for `apply`.
    """
    with hold(home_folder / "locks", "settings", _WAIT_S):
        path = home_folder / FILE_NAME
        before = _text(path)
        own = _with_environment(_parsed(before, str(path)))
        uri = _store_uri(own)
        known = list(parse(_document(own), str(path)).sources) or ([str(own_videos)] if own_videos.is_dir() else [])
        new = [folder for folder in dict.fromkeys(folders) if not any(_lies_in(folder, each) for each in known)]
        if new and is_remote(uri) and "sources" not in own and all(is_remote(folder) for folder in new):
            from meetbefore_assets.home.settings import shared_file

            shared_file.change(uri, lambda text: _with_sources(text, f"{uri}/{FILE_NAME}", known, new))
        elif new:
            write_private(path, _with_sources(before, str(path), known, new).encode(), durable=True)
    return new


def rewrite_section(home_folder: Path, section: str, rewritten: Callable[[str], str]) -> Settings:
    """Rewrite the text of the file that holds a section, after checking the result: this machine's own where that has the section or the
    record lies on this machine, else the one in the object store. Concurrent changes are not lost.

    Raises:
        SettingsError, StoreError, LockTimeoutError: as for `apply`.
    """
    with hold(home_folder / "locks", "settings", _WAIT_S):
        path = home_folder / FILE_NAME
        before = _text(path)
        own = _with_environment(_parsed(before, str(path)))
        uri = _store_uri(own)

        def rewritten_for_all(text: str) -> str:
            after = rewritten(text)
            parse(_over(own, _parsed(after, f"{uri}/{FILE_NAME}")), f"{uri}/{FILE_NAME}")
            return after

        if is_remote(uri) and section not in own:
            from meetbefore_assets.home.settings import shared_file

            shared_file.change(uri, rewritten_for_all)
        else:
            after = rewritten(before)
            parse(_document(_with_environment(_parsed(after, str(path)))), str(path))
            write_private(path, after.encode(), durable=True)
    return load(home_folder)


def _lies_in(folder: str, source: str) -> bool:
    if is_remote(folder) or is_remote(source):
        return f"{folder.rstrip('/')}/".startswith(f"{source.rstrip('/')}/")
    return Path(folder).resolve().is_relative_to(Path(source).expanduser().resolve())


def _with_sources(text: str, where: str, known: list[str], new: list[str]) -> str:
    _parsed(text, where)
    document: Any = tomlkit.parse(text)
    if not document.get("sources"):
        document["sources"] = known
    for folder in new:
        document["sources"].append(folder)
    return tomlkit.dumps(document)


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
    """A setting in force: its value (as in JSON, passwords hidden), where it comes from, and what it means."""

    key: str
    value: object
    source: str
    meaning: str


def explain_settings(home_folder: Path, keys: Sequence[str] = ()) -> list[ExplainedSetting]:
    """The settings in force, in the order of their declaration.

    Args:
        keys: keys or sections to explain; empty: all.

    Raises:
        SettingsError: a key does not exist, or the file is wrong.
    """
    _refuse_unknown(keys)
    path = home_folder / FILE_NAME
    file = _read(path)  # once, so that a concurrent change is seen whole or not at all
    own = _with_environment(file)
    uri = _store_uri(own)
    shared = _shared(uri) if is_remote(uri) else {}
    values = parse(_over(own, shared), str(path)).model_dump(mode="json")
    variables = {".".join(place): variable for variable, place in ENVIRONMENT.items()}

    def source(key: str) -> str:
        if _at(file, key) is not None:
            return str(path)
        if _at(own, key) is not None:
            return variables[key]
        return f"{uri}/{FILE_NAME}" if _at(shared, key) is not None else "default"

    return [
        ExplainedSetting(key, _shown(_at(values, key)), source(key), meaning)
        for key, meaning in described_keys()
        if not keys or key in keys or key.partition(".")[0] in keys
    ]


def _refuse_unknown(keys: Sequence[str]) -> None:
    known = known_keys()
    for key in keys:
        if key not in known and not any(each.startswith(f"{key}.") for each in known):
            raise SettingsError(f"unknown setting '{key}'. {_neighbours(key)}")


def _shown(value: object) -> object:
    if isinstance(value, str):
        return hide_secrets(value)
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return {key: _shown(each) for key, each in value.items()} if isinstance(value, dict) else value


def _at(document: Any, key: str) -> object:
    for name in key.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document
