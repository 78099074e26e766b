"""``export-maps`` from a request to the files that programs open."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import shapely
from rio_cogeo.cogeo import cog_validate

from engine.cog import read_cog
from engine.errors import InputError
from engine.months import Month, month_range
from engine.progress import silent
from processes.errors import InvalidInputsError
from processes.export_inputs import ExportMapsInputs
from processes.run import run_process
from processes.settings import Settings
from processes.validation import read_inputs
from stac.publish import publish_month
from stac.store import LocalCatalog
from stac.testing import toy_dataset, toy_provenance, toy_series

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MONTHS = month_range(Month(2020, 5), Month(2020, 6))
SQUARE = shapely.geometry.mapping(shapely.box(113.05, 34.05, 113.15, 34.1))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give two months of published maps."""
    folder = tmp_path_factory.mktemp("exported")
    catalog = LocalCatalog(folder / "catalog")
    for number, month in enumerate(MONTHS):
        shifted = toy_dataset(shift=0.01 * number)
        publish_month(catalog, toy_series(), month, shifted, toy_provenance())
    return folder


def run(data: Path, **inputs: object) -> bytes:
    checked = read_inputs(ExportMapsInputs, inputs)
    settings = Settings.load(data=data)
    outputs: Mapping[str, Any] = run_process("export-maps", checked, settings, "run-1", silent)
    assert outputs["archive"]["href"] == "jobs/run-1/files/maps.zip"
    return (data / "work" / "run-1" / "catalog" / "maps.zip").read_bytes()


def unpacked(content: bytes, folder: Path) -> dict[str, Path]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
        return {name: folder / name for name in archive.namelist()}


def test_maps_come_in_degrees_with_their_style(data: Path, tmp_path: Path) -> None:
    """By default all months: valid COGs, each with a style of its name, and words for people."""
    found = unpacked(run(data), tmp_path)
    names = [f"soil-moisture-toy-synthetic-{month}_soil_moisture" for month in MONTHS]
    assert list(found) == [
        *(f"{name}.{suffix}" for name in names for suffix in ("tif", "qml")), "README.txt"
    ]  # fmt: skip
    assert "synthetic" in found["README.txt"].read_text()
    for name in names:
        path = found[f"{name}.tif"]
        assert cog_validate(path, strict=True, quiet=True)[0]
        with rasterio.open(path) as raster:
            assert raster.crs == "EPSG:4326"
            assert raster.units == ("m3 m-3",)
            assert raster.tags()["license"] == "CC-BY-4.0"
            place = raster.xy(*raster.index(113.1, 34.15))
            (value,) = next(raster.sample([place]))
        item = name.removesuffix("_soil_moisture")
        folder = data / "catalog" / "soil-moisture-1km-monthly" / item
        with rasterio.open(folder / f"{name}_v1.tif") as published:
            x, y = rasterio.warp.transform("EPSG:4326", published.crs, *([v] for v in place))
            assert next(published.sample([(x[0], y[0])]))[0] == value


def test_a_polygon_is_cut_out_in_utm(data: Path, tmp_path: Path) -> None:
    """Cells beyond it are empty, the grid is no larger than it needs to be."""
    found = unpacked(run(data, crs="utm", geometry=SQUARE, datetime="2020-05"), tmp_path)
    path = found["soil-moisture-toy-synthetic-2020-05_soil_moisture.tif"]
    with rasterio.open(path) as raster:
        assert raster.crs == "EPSG:32649"
        assert raster.res == (1000, 1000)
        assert max(raster.shape) < 13
    assert 30 < np.isfinite(read_cog(path)).sum() < 60


def test_bits_are_exported_as_bits(data: Path, tmp_path: Path) -> None:
    """In their own cells, unchanged; they have no colours."""
    inputs = {"layers": ["quality"], "crs": "EPSG:6933", "datetime": "2020-05"}
    found = unpacked(run(data, **inputs), tmp_path)
    assert [*found] == ["soil-moisture-toy-synthetic-2020-05_quality.tif", "README.txt"]
    with rasterio.open(next(iter(found.values()))) as raster:
        values = raster.read(1)
    item = "soil-moisture-toy-synthetic-2020-05"
    folder = data / "catalog" / "soil-moisture-1km-monthly" / item
    with rasterio.open(folder / f"{item}_quality_v1.tif") as published:
        np.testing.assert_array_equal(values, published.read(1))


def test_the_same_request_gives_the_same_bytes(data: Path) -> None:
    """Whenever it comes."""
    digests = {hashlib.sha256(run(data, datetime="2020-06")).hexdigest() for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"crs": "EPSG:3857"}, "crs"),
        ({"crs": 4326}, "crs"),
        ({"bbox": [1, 2, 3]}, "bbox"),
        ({"bbox": [113, 34, 114, 35], "geometry": SQUARE}, "geometry"),
        ({"geometry": {"type": "Point", "coordinates": [1, 2]}}, "geometry"),
        ({"layers": ["nothing"]}, "layers.0"),
        ({"format": "jpeg"}, "format"),
    ],
)
def test_bad_inputs_are_refused_by_name(inputs: Mapping[str, object], field: str) -> None:
    """Before anything is read."""
    with pytest.raises(InvalidInputsError) as refusal:
        read_inputs(ExportMapsInputs, inputs)
    assert refusal.value.problems[0].field == field


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"bbox": [10, 10, 11, 11]}, "bbox"),
        ({"geometry": shapely.geometry.mapping(shapely.box(10, 10, 11, 11))}, "geometry"),
        ({"datetime": "1999-01"}, "datetime"),
    ],
)
def test_what_is_not_there_is_named(data: Path, inputs: dict[str, object], field: str) -> None:
    """Areas and months without maps."""
    with pytest.raises(InputError) as refusal:
        run(data, **inputs)
    assert refusal.value.field == field
