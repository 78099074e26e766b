"""``vadose doctor`` finds what is missing, and says what to do."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from engine.models.store import ModelStore
from engine.models.training import training
from engine.testing import toy_table, toy_task
from processes.access.callers import Role
from processes.access.keys import KeyFile
from processes.checks import Check, State
from processes.cli import app
from processes.doctor import examine, is_well
from processes.jobs.store import open_store
from processes.serving import free_port
from processes.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

runner = CliRunner()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings of a folder with an archive that holds one granule."""
    granule = "MOD11A2.A2020153.h27v05.061.2020162034510.hdf"
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / granule).touch()
    (tmp_path / "archive" / "SYNTHETIC.txt").touch()
    return Settings.load(data=tmp_path)


def found(settings: Settings, name: str) -> Check:
    (check,) = (check for check in examine(settings) if check.name == name)
    return check


def test_all_is_well_on_a_fresh_folder(settings: Settings) -> None:
    """Nothing is made by looking."""
    before = sorted(settings.data.rglob("*"))
    checks = examine(settings)
    assert is_well(checks)
    assert {check.state for check in checks} == {State.OK}
    assert sorted(settings.data.rglob("*")) == before


def test_a_missing_archive_is_named_with_what_to_do(tmp_path: Path) -> None:
    """In the table, in the JSON, and by the exit code."""
    table = runner.invoke(app, ["doctor", "--data", str(tmp_path)])
    assert table.exit_code == 1
    assert "vadose fetch" in " ".join(table.stdout.split())
    told = runner.invoke(app, ["doctor", "--data", str(tmp_path), "--json"])
    assert told.exit_code == 1
    document = json.loads(told.stdout)
    assert document["well"] is False
    (archive,) = (one for one in document["checks"] if one["name"] == "archive")
    assert archive["state"] == "failed"
    assert "VADOSE_ARCHIVE" in archive["advice"]


def test_an_empty_archive_is_a_warning(settings: Settings) -> None:
    """A service without granules serves what is published."""
    for path in settings.archive_folder.iterdir():
        path.unlink()
    assert found(settings, "archive").state is State.WARNING


def test_a_database_that_is_away_is_named_without_its_password(settings: Settings) -> None:
    """The words of the driver are for operators; secrets for nobody."""
    url = f"postgresql://vadose:hush@127.0.0.1:{free_port()}/jobs"
    away = Settings.load(data=settings.data, jobs_database=url)
    check = found(away, "database")
    assert check.state is State.FAILED
    assert "VADOSE_JOBS_DATABASE" in check.advice
    assert "hush" not in f"{check.found}{check.advice}{check.cause}"


def test_the_version_of_the_tables_is_told(settings: Settings) -> None:
    """An older database is renewed at the start; a later one is refused."""
    with closing(open_store(settings.job_database)):
        assert found(settings, "database").state is State.OK
    engine = sa.create_engine(f"sqlite:///{settings.job_database}")
    for version, state in (("0001", State.WARNING), ("9999", State.FAILED)):
        with engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE alembic_version SET version_num = :v"), {"v": version}
            )
        assert found(settings, "database").state is state
    engine.dispose()


def test_a_scheduler_that_is_away_is_named(settings: Settings) -> None:
    """With its address, for operators."""
    away = settings.model_copy(update={"scheduler": f"tcp://127.0.0.1:{free_port()}"})
    check = found(away, "scheduler")
    assert check.state is State.FAILED
    assert str(away.scheduler) in check.cause


def test_sign_in_is_looked_at(settings: Settings) -> None:
    """Where callers must say who they are: that somebody can, and that keys are private."""
    guarded = Settings.load(data=settings.data, access=True)
    assert found(guarded, "sign-in").state is State.FAILED
    KeyFile(guarded.key_file).add("alice", Role.ADMIN)
    assert found(guarded, "sign-in").state is State.OK
    guarded.key_file.chmod(0o644)
    assert found(guarded, "sign-in").state is State.WARNING
    guarded.key_file.write_text("{")
    assert found(guarded, "sign-in").state is State.FAILED
    public = Settings.load(data=settings.data, public_without_access=True)
    assert found(public, "sign-in").state is State.WARNING


def test_a_changed_model_is_named(settings: Settings) -> None:
    """A file that is not the one of its card fails, by the model's name."""
    table = toy_table()
    trained = training(table, toy_task(table))
    models = ModelStore(settings.model_folder)
    model_id = models.save(trained.model).id
    assert found(settings, "models").state is State.OK
    onnx = models.onnx_path(model_id)
    onnx.write_bytes(onnx.read_bytes() + b"more")
    check = found(settings, "models")
    assert check.state is State.FAILED
    assert model_id in check.found
