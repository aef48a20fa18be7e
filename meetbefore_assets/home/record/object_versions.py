"""Data versions of a table that consists of many objects."""

from meetbefore_assets.home.home import Home


def object_versions(home: Home, table_name: str) -> list[list[str]]:
    """[key, data version] of each object of a table, sorted by key; a torn object has the version "torn"."""
    stamps = {key: home.store.stamp(table_name, key) for key in home.store.keys(table_name)}
    return [[key, stamp.data_version if stamp else "torn"] for key, stamp in stamps.items()]
