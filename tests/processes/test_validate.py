"""``validate`` from a request to the report beside the maps."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import xarray as xr
import yaml
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from typer.testing import CliRunner

from engine.errors import GranuleError, InputError
from engine.grids import block_mean, coarse_of, lonlat
from engine.months import Month, month_range
from engine.progress import silent
from processes.catalog_files import CatalogFiles
from processes.cli import app
from processes.definitions import find_process
from processes.errors import InvalidInputsError
from processes.outgoing import Fetched
from processes.references import _read
from processes.run import run_process
from processes.settings import Settings
from processes.validate_inputs import ValidateInputs
from processes.validation import read_inputs
from stac.media import media_type
from stac.publish import publish_month
from stac.store import LocalCatalog
from stac.testing import AREA, MODEL, toy_provenance, toy_series
from stac.validate import validate_catalog
from stac.validation_link import validations_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MONTHS = month_range(Month(2020, 1), Month(2020, 12))
COLLECTION = "soil-moisture-1km-monthly"
COLUMNS = (
    "station_id", "lat", "lon", "elev_m", "time", "tz", "depth_from_m", "depth_to_m", "value",
    "unit", "qflag",
)  # fmt: skip


def truth(number: int) -> np.ndarray:
    """Return a month's field ``(y, x)``."""
    rows, columns = np.mgrid[: AREA.shape.y, : AREA.shape.x]
    place = 0.05 * np.sin(rows / 3) * np.cos(columns / 4)
    return (0.25 + 0.06 * np.sin(2 * np.pi * number / 12 + 0.3) + place).astype(np.float32)


def layer(values: np.ndarray, name: str) -> xr.DataArray:
    coords = {axis: AREA.coords[axis].values for axis in ("y", "x")}
    data = xr.DataArray(values, dims=("y", "x"), coords=coords, name=name)
    return data.assign_attrs(units="m3 m-3")


def station_table(cells: Mapping[str, tuple[int, int]], *, swapped: bool = False) -> str:
    """Return daily values of stations that know the truth of their cells."""
    lon, lat = lonlat(AREA)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for name, cell in cells.items():
        place = (f"{lat[cell]:.5f}", f"{lon[cell]:.5f}")
        place = place[::-1] if swapped else place
        for number, month in enumerate(MONTHS):
            value = float(truth(number)[cell])
            for day in range(1, month.days + 1):
                when = f"{month}-{day:02d} 12:00"
                writer.writerow(
                    [name, *place, "", when, "UTC", 0, 0.05, f"{value:.5f}", "m3/m3", "G"]
                )
    return text.getvalue()


CELLS = {f"S{k}": (3 + 4 * k, 5 + 5 * k) for k in range(6)}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a year of published maps, SMAP in files of one's own, and six stations."""
    folder = tmp_path_factory.mktemp("validated")
    archive, regions = folder / "archive", folder / "regions"
    for one in (archive, regions):
        one.mkdir()
    (archive / "SYNTHETIC.txt").write_text("true: toys\n")
    (archive / "stations.csv").write_text(station_table(CELLS))
    coarse = coarse_of(AREA)
    region = {
        "name": "toy-synthetic",
        "title": "Toyland",
        "bbox": [113.0, 34.0, 113.3, 34.2],
        "synthetic": True,
        "sif": False,
        "soil_moisture": {
            "product": "TOY", "title": "Toy SMAP", "file": "smap_{month}.nc", "variable": "sm",
        },
        "networks": [{"name": "toy", "title": "Toy stations", "path": "stations.csv",
                      "caution": "They know the truth."}],
    }  # fmt: skip
    (regions / "toy-synthetic.yaml").write_text(yaml.safe_dump(region))
    catalog = LocalCatalog(folder / "catalog")
    generator = np.random.default_rng(1)
    for number, month in enumerate(MONTHS):
        values = truth(number)
        smap = block_mean(values) + 0.03 * generator.normal(size=tuple(coarse.shape))
        _write_smap(archive / f"smap_{month}.nc", smap.astype(np.float32))
        noisy = values + 0.004 * generator.normal(size=values.shape).astype(np.float32)
        dataset = xr.Dataset(
            {
                "soil_moisture": layer(noisy, "soil_moisture"),
                "soil_moisture_raw": layer(noisy, "soil_moisture_raw"),
                "lower": layer(noisy - 0.02, "lower"),
                "upper": layer(noisy + 0.02, "upper"),
            }
        )
        publish_month(catalog, toy_series(), month, dataset, toy_provenance())
    return folder


def _write_smap(path: Path, values: np.ndarray) -> None:
    x, y = (coarse_of(AREA).coordinates[name].values for name in ("x", "y"))
    with h5py.File(path, "w") as file:
        file["sm"], file["x"], file["y"] = values, x, y
        file["sm"].attrs["units"] = "m3 m-3"


@pytest.fixture(autouse=True)
def _no_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the seconds that figures take, unless a test looks at them."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr("processes.validate.report_page", lambda _: "<title>report</title>")


@pytest.fixture
def drawn() -> None:
    """Have the report drawn."""


def run(data: Path, run_id: str = "run-1", **inputs: object) -> Mapping[str, Any]:
    settings = Settings.load(data=data, region="toy-synthetic")
    checked = read_inputs(ValidateInputs, {"min_months": 10, **inputs})
    return run_process("validate", checked, settings, run_id, silent)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.parts)
    }


@pytest.mark.usefixtures("drawn")
def test_maps_are_validated_and_tell_of_it(data: Path) -> None:
    """The outputs are there, the maps link the report, and doing it again changes nothing."""
    outputs = run(data)
    metrics, stations = outputs["metrics"], outputs["stations"]
    assert metrics["months"] == [str(month) for month in MONTHS]
    headline = metrics["stations"]["groups"][0]
    assert headline["sites"] == 6
    assert headline["summaries"]["soil_moisture"]["ubrmse"]["median"] < 0.006
    verdicts = {
        one["metric"]: one["verdict"]
        for one in headline["paired"]
        if one["product"] == "soil_moisture"
    }
    assert verdicts["rmse"] == verdicts["ubrmse"] == "improved"
    assert len(stations["features"]) == 6
    report = data / str(outputs["report"]["href"])
    assert "They know the truth." in report.read_text(encoding="utf-8")
    catalog = data / "catalog" / COLLECTION
    collection = json.loads((catalog / "collection.json").read_text())
    assert {one["type"] for one in validations_of(collection)} == {
        "text/html", "application/json", "application/geo+json"
    }  # fmt: skip
    name = f"soil-moisture-toy-synthetic-{MONTHS[3]}"
    (link,) = validations_of(json.loads((catalog / name / f"{name}.json").read_text()))
    assert (catalog / name / link["href"]).resolve() == report.resolve()
    assert validate_catalog(data / "catalog") == []
    before = contents(data / "catalog")
    run(data, "run-2")
    assert contents(data / "catalog") == before


@pytest.fixture(scope="module")
def arm(data: Path) -> str:
    """Publish worse maps of 11 months whose model knows no fluorescence; give their collection."""
    model = replace(MODEL, id="rf-ba9876543210", features=("ndvi", "lst_day", "elevation"))
    series = toy_series(model_id=model.id)
    provenance = replace(toy_provenance(), model=model)
    generator = np.random.default_rng(2)
    for number, month in enumerate(MONTHS[:11]):
        worse = truth(number) + 0.02 * generator.normal(size=tuple(AREA.shape)).astype(np.float32)
        dataset = xr.Dataset({"soil_moisture": layer(worse, "soil_moisture")})
        published = publish_month(
            LocalCatalog(data / "catalog"), series, month, dataset, provenance
        )
    return published.collection_id


def test_maps_without_fluorescence_stand_beside_them(data: Path, arm: str) -> None:
    """They are a product at the same stations; what they are and lack is told with the numbers."""
    metrics = run(data, without_sif=arm, publish=False)["metrics"]
    worth = {one["metric"]: one for one in metrics["stations"]["sif"]}
    assert worth["ubrmse"]["baseline"] == "soil_moisture_without_sif"
    assert worth["ubrmse"]["verdict"] == "improved"
    told = metrics["details"]["Map without SIF"]
    assert told == f"{arm}, random forest rf-ba9876543210; else made alike"
    assert metrics["lacks"] == [
        {"what": "the map without SIF", "month": "2020-12", "why": "not published"}
    ]
    losses = {one["rule"]: one for one in metrics["stations"]["losses"]}
    assert losses["a value of soil_moisture_without_sif"]["lost"] == 6


def test_an_arm_that_knows_fluorescence_is_refused(data: Path, arm: str) -> None:
    """The two arms may neither be the same nor exchanged, and the collection must be there."""
    for inputs, words in (
        ({"without_sif": COLLECTION}, "was made with fluorescence"),
        ({"without_sif": arm, "collection": arm}, "themselves were made without"),
        ({"without_sif": "nothing"}, "'nothing' has no maps"),
        ({"without_sif": arm, "datetime": "2020-12"}, "has none of the months"),
    ):
        with pytest.raises(InputError, match=words):
            run(data, **inputs)


def test_a_month_without_smap_is_told(data: Path) -> None:
    """What the archive lacks costs that month, and the report says what was looked for."""
    file = data / "archive" / f"smap_{MONTHS[4]}.nc"
    kept = file.read_bytes()
    file.unlink()
    try:
        metrics = run(data, publish=False)["metrics"]
    finally:
        file.write_bytes(kept)
    (lack,) = metrics["lacks"]
    assert (lack["what"], lack["month"]) == ("SMAP", str(MONTHS[4]))
    assert "smap_" in lack["why"]


def test_a_part_of_the_maps_can_be_validated_apart(data: Path) -> None:
    """Named items and an inline table give a report with the job, and the catalogue stays."""
    before = contents(data / "catalog")
    names = [f"{COLLECTION}/soil-moisture-toy-synthetic-{month}" for month in MONTHS[:11]]
    outputs = run(data, items=names, stations=station_table(CELLS), publish=False)
    assert outputs["metrics"]["months"] == [str(month) for month in MONTHS[:11]]
    assert outputs["report"]["href"].startswith("jobs/run-1/files/")
    assert (data / "work" / "run-1" / "catalog").is_dir()
    assert contents(data / "catalog") == before


def test_geojson_may_be_sent(data: Path) -> None:
    """Stations as GeoJSON points give the numbers that the same table gives."""
    lon, lat = lonlat(AREA)
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "Point",
                "coordinates": [round(float(lon[cell]), 5), round(float(lat[cell]), 5)],
            },
            "properties": {
                "station_id": name,
                "time": [f"{m}-{d:02d} 12:00" for m in MONTHS for d in range(1, m.days + 1)],
                "tz": "UTC",
                "depth_from_m": 0,
                "depth_to_m": 0.05,
                "value": [
                    round(float(truth(k)[cell]), 5)
                    for k, m in enumerate(MONTHS)
                    for _ in range(m.days)
                ],
                "unit": "m3/m3",
                "qflag": "G",
            },
        }
        for name, cell in CELLS.items()
    ]
    sent = run(data, stations={"type": "FeatureCollection", "features": features}, publish=False)
    known = run(data, publish=False)
    assert sent["metrics"]["stations"]["groups"] == known["metrics"]["stations"]["groups"]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"stations": "henan"}, "'henan' is no network of the region"),
        ({"stations": ["toy", "other"]}, "'other' is no network"),
        ({"reference": "SMAP-X"}, "reference: 'SMAP-X'"),
        ({"reference": "SMCI-1km"}, "no month of SMCI-1km in common"),
        ({"collection": "nothing"}, "'nothing' has no maps"),
        ({"items": [f"{COLLECTION}/none"]}, "is not in the catalogue"),
        ({"region": "henan"}, "no map of 'henan'"),
        ({"datetime": "2018-01"}, "no map of 2018-01"),
        ({"bbox": [100, 20, 101, 21]}, "none of 6 stations lies in the area"),
    ],
)
def test_requests_that_cannot_be_met_say_why(
    data: Path, inputs: dict[str, object], words: str
) -> None:
    """No network, no map, no common month, no station in the area: each names itself."""
    with pytest.raises(InputError, match=words):
        run(data, **inputs)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"stations": " "}, "empty or of no known kind"),
        ({"stations": []}, "empty or of no known kind"),
        ({"reference": []}, "names no maps"),
        ({"reference": ""}, "names no maps"),
        ({"items": []}, "names no maps"),
        ({"items": ["a/b"], "collection": "a"}, "a collection is given as well"),
        ({"items": ["a/b", "c/d"]}, "several collections"),
        ({"items": ["a/b", "a/b"]}, "named twice"),
        ({"items": {"features": [{"id": 1}]}}, "no STAC items"),
        ({"min_months": 3}, "min_months"),
        ({"precipitation": "ERA5"}, "precipitation"),
        ({"station": "toy"}, "no such input"),
    ],
)
def test_inputs_are_checked_before_anything_is_read(inputs: dict[str, object], words: str) -> None:
    """What is wrong with a request by itself is refused with the name of the input."""
    with pytest.raises(InvalidInputsError, match=words):
        read_inputs(ValidateInputs, inputs)


def _changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


BAD_TABLES = {
    "swapped": (station_table(CELLS, swapped=True), "swapped"),
    "percent": (_changed(station_table(CELLS), "m3/m3", "%vol"), "%vol|percent"),
    "empty": (",".join(COLUMNS) + "\n", "no rows|empty|no values"),
    "columns": ("a,b\n1,2\n", "column"),
    "twice": (
        station_table({"S1": (3, 5)}) + "S1,34.0,113.1,,2020-01-01 12:00,UTC,0,0.05,0.2,m3/m3,G\n",
        "S1",
    ),
    "duplicated place": (station_table({"A": (3, 5), "B": (3, 5)}), "the same"),
    "same time, other value": (
        station_table({"S1": (3, 5)})
        + station_table({"S1": (3, 5)}).splitlines()[1].replace(",0.2", ",0.3")
        + "\n",
        "there twice",
    ),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_tables_are_refused_with_the_line(data: Path, case: str) -> None:
    """Swapped coordinates, percent called fractions, repeated times: the message says which."""
    text, words = BAD_TABLES[case]
    with pytest.raises((InputError, GranuleError), match=words):
        run(data, stations=text)


def test_stations_of_other_years_get_no_number(data: Path) -> None:
    """Where station and maps have no month in common the report says so, and has no number."""
    metrics = run(data, stations=station_table(CELLS).replace("2020-", "2012-"), publish=False)[
        "metrics"
    ]
    found = metrics["stations"]
    assert {one["why"] for one in found["not_summarised"]} == {
        "0 common months; any number needs 10"
    }
    assert "Nothing can be said" in metrics["statements"][0]["text"]
    summaries = found["groups"][0]["summaries"].values()
    assert all(one is None for each in summaries for one in each.values())


def test_rows_may_come_in_any_order(data: Path) -> None:
    """An unsorted table gives what the sorted one gives, and mixed units are converted."""
    lines = station_table(CELLS).splitlines()
    shuffled = [lines[0], *np.random.default_rng(2).permutation(lines[1:])]
    mixed = "\n".join(_percent(line) if line.startswith("S3") else line for line in shuffled)
    one = run(data, stations=mixed, publish=False)["metrics"]["stations"]["groups"][0]
    two = run(data, stations="\n".join(lines), publish=False)["metrics"]["stations"]["groups"][0]
    for metric in ("r", "bias", "ubrmse"):
        values = [x["summaries"]["soil_moisture"][metric]["median"] for x in (one, two)]
        assert values[0] == pytest.approx(values[1], abs=1e-6)


def _percent(line: str) -> str:
    fields = line.split(",")
    fields[8], fields[9] = f"{100 * float(fields[8]):.3f}", "%vol"
    return ",".join(fields)


def test_an_archive_that_is_no_ismn_is_refused(data: Path) -> None:
    """A network whose folder holds other files is an error that says what was looked for."""
    region = data / "regions" / "toy-synthetic.yaml"
    kept = region.read_text()
    (data / "archive" / "other").mkdir(exist_ok=True)
    (data / "archive" / "other" / "readme.txt").write_text("nothing")
    settings = yaml.safe_load(kept)
    settings["networks"] += [{"name": "other", "title": "Other", "path": "other"}]
    settings["networks"] += [{"name": "lost", "title": "Lost", "path": "lost.zip"}]
    region.write_text(yaml.safe_dump(settings))
    try:
        with pytest.raises(GranuleError, match="no file of the ISMN"):
            run(data, stations="other")
        with pytest.raises(InputError, match="the archive lacks"):
            run(data, stations="lost")
    finally:
        region.write_text(kept)


def test_a_report_is_served_as_a_page_that_may_do_nothing(tmp_path: Path) -> None:
    """HTML in the catalogue is shown, with its own styles and without scripts."""
    (tmp_path / "report.html").write_text("<title>report</title>")
    application = Starlette(routes=[Mount("/catalog", CatalogFiles(tmp_path))])
    answer = TestClient(application).get("/catalog/report.html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]


def test_numbers_beside_a_report_are_no_item() -> None:
    """The file of all metrics is JSON, and that of stations GeoJSON."""
    folder = f"{COLLECTION}/validation/validation-abc"
    assert media_type(f"{folder}/metrics.json") == "application/json"
    assert media_type(f"{folder}/stations.geojson") == "application/geo+json"


@pytest.mark.usefixtures("drawn")
def test_the_command_line_tells_where_the_report_lies(data: Path) -> None:
    """``vadose run validate`` prints numbers by value, and the report as the file that it is."""
    arguments = ["run", "validate", "-", "--data", str(data), "--region", "toy-synthetic"]
    result = CliRunner().invoke(app, arguments, input='{"min_months": 10}')
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    report = document["report"]
    assert report["type"] == "text/html"
    assert "<svg" in Path(report["href"]).read_text(encoding="utf-8")
    assert document["metrics"]["value"]["synthetic"] is True


def test_a_csv_may_come_by_reference() -> None:
    """A link stands for the text of a table where an input takes text among other kinds."""
    model = find_process("validate").inputs
    fetched = Fetched(content=b"station_id,lat\n", media_type="text/csv")
    assert _read(model, "stations", "", fetched) == "station_id,lat"
    fetched = Fetched(content=b'["toy"]', media_type="application/json")
    assert _read(model, "stations", "", fetched) == ["toy"]
