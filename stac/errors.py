"""What can go wrong in the catalogue.

::

    VadoseError
    └── CatalogError
        ├── DamagedCatalogError (ValueError)      a document of the catalogue cannot be read
        ├── NotInCatalogError (LookupError)       there is no such item
        ├── UnwritableCatalogError (OSError)      what is to be published cannot be written
        ├── ContendedCatalogError (TimeoutError)  others change the same thing again and again
        ├── SupersededError                       a document is no longer what was read
        └── NameTakenError                        another file has the name already
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


class NotInCatalogError(CatalogError, LookupError):
    """There is no such item in the catalogue.

    Parameters
    ----------
    collection_id, item_id
        What was asked for.
    """

    def __init__(self, collection_id: str, item_id: str) -> None:
        self.collection_id, self.item_id = collection_id, item_id
        super().__init__(f"there is no item {item_id!r} in the collection {collection_id!r}")


class UnwritableCatalogError(CatalogError, OSError):
    """The catalogue cannot be read or written where it is to be.

    Parameters
    ----------
    where
        Folder or bucket.
    wrong
        What the storage says.
    """

    def __init__(self, where: str, wrong: str) -> None:
        self.where, self.wrong = where, wrong
        super().__init__(f"the catalogue at {where} cannot be used: {wrong}")


class ContendedCatalogError(CatalogError, TimeoutError):
    """Somebody else was quicker, every time.

    Parameters
    ----------
    what
        Document or item.
    rounds
        How often it was tried.
    """

    def __init__(self, what: str, rounds: int) -> None:
        self.what, self.rounds = what, rounds
        super().__init__(f"{what} was changed by others {rounds} times in between; try again later")


class SupersededError(CatalogError):
    """A document has been changed since it was read; read it again.

    Parameters
    ----------
    key
        The document's place below the catalogue's root.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"catalogue document {key}: changed since it was read")


class NameTakenError(CatalogError):
    """A file of other bytes has the name that a file was to get.

    Parameters
    ----------
    key
        The file's place below the catalogue's root.
    version
        The version that the name holds.
    """

    def __init__(self, key: str, version: int) -> None:
        self.key, self.version = key, version
        super().__init__(f"catalogue file {key}: there already, with other bytes")
