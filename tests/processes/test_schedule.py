"""``vadose schedule`` asks for new months, and only for those."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from engine.months import Month
from engine.region import load_region
from processes import schedule
from processes.catalog_place import service_catalog
from processes.cli import app
from processes.jobs.model import JobFilter, JobStatus
from processes.jobs.store import open_store
from processes.schedule import OWNER, new_months, request_months
from processes.settings import Settings
from stac.publish import publish_month
from stac.testing import MODEL, toy_dataset, toy_provenance, toy_series

if TYPE_CHECKING:
    from pathlib import Path

    from engine.world import World

runner = CliRunner()


@pytest.fixture
def settings(tiny_world: World, tmp_path: Path) -> Settings:
    """Give settings with the archive of the tiny world, and nothing published."""
    return Settings.load(
        data=tmp_path,
        archive=tiny_world.archive,
        regions=tiny_world.region.parent,
        region=load_region(tiny_world.region).name,
    )


def publish(settings: Settings, months: tuple[Month, ...]) -> None:
    series = toy_series(region=settings.region)
    for month in months:
        publish_month(service_catalog(settings), series, month, toy_dataset(), toy_provenance())


def jobs(settings: Settings) -> list[dict[str, object]]:
    with closing(open_store(settings.job_database)) as store:
        found, _ = store.find(JobFilter(limit=100))
        return [dict(job.inputs) | {"owner": job.owner} for job in reversed(found)]


def test_of_an_empty_catalogue_all_months_are_new(settings: Settings) -> None:
    """In one job, with the model that it will train."""
    wanted = new_months(settings)
    assert len(wanted.months) >= 3
    assert len(request_months(settings, wanted)) == 1
    span = f"{wanted.months[0]}/{wanted.months[-1]}"
    region = settings.region
    assert jobs(settings) == [{"region": region, "datetime": span, "owner": OWNER}]


def test_only_new_months_are_asked_for_and_of_the_same_model(settings: Settings) -> None:
    """What is official stays as it is; a gap is two jobs; what is asked for is not asked again."""
    possible = new_months(settings).months
    publish(settings, (possible[1],))
    wanted = new_months(settings)
    assert wanted.months == (possible[0], *possible[2:])
    assert wanted.model == MODEL.id
    assert len(request_months(settings, wanted)) == 2
    assert [job["model"] for job in jobs(settings)] == [MODEL.id] * 2
    assert request_months(settings, new_months(settings)) == []
    assert len(jobs(settings)) == 2


def test_when_a_job_has_ended_what_it_left_is_asked_for(settings: Settings) -> None:
    """A month that failed is new the next time."""
    (job_id,) = request_months(settings, new_months(settings))
    with closing(open_store(settings.job_database)) as store:
        store.dismiss(job_id)
    assert len(request_months(settings, new_months(settings))) == 1


def test_nothing_new_asks_for_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is run; a dry run never asks."""
    options = ["--data", str(settings.data), "--archive", str(settings.archive)]
    told = runner.invoke(
        app,
        ["schedule", *options, "--region", settings.region, "--dry-run", "--json"],
        env={"VADOSE_REGIONS": str(settings.regions)},
    )
    assert told.exit_code == 0, told.output
    document = json.loads(told.stdout)
    assert document["jobs"] == []
    published = {Month.parse(month) for month in document["months"]}
    monkeypatch.setattr(schedule, "_official", lambda *_: (published, MODEL.id))
    for _ in range(2):
        said = runner.invoke(
            app,
            ["schedule", *options, "--region", settings.region],
            env={"VADOSE_REGIONS": str(settings.regions)},
        )
        assert said.stdout.strip() == f"{settings.region}: nothing is new"
    with closing(open_store(settings.job_database)) as store:
        assert store.find(JobFilter(statuses=tuple(JobStatus)))[1] == 0
