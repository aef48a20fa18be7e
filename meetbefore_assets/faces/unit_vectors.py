"""Scales raw vectors to length 1, so that a dot product is a cosine."""

import numpy as np
from numpy.typing import NDArray

from meetbefore_assets.core.errors import SchemaError
from meetbefore_assets.core.ports import F32


def to_unit_vectors(vectors: NDArray[np.floating]) -> tuple[F32, F32]:
    """Scale every row to length 1.

    Args:
        vectors: (n, d) raw vectors of one recogniser; not changed.

    Returns:
        (n, d) float32 unit rows, and (n,) float32 original lengths (which fall with the quality of a face).

    Raises:
        SchemaError: the array is not two-dimensional, or rows have no direction (zero, NaN or infinite); the message names them.

    >>> rows, norms = to_unit_vectors(np.array([[3.0, 4.0]]))
    >>> rows.tolist(), norms.tolist()
    ([[0.6000000238418579, 0.800000011920929]], [5.0])
    """
    if vectors.ndim != 2:
        raise SchemaError(f"embeddings: found an array of shape {vectors.shape}, expected (n, d).")
    # float64: a float32 sum of squares overflows for components above 1e19 and underflows below 1e-23
    wide = vectors.astype(np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    bad = np.flatnonzero(~np.isfinite(norms) | (norms == 0))
    if len(bad):
        rows = ", ".join(map(str, bad[:10])) + (", …" if len(bad) > 10 else "")
        raise SchemaError(
            f"embeddings: {len(bad)} of {len(vectors)} vectors are zero, NaN or infinite (rows {rows}), expected none.",
            remedy="The recogniser gave nonsense for these faces: check the pack with `meetbefore doctor`, or use another device.",
        )
    return (wide / norms[:, None]).astype(np.float32), norms.astype(np.float32)
