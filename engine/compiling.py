"""Functions as machine code, made by numba when their module is first loaded.

The code is kept where numba finds a place for it: beside the module, or in the folder that
``NUMBA_CACHE_DIR`` names. Where there is none it is made anew by every process.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

_jit: Final[Any] = partial(numba.njit, nogil=True, boundscheck=False, error_model="numpy")


def read(kind: Any, dimensions: int = 1) -> Any:
    """Return the type of a contiguous array that is read and may be read-only."""
    return numba.types.Array(kind, dimensions, "C", readonly=True)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function into those that call it."""
    made: Callable[..., Any] = _jit(inline="always")(function)
    return made


def compiled(*types: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a function at once, and keep the result where there is room for it.

    Parameters
    ----------
    types
        Numba's types of what it takes; it returns nothing.
    """
    signature = numba.void(*types)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            made: Callable[..., Any] = _jit(signature, cache=True)(function)
        except RuntimeError:  # neither the package's folder nor the user's can be written to
            made = _jit(signature)(function)
        return made

    return decorate
