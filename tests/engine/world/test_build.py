"""The world on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from engine.errors import InputError
from engine.grids import BBox, coarse_window
from engine.world import build_world, load_preset

if TYPE_CHECKING:
    from pathlib import Path

    from engine.world import World


def test_region_gives_back_the_window(tiny_world: World) -> None:
    """The region's bounding box touches exactly the cells of the world, and says synthetic."""
    region = yaml.safe_load(tiny_world.region.read_text("utf-8"))
    assert region["synthetic"] is True
    assert region["name"] == "tiny-synthetic"
    assert coarse_window(BBox.parse(region["bbox"])) == tiny_world.domain.coarse


def test_complete_world_is_left_alone(tiny_world: World) -> None:
    """Building the same world again changes nothing."""
    before = {path: path.stat().st_mtime_ns for path in tiny_world.root.rglob("*")}
    assert build_world("tiny", 7, tiny_world.root) == tiny_world
    assert before == {path: path.stat().st_mtime_ns for path in tiny_world.root.rglob("*")}


def test_knobs_at_their_defaults_are_the_same_world(tiny_world: World) -> None:
    """As the command hands them over, which knows a number as 0.0 where the preset has 0."""
    preset = load_preset("tiny", smap_errors="realistic", sif_stress=0.55, shared_rain_error=0.0)
    assert build_world(preset, 7, tiny_world.root).root == tiny_world.root


def test_other_world_is_refused(tiny_world: World) -> None:
    """A folder that holds another seed's world is not touched."""
    with pytest.raises(InputError, match="another world"):
        build_world("tiny", 8, tiny_world.root)


def test_unknown_content_is_refused(tmp_path: Path) -> None:
    """A folder with files of somebody else is not built into."""
    (tmp_path / "thesis.odt").write_text("mine")
    with pytest.raises(InputError, match=r"thesis\.odt"):
        build_world("tiny", 7, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.odt"]


@pytest.mark.parametrize(("preset", "seed"), [("huge", 7), ("tiny", -1)])
def test_unknown_preset_and_negative_seed_are_refused(
    preset: str, seed: int, tmp_path: Path
) -> None:
    """The error names what is allowed and nothing is written."""
    with pytest.raises(InputError, match="allowed"):
        build_world(preset, seed, tmp_path / "out")
    assert not (tmp_path / "out").exists()
