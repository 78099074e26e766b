"""One leader of each matter, for as long as it says so."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, or_, select, update

from processes.jobs.schema import LEADERS
from processes.jobs.store_database import clock, take_turns

if TYPE_CHECKING:
    from sqlalchemy import Connection


def lead(connection: Connection, name: str, holder: str, seconds: float) -> bool:
    """Become or stay the leader; False where another leads."""
    take_turns(connection, "leaders")
    now = clock(connection)
    values = {"holder": holder, "until": now + timedelta(seconds=seconds)}
    known = connection.execute(select(LEADERS.c.holder).where(LEADERS.c.name == name)).scalar()
    if known is None:
        connection.execute(insert(LEADERS).values(name=name, **values))
        return True
    free = or_(LEADERS.c.holder == holder, LEADERS.c.until <= now)
    change = update(LEADERS).where(LEADERS.c.name == name, free).values(**values)
    return connection.execute(change).rowcount == 1


def resign(connection: Connection, name: str, holder: str) -> None:
    """Lead no longer."""
    ours = (LEADERS.c.name == name, LEADERS.c.holder == holder)
    connection.execute(delete(LEADERS).where(*ours))
