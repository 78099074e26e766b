"""What can go wrong in the catalogue.

::

    VadoseError
    └── CatalogError
        └── DamagedCatalogError (ValueError)   a document of the catalogue cannot be read
"""

from __future__ import annotations

from engine.errors import VadoseError


class CatalogError(VadoseError):
    """Base of every error that is the catalogue's own."""


class DamagedCatalogError(CatalogError, ValueError):
    """A document of the catalogue is not what it should be.

    Parameters
    ----------
    key
        The document's place below the catalogue's root.
    wrong
        What was found.
    """

    def __init__(self, key: str, wrong: str) -> None:
        self.key, self.wrong = key, wrong
        super().__init__(f"catalogue document {key}: {wrong}")
