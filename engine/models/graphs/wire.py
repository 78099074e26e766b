"""Pieces of an ONNX file's bytes, for lists of millions of numbers.

ONNX files are protobuf messages. The library for them takes numbers one by one and writes each
with a mark of its own; numpy writes them all at once, packed behind one mark. Readers must accept
both.

References
----------
Protocol Buffers encoding, https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BITS: Final = 7
_MORE: Final = 1 << _BITS
_LENGTH_DELIMITED: Final = 2


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
