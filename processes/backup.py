"""Backups: all that cannot be made again, in one file.

The file is a tar archive. The jobs are in it as lines of JSON, table by table, so that they can be
restored into either kind of database and by later versions; the files of catalogue, models, regions
and keys are in it as they are. The last member, ``manifest.json``, names all others with their
checksums: a backup without it is not whole.

The archive of granules and the features are not in it: the one is the operator's, the others are
made again. Nobody publishes while the catalogue is read.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from engine.errors import InputError
from engine.files import atomic_path
from processes.catalog_place import service_catalog
from processes.jobs.migrate import found_version, open_database
from processes.jobs.schema import ATTEMPTS, CALLBACKS, JOBS, LOGS, OUTPUTS, STEPS, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Table

    from processes.settings import Settings

    type Source = io.BytesIO | io.BufferedReader

TABLES = (JOBS, STEPS, ATTEMPTS, LOGS, OUTPUTS, CALLBACKS)
"""What is kept of the database, parents first; the index of the catalogue is made again."""
MANIFEST = "manifest.json"
CATALOG, JOBS_FOLDER, KEYS = "catalog", "jobs", "keys.json"
"""Names of members: the catalogue's and the database's begin with a folder, the keys are a file."""
FOLDERS = ("models", "regions")
"""Folders of the data folder that are kept as they are."""
_ROWS = 1000
"""Rows that are in memory at a time."""
_MODE = 0o600


class Member(BaseModel):
    """A file of a backup."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int
    """Bytes."""
    sha256: str
    """Checksum."""


class Manifest(BaseModel):
    """What a backup holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    """Version of this form."""
    made: datetime
    """When."""
    program: str
    """Version of vadose that made it."""
    database: str
    """Version of its tables."""
    rows: dict[str, int]
    """Rows by table."""
    files: dict[str, Member]
    """Members by name."""

    @property
    def summary(self) -> str:
        """What it holds, in a few words."""
        return f"{self.rows[JOBS.name]} jobs, {len(self.files)} files of {self.made:%Y-%m-%d %H:%M}"


def make_backup(settings: Settings, path: Path) -> Manifest:
    """Write a backup; the file appears whole or not at all, and only its owner may read it.

    Parameters
    ----------
    settings
        Where everything is.
    path
        The file.

    Raises
    ------
    InputError
        Where the file cannot be written, or the database is of another version.
    StoreUnavailableError
        Where the database does not answer.
    """
    try:
        with atomic_path(path) as temporary:
            temporary.touch(_MODE)
            with tarfile.open(temporary, "w") as archive:
                return _Writer(archive).write(settings)
    except OSError as error:
        wrong = f"{path}: {error.strerror or error}"
        raise InputError("file", wrong, "a file to write, with room for it") from None


class _Writer:
    """Puts members into an archive, and remembers their checksums."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._files: dict[str, Member] = {}

    def write(self, settings: Settings) -> Manifest:
        """Write everything, the manifest last."""
        rows = self._tables(settings)
        self._catalog(settings)
        for folder in FOLDERS:
            self._folder(settings.data / folder, folder)
        if settings.key_file.is_file():
            self._add_file(KEYS, settings.key_file)
        manifest = Manifest(
            made=datetime.now(UTC),
            program=version("vadose"),
            database=VERSION,
            rows=rows,
            files=self._files,
        )
        content = manifest.model_dump_json(indent=2).encode()
        self._put(MANIFEST, io.BytesIO(content), len(content))
        return manifest

    def _tables(self, settings: Settings) -> dict[str, int]:
        _check_version(settings)
        database = open_database(settings.job_database)
        try:
            with database.snapshot() as connection:
                return {table.name: self._table(connection, table) for table in TABLES}
        finally:
            database.close()

    def _table(self, connection: Connection, table: Table) -> int:
        lines = list(_lines(connection, table))
        self._add(f"{JOBS_FOLDER}/{table.name}.jsonl", b"".join(lines))
        return len(lines)

    def _catalog(self, settings: Settings) -> None:
        """Add the catalogue while nobody publishes."""
        catalog = service_catalog(settings)
        with catalog.lock():
            for entry in catalog.entries(""):
                with catalog.local(entry.key) as path:
                    self._add_file(f"{CATALOG}/{entry.key}", path)

    def _folder(self, root: Path, name: str) -> None:
        if root.is_dir():
            for path in sorted(root.rglob("*")):
                hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
                if path.is_file() and not hidden:
                    self._add_file(f"{name}/{path.relative_to(root).as_posix()}", path)

    def _add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as file:
            self._add_stream(name, file, path.stat().st_size)

    def _add(self, name: str, content: bytes) -> None:
        self._add_stream(name, io.BytesIO(content), len(content))

    def _add_stream(self, name: str, file: Source, size: int) -> None:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        self._put(name, file, size)
        self._files[name] = Member(size=size, sha256=digest)

    def _put(self, name: str, file: Source, size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, _MODE
        self._archive.addfile(member, file)


def _check_version(settings: Settings) -> None:
    """Leave a database alone that this program would renew: a backup is there to go back to."""
    found = found_version(settings.job_database)
    if found not in (None, VERSION):
        allowed = f"the program that wrote it, or tables {VERSION}, which `vadose serve` makes"
        raise InputError("VADOSE_JOBS_DATABASE", f"it has tables {found}", allowed)


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    ordered = select(table).order_by(*table.primary_key.columns)
    for row in connection.execute(ordered.execution_options(yield_per=_ROWS)).mappings():
        yield json.dumps(dict(row), default=_written, ensure_ascii=True).encode() + b"\n"


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value)} is in no table")
