"""All errors of the project.

MeetbeforeError
├── SettingsError            a key is unknown, or its value is out of range
├── UsageError               the user asked for something that does not exist or is not allowed
├── InstallationError        a library is missing or broken
├── VideoError               one video cannot be used; the others go on
│   ├── UnreadableVideoError     no container, no picture stream, or nothing can be decoded
│   └── TruncatedVideoError      the file ends before its own index says so
├── ModelError
│   ├── PackNotFoundError        the pack was not found, and could not be downloaded
│   ├── PackBrokenError          a file of the pack is missing, torn, or not the one expected
│   └── ThresholdUnknownError    no threshold was measured for this recogniser
├── StoreError
│   ├── RecordTornError          a file of the record cannot be read
│   ├── SchemaError              a table does not have the declared columns
│   └── LockTimeoutError         another process held the lock for too long
└── ClusterError             a worker of a cluster died, or runs another version

A message says what was expected and what was found; `remedy` says what to do about it. Passwords are hidden in both, because errors
reach terminals, logs and Dagster's events.
"""

from meetbefore_assets.core.secrets import hide_secrets


class MeetbeforeError(Exception):
    """Base of all errors that are shown to users.

    Args:
        message: what was expected, and what was found.
        remedy: what to do about it; empty if there is nothing to do.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        self.message, self.remedy = hide_secrets(message), hide_secrets(remedy)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.remedy))


def _rebuild(kind: type[MeetbeforeError], message: str, remedy: str) -> MeetbeforeError:
    return kind(message, remedy=remedy)


class SettingsError(MeetbeforeError):
    """A key is unknown, or its value is out of range."""


class UsageError(MeetbeforeError):
    """The user asked for something that does not exist or is not allowed."""


class InstallationError(MeetbeforeError):
    """A library is missing or broken; `remedy` is the command that installs it."""


class VideoError(MeetbeforeError):
    """One video cannot be used; the others go on."""


class UnreadableVideoError(VideoError):
    """No container, no picture stream, or nothing in it can be decoded."""


class TruncatedVideoError(VideoError):
    """The file ends before its own index says so."""


class ModelError(MeetbeforeError):
    """A model cannot be used."""


class PackNotFoundError(ModelError):
    """The pack was not found, and could not be downloaded."""


class PackBrokenError(ModelError):
    """A file of the pack is missing, torn, or not the one expected."""


class ThresholdUnknownError(ModelError):
    """No threshold was measured for this recogniser, and none is set."""


class StoreError(MeetbeforeError):
    """The record, the index or the database cannot be read or written."""


class RecordTornError(StoreError):
    """A file of the record cannot be read."""


class SchemaError(StoreError):
    """A table does not have the declared columns."""


class LockTimeoutError(StoreError):
    """Another process held the lock for too long."""


class ClusterError(MeetbeforeError):
    """A worker of a cluster died at its work, or runs another version."""
