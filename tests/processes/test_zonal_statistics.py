"""``zonal-statistics`` from a request to the tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from typer.testing import CliRunner

from engine.cog import read_cog
from engine.errors import InputError
from engine.grids import transformer
from engine.months import Month, month_range
from engine.progress import silent
from engine.zone_table import LAYER
from processes.cli import app
from processes.errors import InvalidInputsError
from processes.run import run_process
from processes.settings import Settings
from processes.validation import read_inputs
from processes.zone_inputs import ZonalStatisticsInputs
from stac.publish import publish_month
from stac.store import LocalCatalog
from stac.testing import AREA, toy_dataset, toy_provenance, toy_series

if TYPE_CHECKING:
    from collections.abc import Mapping

MONTHS = month_range(Month(2020, 5), Month(2020, 7))
SQUARE = shapely.box(113.05, 34.05, 113.15, 34.1)


def feature(polygon: object, name: str | int | None = None, **properties: object) -> dict[str, Any]:
    document = {"type": "Feature", "geometry": polygon, "properties": properties}
    return document if name is None else {**document, "id": name}


def collection(*features: object) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


FIELDS = collection(
    feature(shapely.geometry.mapping(SQUARE), "square", crop="maize", mean=7),
    feature(shapely.geometry.mapping(shapely.box(100, 20, 101, 21))),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give three months of published maps."""
    folder = tmp_path_factory.mktemp("zones")
    catalog = LocalCatalog(folder / "catalog")
    for number, month in enumerate(MONTHS):
        shifted = toy_dataset(shift=0.01 * number)
        publish_month(catalog, toy_series(), month, shifted, toy_provenance())
    return folder


def run(data: Path, **inputs: object) -> Mapping[str, Any]:
    checked = read_inputs(ZonalStatisticsInputs, inputs)
    return run_process("zonal-statistics", checked, Settings.load(data=data), "run-1", silent)


def rows(data: Path, outputs: Mapping[str, Any]) -> pd.DataFrame:
    prefix = "jobs/run-1/files/"
    assert outputs["csv"]["href"].startswith(prefix)
    name = outputs["csv"]["href"].removeprefix(prefix)
    return pd.read_csv(data / "work" / "run-1" / "catalog" / name)


def test_each_polygon_month_and_layer_has_a_row(data: Path) -> None:
    """The numbers are those of the published files; what lies off the maps is empty."""
    found = rows(data, run(data, polygons=FIELDS))
    assert len(found) == 2 * 3 * 3
    assert list(found["zone"].unique()) == ["square", "2"]
    assert set(found["layer"]) == {"soil_moisture", "lower", "upper"}
    assert set(found["own_mean"].dropna()) == {7}
    item = f"soil-moisture-toy-synthetic-{MONTHS[1]}"
    folder = data / "catalog" / "soil-moisture-1km-monthly" / item
    values = read_cog(folder / f"{item}_soil_moisture_v1.tif").values
    to_grid = transformer("EPSG:4326", str(AREA.crs))
    x, y = to_grid.transform([113.05, 113.15], [34.05, 34.1])
    square = shapely.box(x[0], y[0], x[1], y[1])
    total = weight = 0.0
    a = AREA.affine
    for row in range(AREA.shape.y):
        for column in range(AREA.shape.x):
            left, top = a @ (column, row)
            right, bottom = a @ (column + 1, row + 1)
            share = shapely.box(left, bottom, right, top).intersection(square).area
            if share and values[row, column] == values[row, column]:
                total, weight = total + share * values[row, column], weight + share
    (one,) = found[
        (found["zone"] == "square") & (found["month"] == str(MONTHS[1]))
        & (found["layer"] == "soil_moisture")
    ].to_dict("records")  # fmt: skip
    assert one["mean"] == pytest.approx(total / weight, rel=1e-4)
    assert one["valid_fraction"] == pytest.approx(weight / square.area, rel=1e-4)
    empty = found[found["zone"] == "2"]
    assert empty["mean"].isna().all()
    assert (empty["valid_fraction"] == 0).all()


def test_the_geopackage_has_the_same_rows_with_their_polygons(data: Path) -> None:
    """Another program reads it: the polygons in degrees, the numbers of the table, dates."""
    outputs = run(data, polygons=FIELDS, layers=["soil_moisture_raw"])
    path = data / "work" / "run-1" / "catalog" / "zonal-statistics.gpkg"
    package, table = gpd.read_file(path, layer=LAYER), rows(data, outputs)
    assert package.crs == "EPSG:4326"
    assert list(package["zone"]) == list(table["zone"])
    assert package["mean"].tolist()[:3] == pytest.approx(table["mean"].tolist()[:3], rel=1e-5)
    assert package["crop"].tolist()[0] == "maize"
    assert package.geometry[0].equals(SQUARE)
    assert [str(date)[:7] for date in package["date"][:3]] == [str(month) for month in MONTHS]


def test_a_part_of_the_months_is_named(data: Path) -> None:
    """By an interval, or by the maps themselves; a polygon may come alone."""
    lone = shapely.geometry.mapping(SQUARE)
    found = rows(data, run(data, polygons=lone, datetime="2020-06/.."))
    assert sorted(set(found["month"])) == ["2020-06", "2020-07"]
    name = f"soil-moisture-1km-monthly/soil-moisture-toy-synthetic-{MONTHS[0]}"
    found = rows(data, run(data, polygons=feature(lone), items=[name]))
    assert set(found["month"]) == {"2020-05"}


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({}, "polygons"),
        ({"polygons": collection()}, "polygons.features"),
        ({"polygons": {"type": "FeatureCollection"}}, "polygons.features"),
        ({"polygons": "here"}, "polygons"),
        ({"polygons": collection(3)}, "polygons.features.0"),
        (
            {"polygons": collection(feature({"type": "Point", "coordinates": [1, 2]}))},
            "polygons.features.0.geometry",
        ),
        ({"polygons": collection(feature(None))}, "polygons.features.0.geometry"),
        (
            {
                "polygons": collection(
                    feature(shapely.geometry.mapping(SQUARE), "a"),
                    feature(shapely.geometry.mapping(SQUARE), "a"),
                )
            },
            "polygons",
        ),
        (
            {"polygons": {**FIELDS, "crs": {"properties": {"name": "EPSG:32650"}}}},
            "polygons.crs",
        ),
        ({"polygons": FIELDS, "layers": ["moisture"]}, "layers.0"),
        ({"polygons": FIELDS, "layers": ["quality"]}, "layers.0"),
        ({"polygons": FIELDS, "layers": ["lower", "lower"]}, "layers"),
        ({"polygons": FIELDS, "product": "rain"}, "product"),
        ({"polygons": FIELDS, "datetime": "May"}, "datetime"),
    ],
)
def test_bad_inputs_are_refused_by_name(inputs: Mapping[str, object], field: str) -> None:
    """Before anything is computed, in one line."""
    with pytest.raises(InvalidInputsError) as refusal:
        read_inputs(ZonalStatisticsInputs, inputs)
    assert refusal.value.problems[0].field == field


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"datetime": "1999-01"}, "datetime"),
        ({"collection": "nothing"}, "collection"),
        ({"product": "sif"}, "collection"),
        ({"polygons": shapely.geometry.mapping(shapely.box(1, 1, 2, 2))}, "polygons"),
    ],
)
def test_what_is_not_there_is_named(data: Path, inputs: dict[str, object], field: str) -> None:
    """Months, collections and areas without maps."""
    with pytest.raises(InputError) as refusal:
        run(data, **{"polygons": FIELDS, **inputs})
    assert refusal.value.field == field


def test_the_same_request_gives_the_same_table(data: Path, tmp_path: Path) -> None:
    """By the command, too, which says where the files are."""
    asked = tmp_path / "asked.json"
    asked.write_text(json.dumps({"polygons": FIELDS}))
    texts = []
    for _ in range(2):
        ran = CliRunner().invoke(app, ["run", "zonal-statistics", str(asked), "--data", str(data)])
        assert ran.exit_code == 0, ran.output
        outputs = json.loads(ran.stdout)
        texts.append(Path(outputs["csv"]["href"]).read_text(encoding="utf-8"))
        assert gpd.read_file(outputs["gpkg"]["href"]).shape[0] == 18
    assert texts[0] == texts[1]
