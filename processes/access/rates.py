"""How often a caller may ask: a bucket of requests each, filled evenly.

Buckets are in memory, of one web server each; what has to hold across restarts and servers (jobs,
and how much they compute) is counted in the database.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

MOST_CALLERS = 10_000
"""Buckets that are remembered; of more, those that were not asked for longest are full again."""


@dataclass(slots=True, kw_only=True)
class Rates:
    """Buckets by caller."""

    per_minute: float
    """Requests that flow into a bucket each minute, and its size."""
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, caller: str, now: float | None = None) -> int | None:
        """Take a request out of a caller's bucket.

        Parameters
        ----------
        caller
            Whose.
        now
            Time in seconds, of any clock that runs evenly.

        Returns
        -------
        int or None
            None where there was one; else after how many seconds there will be.
        """
        now = time.monotonic() if now is None else now
        flow = self.per_minute / 60
        with self._lock:
            level, since = self._buckets.pop(caller, (self.per_minute, now))
            level = min(self.per_minute, level + (now - since) * flow)
            enough = level >= 1
            self._buckets[caller] = (level - 1 if enough else level, now)
            if len(self._buckets) > MOST_CALLERS:
                self._buckets.popitem(last=False)
        return None if enough else max(1, math.ceil((1 - level) / flow))
