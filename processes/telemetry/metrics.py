"""Metrics for Prometheus: what the web server counts, and what the database of the jobs tells.

Steps are worked on in other processes, on other machines too. What they took is read from the
database at each scrape: the attempts that have ended since the last one. As with every counter of
Prometheus, a restart of the web server begins again at nothing.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest

from processes.errors import StoreUnavailableError
from processes.jobs.model import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from processes.jobs.model import EndedAttempt, Statistics
    from processes.jobs.protocol import JobStore

OVERLAP = timedelta(seconds=60)
"""How long a transaction may take to be seen after the time that it wrote down."""
_REQUEST_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_STEP_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)


class Metrics:
    """The metrics of one application.

    Parameters
    ----------
    store
        Knows jobs and attempts.
    """

    def __init__(self, store: JobStore) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "vadose_requests",
            "Requests that were answered",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "vadose_request_seconds",
            "Time from a request to the end of its answer",
            ["route"],
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        self._executions = Counter(
            "vadose_executions",
            "Requests to execute a process, by whether an equal one was at work already",
            ["process", "joined"],
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)
        self._registry.register(JobNumbers(store))
        self._attempts = _Attempts(store, self._registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def execution(self, process_id: str, *, joined: bool) -> None:
        """Count a request to execute a process."""
        self._executions.labels(process_id, str(joined).lower()).inc()

    def text(self) -> bytes:
        """Return all metrics as Prometheus reads them."""
        self._attempts.catch_up()
        return generate_latest(self._registry)


class JobNumbers:
    """Collects what the database says of jobs and steps when it is asked.

    Parameters
    ----------
    store
        The database.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def describe(self) -> list[Metric]:
        """Return nothing: so nothing is asked before a scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give the numbers; without a database, that there is none."""
        up = GaugeMetricFamily("vadose_database_up", "Whether the database of the jobs answers")
        try:
            numbers = self._store.statistics()
        except StoreUnavailableError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from _gauges(numbers)


def _gauges(numbers: Statistics) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("vadose_jobs", "Jobs that are kept", labels=["process", "status"])
    for (process, status), count in numbers.jobs.items():
        jobs.add_metric([process, str(status)], count)
    yield jobs
    waiting = sum(n for (_, status), n in numbers.jobs.items() if status is JobStatus.ACCEPTED)
    yield GaugeMetricFamily("vadose_queue_length", "Jobs in line", waiting)
    yield GaugeMetricFamily(
        "vadose_queue_seconds", "How long the first job in line has waited", numbers.longest_wait
    )
    steps = GaugeMetricFamily("vadose_steps", "Steps of jobs that go on", labels=["state"])
    for state, count in numbers.steps.items():
        steps.add_metric([str(state)], count)
    yield steps


class _Attempts:
    """Measures every attempt that has ended since the application started, once."""

    def __init__(self, store: JobStore, registry: CollectorRegistry) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._begun = self._until = datetime.now(UTC)
        self._seen: dict[tuple[str, str, int], datetime] = {}
        self._seconds = Histogram(
            "vadose_step_seconds",
            "Time of an attempt of a step",
            ["process", "step", "ending"],
            buckets=_STEP_SECONDS,
            registry=registry,
        )
        self._cells = Counter(
            "vadose_cells",
            "Cells of 1 km computed, each month anew; its rate is cells per second",
            ["process"],
            registry=registry,
        )
        self._months = Counter(
            "vadose_months",
            "Months done, by whether the catalogue had the very same already (a cache hit)",
            ["process", "reused"],
            registry=registry,
        )

    def catch_up(self) -> None:
        """Measure what has ended since the last time; without a database, next time."""
        with self._lock:
            since = max(self._begun, self._until - OVERLAP)
            try:
                ended = self._store.ended_attempts(since)
            except StoreUnavailableError:
                return
            for attempt in ended:
                if attempt.key not in self._seen:
                    self._measure(attempt)
                self._seen[attempt.key] = attempt.ended
                self._until = max(self._until, attempt.ended)
            limit = self._until - OVERLAP
            self._seen = {key: time for key, time in self._seen.items() if time >= limit}

    def _measure(self, attempt: EndedAttempt) -> None:
        labels = (attempt.process_id, attempt.step, str(attempt.ending))
        self._seconds.labels(*labels).observe(attempt.seconds)
        if attempt.cells:
            self._cells.labels(attempt.process_id).inc(attempt.cells)
        if attempt.step == "month" and attempt.ending == "done":
            self._months.labels(attempt.process_id, str(attempt.reused).lower()).inc()
