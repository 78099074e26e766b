"""Bring a job database to the tables of this program, whoever else opens it at the time."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import column, inspect, select, table

from engine.errors import InputError
from processes.errors import StoreUnavailableError
from processes.jobs.schema import VERSION
from processes.jobs.store_database import Database, take_turns

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOGGER = logging.getLogger(__name__)

SCRIPTS = Path(__file__).with_name("migrations")
"""Folder of the migrations."""

_VERSIONS = table("alembic_version", column("version_num"))


def open_database(address: str | Path, *, patient: bool = False) -> Database:
    """Connect to a database by its file or URL, and make or renew its tables where it has to be.

    Parameters
    ----------
    address
        The file or URL.
    patient
        Whether a database that does not answer is no error yet: its tables are looked after
        once it does.

    Raises
    ------
    InputError
        Where the URL is of another kind, or a later version of this program wrote the database.
    StoreUnavailableError
        Where the database does not answer, unless that is waited for.
    """
    database = Database.at(address)
    try:
        _migrate(database)
    except StoreUnavailableError as error:
        if not patient:
            database.close()
            raise
        LOGGER.error("%s (%s)", error, error.reason)
        database.prepare_first(partial(_catch_up, address))
    except BaseException:
        database.close()
        raise
    return database


def found_version(address: str | Path) -> str | None:
    """Return the version of the tables of a database, which is left as it is; None without any.

    Raises
    ------
    InputError
        Where the URL is of another kind.
    StoreUnavailableError
        Where the database does not answer.
    """
    if isinstance(address, Path) and not address.exists():
        return None
    database = Database.at(address)
    try:
        with database.reading() as connection:
            return _version(connection)
    finally:
        database.close()


def _catch_up(address: str | Path) -> None:
    """Do what opening the database could not do."""
    try:
        open_database(address).close()
    except InputError as error:
        # Nobody's input now, but trouble that an operator has to mend.
        raise StoreUnavailableError(str(error)) from error


def _migrate(database: Database) -> None:
    """Make or renew the tables of a database; quick where there is nothing to do."""
    with database.reading() as connection:
        if _version(connection) == VERSION:
            return
    with database.writing() as connection:
        take_turns(connection, "migrate")
        if _version(connection) != VERSION:
            _upgrade(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSIONS.name):
        return None
    found: str | None = connection.execute(select(_VERSIONS.c.version_num)).scalar()
    return found


def _upgrade(connection: Connection) -> None:
    # Loaded where it is needed: most who open a store find it as it should be.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    configuration = Config(attributes={"connection": connection})
    configuration.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    try:
        command.upgrade(configuration, "head")
    except CommandError:
        found = _version(connection)
        allowed = f"a database of version {VERSION} or earlier, or the program that wrote it"
        raise InputError("VADOSE_JOBS_DATABASE", f"version {found}", allowed) from None
