"""Matrix products are limited to one thread while they are many."""

from __future__ import annotations

import threading

import numpy as np  # noqa: F401 - brings the library whose threads are counted
from threadpoolctl import threadpool_info, threadpool_limits

from engine.models.threads import single_threaded_products


def most() -> int:
    return max(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")


def test_the_limit_is_lifted_when_the_first_leaves() -> None:
    """What other threads enter and leave meanwhile lifts nothing."""

    @single_threaded_products()
    def other() -> None:
        assert most() == 1

    with threadpool_limits(2, user_api="blas"):
        with single_threaded_products():
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            assert most() == 1
        assert most() == 2


def test_it_is_lifted_after_an_error() -> None:
    """What fails within does not leave the limit behind."""
    with threadpool_limits(2, user_api="blas"):
        try:
            with single_threaded_products():
                raise RuntimeError
        except RuntimeError:
            pass
        assert most() == 2
