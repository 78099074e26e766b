"""Settings are checked before anything starts, all at once, and shown without secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from processes.cli import app
from processes.configuration import hide_secrets
from processes.errors import InvalidSettingsError
from processes.settings import Settings
from processes.start import check_start, setting_problems

if TYPE_CHECKING:
    from pathlib import Path

runner = CliRunner()


def problems(folder: Path, **values: object) -> list[str]:
    settings = Settings.load(data=folder, **values)
    return [problem.field for problem in setting_problems(settings)]


def test_defaults_are_ready_to_serve(tmp_path: Path) -> None:
    """Nothing has to be set for a service of one's own."""
    assert problems(tmp_path) == []


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who mends one setting is not told of the next one only then."""
    monkeypatch.setenv("VADOSE_PORT", "70000")
    monkeypatch.setenv("VADOSE_THREADS", "many")
    monkeypatch.setenv("VADOSE_LOG_LEVEL", "loud")
    with pytest.raises(InvalidSettingsError) as caught:
        Settings.load()
    text = str(caught.value)
    assert text.startswith("3 settings are wrong")
    assert all(name in text for name in ("VADOSE_PORT", "VADOSE_THREADS", "VADOSE_LOG_LEVEL"))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"host": "0.0.0.0"}, "VADOSE_HOST"),  # noqa: S104  (refused)
        ({"host": "::"}, "VADOSE_HOST"),
        ({"region": "atlantis"}, "VADOSE_REGION"),
        ({"catalog": "ftp://bucket"}, "VADOSE_CATALOG"),
        ({"callback_secret": "whsec_?"}, "VADOSE_CALLBACK_SECRET"),
        ({"jobs_database": "mysql://u:p@h/d"}, "VADOSE_JOBS_DATABASE"),
        ({"pygeoapi_config": "/nonexistent"}, "VADOSE_PYGEOAPI_CONFIG"),
        ({"scheduler": "tcp://127.0.0.1:8786"}, "VADOSE_JOBS_DATABASE"),
        (
            {"scheduler": "tcp://host:8786", "jobs_database": "postgresql://h/d"},
            "VADOSE_SCHEDULER",
        ),
        (
            {"scheduler": "host", "jobs_database": "postgresql://h/d"},
            "VADOSE_SCHEDULER",
        ),
        (
            {"access": True, "oidc_issuer": "https://id.example.org"},
            "VADOSE_OIDC_AUDIENCE",
        ),
        (
            {"access": True, "oidc_issuer": "http://id.example.org", "oidc_audience": "vadose"},
            "VADOSE_OIDC_ISSUER",
        ),
        ({"oidc_issuer": "https://id.example.org", "oidc_audience": "vadose"}, "VADOSE_ACCESS"),
    ],
)
def test_settings_that_contradict_are_refused(
    tmp_path: Path, values: dict[str, object], field: str
) -> None:
    """Each by its name, and by nothing else."""
    assert problems(tmp_path, **values) == [field]


@pytest.mark.parametrize("guard", ["access", "public_without_access"])
def test_the_public_is_let_in_by_a_word(tmp_path: Path, guard: str) -> None:
    """Beyond loopback the service listens with access control, or where it is told to."""
    check_start(Settings.load(data=tmp_path, host="0.0.0.0", **{guard: True}))  # noqa: S104


def test_serving_ends_with_the_list_and_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``vadose serve`` starts nothing with settings that are wrong."""
    monkeypatch.setenv("VADOSE_REGION", "atlantis")
    result = runner.invoke(app, ["serve", "--data", str(tmp_path), "--host", "0.0.0.0"])  # noqa: S104
    assert result.exit_code == 2
    assert "vadose: 2 settings are wrong" in result.stderr
    assert "VADOSE_REGION" in result.stderr
    assert "Traceback" not in result.output


def test_the_configuration_is_shown_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passwords and secrets are hidden wherever they are; the rest, and its origin, is told."""
    monkeypatch.setenv("VADOSE_JOBS_DATABASE", "postgresql://vadose:hush1@db/jobs")
    monkeypatch.setenv("VADOSE_CALLBACK_SECRET", "hush2")
    monkeypatch.setenv("VADOSE_EARTHDATA_TOKEN", "hush3")
    monkeypatch.setenv("VADOSE_URL", "https://me:hush4@maps.example.org/?token=hush5")
    monkeypatch.setenv("VADOSE_PROT", "80")
    for flags in (["--json"], []):
        result = runner.invoke(app, ["config", "--data", str(tmp_path), *flags])
        assert result.exit_code == 0
        assert "hush" not in result.output
        assert "VADOSE_PROT (VADOSE_PORT is meant?)" in result.stderr
    shown = json.loads(runner.invoke(app, ["config", "--data", str(tmp_path), "--json"]).stdout)
    assert shown["VADOSE_JOBS_DATABASE"]["value"] == "postgresql://vadose:********@db/jobs"
    assert shown["VADOSE_DATA"] == {"value": str(tmp_path), "source": "argument"}
    assert shown["VADOSE_URL"]["source"] == "environment"
    assert shown["VADOSE_PORT"] == {"value": "5000", "source": "default"}


@pytest.mark.parametrize(
    "text", ["s3://bucket/prefix", "tcp://host:8786", "https://maps.example.org/a?b=c"]
)
def test_addresses_without_secrets_are_shown_as_they_are(text: str) -> None:
    """Nothing is hidden that is none."""
    assert hide_secrets(text) == text
