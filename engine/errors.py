"""What can go wrong in the engine.

::

    VadoseError
    ├── InputError (ValueError)            a request or a setting asks for what cannot be
    ├── MissingDataError (LookupError)     the archive lacks a product, a month or an area
    ├── GranuleError (ValueError)          one file is not what its name says
    ├── GridMismatchError (ValueError)     two rasters that must share a grid do not
    ├── UnitsError (ValueError)            a variable is not in the unit that a function needs
    └── ModelError (ValueError)            a model cannot be trained, stored or applied
        ├── UntrainableError               the rows at hand are too few, or teach nothing
        ├── ParityError                    the ONNX file and its estimator disagree
        ├── UnknownForestError             the compiled trees cannot stand in for the file's
        ├── FeatureMismatchError           features or their units differ from the model's
        └── TamperedModelError             the file is not the one that its card describes

Messages say what was wrong, where, and what is allowed. They are fit for users: no paths of
the machine beyond the file's own name, no Python text.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class VadoseError(Exception):
    """Base of every error that vadose raises on purpose."""


class InputError(VadoseError, ValueError):
    """A request or a setting asks for something that cannot be.

    Parameters
    ----------
    field
        Name of the input or setting, as its author wrote it.
    wrong
        What was found.
    allowed
        What would be accepted.
    """

    def __init__(self, field: str, wrong: str, allowed: str) -> None:
        self.field, self.wrong, self.allowed = field, wrong, allowed
        super().__init__(f"{field}: {wrong}; allowed: {allowed}")


class MissingDataError(VadoseError, LookupError):
    """The archive lacks what a map needs.

    Parameters
    ----------
    product
        Short name of the product, such as ``SPL4SMGP``.
    where
        The month, period or area in question.
    looked_for
        What was looked for and how much of it is needed.
    """

    def __init__(self, product: str, where: str, looked_for: str) -> None:
        self.product, self.where, self.looked_for = product, where, looked_for
        super().__init__(f"{product}: nothing usable for {where}; looked for {looked_for}")


class GranuleError(VadoseError, ValueError):
    """A file is truncated, mislabelled or holds something else than its name says.

    Parameters
    ----------
    path
        The file; only its name is shown.
    wrong
        What was wrong, with the variable's name where there is one.
    allowed
        What was expected instead.
    when
        The month or period that the file was wanted for, where it is known.
    """

    def __init__(self, path: Path, wrong: str, allowed: str, when: str | None = None) -> None:
        self.path, self.wrong, self.allowed, self.when = path, wrong, allowed, when
        wanted = f" (for {when})" if when else ""
        super().__init__(f"{path.name}: {wrong}; expected {allowed}{wanted}")


@contextmanager
def wanted_for(when: str) -> Iterator[None]:
    """Let errors about granules name the month or period that the files are wanted for."""
    try:
        yield
    except GranuleError as error:
        if error.when is not None:
            raise
        raise GranuleError(error.path, error.wrong, error.allowed, when) from error


class GridMismatchError(VadoseError, ValueError):
    """Two rasters that must share a grid do not."""

    def __init__(self, what: str, expected: object, got: object) -> None:
        self.what, self.expected, self.got = what, expected, got
        super().__init__(f"{what}: expected the grid {expected}, got {got}")


class UnitsError(VadoseError, ValueError):
    """A variable is not in the unit that a function needs."""

    def __init__(self, variable: str, expected: str, got: str | None) -> None:
        self.variable, self.expected, self.got = variable, expected, got
        super().__init__(f"{variable}: expected units {expected!r}, got {got!r}")


class ModelError(VadoseError, ValueError):
    """A model cannot be trained, stored or applied."""


class UntrainableError(ModelError):
    """What a model is to learn from is too little, mostly missing or never varies."""


class ParityError(ModelError):
    """The exported ONNX file does not repeat its estimator.

    Parameters
    ----------
    difference
        Largest absolute difference on held-out rows, in the target's unit.
    limit
        Largest difference allowed.
    """

    def __init__(self, difference: float, limit: float) -> None:
        self.difference, self.limit = difference, limit
        super().__init__(
            f"the ONNX file differs from its estimator by {difference:.3g} on held-out rows; "
            f"allowed: {limit:.3g}"
        )


class UnknownForestError(ModelError):
    """A forest is of a kind that the compiled trees do not understand, or repeat wrongly."""


class FeatureMismatchError(ModelError):
    """The features at hand are not those that the model was trained on."""

    def __init__(self, expected: tuple[str, ...], got: tuple[str, ...]) -> None:
        self.expected, self.got = expected, got
        super().__init__(
            f"the model needs the features {', '.join(expected)}; got {', '.join(got)}"
        )


class TamperedModelError(ModelError):
    """A model file's checksum is not the one on its card."""

    def __init__(self, name: str, expected: str, got: str) -> None:
        self.name, self.expected, self.got = name, expected, got
        super().__init__(f"{name}: checksum {got} differs from the card's {expected}")
