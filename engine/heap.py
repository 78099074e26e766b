"""The heap of this process, in which one map after another needs the same room.

By default the C library gives large arrays back to the system as soon as they are freed, so each
of the next ones is zeroed by the system page by page: a fifth of the time in which features are
made. What is kept is less than what was taken at the most, so the peak stays where it was.
"""

from __future__ import annotations

import ctypes
from typing import Final

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of ``mallopt``, as <malloc.h> numbers them."""
_KEPT: Final = 1 << 30
"""Bytes at the end of the heap that are kept though they are free."""
_LARGEST: Final = 32 << 20
"""Bytes of the largest array that comes from the heap, the most that glibc allows; larger ones
come from the system, and go back there."""


def keep_freed_memory() -> bool:
    """Let this process use freed memory again; tell whether its C library can."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # macOS, musl
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT))
