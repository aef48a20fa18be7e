"""Which places are in an object store."""

REMOTE_SCHEMES = ("s3", "gs", "az", "abfs", "abfss")


def is_remote(uri: str) -> bool:
    """Whether a place is in an object store, not in a folder."""
    return uri.partition("://")[0] in REMOTE_SCHEMES and "://" in uri
