"""Every error of the project, as one tree.

MeetbeforeError
├── SettingsError            a key is unknown, or its value is out of range
├── UsageError               the command was called with something that is not there
├── VideoError               one video cannot be used; the others go on
│   ├── UnreadableVideoError     no container, no picture stream, or nothing can be decoded
│   └── TruncatedVideoError      the file ends before its own index says so
├── ModelError
│   ├── PackNotFoundError        the pack is nowhere, and could not be fetched
│   ├── PackBrokenError          a file of the pack is missing, torn or not what it says
│   └── ThresholdUnknownError    nobody measured a threshold for this recogniser
├── StoreError
│   ├── RecordTornError          a file of the record cannot be read
│   ├── SchemaError              a table does not have the declared columns
│   └── LockTimeoutError         somebody else held the lock for too long
└── ClusterError             a worker of a cluster died, or does not fit to the others

A message says what was found and what was expected; `remedy` says what to do about it.
"""


class MeetbeforeError(Exception):
    """Base of all errors that people are meant to read.

    Args:
        message: what was found, and what was expected.
        remedy: what to do about it; empty if there is nothing to do.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.remedy))


def _rebuild(kind: type[MeetbeforeError], message: str, remedy: str) -> MeetbeforeError:
    return kind(message, remedy=remedy)


class SettingsError(MeetbeforeError):
    """A key is unknown, or its value is out of range."""


class UsageError(MeetbeforeError):
    """The command was called with something that is not there."""


class VideoError(MeetbeforeError):
    """One video cannot be used; the others go on."""


class UnreadableVideoError(VideoError):
    """No container, no picture stream, or nothing in it can be decoded."""


class TruncatedVideoError(VideoError):
    """The file ends before its own index says so."""


class ModelError(MeetbeforeError):
    """A model cannot be used."""


class PackNotFoundError(ModelError):
    """The pack is nowhere, and could not be fetched."""


class PackBrokenError(ModelError):
    """A file of the pack is missing, torn, or not what it says."""


class ThresholdUnknownError(ModelError):
    """Nobody measured a threshold for this recogniser, and none is set."""


class StoreError(MeetbeforeError):
    """The record, the index or the database cannot be read or written."""


class RecordTornError(StoreError):
    """A file of the record cannot be read."""


class SchemaError(StoreError):
    """A table does not have the declared columns."""


class LockTimeoutError(StoreError):
    """Somebody else held the lock for too long."""


class ClusterError(MeetbeforeError):
    """A worker of a cluster died over its work, or does not fit to the others."""
