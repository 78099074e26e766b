"""Strips cover an array, each row once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.strips import PIXELS, strips


@given(st.tuples(st.integers(0, 4000), st.integers(0, 3 * PIXELS)))
def test_every_row_is_in_one_strip(shape: tuple[int, int]) -> None:
    """From the first to the last, and no strip of several rows is larger than the cache bears."""
    parts = list(strips(shape))
    rows = np.concatenate([np.arange(shape[0])[part] for part in parts]) if parts else np.arange(0)
    assert np.array_equal(rows, np.arange(shape[0]))
    assert all(
        part.stop - part.start == 1 or (part.stop - part.start) * shape[1] <= PIXELS
        for part in parts
    )
