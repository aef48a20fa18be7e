"""Rows of a matrix that are looked at without a copy: the same as a copy of them."""

from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.identities import vectors
from meetbefore_assets.identities.vectors import Rows

MATRIX = np.arange(35, dtype=np.float32).reshape(7, 5)


@given(st.lists(st.integers(0, 6), max_size=12), st.integers(1, 5))
def test_blocks_are_the_rows_in_their_order(rows, size):
    chosen = Rows(MATRIX, np.asarray(rows, np.int64))
    seen = np.full((len(rows), 5), np.nan, np.float32)
    with mock.patch.object(vectors, "_BLOCK", size):
        for which, block in chosen.blocks():
            assert len(block) <= size
            seen[which] = block
    assert len(chosen) == len(rows)
    assert (seen == MATRIX[rows]).all()
    assert (chosen.take() == MATRIX[rows]).all()


def test_what_is_taken_is_a_copy_of_some():
    chosen = Rows(MATRIX, np.array([6, 2, 2], np.int64))
    taken = chosen.take(np.array([2, 0]))
    taken += 1
    assert taken.tolist() == (MATRIX[[2, 6]] + 1).tolist()
    assert MATRIX[2, 0] == 10


def test_all_rows_come_as_they_are():
    assert (Rows.all(MATRIX).take() == MATRIX).all()
    assert list(Rows.all(MATRIX[:0]).blocks()) == []
