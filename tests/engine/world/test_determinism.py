"""The same preset and seed give the same world; a knob turns what it names and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
import rasterio
from pyhdf.SD import SD

from engine.world import build_world, load_preset
from engine.world.presets import Window

if TYPE_CHECKING:
    from pathlib import Path

    from engine.world import Preset, World


@pytest.fixture(scope="module")
def little() -> Preset:
    """Give a preset of four coarse cells and one summer month."""
    return load_preset("tiny").model_copy(
        update={
            "first": "2020-06",
            "last": "2020-06",
            "spin_up_days": 60,
            "window": Window(row=345, column=3133, height=2, width=2),
        }
    )


@pytest.fixture(scope="module")
def first(little: Preset, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Give its world."""
    return build_world(little, 3, tmp_path_factory.mktemp("first"))


def _files(world: World) -> dict[str, bytes]:
    """Return every file's bytes; of HDF4, which notes its own path, the stored numbers."""
    return {
        str(path.relative_to(world.root)): _numbers(path)
        if path.suffix == ".hdf"
        else path.read_bytes()
        for path in sorted(world.root.rglob("*"))
        if path.is_file()
    }


def _numbers(path: Path) -> bytes:
    file = SD(str(path))
    content = b"".join(file.select(name)[:].tobytes() for name in sorted(file.datasets()))
    file.end()
    return content


def _truth(world: World, name: str) -> np.ndarray:
    with rasterio.open(world.truth_file(name, world.months[0])) as file:
        values: np.ndarray = file.read(1)
    return values


def _smap(world: World) -> np.ndarray:
    paths = sorted((world.archive / "SPL4SMGP").rglob("*.h5"))[:8]
    fields = []
    for path in paths:
        with h5py.File(path) as file:
            fields.append(file["Geophysical_Data/sm_surface"][:])
    return np.mean(fields, axis=0)


def test_same_seed_gives_the_same_bytes(little: Preset, first: World, tmp_path: Path) -> None:
    """Every file is the same, byte for byte or number for number."""
    assert _files(build_world(little, 3, tmp_path)) == _files(first)


def test_another_seed_gives_another_world(little: Preset, first: World, tmp_path: Path) -> None:
    """The truth differs."""
    other = build_world(little, 4, tmp_path)
    assert not np.allclose(_truth(other, "soil_moisture"), _truth(first, "soil_moisture"))


def test_stress_knob_touches_fluorescence_alone(
    little: Preset, first: World, tmp_path: Path
) -> None:
    """Without the link to stress SIF is nowhere lower, and the water is the same."""
    control = build_world(little.model_copy(update={"sif_stress": 0.0}), 3, tmp_path)
    np.testing.assert_array_equal(_truth(control, "soil_moisture"), _truth(first, "soil_moisture"))
    difference = _truth(control, "sif") - _truth(first, "sif")
    assert difference.min() >= 0
    assert difference.max() > 0.01


def test_good_smap_errs_less(little: Preset, first: World, tmp_path: Path) -> None:
    """The same truth is seen, with errors of the smaller sizes."""
    good = build_world(little.model_copy(update={"smap_errors": "good"}), 3, tmp_path)
    np.testing.assert_array_equal(_truth(good, "soil_moisture"), _truth(first, "soil_moisture"))
    assert not np.allclose(_smap(good), _smap(first))


def test_interrupted_build_leaves_nothing(little: Preset, tmp_path: Path) -> None:
    """A build that is stopped half-way leaves an empty folder that can be used again."""

    def stop(fraction: float, message: str) -> None:
        if fraction > 0:
            raise KeyboardInterrupt(message)

    with pytest.raises(KeyboardInterrupt):
        build_world(little, 3, tmp_path, stop)
    assert list(tmp_path.iterdir()) == []


def test_smoothed_smap_varies_less_between_cells(
    little: Preset, first: World, tmp_path: Path
) -> None:
    """The scale option takes contrast from neighbouring cells and keeps their level."""
    smooth = build_world(little.model_copy(update={"smap_errors": "coarse"}), 3, tmp_path)
    change = _smap(smooth) - _smap(first)
    assert np.abs(change).max() > 0.001
    assert abs(change.mean()) < 0.01
