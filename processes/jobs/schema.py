"""The tables of the job database, for SQLite and for PostgreSQL.

``migrations/`` makes them; what is said here has to be what the newest migration leaves.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import JSONB

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.types import TypeEngine

VERSION = "0005"
"""The newest migration."""

METADATA = MetaData()
"""All tables."""


class Time(TypeDecorator[datetime]):
    """A time with zone, to the millisecond: a column of that kind, or a text that sorts by time.

    SQLite has no times; a text of fixed width is in the order of the times it tells.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Keep it as text in SQLite."""
        kind = String(32) if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write a time."""
        if value is None:
            return None
        time = whole_milliseconds(value)
        return time.isoformat(timespec="milliseconds") if dialect.name == "sqlite" else time

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read a time."""
        if value is None:
            return None
        time = datetime.fromisoformat(value) if dialect.name == "sqlite" else value
        return time.astimezone(UTC)


class Words(TypeDecorator[str]):
    """A text that every database takes: NUL and lone surrogates become U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write a text."""
        if value is None:
            return None
        text = value.replace("\0", "\ufffd")
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def whole_milliseconds(time: datetime) -> datetime:
    """Return a time in UTC as precise as it is kept."""
    return time.astimezone(UTC).replace(microsecond=time.microsecond // 1000 * 1000)


_NUMBER = BigInteger().with_variant(Integer, "sqlite")


def _of_job(**options: Any) -> Column[str]:
    key = ForeignKey("jobs.id", ondelete="CASCADE")
    return Column("job_id", Words, key, nullable=False, **options)


_LISTED = ("process_id", "created", "started", "finished", "seconds")

JOBS = Table(
    "jobs",
    METADATA,
    Column("sequence", _NUMBER, primary_key=True, autoincrement=True),
    Column("id", Words, nullable=False, unique=True),
    Column("process_id", Words, nullable=False),
    Column("inputs", JSON, nullable=False),
    Column("delivery", JSON, nullable=False),
    Column("subscriber", JSON(none_as_null=True)),
    Column("request_hash", Words),
    Column("force", Boolean, nullable=False),
    Column("status", String(16), nullable=False),
    Column("progress", Integer, nullable=False),
    Column("message", Words, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("steps_done", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("by_client", Boolean, nullable=False),
    Column("created", Time, nullable=False),
    Column("started", Time),
    Column("finished", Time),
    Column("updated", Time, nullable=False),
    # How long an ended job ran, so that a list can ask for it without arithmetic of times.
    Column("seconds", Float),
    Column("log_seq", Integer, nullable=False),
    Column("owner", Words),
    Column("cells", _NUMBER),
    Column("months", Integer),
    # All that lists filter by: a page is found, and jobs are counted, without reading the jobs.
    Index("jobs_in_order", "sequence", "status", *_LISTED),
    Index("jobs_by_status", "status", "sequence", *_LISTED),
    Index("jobs_by_request", "request_hash"),
    Index("jobs_by_owner", "owner", "sequence"),
    sqlite_autoincrement=True,
)
"""A row per job."""

STEPS = Table(
    "steps",
    METADATA,
    _of_job(primary_key=True),
    Column("name", Words, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("holder", Words, nullable=False),
    Column("lease_until", Time),
    Column("not_before", Time),
    Column("fraction", Float, nullable=False),
    Column("message", Words, nullable=False),
    Column("result", JSON(none_as_null=True)),
    Index("steps_by_state", "state", "lease_until"),
)
"""A row per step of a job."""

ATTEMPTS = Table(
    "attempts",
    METADATA,
    _of_job(primary_key=True),
    Column("step", Words, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("holder", Words, nullable=False),
    Column("started", Time, nullable=False),
    Column("ended", Time),
    Column("ending", String(16)),
    Column("message", Words, nullable=False),
    Index("attempts_by_end", "ended"),
)
"""A row per try of a step."""

LOGS = Table(
    "job_logs",
    METADATA,
    _of_job(primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("time", Time, nullable=False),
    Column("level", Words, nullable=False),
    Column("step", Words, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("text", Words, nullable=False),
)
"""A row per line of a job's log."""

OUTPUTS = Table(
    "job_outputs",
    METADATA,
    _of_job(primary_key=True),
    Column("name", Words, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("value", JSON, nullable=False),
    Column("media_type", Words, nullable=False),
    Column("size", _NUMBER, nullable=False),
    Column("sha256", String(64), nullable=False),
)
"""A row per output of a successful job."""

CALLBACKS = Table(
    "callbacks",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    _of_job(index=True),
    Column("kind", String(16), nullable=False),
    Column("url", Words, nullable=False),
    Column("created", Time, nullable=False),
    Column("tries", Integer, nullable=False),
    # When it is due; nothing where it was delivered, given up, or is of no use any more.
    Column("next_at", Time, index=True),
    Column("delivered", Time),
    Column("error", Words, nullable=False),
    sqlite_autoincrement=True,
)
"""A row per piece of news that a subscriber is to be told."""

LEADERS = Table(
    "leaders",
    METADATA,
    Column("name", Words, primary_key=True),
    Column("holder", Words, nullable=False),
    Column("until", Time, nullable=False),
)
"""A row per thing that one alone does."""

CATALOG_COLLECTIONS = Table(
    "catalog_collections",
    METADATA,
    Column("id", Words, primary_key=True),
    Column("document", JSON, nullable=False),
)
"""A row per published collection, without the links to its items."""

CATALOG_FOOTPRINTS = Table(
    "catalog_footprints",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("west", Float, nullable=False),
    Column("south", Float, nullable=False),
    Column("east", Float, nullable=False),
    Column("north", Float, nullable=False),
    # None where the footprint is the box itself, as those of maps are.
    Column("geometry", JSON(none_as_null=True)),
)
"""A row per outline; all months of a region share one, so that geometry is looked at once."""

_SEARCHED = (
    "start_datetime",
    "end_datetime",
    "footprint",
    "product",
    "region",
    "series",
    "analysis",
    "model",
    "architecture",
    "synthetic",
    "version",
    "gsd",
)
"""What conditions of a search look at: in the indexes, so that no row is read for it."""

CATALOG_ITEMS = Table(
    "catalog_items",
    METADATA,
    Column("collection", Words, primary_key=True),
    Column("id", Words, primary_key=True),
    Column("footprint", Integer, ForeignKey("catalog_footprints.id"), nullable=False, index=True),
    Column("datetime", Time, nullable=False),
    Column("start_datetime", Time, nullable=False),
    Column("end_datetime", Time, nullable=False),
    Column("created", Time, nullable=False),
    Column("updated", Time, nullable=False),
    Column("title", Words, nullable=False),
    Column("properties", JSON().with_variant(JSONB, "postgresql"), nullable=False),
    Column("document", JSON, nullable=False),
    # What the catalogue's storage says of the item's file, by which a change is seen.
    Column("stamp", Words, nullable=False),
    # What filters name most, out of the properties; nothing where an item does not say it.
    Column("product", Words),
    Column("region", Words),
    Column("series", Words),
    Column("analysis", Words),
    Column("model", Words),
    Column("architecture", Words),
    Column("synthetic", Boolean),
    Column("version", Words),
    Column("gsd", Float),
    Index("catalog_items_by_time", "datetime", "collection", "id", *_SEARCHED),
    Index("catalog_items_by_collection", "collection", "datetime", "id", *_SEARCHED),
    Index("catalog_items_by_id", "id"),
)
"""A row per published item: what is searched, and the item as it is written."""
