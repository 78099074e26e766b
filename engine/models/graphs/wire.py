"""Pieces of an ONNX file's bytes, for lists of millions of numbers.

ONNX files are protobuf messages. The library for them takes numbers one by one and writes each
with a mark of its own; numpy writes them all at once, packed behind one mark. Readers must accept
both. Reading, numpy takes packed numbers from where they stand in the file, of which the library
would make several copies.

References
----------
Protocol Buffers encoding, https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto

from engine.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_BITS: Final = 7
_MORE: Final = 1 << _BITS
_LONGEST: Final = 10
"""Bytes of the longest number."""
_VARINT, _EIGHT_BYTES, _LENGTH_DELIMITED, _FOUR_BYTES = 0, 1, 2, 5
"""Kinds of fields; ONNX has no others."""
_WIDTHS: Final = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_MOST_FIELDS: Final = 20_000
"""Fields up to which a message is taken apart here, which costs about a microsecond each."""


def varints(values: NDArray[np.integer]) -> bytes:
    """Write numbers from 0 as they stand one behind the other: seven bits a byte, lowest first.

    >>> varints(np.array([1, 300])).hex(" ")
    '01 ac 02'
    """
    most = int(values.max(initial=0))
    if values.min(initial=0) < 0:
        raise ValueError("negative numbers are not written here")
    if most < _MORE:
        return bytes(values.astype(np.uint8))
    length = -(-most.bit_length() // _BITS)
    parts = np.stack([values >> (_BITS * place) for place in range(length)], axis=1)
    written = np.concatenate([np.ones((len(parts), 1), bool), parts[:, 1:] > 0], axis=1)
    more = np.concatenate([written[:, 1:], np.zeros((len(parts), 1), bool)], axis=1)
    coded = (parts % _MORE + _MORE * more).astype(np.uint8)
    return bytes(coded[written])


def field(number: int, content: bytes) -> bytes:
    """Write a field that is a message, a text or packed numbers.

    >>> field(1, b"ab").hex(" ")
    '0a 02 61 62'
    """
    head = np.array([number << 3 | _LENGTH_DELIMITED, len(content)])
    return varints(head) + content


def unpacked(packed: memoryview) -> NDArray[np.int64] | NDArray[np.uint8]:
    """Read packed numbers; those that take one byte each are not copied.

    Raises
    ------
    ModelError
        Where the last one is cut off, or one is too long.

    >>> unpacked(memoryview(varints(np.array([1, 300])))).tolist()
    [1, 300]
    """
    coded = np.frombuffer(packed, dtype=np.uint8)
    if coded.max(initial=0) < _MORE:
        return coded
    last = np.flatnonzero(coded < _MORE)
    if coded[-1] >= _MORE:
        raise malformed("a number is cut off")
    length = np.diff(last, prepend=-1)
    longest = int(length.max())
    if longest > _LONGEST:
        raise malformed("a number is too long")
    values = np.zeros(last.size, dtype=np.int64)
    for place in range(longest):  # from the lowest bits, which stand first
        further = length > place
        part = coded[last[further] - length[further] + 1 + place].astype(np.int64) % _MORE
        values[further] |= part << (_BITS * place)
    return values


def parted(message: memoryview, *numbers: int) -> tuple[bytes, dict[int, list[memoryview]]]:
    """Part a message from some of its fields, which are messages, texts or packed numbers.

    Parameters
    ----------
    message
        The message's bytes.
    numbers
        Of the fields.

    Returns
    -------
    tuple of bytes and dict
        The message without these fields, and what they hold, by their number. A message of very
        many fields, such as numbers with a mark each, stays whole; that is for the library.

    Raises
    ------
    ModelError
        Where the bytes are no message.

    >>> rest, cut = parted(memoryview(field(1, b"ab") + field(2, b"c")), 2)
    >>> rest.hex(" "), bytes(cut[2][0])
    ('0a 02 61 62', b'c')
    """
    kept: list[memoryview] = []
    cut: dict[int, list[memoryview]] = {number: [] for number in numbers}
    marks = {number << 3 | _LENGTH_DELIMITED: number for number in numbers}
    for count, (start, mark, content, end) in enumerate(_fields(message)):
        if count >= _MOST_FIELDS:
            return bytes(message), {number: [] for number in numbers}
        if mark in marks:
            cut[marks[mark]].append(message[content:end])
        else:
            kept.append(message[start:end])
    return b"".join(kept), cut


def read[Message: (AttributeProto, ModelProto, NodeProto, TensorProto)](
    kind: type[Message], content: bytes
) -> Message:
    """Let the library read a message.

    Raises
    ------
    ModelError
        Where it cannot.
    """
    try:
        message: Message = kind.FromString(content)
    except Exception as error:  # protobuf's errors differ from build to build
        raise malformed("its bytes are no message") from error
    return message


def text(said: str | bytes) -> str:
    """Return a text of a message; the library leaves bytes that are no text as they are.

    Raises
    ------
    ModelError
        Where it is none.
    """
    if isinstance(said, bytes):
        raise malformed("a name is no text")
    return said


def malformed(wrong: str) -> ModelError:
    """Return the error about a file that is no ONNX model."""
    return ModelError(f"the file cannot be read as an ONNX model: {wrong}")


def _fields(message: memoryview) -> Iterator[tuple[int, int, int, int]]:
    """Yield each field's start, its number and kind as one, the start of its content, its end."""
    end = 0
    while end < len(message):
        start = end
        mark, content = _varint(message, start)
        kind = mark & 7
        if mark == kind:
            raise malformed("a field has no number")
        if kind == _LENGTH_DELIMITED:
            length, content = _varint(message, content)
            end = content + length
        elif kind == _VARINT:
            _, end = _varint(message, content)
        elif kind in _WIDTHS:
            end = content + _WIDTHS[kind]
        else:
            raise malformed(f"a field is of kind {kind}")
        if end > len(message):
            raise malformed("it ends within a field")
        yield start, mark, content, end


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Read one number; return it, and where it ends."""
    number = 0
    for place, byte in enumerate(message[at : at + _LONGEST]):
        number |= (byte % _MORE) << (_BITS * place)
        if byte < _MORE:
            return number, at + place + 1
    raise malformed("a number is cut off or too long")
