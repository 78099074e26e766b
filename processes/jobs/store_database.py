"""The database under the store: connections, transactions, and what goes wrong with them."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import zlib
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from engine.errors import InputError
from processes.errors import StoreUnavailableError
from processes.jobs.schema import whole_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

BUSY_SECONDS = 30
"""How long a writer waits for another."""
CONNECT_SECONDS = 5
"""How long a connection to PostgreSQL may take."""

_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_OURS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
_json = partial(json.dumps, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


class Database:
    """A database of jobs.

    Parameters
    ----------
    engine
        Its connections; :meth:`at` makes them for an address.
    """

    def __init__(self, engine: Engine) -> None:
        on_file = engine.dialect.name == "sqlite"
        # One look is one statement or few that need not agree: no need to begin and end it.
        alone = {} if on_file else {"isolation_level": "AUTOCOMMIT"}
        self._readers = engine.execution_options(**alone)
        self._writers = engine.execution_options(writes=True)
        whole = {} if on_file else {"isolation_level": "REPEATABLE READ"}
        self._snapshots = engine.execution_options(**whole)
        self._preparing = threading.Lock()
        self._prepare: Callable[[], None] | None = None

    @classmethod
    def at(cls, address: str | Path) -> Database:
        """Connect to a file of SQLite, or to PostgreSQL by its URL.

        Raises
        ------
        InputError
            Where the URL is of neither.
        """
        url = _read(address)
        engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)
        return cls(engine)

    def close(self) -> None:
        """Give the connections back."""
        self._readers.dispose()

    def prepare_first(self, prepare: Callable[[], None]) -> None:
        """Have something done before the next use; where it fails, so does that use."""
        self._prepare = prepare

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection for one look."""
        self._be_prepared()
        with _told(), self._readers.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Give a connection that sees the database as it is now, for as long as it looks."""
        self._be_prepared()
        with _told(), self._snapshots.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection for one change: kept whole at the end, or not at all."""
        self._be_prepared()
        with _told(), self._writers.begin() as connection:
            yield connection

    def _be_prepared(self) -> None:
        if self._prepare is None:
            return
        with self._preparing:
            if self._prepare is not None:
                self._prepare()
                self._prepare = None


def clock(connection: Connection) -> datetime:
    """Return the time, UTC, as the database tells it: one clock for a whole cluster.

    SQLite's writers are all on one machine, which has one clock anyway.
    """
    if connection.dialect.name == "sqlite":
        return whole_milliseconds(datetime.now(UTC))
    return whole_milliseconds(connection.execute(select(func.clock_timestamp())).scalar_one())


def take_turns(connection: Connection, matter: str) -> None:
    """Wait until no other transaction is at the same matter; SQLite has one writer anyway."""
    if connection.dialect.name != "sqlite":
        connection.execute(select(func.pg_advisory_xact_lock(zlib.crc32(matter.encode()))))


@contextmanager
def _told() -> Iterator[None]:
    """Tell apart a database that does not answer from a mistake of ours."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StoreUnavailableError(str(error)) from error
    except DBAPIError as error:
        if isinstance(error, _OURS) or _is_wrong_sql(error):
            raise
        raise StoreUnavailableError(str(error.orig)) from error


def _is_wrong_sql(error: DBAPIError) -> bool:
    """Whether SQLite found fault with a statement; it reports that as it does a broken disk."""
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def _read(address: str | Path) -> URL:
    if isinstance(address, Path) or "://" not in address:
        return make_url("sqlite://").set(database=str(address))
    scheme = address.partition("://")[0]
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise _refusal("a URL that cannot be read") from None
    if scheme in _POSTGRESQL:
        return url.set(drivername="postgresql+psycopg")
    if scheme == "sqlite" and url.database:
        return url
    raise _refusal(f"{scheme:.20}://…")


def _refusal(wrong: str) -> InputError:
    """Refuse an address without repeating it: it may hold a password."""
    allowed = "a file, or postgresql://USER:PASSWORD@HOST/DATABASE"
    return InputError("VADOSE_JOBS_DATABASE", wrong, allowed)


def _postgresql(url: URL) -> Engine:
    return create_engine(
        url,
        json_serializer=_json,
        # A connection that the server has closed is replaced before it is used.
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=20,
        pool_timeout=BUSY_SECONDS,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": CONNECT_SECONDS,
            "keepalives_interval": CONNECT_SECONDS,
            "keepalives_count": 3,
            "options": f"-c timezone=UTC -c statement_timeout={1000 * BUSY_SECONDS}",
        },
    )


def _sqlite(url: URL) -> Engine:
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        json_serializer=_json,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: DBAPIConnection, _record: object) -> None:
    # Transactions begin where we say so: Python's module would begin them late.
    connection.isolation_level = None
    cursor = connection.cursor()
    _write_ahead(cursor)
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _write_ahead(cursor: DBAPICursor) -> None:
    """Let readers read while one writes: a property of the file, changed once.

    Several who open a new file at once stand in each other's way, and SQLite does not wait here.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _begin(connection: Connection) -> None:
    # A change takes the file at once: what it reads first is then still true when it writes.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
