"""A catalogue in a bucket of S3, or of anything that speaks its language.

Whoever publishes holds a lock: an object with a holder and a time, renewed while the holder lives,
taken over when it has been silent for too long. Since a holder may stand still and go on later,
nothing hangs on the lock alone: files are only put where there is none, and documents only where
there is still what was read; the bucket itself judges (``If-None-Match``, ``If-Match``).

Access is by the usual variables: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``,
``AWS_ENDPOINT_URL``, ``AWS_ALLOW_HTTP``, …
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from engine.errors import InputError
from stac.assets import sha256_of
from stac.errors import SupersededError, UnwritableCatalogError
from stac.media import cache_control, media_type
from stac.object_reader import open_object
from stac.store import CatalogStore, Entry, Found, LocalCatalog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

SCHEME = "s3://"

_LOCK = ".lock"
_SILENCE = 20.0
"""Seconds without a sign of life after which a lock is taken over."""
_LOOK_SECONDS = (0.02, 0.5)
"""Shortest and longest pause between two looks at a lock that another one holds."""
_CHUNK = 1 << 20
_LEFT_OVER = timedelta(hours=6)
"""Age from which on a file that nobody links is not about to be linked."""


def open_catalog(place: str | Path, url: str | None = None) -> CatalogStore:
    """Open a catalogue in a folder, or in a bucket: ``s3://bucket/prefix``.

    Parameters
    ----------
    place
        Folder or address.
    url
        Absolute address under which it is served, if it is.

    Raises
    ------
    InputError
        Where the address is of another kind, or names no bucket.
    """
    text = str(place)
    if "://" not in text:
        return LocalCatalog(Path(place), url)
    bucket, _, prefix = text.removeprefix(SCHEME).partition("/")
    if not text.startswith(SCHEME) or not bucket:
        raise InputError("VADOSE_CATALOG", repr(text), "a folder, or s3://BUCKET/PREFIX")
    return S3Catalog(bucket, prefix.strip("/"), url)


class S3Catalog:
    """A catalogue below a prefix of a bucket.

    Parameters
    ----------
    bucket, prefix
        Where ``catalog.json`` lies; the prefix has no slash at its ends and may be empty.
    url
        Absolute address under which it is served, if it is.
    options
        For the connection, instead of those of the environment, as obstore's ``S3Store`` takes
        them.
    """

    def __init__(
        self, bucket: str, prefix: str = "", url: str | None = None, **options: Any
    ) -> None:
        self.bucket, self.prefix = bucket, prefix
        self._url = None if url is None else url.rstrip("/")
        self._options = options
        self._store = S3Store(bucket, prefix=prefix or None, **options)

    @property
    def address(self) -> str:
        """Its address in the bucket."""
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def url(self) -> str | None:
        """Absolute address under which it is served."""
        return self._url

    def objects(self, folder: str) -> S3Store:
        """Return the objects below a folder, for libraries that read them by themselves."""
        prefix = "/".join(part for part in (self.prefix, folder) if part)
        return S3Store(self.bucket, prefix=prefix, **self._options)

    def read(self, key: str) -> bytes | None:
        """Return a file's bytes, or None where there is no such file."""
        return self.look(key).content

    def look(self, key: str) -> Found:
        """Return what lies at a key, with the tag of just that."""
        try:
            with self._told():
                got = obstore.get(self._store, key)
                return Found(bytes(got.bytes()), got.meta["e_tag"])
        except FileNotFoundError:
            return Found(None)

    def size(self, key: str) -> int | None:
        """Return a file's size in bytes, or None where there is no such file."""
        found = self.head(key)
        return None if found is None else found[0]

    def head(self, key: str) -> tuple[int, str] | None:
        """Return a file's size in bytes and its tag, or None where there is no such file."""
        try:
            with self._told():
                found = obstore.head(self._store, key)
                return int(found["size"]), str(found["e_tag"])
        except FileNotFoundError:
            return None

    def span(self, key: str, start: int, end: int) -> bytes:
        """Return the bytes of a half-open span of a file."""
        with self._told():
            return bytes(obstore.get_range(self._store, key, start=start, end=end))

    def entries(self, folder: str) -> Iterator[Entry]:
        """Give every file below a folder that belongs to the catalogue."""
        with self._told():
            for chunk in obstore.list(self._store, prefix=folder or None):
                for found in chunk:
                    key = str(found["path"])
                    if not any(part.startswith(".") for part in key.split("/")):
                        yield Entry(key, int(found["size"]), str(found["e_tag"]))

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files of a folder; none where there is no such folder."""
        return tuple(sorted(name for name, _ in self._listed(folder)))

    def left_over(self, folder: str) -> tuple[str, ...]:
        """Return the names of files that were put long ago."""
        limit = datetime.now(UTC) - _LEFT_OVER
        return tuple(sorted(name for name, put in self._listed(folder) if put < limit))

    def write(self, key: str, content: bytes) -> None:
        """Put a document."""
        with self._told():
            obstore.put(self._store, key, content, attributes=_attributes(key))

    def replace(self, key: str, content: bytes, found: Found) -> None:
        """Put a document where there is still what was found.

        Raises
        ------
        SupersededError
            Where there is not.
        """
        mode: Any = "create" if found.tag is None else {"e_tag": found.tag}
        try:
            with self._told():
                obstore.put(self._store, key, content, mode=mode, attributes=_attributes(key))
        except (AlreadyExistsError, PreconditionError):
            raise SupersededError(key) from None
        except FileNotFoundError:
            # What was to be replaced is gone; what was to be made has no bucket to lie in.
            if found.tag is not None:
                raise SupersededError(key) from None
            raise UnwritableCatalogError(self.address, "there is no such bucket") from None

    def place(self, staged: Path, key: str) -> bool:
        """Put a file where there is none; the same bytes may be there already."""
        try:
            with self._told():
                obstore.put(self._store, key, staged, mode="create", attributes=_attributes(key))
        except AlreadyExistsError:
            return self._digest(key) == sha256_of(staged)
        except FileNotFoundError:
            raise UnwritableCatalogError(self.address, "there is no such bucket") from None
        return True

    def copy(self, source: str, key: str) -> None:
        """Let the bucket copy a file."""
        with self._told():
            obstore.copy(self._store, source, key)

    def remove_folder(self, folder: str) -> None:
        """Remove all files below a folder."""
        keys = [entry.key for entry in self.entries(folder)]
        with self._told():
            obstore.delete(self._store, keys)

    def remove(self, key: str) -> None:
        """Remove a file, if it is there."""
        try:
            with self._told():
                obstore.delete(self._store, key)
        except FileNotFoundError:
            return

    def href(self, key: str) -> str:
        """Return the address of a file: the public one if there is one."""
        return f"{self._url or self.address}/{key}"

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """Give a copy of a file, for as long as it is needed."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / key.rpartition("/")[2]
            with path.open("wb") as copy:
                copy.writelines(self._chunks(key))
            yield path

    def reader(self, key: str) -> BufferedReader:
        """Open a file to read parts of it; only these are fetched."""
        with self._told():
            return open_object(self._store, key)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give a private folder on this machine."""
        with TemporaryDirectory(prefix="vadose-") as folder:
            yield Path(folder)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Wait for the catalogue's lock, and keep it alive for as long as it is held."""
        with S3Lock(self, _LOCK).held():
            yield

    def _listed(self, folder: str) -> Iterator[tuple[str, datetime]]:
        with self._told():
            found = obstore.list_with_delimiter(self._store, prefix=folder or None)
            for entry in found["objects"]:
                yield str(entry["path"]).rpartition("/")[2], entry["last_modified"]

    def _digest(self, key: str) -> str:
        digest = hashlib.sha256()
        for chunk in self._chunks(key):
            digest.update(chunk)
        return digest.hexdigest()

    def _chunks(self, key: str) -> Iterator[bytes]:
        with self._told():
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=_CHUNK):
                yield bytes(chunk)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in plain words that a bucket cannot be used; what is meant for us passes."""
        try:
            yield
        except (FileNotFoundError, AlreadyExistsError, PreconditionError):
            raise
        except (BaseError, OSError) as error:
            raise UnwritableCatalogError(self.address, _reason(error)) from error


class S3Lock:
    """A lock that is an object, see the module's text.

    Parameters
    ----------
    store
        Where the object lies.
    key
        Its key.
    silence
        Seconds without a sign of life after which it is taken over.
    """

    def __init__(self, store: S3Catalog, key: str, silence: float = _SILENCE) -> None:
        self._store, self._key, self._silence = store, key, silence
        self._holder = uuid4().hex
        self._found = Found(None)
        self._done = threading.Event()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock; hold it."""
        pause = _LOOK_SECONDS[0]
        while not self._taken():
            time.sleep(random.uniform(pause / 2, pause))  # noqa: S311  (no secret)
            pause = min(2 * pause, _LOOK_SECONDS[1])
        renewing = threading.Thread(target=self._renew, name="renew-lock", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            self._done.set()
            renewing.join()
            self._release()

    def _taken(self) -> bool:
        found = self._store.look(self._key)
        if found.content is not None and not self._silent(found.content):
            return False
        return self._sign(found)

    def _silent(self, content: bytes) -> bool:
        try:
            seen = datetime.fromisoformat(json.loads(content)["seen"])
        except (ValueError, KeyError, TypeError):
            return True
        return datetime.now(UTC) - seen > timedelta(seconds=self._silence)

    def _sign(self, found: Found) -> bool:
        """Write that we are there; False where somebody else was quicker."""
        said = {"holder": self._holder, "seen": datetime.now(UTC).isoformat()}
        content = json.dumps(said).encode()
        try:
            self._store.replace(self._key, content, found)
        except SupersededError:
            return False
        self._found = self._store.look(self._key)
        return self._ours(self._found)

    def _ours(self, found: Found) -> bool:
        return found.content is not None and self._holder.encode() in found.content

    def _renew(self) -> None:
        while not self._done.wait(self._silence / 4):
            try:
                if not self._sign(self._found):
                    return
            except UnwritableCatalogError:
                continue

    def _release(self) -> None:
        if self._ours(self._store.look(self._key)):
            self._store.remove(self._key)


def _attributes(key: str) -> dict[str, str]:
    return {"Content-Type": media_type(key), "Cache-Control": cache_control(key)}


def _reason(error: BaseException) -> str:
    """Return the first line of what the storage says, without what it was asked."""
    return str(error).splitlines()[0].partition(" http")[0] if str(error) else "no answer"
