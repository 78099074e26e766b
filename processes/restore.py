"""Restore a backup: looked at whole before anything is written, and only into empty places."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from contextlib import contextmanager
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from pydantic import ValidationError
from sqlalchemy import DateTime, func, insert, select

from engine.errors import InputError
from engine.files import atomic_path
from processes.backup import CATALOG, FOLDERS, JOBS_FOLDER, KEYS, MANIFEST, TABLES, Manifest
from processes.catalog_place import let_find_all, service_catalog
from processes.jobs.migrate import open_database
from processes.jobs.schema import JOBS, VERSION, Time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Table

    from processes.settings import Settings
    from stac.store import CatalogStore

_CHUNK = 1 << 20
_ROWS = 500
_ALLOWED = "a file that `vadose backup` wrote, whole and unchanged"
_ROOT = "catalog.json"


def restore_backup(settings: Settings, path: Path) -> Manifest:
    """Restore a backup.

    Parameters
    ----------
    settings
        Where to: places that are empty, or not there.
    path
        The backup.

    Raises
    ------
    InputError
        Where the file is no backup, not whole, or of a later version; or a place is not empty.
    """
    with _opened(path) as archive:
        manifest = _checked(archive)
        _check_empty(settings)
        _restore_tables(archive, settings)
        _restore_files(archive, manifest, settings)
        _restore_catalog(archive, manifest, service_catalog(settings))
    let_find_all(settings)
    return manifest


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as archive:
            yield archive
    except (tarfile.TarError, EOFError) as error:
        raise InputError("file", f"{path.name} cannot be read ({error})", _ALLOWED) from None
    except FileNotFoundError as error:
        raise InputError("file", f"{error.filename}: {error.strerror}", _ALLOWED) from None


def _checked(archive: tarfile.TarFile) -> Manifest:
    """Return the manifest of an archive that holds what it says, and nothing else."""
    names = archive.getnames()
    if not names or names[-1] != MANIFEST:
        raise InputError("file", "its manifest is missing: it is not whole", _ALLOWED)
    try:
        manifest = Manifest.model_validate_json(_content(archive, MANIFEST))
    except ValidationError:
        raise InputError("file", "its manifest cannot be read", _ALLOWED) from None
    if manifest.database > VERSION:
        wrong = f"it is of a later version (tables {manifest.database}, here {VERSION})"
        raise InputError("file", wrong, f"the program of then, {manifest.program}, or a later one")
    if sorted(names[:-1]) != sorted(manifest.files):
        raise InputError("file", "it does not hold what its manifest says", _ALLOWED)
    for name, member in manifest.files.items():
        if not _is_safe(name) or _digest(archive, name) != member.sha256:
            raise InputError("file", f"{name!r:.80} is not what it was", _ALLOWED)
    return manifest


def _is_safe(name: str) -> bool:
    """Whether a member's name leads into one of our places and nowhere else."""
    parts = PurePosixPath(name).parts
    plain = not name.startswith("/") and "\\" not in name and "\0" not in name
    known = name == KEYS or (len(parts) > 1 and parts[0] in (CATALOG, JOBS_FOLDER, *FOLDERS))
    return plain and known and not any(part.startswith(".") for part in parts)


def _digest(archive: tarfile.TarFile, name: str) -> str:
    digest = hashlib.sha256()
    with _member(archive, name) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    with _member(archive, name) as file:
        return file.read()


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    member = archive.getmember(name)
    file = archive.extractfile(member) if member.isfile() else None
    if file is None:
        raise InputError("file", f"{name!r:.80} is no file", _ALLOWED)
    return file


def _check_empty(settings: Settings) -> None:
    allowed = "an empty place: another VADOSE_DATA, database or bucket, or the same after it moved"
    if service_catalog(settings).size(_ROOT) is not None:
        raise InputError("VADOSE_CATALOG", "there is a catalogue already", allowed)
    for folder in FOLDERS:
        if any((settings.data / folder).glob("*")):
            raise InputError("VADOSE_DATA", f"{folder}/ is not empty", allowed)
    if settings.key_file.exists():
        raise InputError("VADOSE_KEYS", f"there is {settings.key_file.name} already", allowed)
    database = open_database(settings.job_database)
    try:
        with database.reading() as connection:
            count = connection.execute(select(func.count()).select_from(JOBS)).scalar_one()
    finally:
        database.close()
    if count:
        raise InputError("VADOSE_JOBS_DATABASE", f"there are {count} jobs already", allowed)


def _restore_tables(archive: tarfile.TarFile, settings: Settings) -> None:
    """Insert all rows in one transaction."""
    database = open_database(settings.job_database)
    try:
        with database.writing() as connection:
            for table in TABLES:
                content = _content(archive, f"{JOBS_FOLDER}/{table.name}.jsonl")
                rows = [_row(table, line) for line in content.splitlines()]
                for start in range(0, len(rows), _ROWS):
                    connection.execute(insert(table), rows[start : start + _ROWS])
                _go_on_counting(connection, table)
    finally:
        database.close()


def _row(table: Table, line: bytes) -> dict[str, Any]:
    """Read a row; columns that were not there yet are empty."""
    kept = json.loads(line)
    return {
        column.name: _time(kept.get(column.name))
        if isinstance(column.type, Time | DateTime)
        else kept.get(column.name)
        for column in table.columns
    }


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _go_on_counting(connection: Connection, table: Table) -> None:
    """Let numbers that the database gives go on after those that were restored."""
    counted = next((column for column in table.primary_key if column.autoincrement is True), None)
    if counted is None or connection.dialect.name == "sqlite":
        return  # SQLite goes on by itself.
    last = connection.execute(select(func.max(counted))).scalar()
    if last is not None:
        name = func.pg_get_serial_sequence(table.name, counted.name)
        connection.execute(select(func.setval(name, last)))


def _restore_files(archive: tarfile.TarFile, manifest: Manifest, settings: Settings) -> None:
    for name in manifest.files:
        if PurePosixPath(name).parts[0] in FOLDERS:
            with atomic_path(settings.data / name) as temporary:
                _extract(archive, name, temporary)
    if KEYS in manifest.files:
        with atomic_path(settings.key_file) as temporary:
            temporary.touch(0o600)
            _extract(archive, KEYS, temporary)


def _extract(archive: tarfile.TarFile, name: str, path: Path) -> None:
    with _member(archive, name) as file, path.open("wb") as copy:
        shutil.copyfileobj(file, copy, _CHUNK)


def _restore_catalog(archive: tarfile.TarFile, manifest: Manifest, catalog: CatalogStore) -> None:
    """Put files before the documents that link them, and the root last of all."""
    keys = [name.removeprefix(f"{CATALOG}/") for name in manifest.files if _of_catalog(name)]
    with catalog.lock(), catalog.staging() as folder:
        for key in sorted(keys, key=lambda key: (key == _ROOT, key.endswith(".json"), key)):
            name = f"{CATALOG}/{key}"
            if key.endswith(".json"):
                catalog.write(key, _content(archive, name))
            else:
                staged = folder / "file"
                _extract(archive, name, staged)
                catalog.place(staged, key)


def _of_catalog(name: str) -> bool:
    return name.startswith(f"{CATALOG}/")
