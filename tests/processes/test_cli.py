"""The command line: one clear line for every error, and one real month from end to end."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from engine.testing import shared_path
from processes.cli import app
from processes.settings import Settings
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from pathlib import Path

runner = CliRunner()


def test_the_version_is_told() -> None:
    """``--version`` prints it and does nothing else."""
    result = runner.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.output.startswith("vadose 0")


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["run", "nothing", "-"], "{}", "there is no process 'nothing'"),
        (["run", "downscale-smap", "-"], "{", "is no JSON"),
        (["run", "downscale-smap", "-"], "{}", "datetime: it is required"),
        (["run", "downscale-smap", "missing.json"], "", "missing.json: No such file"),
        (
            ["run", "downscale-smap", "-", "--data", "/nonexistent"],
            '{"inputs": {"datetime": "2020-05"}}',
            "VADOSE_ARCHIVE: there is no folder 'archive'",
        ),
        (["world", "--preset", "huge", "--out", "x"], "", "preset: 'huge'; allowed: "),
        (["catalog", "validate", "/nonexistent"], "", "holds no catalog.json"),
        (["serve", "--port", "70000"], "", "VADOSE_PORT: 70000"),
    ],
)
def test_wrong_input_is_one_line_and_code_2(arguments: list[str], stdin: str, message: str) -> None:
    """Input errors end with code 2 and a line that names what was wrong, without a traceback."""
    result = runner.invoke(app, arguments, input=stdin)
    assert result.exit_code == 2
    lines = [line for line in result.stderr.splitlines() if line.startswith("vadose:")]
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in result.output


def test_failed_work_is_one_line_and_code_1(tmp_path: Path) -> None:
    """An archive that lacks what is needed is a failure, not an input error."""
    (tmp_path / "archive").mkdir()
    inputs = '{"datetime": "2020-05"}'
    result = runner.invoke(
        app, ["run", "downscale-smap", "-", "--data", str(tmp_path)], input=inputs
    )
    assert result.exit_code == 1
    assert "vadose: SPL4SMGP: nothing usable for Henan Province" in result.stderr


def test_a_port_in_use_is_said_so(tmp_path: Path) -> None:
    """The service does not start on a port that another program has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = runner.invoke(app, ["serve", "--data", str(tmp_path), "--port", port])
    assert result.exit_code == 2
    assert f"127.0.0.1:{port} cannot be listened at" in result.stderr


def test_one_real_month_goes_the_same_way(tmp_path: Path) -> None:
    """SMAP L3 over South Africa, January 2020: from files to a valid catalogue."""
    archive = shared_path("realdata", "south_africa_2020-01")
    inputs = tmp_path / "inputs.json"
    inputs.write_text('{"datetime": "2020-01", "region": "south-africa"}')
    options = ["--data", str(tmp_path), "--archive", str(archive)]
    result = runner.invoke(app, ["run", "downscale-smap", str(inputs), *options])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    (item,) = document["items"]["value"]["features"]
    assert item["id"] == "soil-moisture-south-africa-2020-01"
    assert item["properties"]["vadose:synthetic"] is False
    report = document["report"]["value"]
    assert report["synthetic"] is False
    assert report["sif"] is False
    assert "SMAP L3" in report["statement"]
    assert "Without SIF." in report["statement"]
    # Blocks are some 270 × 430 km here: whole climates are unseen, and little is promised of them.
    block, random = (report["scores"][split]["pooled"] for split in ("spatial-block", "random"))
    assert random["rmse"] < block["rmse"] < 0.045
    assert random["r"] > max(block["r"], 0.4)
    assert validate_catalog(tmp_path / "catalog") == []
    checked = runner.invoke(app, ["catalog", "validate", str(tmp_path / "catalog")])
    assert checked.exit_code == 0
    assert "is valid" in checked.output


def test_settings_come_from_argument_then_variable_then_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The nearer word wins; relative folders become absolute for child processes."""
    monkeypatch.chdir(tmp_path)
    assert Settings.load().port == 5000
    (tmp_path / ".env").write_text("VADOSE_PORT=5001\nVADOSE_REGION=here\n")
    assert Settings.load().port == 5001
    monkeypatch.setenv("VADOSE_PORT", "5002")
    assert Settings.load().port == 5002
    settings = Settings.load(port=5003, data=None)
    assert (settings.port, settings.region) == (5003, "here")
    assert settings.archive_folder.as_posix() == "data/archive"
    environment = settings.environment()
    assert environment["VADOSE_ARCHIVE"] == str(tmp_path / "data" / "archive")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings.load().environment() == environment
