"""How much of the service one owner has, against how much they may have."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from processes.errors import TooManyRequestsError
from processes.jobs.model import ACTIVE
from processes.jobs.schema import JOBS
from processes.jobs.store_database import clock

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from processes.jobs.model import Quota, Work

WINDOW = timedelta(hours=24)
"""How long what was asked for counts."""
SOON = 30
"""After how many seconds one of many jobs may have ended."""


def check_quota(connection: Connection, owner: str, work: Work | None, quota: Quota) -> None:
    """Refuse a job that is more than its owner may have.

    What was dismissed counts, too: it may have been computed by then.

    Raises
    ------
    TooManyRequestsError
        Says what was exceeded, and when there may be room.
    """
    mine = JOBS.c.owner == owner
    active = select(func.count()).select_from(JOBS).where(mine, JOBS.c.status.in_(ACTIVE))
    if connection.execute(active).scalar_one() >= quota.jobs:
        raise TooManyRequestsError(f"{quota.jobs} jobs of yours wait or run already", SOON)
    if work is None:
        return
    now = clock(connection)
    asked = func.coalesce(func.sum(JOBS.c.cells * JOBS.c.months), 0)
    lately = (mine, JOBS.c.created > now - WINDOW, JOBS.c.cells.is_not(None))
    sums = select(asked, func.min(JOBS.c.created)).where(*lately)
    so_far, first = connection.execute(sums).one()
    if int(so_far) + work.cells * work.months > quota.cells:
        over = WINDOW if first is None else first + WINDOW - now
        limit = f"{quota.cells:,} cells times months in 24 hours, of which {int(so_far):,} are used"
        raise TooManyRequestsError(limit, max(1, math.ceil(over.total_seconds())))
