"""How long work says where it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the share of the work that is done and what is being done now.

    A receiver may raise to end the work: long functions call it between steps, when nothing is
    half-written.
    """

    def __call__(self, fraction: float, message: str) -> None:
        """Take a fraction, 0 to 1, and a message such as ``month 7 of 14: predicting``."""


def silent(fraction: float, message: str) -> None:
    """Ignore progress."""


def span(progress: Progress, start: float, end: float) -> Progress:
    """Return a receiver whose 0 to 1 is ``start`` to ``end`` of another's.

    >>> span(lambda fraction, message: print(fraction, message), 0.5, 1.0)(0.5, "half-way on")
    0.75 half-way on
    """

    def report(fraction: float, message: str) -> None:
        progress(start + (end - start) * fraction, message)

    return report
