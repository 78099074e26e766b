"""API keys: made and shown once, kept as hashes in a file, withdrawn at any time.

A key is ``vdk_``, an identifier, a dot and 256 random bits. Of so many bits one round of SHA-256
is hash enough: there is nothing to guess. The file is read again when it has changed, so a key is
good, or no longer good, without a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import InputError
from engine.files import atomic_path, locked
from processes.access.callers import Caller, Role
from processes.errors import IdentityUnavailableError, UnauthenticatedError

if TYPE_CHECKING:
    from pathlib import Path

LOGGER = logging.getLogger(__name__)

PREFIX = "vdk_"
"""What every key begins with, so that scanners of published text know it."""
LONGEST = 200
"""Characters of the longest text that is looked at as a key."""
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"


class StoredKey(BaseModel):
    """A key as it is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    """Public part of the key."""
    name: Annotated[str, Field(pattern=_NAME)]
    """Whose it is; several keys may be one caller's, so that one can take the other's place."""
    role: Literal["reader", "executor", "admin"]
    """What it allows."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Hash of the whole key."""
    created: datetime
    """When it was made."""
    expires: datetime | None = None
    """When it ends by itself."""


class _Stored(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: tuple[StoredKey, ...] = ()


class KeyFile:
    """The keys of a file.

    Parameters
    ----------
    path
        The file; made with the first key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, StoredKey] = {}

    def add(self, name: str, role: Role, expires: datetime | None = None) -> tuple[StoredKey, str]:
        """Make a key.

        Returns
        -------
        tuple of StoredKey and str
            What is kept, and the key itself, which nobody can tell again.

        Raises
        ------
        InputError
            Where the name is none, or the file is none of ours.
        """
        key_id = secrets.token_hex(8)
        key = f"{PREFIX}{key_id}.{secrets.token_urlsafe(32)}"
        try:
            stored = StoredKey(
                id=key_id,
                name=name,
                role=role.label,
                sha256=_digest(key),
                created=datetime.now(UTC).replace(microsecond=0),
                expires=expires,
            )
        except ValidationError:
            allowed = "letters, digits, and . _ @ - between them; at most 64"
            raise InputError("name", f"{name!r:.80}", allowed) from None
        with locked(self._path.with_name(f".{self._path.name}.lock")):
            self._write(_Stored(keys=(*self._read().keys, stored)))
        return stored, key

    def keys(self) -> tuple[StoredKey, ...]:
        """Return all keys, oldest first."""
        return self._read().keys

    def revoke(self, key_id: str) -> StoredKey:
        """Withdraw a key.

        Raises
        ------
        InputError
            Where there is none of this identifier, or the file is none of ours.
        """
        with locked(self._path.with_name(f".{self._path.name}.lock")):
            keys = self._read().keys
            found = next((key for key in keys if key.id == key_id), None)
            if found is None:
                allowed = "an identifier that `vadose key list` tells"
                raise InputError("key", f"there is no {key_id!r:.40}", allowed)
            self._write(_Stored(keys=tuple(key for key in keys if key is not found)))
        return found

    def caller(self, key: str) -> Caller:
        """Return whose a key is.

        Raises
        ------
        UnauthenticatedError
            Where it is nobody's, or has ended.
        IdentityUnavailableError
            Where the file cannot be read.
        """
        key_id = key.removeprefix(PREFIX).partition(".")[0]
        stored = self._current().get(key_id) if len(key) <= LONGEST else None
        # Compared also where there is no such key: the time taken tells nothing.
        expected = stored.sha256 if stored is not None else _digest("")
        if not hmac.compare_digest(_digest(key), expected) or stored is None:
            raise UnauthenticatedError("the API key is unknown or was withdrawn")
        if stored.expires is not None and stored.expires <= datetime.now(UTC):
            raise UnauthenticatedError("the API key has ended")
        return Caller(name=f"key:{stored.name}", role=Role.named(stored.role))

    def _current(self) -> dict[str, StoredKey]:
        """Return the keys by identifier, read again where the file has changed."""
        try:
            stamp = _stamp(self._path)
            with self._lock:
                if stamp != self._stamp:
                    self._keys = {key.id: key for key in self._read().keys}
                    self._stamp = stamp
                return self._keys
        except (OSError, InputError) as error:
            LOGGER.error("the file of the API keys cannot be read: %s", error)
            raise IdentityUnavailableError("API keys cannot be looked up at present") from None

    def _read(self) -> _Stored:
        try:
            return _Stored.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return _Stored()
        except (ValidationError, OSError):
            allowed = "a file that `vadose key` wrote"
            raise InputError("VADOSE_KEYS", f"{self._path.name} cannot be read", allowed) from None

    def _write(self, stored: _Stored) -> None:
        with atomic_path(self._path) as temporary:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(stored.model_dump_json(indent=2) + "\n")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
