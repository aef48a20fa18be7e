"""Installed packages, and commands that install more into the environment of this Python (pip or uv)."""

import re
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

PROJECT = "meetbefore"


def requirement(package: str) -> str:
    """This project's requirement for a package, "faiss-cpu<2,>=1.15"; its bare name if the project is not installed."""
    return next((line for line in _requirements() if ";" not in line and re.split(r"[^\w.-]", line)[0] == package), package)


def extra_requirements(extra: str) -> list[str]:
    """Requirements of an extra of this project ("ray", "postgres", "k8s")."""
    return [line.partition(";")[0].strip() for line in _requirements() if f"extra == '{extra}'" in line.replace('"', "'")]


def installed_version(package: str) -> str:
    """Version of a package in this environment; "" if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def install_command(requirements: Sequence[str], *, again: bool = False) -> str:
    """The shell command that installs packages.

    Args:
        requirements: in pip's syntax.
        again: reinstall packages that are there already, without their dependencies.
    """
    if find_spec("pip"):
        words = [sys.executable, "-m", "pip", "install", *(["--force-reinstall", "--no-deps"] if again else [])]
    else:  # environments of uv
        words = ["uv", "pip", "install", "--python", sys.executable, *(["--reinstall", "--no-deps"] if again else [])]
    return shlex.join([*words, *requirements])


def _requirements() -> list[str]:
    try:
        return requires(PROJECT) or []
    except PackageNotFoundError:
        return []
