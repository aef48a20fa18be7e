"""Examples in docstrings are true."""

import doctest
from importlib import import_module

import pytest

from meetbefore_assets_tests.test_layers import NAME, modules

WITH_EXAMPLES = sorted(module for module, path in modules().items() if ">>> " in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_in_docstrings_give_what_they_say(module: str) -> None:
    result = doctest.testmod(import_module(f"{NAME}.{module}"), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0
