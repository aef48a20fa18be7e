"""The addresses of this server that several layers must agree on."""

ENTER, LEAVE, ALIVE, STATIC, DAGSTER = "/enter", "/leave", "/alive", "/static", "/dagster"
# Takes a file of corrections, so its form may be long.
IMPORT = "/corrections/import"
MOST_IMPORT_BYTES = 24 * 2**20


def is_dagster(path: str) -> bool:
    """Whether a path (decoded, as ASGI has it) belongs to Dagster's UI."""
    return path == DAGSTER or path.startswith(f"{DAGSTER}/")
