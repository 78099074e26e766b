"""What can go wrong on the way from a provider.

::

    VadoseError
    └── FetchError
        ├── ProviderError (OSError)       a provider's answer is of no use; trying again may help
        ├── RefusedLoginError (PermissionError)  it does not accept who we say we are
        ├── BrokenFileError (ValueError)  what came is not what was announced
        ├── SpaceError (OSError)          the disk is too small for a plan
        ├── StorageError (OSError)        the disk does not take a file
        └── IncompleteError (RuntimeError) some files could not be had

Messages name hosts and files, never what follows the ``?`` of an address: that may be a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import VadoseError

if TYPE_CHECKING:
    from collections.abc import Mapping


_FEW = 3
"""Reasons that are told; the others are like them."""


class FetchError(VadoseError):
    """Base of the errors of fetching."""


class ProviderError(FetchError, OSError):
    """A provider's answer is of no use.

    Parameters
    ----------
    place
        The address, without its query.
    wrong
        What was wrong with the answer.
    again
        Whether the same request may do later.
    wait
        Seconds that the provider asks to wait before, where it says so.
    status
        Status of its answer, where that was wrong.
    """

    def __init__(
        self,
        place: str,
        wrong: str,
        *,
        again: bool = False,
        wait: float | None = None,
        status: int | None = None,
    ) -> None:
        self.place, self.wrong, self.again, self.wait = place, wrong, again, wait
        self.status = status
        super().__init__(f"{place}: {wrong}")


class RefusedLoginError(FetchError, PermissionError):
    """A provider does not accept the credentials, or not for this product."""

    def __init__(self, place: str, wrong: str, remedy: str) -> None:
        self.place, self.wrong, self.remedy = place, wrong, remedy
        super().__init__(f"{place}: {wrong}; {remedy}")


class BrokenFileError(FetchError, ValueError):
    """What came is not what was announced."""

    def __init__(self, name: str, wrong: str, expected: str) -> None:
        self.name, self.wrong, self.expected = name, wrong, expected
        super().__init__(f"{name}: {wrong}; expected {expected}")


class SpaceError(FetchError, OSError):
    """The disk has too little room for the plan."""

    def __init__(self, folder: str, needed: str, free: str) -> None:
        self.folder, self.needed, self.free = folder, needed, free
        super().__init__(
            f"{folder}: {needed} are to come, and {free} are free; a shorter period, a smaller "
            "region or fewer products need less"
        )


class StorageError(FetchError, OSError):
    """The disk does not take a file, so it will not take the next one either."""

    def __init__(self, name: str, wrong: str) -> None:
        self.name, self.wrong = name, wrong
        super().__init__(f"{name} cannot be written: {wrong}")


class IncompleteError(FetchError, RuntimeError):
    """Some files could not be had; those that could are in the archive.

    Parameters
    ----------
    failures
        Why, by file.
    total
        Files of the plan.
    """

    def __init__(self, failures: Mapping[str, str], total: int) -> None:
        self.failures, self.total = dict(failures), total
        reasons = list(dict.fromkeys(self.failures.values()))
        shown = "; ".join([*reasons[:_FEW], *(["…"] if len(reasons) > _FEW else [])])
        super().__init__(
            f"{len(failures)} of {total} files could not be had ({shown}); "
            "the others are in the archive, and the same command tries these again"
        )
