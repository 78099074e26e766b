"""One thread for each matrix product.

The products here are small, and many are made at once. Where a library shares each among the
processor's cores, its threads wait for each other most of the time: on busy cores that takes
twenty times as long.
"""

from __future__ import annotations

from contextlib import ContextDecorator
from threading import Lock
from typing import TYPE_CHECKING, ClassVar

from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from types import TracebackType


class single_threaded_products(ContextDecorator):  # noqa: N801 - read as a verb, as in contextlib
    """While any code is within it, BLAS uses one thread a call; for ``with`` and as decorator.

    The limit is the whole process's: the first to enter sets it and the last to leave lifts it.
    Whoever starts threads enters before them, since OpenBLAS may ignore what a second thread sets.
    """

    _lock: ClassVar[Lock] = Lock()
    _within: ClassVar[int] = 0
    _limits: ClassVar[threadpool_limits | None] = None

    def __enter__(self) -> None:
        cls = type(self)
        with cls._lock:
            if cls._within == 0:
                cls._limits = threadpool_limits(1, user_api="blas")
            cls._within += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        cls = type(self)
        with cls._lock:
            cls._within -= 1
            if cls._within == 0 and cls._limits is not None:
                cls._limits.restore_original_limits()
                cls._limits = None
