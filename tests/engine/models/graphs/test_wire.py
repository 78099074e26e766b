"""Bytes that are written by hand are what the library for ONNX reads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import AttributeProto

from engine.models.graphs.wire import field, varints


@given(st.lists(st.integers(0, 2**40)))
def test_packed_numbers_are_read_back(numbers: list[int]) -> None:
    """Numbers of one to six bytes, or none at all."""
    packed = field(8, varints(np.array(numbers, dtype=np.int64)))
    assert list(AttributeProto.FromString(packed).ints) == numbers


def test_negative_numbers_are_refused() -> None:
    """They would take ten bytes each, and no tree has any."""
    with pytest.raises(ValueError, match="negative"):
        varints(np.array([3, -1]))
