"""The demonstration, whole, on the tiny world; and what may hinder it."""

from __future__ import annotations

import json
import os
import shutil
import socket
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from engine.archive import Archive
from engine.errors import InputError
from engine.months import Month, Period, month_range
from processes.demo import Demo, DemoError
from processes.scoring import BASELINE, LAYERS
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from engine.world import World


def demo(folder: Path, port: int | None, output: StringIO | None = None) -> Demo:
    console = Console(file=output or StringIO(), width=100)
    return Demo(data=folder, preset="tiny", seed=7, port=port, console=console)


SPRING = month_range(Month(2020, 3), Month(2020, 5))


@pytest.fixture
def world(tiny_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Let the demo find a spring of the tiny world: SMAP and SIF of three months, else all."""
    root = tmp_path / "demo"
    archive = Archive(tiny_world.archive)
    span = Period(SPRING[0].first_day, SPRING[-1].next().first_day)
    kept = {granule for one in ("SPL4SMGP", "eSIF") for granule in archive.granules(one, span)}
    known = {granule for one in ("SPL4SMGP", "eSIF") for granule in archive.granules(one)}
    others = {str(granule.path) for granule in known - kept}

    def beyond(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if f"{folder}/{name}" in others}

    shutil.copytree(tiny_world.root, root, copy_function=os.link, ignore=beyond)
    preset = tiny_world.preset.model_copy(update={"first": str(SPRING[0]), "last": str(SPRING[-1])})
    short = replace(tiny_world, root=root, preset=preset)
    monkeypatch.setattr("processes.demo.build_world", lambda *_, **__: short)
    return short


def test_the_demo_goes_from_granules_to_scores_and_files(world: World) -> None:
    """Two processes over HTTP, a table of every layer, and paths that are there at the end."""
    output = StringIO()
    demo(world.root, None, output).run(stop=True)
    text = output.getvalue()
    told = json.loads((world.root / "demo.json").read_text(encoding="utf-8"))
    assert set(told["layers"]) == {*LAYERS, BASELINE}
    assert all(name in text for name in told["layers"])
    layers = told["layers"]
    assert layers["soil_moisture"]["rmse"] < layers[BASELINE]["rmse"]
    assert layers["soil_moisture_conserving"]["conservation_error"] < 1e-4
    assert layers[BASELINE]["edge_ratio"] == pytest.approx(1, abs=0.02)
    assert len({score["bias"] for score in layers.values()}) == len(layers)
    assert told["synthetic"] is True
    for place in (told["catalog"], told["picture"]):
        assert place in text
        assert Path(place).is_file()
    assert "http" not in text
    assert validate_catalog(world.root / "catalog") == []


def test_the_demo_takes_another_port_unless_one_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The usual port in use is no obstacle; a named one is, before anything is made."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("VADOSE_PORT", str(port))
        with demo(tmp_path, None).listener() as free:
            assert free.getsockname()[1] not in (0, port)
        with pytest.raises(InputError, match=f"127.0.0.1:{port} cannot be listened at"):
            demo(tmp_path / "demo", port).run(stop=True)
    assert not (tmp_path / "demo").exists()


def test_a_service_that_does_not_start_is_told_with_its_log(
    monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    """The demo names the log where the reason stands."""
    monkeypatch.setenv("VADOSE_PYGEOAPI_CONFIG", str(world.root / "missing.yml"))
    with pytest.raises(DemoError, match=r"service\.log says why"):
        demo(world.root, None).run(stop=True)
    log = world.root / "work" / "service.log"
    assert "VADOSE_PYGEOAPI_CONFIG" in log.read_text(encoding="utf-8")
