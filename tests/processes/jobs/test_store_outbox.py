"""News, logs and leaders, in both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from processes.jobs.model import Callback, CallbackKind, LogEntry, Subscriber
from processes.jobs.store_logs import MOST_CHARACTERS, MOST_LINES

if TYPE_CHECKING:
    from processes.jobs.store import SqlJobStore

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
TOLD = Subscriber(
    success="https://example.org/s", in_progress="https://example.org/p", failed="https://a.b/f"
)


def subscribed(jobs: SqlJobStore, subscriber: Subscriber = TOLD) -> str:
    """Accept a job that somebody wants to be told of."""
    return jobs.create("echo", {}, subscriber=subscriber)[0].id


def start(jobs: SqlJobStore, job_id: str) -> None:
    """Begin the job's one step."""
    assert jobs.claim(job_id, "prepare", holder="test", lease=60)


def due(jobs: SqlJobStore) -> list[tuple[CallbackKind, str]]:
    """Return what is to be told, and where."""
    return [(callback.kind, callback.url) for callback in jobs.due_callbacks()]


def entry(text: str) -> LogEntry:
    """Return a line to log."""
    return LogEntry(time=NOW, level="INFO", text=text)


def test_news_are_due_when_they_happen(jobs: SqlJobStore) -> None:
    """At the start and at the end, oldest first; each with where to send it."""
    job_id = subscribed(jobs)
    assert due(jobs) == []
    start(jobs, job_id)
    started = (CallbackKind.IN_PROGRESS, TOLD.in_progress)
    assert due(jobs) == [started]
    jobs.succeed(job_id, "prepare", 1, {})
    assert due(jobs) == [started, (CallbackKind.SUCCESS, TOLD.success)]
    assert len(jobs.due_callbacks(limit=1)) == 1


def test_a_second_attempt_is_no_news(jobs: SqlJobStore) -> None:
    """The job started once, however often its step was tried."""
    job_id = subscribed(jobs)
    start(jobs, job_id)
    jobs.fail_step(job_id, "prepare", 1, "killed", retry=True)
    start(jobs, job_id)
    assert len(jobs.due_callbacks()) == 1


@pytest.mark.parametrize("how", ["failed", "dismissed", "dismissed in line"])
def test_an_end_without_results_is_told_as_failure(jobs: SqlJobStore, how: str) -> None:
    """A subscriber learns of it whoever ended the job."""
    job_id = subscribed(jobs, Subscriber(success="https://a.b/s", failed="https://a.b/f"))
    if how != "dismissed in line":
        start(jobs, job_id)
    if how == "failed":
        jobs.fail_step(job_id, "prepare", 1, "no data")
    else:
        jobs.dismiss(job_id)
    assert due(jobs) == [(CallbackKind.FAILED, "https://a.b/f")]


def test_news_nobody_asked_for_are_not_written(jobs: SqlJobStore) -> None:
    """Without a subscriber, or without an address for this, nothing is due."""
    for subscriber in (None, Subscriber(failed="https://a.b/f")):
        job = jobs.create("echo", {}, subscriber=subscriber)[0]
        start(jobs, job.id)
        jobs.succeed(job.id, "prepare", 1, {})
    assert due(jobs) == []


def test_news_are_written_with_the_change_or_not_at_all(jobs: SqlJobStore) -> None:
    """An end that fails on its way leaves neither an ended job nor news of it."""
    job_id = subscribed(jobs, Subscriber(success="https://a.b/s"))
    start(jobs, job_id)
    with pytest.raises(ValueError, match="JSON"):
        jobs.succeed(job_id, "prepare", 1, {"a": float("inf")})
    assert due(jobs) == []
    assert jobs.succeed(job_id, "prepare", 1, {"a": 1})
    assert len(due(jobs)) == 1


def test_delivery_is_tried_until_it_succeeds_or_is_given_up(jobs: SqlJobStore) -> None:
    """What failed is due at its next time; what arrived or was given up is not due again."""
    job_id = subscribed(jobs)
    start(jobs, job_id)
    (first,) = jobs.due_callbacks()
    assert first == Callback(**{**_fields(first), "tries": 0, "job_id": job_id})
    soon = datetime.now(UTC) + timedelta(hours=1)
    jobs.callback_failed(first.id, "timed out", soon)
    assert jobs.due_callbacks() == ()
    (again,) = jobs.due_callbacks(soon)
    assert (again.id, again.tries) == (first.id, 1)
    jobs.callback_failed(first.id, "timed out", None)
    assert jobs.due_callbacks(soon) == ()
    jobs.succeed(job_id, "prepare", 1, {})
    (success,) = jobs.due_callbacks()
    jobs.callback_delivered(success.id)
    assert jobs.due_callbacks(soon) == ()
    jobs.callback_failed(success.id, "a late timeout", soon)
    assert jobs.due_callbacks(soon) == ()


def _fields(callback: Callback) -> dict[str, object]:
    return {name: getattr(callback, name) for name in Callback.__dataclass_fields__}


def test_a_job_that_owes_news_is_not_forgotten(jobs: SqlJobStore) -> None:
    """It goes when they are delivered, and takes them along."""
    job_id = subscribed(jobs, Subscriber(success="https://a.b/s"))
    start(jobs, job_id)
    jobs.succeed(job_id, "prepare", 1, {})
    assert not jobs.delete(job_id)
    (news,) = jobs.due_callbacks()
    jobs.callback_delivered(news.id)
    assert jobs.delete(job_id)


def test_dismissal_withdraws_the_news_of_a_success(jobs: SqlJobStore) -> None:
    """There are no results left to send."""
    job_id = subscribed(jobs, Subscriber(success="https://a.b/s"))
    start(jobs, job_id)
    jobs.succeed(job_id, "prepare", 1, {})
    (news,) = jobs.due_callbacks()
    jobs.dismiss(job_id)
    assert due(jobs) == []
    jobs.callback_failed(news.id, "in the meantime", NOW)
    assert due(jobs) == []


def test_a_log_is_read_on_from_a_number(jobs: SqlJobStore) -> None:
    """Lines have numbers without a gap; whoever reads on from one misses none."""
    job_id = subscribed(jobs)
    jobs.log(job_id, "prepare", 1, [entry("first"), entry("NUL \0")])
    jobs.log(job_id, "prepare", 1, [])
    jobs.log(job_id, "2020-05", 2, [entry("third")])
    lines = jobs.log_lines(job_id)
    assert [line.seq for line in lines] == [1, 2, 3]
    assert [line.text for line in lines] == ["first", "NUL \ufffd", "third"]
    assert (lines[2].step, lines[2].attempt, lines[2].level) == ("2020-05", 2, "INFO")
    assert lines[0].time == NOW.replace(microsecond=123000)
    assert jobs.log_lines(job_id, after=2) == lines[2:]
    assert jobs.log_lines(job_id, after=1, limit=1) == lines[1:2]
    assert jobs.log_lines(job_id, after=10**18) == ()


def test_a_log_is_bounded(jobs: SqlJobStore) -> None:
    """Of a long log the oldest lines go, of a long line its end."""
    job_id = subscribed(jobs)
    jobs.log(job_id, "prepare", 1, [entry("x" * 10_000)])
    assert len(jobs.log_lines(job_id)[0].text) == MOST_CHARACTERS
    jobs.log(job_id, "prepare", 1, [entry(str(number)) for number in range(MOST_LINES)])
    jobs.log(job_id, "prepare", 1, [entry("last")])
    lines = jobs.log_lines(job_id, limit=2 * MOST_LINES)
    assert (len(lines), lines[0].seq, lines[-1].text) == (MOST_LINES, 3, "last")
    jobs.log(job_id, "prepare", 1, [entry("y")] * (MOST_LINES + 5))
    lines = jobs.log_lines(job_id, limit=2 * MOST_LINES)
    assert (len(lines), lines[-1].seq) == (MOST_LINES, 2 * MOST_LINES + 7)


def test_one_leads(jobs: SqlJobStore) -> None:
    """Another leads only after the first resigned or was silent for too long."""
    assert jobs.lead("dispatch", "a", 60)
    assert jobs.lead("dispatch", "a", 60)
    assert not jobs.lead("dispatch", "b", 60)
    assert jobs.lead("other", "b", 60)
    jobs.resign("dispatch", "b")
    assert not jobs.lead("dispatch", "b", 60)
    jobs.resign("dispatch", "a")
    assert jobs.lead("dispatch", "b", 0)
    assert jobs.lead("dispatch", "a", 60)
