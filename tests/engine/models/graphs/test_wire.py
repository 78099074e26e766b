"""Bytes that are written by hand are what the library for ONNX reads, and the other way round."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import AttributeProto, helper, numpy_helper

from engine.errors import ModelError
from engine.models.graphs.wire import field, parted, unpacked, varints

INTS, TENSOR = AttributeProto.INTS_FIELD_NUMBER, AttributeProto.T_FIELD_NUMBER


@given(st.lists(st.integers(0, 2**40)))
def test_packed_numbers_are_read_back(numbers: list[int]) -> None:
    """Numbers of one to six bytes, or none at all."""
    packed = varints(np.array(numbers, dtype=np.int64))
    assert list(AttributeProto.FromString(field(INTS, packed)).ints) == numbers
    assert unpacked(memoryview(packed)).tolist() == numbers


def test_negative_numbers_are_refused() -> None:
    """They would take ten bytes each, and no tree has any."""
    with pytest.raises(ValueError, match="negative"):
        varints(np.array([3, -1]))


@given(st.binary(max_size=40))
def test_any_bytes_are_numbers_to_both_or_to_none(packed: bytes) -> None:
    """Numbers of up to ten bytes, the negative among them; what is cut off or longer is refused."""
    try:
        expected = list(AttributeProto.FromString(field(INTS, packed)).ints)
    except Exception:  # noqa: BLE001 - protobuf's errors differ from build to build
        with pytest.raises(ModelError, match="a number is"):
            unpacked(memoryview(packed))
    else:
        assert unpacked(memoryview(packed)).tolist() == expected


@given(st.text(), st.lists(st.integers(0, 300)), st.floats(width=32, allow_nan=False))
def test_a_message_is_parted_without_a_loss(name: str, numbers: list[int], number: float) -> None:
    """What is kept and what is taken out are together the message that the library wrote."""
    tensor = numpy_helper.from_array(np.array(numbers))
    attribute = AttributeProto(name=name, f=number, ints=numbers, t=tensor, type=AttributeProto.INT)
    message = attribute.SerializeToString()
    rest, cut = parted(memoryview(message), TENSOR, INTS)
    assert cut[INTS] == []  # the library gives each number a mark of its own
    (taken,) = cut[TENSOR]
    kept = AttributeProto.FromString(rest)
    assert not kept.HasField("t")
    assert kept.f == number
    kept.t.ParseFromString(taken)
    assert kept == attribute


@given(st.binary(max_size=60))
def test_what_is_no_message_is_refused(message: bytes) -> None:
    """Whatever the bytes are, they can be parted, or a `ModelError` says that they cannot."""
    try:
        rest, cut = parted(memoryview(message), INTS)
    except ModelError as error:
        assert "cannot be read as an ONNX model" in str(error)  # noqa: PT017 - both ways are right
    else:
        assert len(rest) + sum(len(one) for one in cut[INTS]) <= len(message)


@pytest.mark.parametrize("cut", [1, 5, 7, 100, 212])
def test_messages_that_end_early_are_refused(cut: int) -> None:
    """Within a mark, a length or a content."""
    message = field(1, b"name") + field(INTS, bytes(200)) + field(INTS, b"\1\2")
    assert len(message) == 213
    with pytest.raises(ModelError, match=r"ends within a field|cut off"):
        parted(memoryview(message)[:cut], INTS)


def test_messages_of_very_many_fields_stay_whole() -> None:
    """They are for the library, which takes a field in less time."""
    many = helper.make_attribute("many", list(range(30_000))).SerializeToString()
    message = field(TENSOR, b"") + many
    assert parted(memoryview(message), TENSOR) == (message, {TENSOR: []})
