"""``vadose inventory``: a table, a document, a picture, and one line for what cannot be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from processes.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from engine.world import World

runner = CliRunner()


@pytest.fixture(scope="module")
def arguments(tiny_world: World) -> list[str]:
    """Give the command for the tiny world."""
    return ["inventory", "--archive", str(tiny_world.archive), "--region", str(tiny_world.region)]


def test_the_table_fits_a_narrow_terminal(arguments: list[str]) -> None:
    """Years are columns of twelve signs, and the maps are told in words."""
    result = runner.invoke(app, arguments, env={"COLUMNS": "80"})
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    (smap,) = [line for line in lines if line.startswith("SPL4SMGP")]
    assert smap.split() == ["SPL4SMGP", "3424/3424", "█", "█" * 12, "█"]
    assert "  2019-12 to 2021-01  with SIF" in result.output
    assert "synthetic" in result.output


def test_years_that_do_not_fit_continue_below(arguments: list[str]) -> None:
    """Nothing is cut off on the right."""
    result = runner.invoke(app, arguments, env={"COLUMNS": "56"})
    assert result.exit_code == 0
    assert result.output.count("SPL4SMGP  ") == 2


def test_the_document_says_what_is_missing(arguments: list[str], tmp_path: Path) -> None:
    """JSON holds counts by month and product, the gaps, and the verdicts; PNG goes beside it."""
    picture = tmp_path / "inventory.png"
    months = ["--datetime", "2021-01/2021-03"]
    result = runner.invoke(app, [*arguments, *months, "--json", "--picture", str(picture)])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["months"] == ["2021-01", "2021-02", "2021-03"]
    products = {one["product"]: one for one in document["products"]}
    assert products["CHIRPS"]["by_month"]["2021-02"] == {"found": 0, "expected": 28}
    missing = products["CHIRPS"]["missing"]
    assert missing[0] == {"start": "2021-02-01", "tile": None, "found": 0, "expected": 1}
    assert len(missing) == 28 + 31
    assert [one["soil_moisture"] for one in document["maps"]] == ["with SIF", "not", "not"]
    lacks = {lack["products"][0]: lack for lack in document["maps"][1]["soil_moisture_lacks"]}
    assert lacks["SPL4SMGP"]["found"] == 0
    assert lacks["SPL4SMGP"]["expected"] == 28 * 8
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--archive", "/nonexistent"], "archive: there is no folder /nonexistent"),
        (
            ["--region", "atlantis"],
            "region: there is no region 'atlantis'; allowed: henan, south-africa",
        ),
        (["--region", "atlantis.yaml"], "region: atlantis.yaml cannot be read"),
        (["--datetime", "2020-13"], "datetime: '2020-13' is no month"),
        (["--datetime", "2020-05/2020-04"], "ends before it starts"),
        (["--picture", "/proc/inventory.png"], "picture: /proc/inventory.png: "),
    ],
)
def test_what_cannot_be_is_one_line(arguments: list[str], options: list[str], message: str) -> None:
    """Input errors end with code 2 and name what was wrong."""
    result = runner.invoke(app, [*arguments, *options])
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_an_empty_archive_is_no_inventory(tmp_path: Path) -> None:
    """It is said what files are looked for."""
    result = runner.invoke(app, ["inventory", "--archive", str(tmp_path)])
    assert result.exit_code == 2
    assert "holds no file; allowed: published files of CHIRPS, MCD12Q1" in result.stderr
