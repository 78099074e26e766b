"""The outbox: news for subscribers, written with the change that they tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from processes.jobs.model import Callback, CallbackKind, Subscriber
from processes.jobs.schema import CALLBACKS, JOBS
from processes.jobs.store_database import clock

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

_KNOWN = [CALLBACKS.c[name] for name in Callback.__dataclass_fields__]


def tell(connection: Connection, job_id: str, kind: CallbackKind, now: datetime) -> None:
    """Put news of a job into the outbox, where somebody wants them."""
    kept = connection.execute(select(JOBS.c.subscriber).where(JOBS.c.id == job_id)).scalar()
    subscriber = subscriber_of(kept)
    url = None if subscriber is None else subscriber.address(kind)
    if url is not None:
        news = {"job_id": job_id, "kind": kind, "url": url, "created": now, "next_at": now}
        connection.execute(insert(CALLBACKS).values(**news, tries=0, error=""))


def withdraw(connection: Connection, job_id: str, kind: CallbackKind) -> None:
    """Take news back that are true no longer."""
    stale = (
        CALLBACKS.c.job_id == job_id,
        CALLBACKS.c.kind == kind,
        CALLBACKS.c.next_at.is_not(None),
    )
    connection.execute(update(CALLBACKS).where(*stale).values(next_at=None, error="withdrawn"))


def due_callbacks(connection: Connection, now: datetime | None, limit: int) -> tuple[Callback, ...]:
    """Return the news to deliver now, oldest first."""
    due = (
        select(*_KNOWN)
        .where(CALLBACKS.c.next_at <= (now or clock(connection)))
        .order_by(CALLBACKS.c.id)
        .limit(limit)
    )
    found = connection.execute(due).mappings()
    return tuple(Callback(**(dict(row) | {"kind": CallbackKind(row["kind"])})) for row in found)


def callback_delivered(connection: Connection, callback_id: int) -> None:
    """Note that news arrived."""
    _note(connection, callback_id, next_at=None, delivered=clock(connection), error="")


def callback_failed(
    connection: Connection, callback_id: int, error: str, next_at: datetime | None
) -> None:
    """Note that news did not arrive, and when to try again."""
    tries = CALLBACKS.c.tries + 1
    _note(connection, callback_id, next_at=next_at, tries=tries, error=error)


def _note(connection: Connection, callback_id: int, **values: object) -> None:
    # News that were withdrawn meanwhile stay so.
    due = (CALLBACKS.c.id == callback_id, CALLBACKS.c.next_at.is_not(None))
    connection.execute(update(CALLBACKS).where(*due).values(**values))


def subscriber_of(kept: Any) -> Subscriber | None:
    """Read who is told of a job."""
    return None if kept is None else Subscriber(**kept)
