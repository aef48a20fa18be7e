"""Signs that terminals, readers and spreadsheets take for commands."""

import sys

import polars as pl

from meetbefore_assets.core.untrusted_text import CONTROLS, find_control, without_controls


def test_the_pattern_for_columns_takes_out_the_same_as_the_function() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    cleaned = pl.Series(every).str.replace_all(CONTROLS, "").to_list()
    assert cleaned == [without_controls(sign) for sign in every]


def test_what_is_found_is_named() -> None:
    assert find_control("Anna") == find_control("") == ""
    assert find_control("A\x1b") == "U+001B"
    assert find_control("A\ud800") == "U+D800", "half a sign, of a name in bytes that are no UTF-8"
