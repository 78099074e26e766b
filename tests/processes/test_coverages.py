"""Cubes over OGC API - Coverages and EDR: known values, and clear words for what is not there."""

from __future__ import annotations

import csv
import io
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

from engine.grids import lonlat
from processes.settings import Settings
from stac.cube import refresh_cubes
from stac.publish import publish_month
from stac.store import LocalCatalog
from stac.testing import AREA, MAY, toy_dataset, toy_provenance, toy_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

NAME = "soil-moisture-toy-synthetic"
COLLECTION = f"/collections/{NAME}"
MONTHS = 3
LON, LAT = (values[20, 25] for values in lonlat(AREA))
"""The centre of a cell that has values."""
GAP_LON, GAP_LAT = (values[5, 15] for values in lonlat(AREA))


def publish(settings: Settings, number: int) -> None:
    catalog = LocalCatalog(settings.catalog_folder)
    moved = toy_dataset(shift=0.01 * number)
    publish_month(catalog, toy_series(), MAY.shift(number), moved, toy_provenance())
    refresh_cubes(catalog, toy_series().official_collection)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give the settings of a service whose catalogue is empty at its start."""
    return Settings.load(data=tmp_path_factory.mktemp("covered"), most_cells=20_000)


@pytest.fixture(scope="module")
def client(settings: Settings, serve: Callable[..., Any]) -> Iterator[httpx.Client]:
    """Give a client of a service that had no maps when it started, and has three months now."""
    with serve(settings, run_jobs=False) as found:
        listed = found.get("/collections").json()["collections"]
        assert NAME not in [one["id"] for one in listed]
        assert found.get(COLLECTION).status_code == 404
        assert found.get("/collections", params={"f": "html"}).status_code == 200
        for number in range(MONTHS):
            publish(settings, number)
        deadline = time.monotonic() + 30
        while found.get(COLLECTION).status_code == 404 and time.monotonic() < deadline:
            time.sleep(0.2)
        yield found


def got(client: httpx.Client, path: str, **query: str) -> Any:
    reply = client.get(f"{COLLECTION}{path}", params=query)
    assert reply.status_code == 200, reply.text
    return reply.json()


def layer(number: int, name: str = "soil_moisture") -> np.ndarray[Any, np.dtype[Any]]:
    return toy_dataset(shift=0.01 * number)[name].to_numpy()


def as_array(document: Any, name: str) -> np.ndarray[Any, np.dtype[Any]]:
    told = document["ranges"][name]
    return np.array(told["values"], float).reshape(told["shape"])


def test_a_cube_that_appears_is_served(client: httpx.Client) -> None:
    """Without a new start, with its extent, its layers, and links to the catalogue."""
    told = got(client, "")
    ((west, south, east, north),) = told["extent"]["spatial"]["bbox"]
    assert west < LON < east
    assert south < LAT < north
    assert told["extent"]["temporal"]["interval"] == [
        ["2020-05-01T00:00:00Z", "2020-07-01T00:00:00Z"]
    ]
    assert told["parameter_names"]["soil_moisture"]["unit"]["symbol"]["value"] == "m3 m-3"
    assert set(told["data_queries"]) == {"position", "cube"}
    near = [link["href"] for link in told["links"] if link["href"].endswith("collection.json")]
    assert [client.get(href).status_code for href in near] == [200]
    page = client.get(COLLECTION, params={"f": "html"})
    assert page.status_code == 200


def test_the_map_of_a_month(client: httpx.Client) -> None:
    """Every cell where the grid has it, gaps as null."""
    told = got(client, "/coverage", datetime="2020-06", properties="soil_moisture")
    np.testing.assert_allclose(as_array(told, "soil_moisture")[0], layer(1), atol=1e-8)
    axes = told["domain"]["axes"]
    assert axes["t"]["values"] == ["2020-06-01T00:00:00Z"]
    lon, lat = lonlat(AREA)
    np.testing.assert_allclose(axes["x"]["values"], lon[0], atol=1e-9)
    np.testing.assert_allclose(axes["y"]["values"], lat[:, 0], atol=1e-9)
    assert None in told["ranges"]["soil_moisture"]["values"]


@pytest.mark.parametrize("day", ["2020-06-17", "2020-06-30T23:59:59Z", "2020-06/2020-06"])
def test_a_moment_means_its_month(client: httpx.Client, day: str) -> None:
    """A map holds for all of its month."""
    told = got(client, "/position", coords=f"POINT({LON} {LAT})", datetime=day)
    assert told["domain"]["axes"]["t"]["values"] == ["2020-06-01T00:00:00Z"]


def test_a_box_without_a_month(client: httpx.Client) -> None:
    """Cells whose centres are inside, of all months; by a subset of the axes the same."""
    lon, lat = lonlat(AREA)
    box = (lon[0, 4] - 1e-6, lat[9, 0] - 1e-6, lon[0, 7] + 1e-6, lat[6, 0] + 1e-6)
    told = got(client, "/coverage", bbox=",".join(map(str, box)), properties="upper")
    expected = np.stack([layer(number, "upper")[6:10, 4:8] for number in range(MONTHS)])
    np.testing.assert_allclose(as_array(told, "upper"), expected, atol=1e-8)
    subset = f"longitude({box[0]}:{box[2]}),latitude({box[1]}:{box[3]})"
    same = got(client, "/coverage", subset=subset, properties="upper")
    assert same["ranges"] == told["ranges"]
    cube = got(client, "/cube", bbox=",".join(map(str, box)), **{"parameter-name": "upper"})
    assert cube["ranges"] == told["ranges"]


def test_netcdf_holds_the_same(client: httpx.Client, tmp_path: Any) -> None:
    """As a file that xarray opens, with units, and bits as bits."""
    reply = client.get(f"{COLLECTION}/coverage", params={"f": "netcdf", "datetime": "2020-07"})
    assert reply.headers["Content-Type"] == "application/x-netcdf"
    path = tmp_path / "map.nc"
    path.write_bytes(reply.content)
    with xr.open_dataset(path, engine="h5netcdf") as found:
        np.testing.assert_array_equal(found.soil_moisture[0], layer(2))
        assert found.soil_moisture.attrs["units"] == "m3 m-3"
        assert str(found.time.values[0])[:7] == "2020-07"
        np.testing.assert_array_equal(found.quality[0], layer(2, "quality"))


def test_the_series_of_a_place(client: httpx.Client) -> None:
    """As CoverageJSON and as CSV, of the cell that the point lies in, without a box around it."""
    query = {"coords": f"POINT({LON + 0.003} {LAT - 0.003})", "parameter-name": "soil_moisture"}
    told = got(client, "/position", **query)
    expected = [float(layer(number)[20, 25]) for number in range(MONTHS)]
    assert told["domain"]["domainType"] == "PointSeries"
    np.testing.assert_allclose(told["ranges"]["soil_moisture"]["values"], expected, atol=1e-8)
    reply = client.get(f"{COLLECTION}/position", params=query | {"f": "csv"})
    assert reply.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    np.testing.assert_allclose([float(row["value"]) for row in rows], expected, atol=1e-8)
    assert [row["datetime"][:7] for row in rows] == ["2020-05", "2020-06", "2020-07"]
    assert {row["unit"] for row in rows} == {"m3 m-3"}


def test_a_place_without_values_has_nulls(client: httpx.Client) -> None:
    """It lies on the map, and nothing is known there."""
    told = got(client, "/position", coords=f"POINT({GAP_LON} {GAP_LAT})")
    assert told["ranges"]["soil_moisture"]["values"] == [None] * MONTHS
    assert told["ranges"]["quality"]["dataType"] == "integer"


@pytest.mark.parametrize(
    ("path", "query", "reason"),
    [
        ("/position", {"coords": "POINT(10 50)"}, "longitude 10.0 lies outside"),
        ("/position", {"coords": "LINESTRING(113 34, 114 35)"}, "must be a point"),
        ("/position", {"coords": "nonsense"}, "coords"),
        ("/position", {}, "coords"),
        ("/position", {"coords": f"POINT({LON} {LAT})", "parameter-name": "no"}, "parameter-name"),
        ("/position", {"coords": f"POINT({LON} {LAT})", "datetime": "1999-01"}, "out of range"),
        ("/coverage", {"datetime": "2020-13"}, ""),
        ("/coverage", {"bbox": "1,2,3"}, "bbox"),
        ("/coverage", {"bbox": "0,0,1,1"}, "there is"),
        ("/coverage", {"bbox-crs": "http://www.opengis.net/def/crs/EPSG/0/3857"}, "bbox-crs"),
        ("/coverage", {"properties": "no"}, "field"),
        ("/coverage", {"subset": "height(1)"}, "axis"),
        ("/coverage", {"subset": 'longitude("a")'}, "number"),
        ("/coverage", {}, "values are more than"),
        ("/cube", {}, "bbox"),
        ("/cube", {"bbox": "0,0,1,1"}, "there is"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    client: httpx.Client, path: str, query: dict[str, str], reason: str
) -> None:
    """With the reason, as a problem."""
    reply = client.get(f"{COLLECTION}{path}", params=query)
    assert reply.status_code == 400, reply.text
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reason in reply.json()["detail"]


def test_there_are_no_versions_of_a_cube(client: httpx.Client) -> None:
    """A version by any name is refused, and the list of them is empty or not there."""
    reply = client.get(f"{COLLECTION}/instances/1/position", params={"coords": "POINT(1 1)"})
    assert reply.status_code == 400
    assert client.get(f"{COLLECTION}/instances").status_code in (200, 404)


def test_a_catalogue_that_cannot_be_read_leaves_the_rest(
    tmp_path: Any, serve: Callable[..., Any]
) -> None:
    """Its cubes are not there; everything else is."""
    settings = Settings.load(data=tmp_path)
    settings.catalog_folder.mkdir(parents=True)
    (settings.catalog_folder / "catalog.json").write_text("{")
    with serve(settings, run_jobs=False) as client:
        assert client.get("/collections").status_code == 200
