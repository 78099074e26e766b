"""The filters of the job list: read from a query, and followed by the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from processes.errors import InvalidRequestError
from processes.job_query import JOB_PARAMETERS, read_job_filter
from processes.jobs.model import JobFilter, JobStatus

if TYPE_CHECKING:
    import httpx

    from processes.jobs.store import SqlJobStore

DAY = datetime(2026, 5, 1, tzinfo=UTC)
ANEW = {"Cache-Control": "no-cache"}


def wanted(query: str) -> JobFilter:
    return read_job_filter(QueryParams(query))


def test_nothing_asked_for_shows_all_that_was_started() -> None:
    """Ten jobs of any kind, without those that wait in line."""
    found = wanted("")
    assert (found.limit, found.offset) == (10, 0)
    assert set(found.statuses) == set(JobStatus) - {JobStatus.ACCEPTED}
    assert found.created_from is found.created_before is None


@pytest.mark.parametrize("query", ["status=failed,accepted", "status=failed&status=accepted"])
def test_lists_are_joined_or_repeated(query: str) -> None:
    """Both ways to write an array are read."""
    assert wanted(query).statuses == (JobStatus.FAILED, JobStatus.ACCEPTED)


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-05-01", DAY, DAY + timedelta(days=1)),
        ("2026-05-01T02:00:00%2B02:00", DAY, DAY + timedelta(seconds=1)),
        ("2026-05-01T00:00:00.5Z", DAY + timedelta(seconds=0.5), DAY + timedelta(seconds=0.501)),
        ("2026-05-01T00:00:00Z/..", DAY, None),
        ("/2026-05-01T00:00:00z", None, DAY + timedelta(seconds=1)),
        ("../..", None, None),
        ("../9999-12-31", None, datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_times_and_intervals_are_read(
    text: str, begin: datetime | None, end: datetime | None
) -> None:
    """A time lasts as long as it was written exactly; an interval may be open."""
    found = wanted(f"datetime={text}")
    assert (found.created_from, found.created_before) == (begin, end)


@given(
    st.dictionaries(
        st.sampled_from([*JOB_PARAMETERS, "other"]),
        st.one_of(st.text(max_size=40), st.integers().map(str), st.datetimes().map(str)),
        max_size=3,
    )
)
def test_any_query_is_read_or_refused(values: dict[str, str]) -> None:
    """There is no other way out."""
    try:
        found = read_job_filter(QueryParams(values))
    except InvalidRequestError:
        return
    assert 1 <= found.limit <= 10_000
    assert found.offset >= 0


def test_the_store_follows_every_filter(store: SqlJobStore) -> None:
    """State, process, time of acceptance and time of the run."""
    first, second, third = (store.create(one, {})[0] for one in ("reconstruct-sif", "echo", "echo"))
    for job in (first, second):
        store.claim(job.id, "prepare", holder="test", lease=60)
    store.succeed(first.id, "prepare", 1, {})

    def ids(**restrictions: object) -> list[str]:
        return [job.id for job in store.find(JobFilter(**restrictions))[0]]  # type: ignore[arg-type]

    now = datetime.now(UTC)
    assert ids() == [third.id, second.id, first.id]
    assert ids(process_ids=("echo",)) == [third.id, second.id]
    assert ids(statuses=(JobStatus.RUNNING, JobStatus.SUCCESSFUL)) == [second.id, first.id]
    assert ids(created_from=now - timedelta(minutes=1)) == [third.id, second.id, first.id]
    assert ids(created_from=now + timedelta(minutes=1)) == []
    assert ids(created_before=first.created) == []
    assert ids(least_seconds=0) == [second.id, first.id]
    assert ids(least_seconds=60) == []
    assert ids(most_seconds=60) == [second.id, first.id]


def test_pages_keep_their_filters(client: httpx.Client) -> None:
    """The links of a page lead on and back with the same restrictions."""
    for _ in range(3):
        body = {"inputs": {"datetime": "2020-05"}}
        client.post("/processes/reconstruct-sif/execution", json=body, headers=ANEW)
    address = "/jobs?status=accepted&processID=reconstruct-sif&limit=1"
    first = client.get(address).json()
    (following,) = [link["href"] for link in first["links"] if link["rel"] == "next"]
    assert "processID=reconstruct-sif" in following
    second = client.get(following).json()
    assert second["jobs"][0]["jobID"] != first["jobs"][0]["jobID"]
    (back,) = [link["href"] for link in second["links"] if link["rel"] == "prev"]
    assert client.get(back).json()["jobs"] == first["jobs"]
    (page,) = [link["href"] for link in second["links"] if link["rel"] == "alternate"]
    shown = client.get(page)
    assert shown.headers["Content-Type"].startswith("text/html")
    assert second["jobs"][0]["jobID"] in shown.text
    assert first["jobs"][0]["jobID"] not in shown.text
    assert client.get("/jobs").json()["jobs"] == []
