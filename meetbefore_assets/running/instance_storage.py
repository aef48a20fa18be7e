"""Caches what Dagster's SQLite storage makes again for every event and every run.

For every event Dagster makes a new SQLAlchemy engine, which compiles every SQL statement again: half of the time that writing events
takes. And for the database file of every run it lets Alembic load all of its 44 revisions, twice: 0.15 s.
"""

from functools import cache, lru_cache
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from sqlalchemy import Engine, create_engine

_MOST_ENGINES = 16
_load_revisions = ScriptDirectory.from_config
_revisions: dict[str, ScriptDirectory] = {}


@cache
def keep_what_is_the_same() -> None:
    """Cache engines and revisions in this process from now on."""
    for storage in (sqlite_event_log, sqlite_run_storage):
        storage.create_engine = _kept_engine  # type: ignore[attr-defined]
    ScriptDirectory.from_config = staticmethod(_kept_revisions)  # type: ignore[method-assign]


def _kept_engine(address: str, **options: Any) -> Engine:
    """Return the cached engine for a file; it keeps compiled statements, but no connection (Dagster asks for a `NullPool`)."""
    return _engine(address, **{name: tuple(value.items()) if isinstance(value, dict) else value for name, value in options.items()})


@lru_cache(_MOST_ENGINES)
def _engine(address: str, **options: Any) -> Engine:
    return create_engine(address, **{name: dict(value) if isinstance(value, tuple) else value for name, value in options.items()})


def _kept_revisions(config: Config) -> ScriptDirectory:
    """Return the cached revisions of a folder of the installed Dagster."""
    folder = str(config.get_main_option("script_location"))
    if folder not in _revisions:
        _revisions[folder] = _load_revisions(config)
    return _revisions[folder]
