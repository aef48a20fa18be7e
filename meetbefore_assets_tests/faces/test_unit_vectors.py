import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from meetbefore_assets.core.errors import SchemaError
from meetbefore_assets.faces.unit_vectors import to_unit_vectors

ROWS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 6), st.integers(1, 8)),
    elements=st.floats(-100, 100, width=32).filter(lambda value: value == 0 or abs(value) > 1e-3),
)


@settings(deadline=None)
@given(ROWS)
def test_rows_get_length_one_and_keep_their_direction(vectors: np.ndarray) -> None:
    vectors = vectors[np.abs(vectors).sum(axis=1) > 0]
    before = vectors.copy()
    rows, norms = to_unit_vectors(vectors)
    assert rows.dtype == norms.dtype == np.float32
    assert rows.shape == vectors.shape
    for row, norm, vector in zip(rows, norms, vectors, strict=True):
        assert norm == pytest.approx(sum(float(x) ** 2 for x in vector) ** 0.5, rel=1e-6)
        assert row * norm == pytest.approx(vector, rel=1e-5, abs=1e-6)
        assert float(np.linalg.norm(row)) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(vectors, before)


def test_no_faces_give_no_vectors() -> None:
    rows, norms = to_unit_vectors(np.empty((0, 128), np.float32))
    assert rows.shape == (0, 128)
    assert norms.shape == (0,)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_very_long_and_very_short_vectors_have_a_direction_too(scale: float) -> None:
    rows, _ = to_unit_vectors(np.array([[3, 4]], np.float32) * np.float32(scale))
    assert rows[0] == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_vectors_without_a_direction_are_named(bad: float) -> None:
    vectors = np.ones((5, 3), np.float32)
    vectors[[1, 4]] = bad
    with pytest.raises(SchemaError, match=r"2 of 5 .*rows 1, 4\)"):
        to_unit_vectors(vectors)


def test_one_vector_alone_is_no_table() -> None:
    with pytest.raises(SchemaError, match=r"shape \(3,\)"):
        to_unit_vectors(np.ones(3))
