"""The command ``vadose fetch``, as people and programs call it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from processes.cli import app
from processes.fetch.testing import TOKEN, Fault, Providers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine.world import World

type Call = Callable[..., Result]


@pytest.fixture
def call(
    providers: Providers, tiny_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Give the command for the tiny region in a month of spring."""
    sources = providers.write_sources(tmp_path / "sources")
    monkeypatch.setenv("VADOSE_REGIONS", str(tiny_world.region.parent))
    monkeypatch.setenv("EARTHDATA_TOKEN", TOKEN)

    def run(*words: str, region: str = tiny_world.region.stem) -> Result:
        where = ["--data", str(tmp_path / "data"), "--sources", str(sources)]
        what = ["--region", region, "--period", "2020-05"]
        return CliRunner().invoke(app, ["fetch", *what, *where, *words])

    return run


def test_a_dry_run_writes_nothing(call: Call, tmp_path: Path) -> None:
    """It tells files, bytes and time, needs no login, and leaves no folder behind."""
    result = call("--dry-run", "--products", "MOD11A2,CHIRPS")
    assert result.exit_code == 0
    assert "35" in result.stdout
    assert "Terms of use" in result.stdout
    assert not (tmp_path / "data").exists()


def test_a_dry_run_can_be_read_by_programs(call: Call) -> None:
    """One JSON document, with every file."""
    told = json.loads(call("--dry-run", "--json", "--products", "MOD11A2").stdout)
    assert (told["files"], len(told["products"][0]["offers"])) == (4, 4)
    assert told["seconds"] >= 1


def test_a_fetch_ends_with_the_inventory(call: Call, tmp_path: Path) -> None:
    """People see what the archive has now, and which maps it allows."""
    result = call("--products", "MOD11A2")
    assert result.exit_code == 0, result.output
    assert "MOD11A2" in result.stdout
    assert "4/4" in result.stdout
    assert len(list((tmp_path / "data" / "archive").rglob("*.hdf"))) == 4
    assert "nothing is lacking" in call("--products", "MOD11A2").stdout


def test_a_fetch_tells_programs_line_by_line(call: Call) -> None:
    """Each line is an event: the plan, every file, the end."""
    lines = [
        json.loads(line)
        for line in call("--products", "MOD11A2", "--json").stdout.split("\n")
        if line
    ]
    assert [line["event"] for line in lines] == ["plan", *["file"] * 4, "done"]
    assert lines[-1]["files"] == 4
    assert lines[0]["plan"]["bytes"] == lines[-1]["bytes"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--products", "MOD99"], "vadose: products: there is no 'MOD99'; allowed: CHIRPS"),
        (["--period", "never"], "vadose: period: 'never' is no date"),
    ],
)
def test_what_cannot_be_is_one_clear_line(call: Call, words: list[str], message: str) -> None:
    """Code 2, since the caller is at fault, and no traceback."""
    result = call(*words)
    assert result.exit_code == 2
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_what_could_not_be_had_is_code_1(call: Call, providers: Providers) -> None:
    """The work failed, not the caller; what could be had is there."""
    gone = "MOD11A2.A2020129"
    providers.misbehave(f"/data/{gone}", Fault(kind="status", status=404))
    result = call("--products", "MOD11A2", "--json")
    assert result.exit_code == 1
    assert "1 of 4 files could not be had" in result.stderr
    assert "status 404" in result.stderr
    events = [json.loads(line) for line in result.stdout.split("\n") if line]
    assert sum(event["event"] == "file" for event in events) == 3
    assert [event["name"][:16] for event in events if event["event"] == "failed"] == [gone]


def test_following_waits_for_the_first_file(
    call: Call, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that is still empty is no reason to give up."""
    providers.shelves = {**providers.shelves, "MOD11A2": {}}
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", wait)
    result = call("--products", "MOD11A2", "--follow")
    assert result.exit_code == 130
    assert len(waits) == 2
    assert "stay empty" in result.stdout


def test_no_secret_can_be_an_option() -> None:
    """What stands in a command is in the list of processes, which everybody reads."""
    told = CliRunner().invoke(app, ["fetch", "--help"]).stdout.casefold()
    assert "--region" in told
    assert not [word for word in ("token", "password", "netrc", "--user") if word in told]


def test_following_looks_again(
    call: Call, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not there yesterday, or could not be had, is fetched as soon as it can be."""
    shelf = dict(providers.shelves["MOD11A2"])
    late = next(name for name in shelf if "A2020145" in name)
    item = shelf.pop(late)
    providers.shelves = {**providers.shelves, "MOD11A2": shelf}
    providers.misbehave("/data/MOD11A2.A2020129", Fault(kind="status", status=404))
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        providers.shelves = {**providers.shelves, "MOD11A2": {**shelf, late: item}}
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", wait)
    result = call("--products", "MOD11A2", "--json", "--follow", "--every", "6")
    assert result.exit_code == 130
    assert set(waits) == {6 * 3600}
    done = [json.loads(line) for line in result.stdout.split("\n") if line]
    assert [one["files"] for one in done if one["event"] == "done"] == [2, 0]
