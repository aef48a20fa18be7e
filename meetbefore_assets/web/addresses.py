"""The addresses of this server that several layers must agree on."""

ENTER, LEAVE, ALIVE, STATIC, DAGSTER = "/enter", "/leave", "/alive", "/static", "/dagster"


def is_dagster(path: str) -> bool:
    """Whether a path (decoded, as ASGI has it) belongs to Dagster's UI."""
    return path == DAGSTER or path.startswith(f"{DAGSTER}/")
