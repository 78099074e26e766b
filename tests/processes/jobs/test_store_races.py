"""Of those who want the same at the same time exactly one wins, in both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from processes.jobs.model import JobStatus, LogEntry, StepState
from processes.jobs.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from processes.jobs.store import SqlJobStore

RIVALS = 4
CLAIM_ALL = """
import sys
from processes.jobs.store import open_store

jobs = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
while found := jobs.ready(3):
    for step in found:
        if jobs.claim(step.job_id, step.name, holder=sys.argv[2], lease=60):
            print(step.job_id, flush=True)
jobs.close()
"""


def race[T](work: Callable[[int], T]) -> list[T]:
    """Do the same in several threads that start together; return what each got."""
    barrier = threading.Barrier(RIVALS)
    got: list[T] = []

    def run(number: int) -> None:
        barrier.wait()
        got.append(work(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(RIVALS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == RIVALS
    return got


def begun(jobs: SqlJobStore) -> str:
    """Accept a job and begin the first attempt of its one step."""
    job_id = jobs.create("echo", {})[0].id
    assert jobs.claim(job_id, "prepare", holder="test", lease=60)
    return job_id


def test_two_claimers_never_get_the_same_step(jobs: SqlJobStore) -> None:
    """Threads that claim whatever is ready share the steps out without a double."""
    ids = {jobs.create("echo", {})[0].id for _ in range(12)}

    def claim_all(number: int) -> list[str]:
        claimed: list[str] = []
        while found := jobs.ready(3):
            claims = (jobs.claim(x.job_id, x.name, holder=str(number), lease=60) for x in found)
            claimed += [step.job_id for step in claims if step is not None]
        return claimed

    counts = Counter(job_id for claimed in race(claim_all) for job_id in claimed)
    assert set(counts) == ids
    assert set(counts.values()) == {1}
    assert {jobs.get(job_id).attempt for job_id in ids} == {1}


def test_claimers_in_other_processes_are_no_different(jobs: SqlJobStore, database: str) -> None:
    """Several processes on one database share the steps out, too."""
    ids = {jobs.create("echo", {})[0].id for _ in range(12)}
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM_ALL, database, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for rival in rivals:
        assert rival.stdout is not None
        assert rival.stdout.readline() == "ready\n"
    claimed = [line for rival in rivals for line in rival.communicate("go\n", 60)[0].split()]
    assert [rival.returncode for rival in rivals] == [0, 0, 0]
    assert sorted(claimed) == sorted(ids)


def test_one_of_several_equal_requests_makes_the_job(jobs: SqlJobStore) -> None:
    """The others get the same one."""
    made = race(lambda _: jobs.create("echo", {}, request_hash="same"))
    assert len({job.id for job, _ in made}) == 1
    assert sorted(new for _, new in made) == [False, False, False, True]


def test_the_line_is_never_longer_than_it_may_be(jobs: SqlJobStore) -> None:
    """Also when several want the last place."""

    def take_place(_: int) -> bool:
        try:
            return jobs.create("echo", {}, most_waiting=2)[1]
        except RuntimeError:
            return False

    assert sum(race(take_place)) == 2
    assert jobs.waiting() == 2


def test_one_becomes_leader(jobs: SqlJobStore) -> None:
    """Of those who want to lead at once."""
    assert sum(race(lambda number: jobs.lead("dispatch", str(number), 60))) == 1


def test_dismissal_beats_success(jobs: SqlJobStore) -> None:
    """Whichever comes first, the job ends dismissed, and without results."""
    for _ in range(4):
        job_id = begun(jobs)

        def end(number: int, job_id: str = job_id) -> bool:
            if number % 2:
                return jobs.dismiss(job_id)
            return jobs.succeed(job_id, "prepare", 1, {"a": 1})

        race(end)
        assert jobs.get(job_id).status is JobStatus.DISMISSED
        assert jobs.results(job_id) is None
        assert jobs.steps(job_id)[0].state in (StepState.DONE, StepState.FAILED)


def test_one_end_is_the_end(jobs: SqlJobStore) -> None:
    """Success, failure and a lease that runs out exclude one another."""
    for _ in range(4):
        job_id = begun(jobs)
        late = datetime.now(UTC) + timedelta(seconds=120)

        def end(number: int, job_id: str = job_id, late: datetime = late) -> bool:
            if number == 0:
                return jobs.succeed(job_id, "prepare", 1, {})
            if number == 1:
                return jobs.fail_step(job_id, "prepare", 1, "no")
            return len(jobs.expire(late, most_attempts=1)) == 1

        assert sum(race(end)) == 1
        assert len(jobs.attempts(job_id)) == 1
        assert jobs.get(job_id).status.terminal


def test_logs_from_many_sides_are_whole(jobs: SqlJobStore) -> None:
    """No line is lost, and no number is given twice."""
    job_id = jobs.create("echo", {})[0].id

    def write(number: int) -> None:
        line = LogEntry(time=datetime.now(UTC), level="INFO", text="x")
        for _ in range(5):
            jobs.log(job_id, "prepare", number, [line, line])

    race(write)
    assert [line.seq for line in jobs.log_lines(job_id)] == list(range(1, 10 * RIVALS + 1))


def test_steps_that_end_together_are_all_counted(jobs: SqlJobStore) -> None:
    """Months that end in the same moment leave neither count nor progress behind."""
    job_id = begun(jobs)
    months = [f"2020-{month:02d}" for month in range(1, RIVALS + 1)]
    follow = [*((month, 1) for month in months), ("finish", 2)]
    jobs.done(job_id, "prepare", 1, None, follow)
    for month in months:
        jobs.claim(job_id, month, holder="test", lease=60)
    assert all(race(lambda number: jobs.done(job_id, months[number], 1, number)))
    job = jobs.get(job_id)
    assert (job.steps, job.steps_done, job.progress) == (RIVALS + 2, RIVALS + 1, 90)
    assert [step.name for step in jobs.ready(10)] == ["finish"]


def test_a_database_serves_two_stores(database: str) -> None:
    """What one store writes another reads at once."""
    with closing(open_store(database)) as one, closing(open_store(database)) as other:
        job, _ = one.create("echo", {})
        assert other.get(job.id) == job
        assert other.dismiss(job.id)
        assert one.get(job.id).status is JobStatus.DISMISSED
