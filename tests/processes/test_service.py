"""The main job from end to end: granules of a world, over HTTP, to maps that GDAL opens."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pystac
import pytest
import rasterio
from rasterio.warp import transform

from engine.archive import Archive
from engine.feature_store import FeatureStore
from engine.grids import block_mean
from engine.months import Month
from engine.region import load_region
from engine.residual import edge_ratio
from engine.target import coarse_soil_moisture
from processes.scoring import BASELINE, LAYERS, UnreadableMapError, read_raster, score_maps
from processes.settings import Settings
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from engine.world import World

MONTHS = "2020-04/2020-05"
TRAINING = "2020-03/2020-06"


@dataclass(frozen=True)
class Finished:
    """A job that was watched to its end."""

    statuses: list[dict[str, Any]]
    results: dict[str, Any]

    @property
    def items(self) -> list[dict[str, Any]]:
        """The maps' STAC items."""
        return self.results["items"]["value"]["features"]


@dataclass(frozen=True)
class Served:
    """A service with a world, and what its two processes made of it."""

    settings: Settings
    client: httpx.Client
    sif: Finished
    soil_moisture: Finished


def execute(client: httpx.Client, process: str, **inputs: object) -> Finished:
    """Execute a process and watch its job to the end."""
    body = {"inputs": inputs, "response": "document"}
    reply = client.post(f"/processes/{process}/execution", json=body)
    assert reply.status_code == 201, reply.text
    address = reply.headers["Location"]
    statuses = [reply.json()]
    while statuses[-1]["status"] in ("accepted", "running"):
        time.sleep(0.1)
        statuses.append(client.get(address).json())
    results = client.get(f"{address}/results").json()
    return Finished(statuses, results)


@pytest.fixture(scope="module")
def served(
    tiny_world: World, tmp_path_factory: pytest.TempPathFactory, serve: Callable
) -> Iterator[Served]:
    """Serve the tiny world and execute both processes for two months."""
    settings = Settings.load(
        data=tmp_path_factory.mktemp("service"),
        archive=tiny_world.archive,
        regions=tiny_world.region.parent,
        region=tiny_world.region.stem,
    )
    months = {"datetime": MONTHS, "training": TRAINING}
    with serve(settings) as client:
        sif = execute(client, "reconstruct-sif", **months)
        soil_moisture = execute(client, "downscale-smap", **months)
        yield Served(settings, client, sif, soil_moisture)


def read(href: str) -> np.ndarray:
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
        rasterio.open(href) as raster,
    ):
        return raster.read(1, masked=True).astype(np.float64).filled(np.nan)


def test_jobs_tell_real_progress(served: Served) -> None:
    """A job is seen running, its progress rises, and its messages name the months."""
    for job in (served.sif, served.soil_moisture):
        assert job.statuses[-1]["status"] == "successful", job.statuses[-1]["message"]
        assert job.statuses[-1]["progress"] == 100
        progress = [status["progress"] for status in job.statuses]
        assert progress == sorted(progress)
        assert len(set(progress)) > 4
        messages = {status["message"] for status in job.statuses}
        assert any(message.startswith("month ") for message in messages)


def test_results_name_items_model_and_scores(served: Served) -> None:
    """Each process links an item per month, its model with a card, and its scores by split."""
    for job, kind in ((served.sif, "sif"), (served.soil_moisture, "soil-moisture")):
        months = [item["properties"]["start_datetime"][:7] for item in job.items]
        assert months == ["2020-04", "2020-05"]
        model = job.results["model"]["value"]
        assert model["card"]["kind"] == kind
        assert model["card"]["training"] == ["2020-03", "2020-04", "2020-05", "2020-06"]
        onnx = served.client.get(model["href"])
        assert onnx.status_code == 200
        assert len(onnx.content) == model["card"]["file"]["bytes"]
        report = job.results["report"]["value"]
        assert report["synthetic"] is True
        assert "random" in report["scores"]


def test_downscaling_uses_the_stored_sif_model(served: Served) -> None:
    """The SIF model that the first job trained is the second job's upstream."""
    upstream = served.soil_moisture.results["report"]["value"]["model"]["upstream"]
    assert upstream == [served.sif.results["model"]["value"]["card"]["id"]]


def test_maps_are_validated_over_http(served: Served) -> None:
    """Numbers come by value, the report as a page; two months are too few, and it says so."""
    job = execute(served.client, "validate", publish=False)
    assert job.statuses[-1]["status"] == "successful", job.statuses[-1]["message"]
    assert job.results["metrics"]["value"]["months"] == ["2020-04", "2020-05"]
    found = [one["properties"] for one in job.results["stations"]["value"]["features"]]
    reasons = [one["why_not"] for one in found if "products" in one]
    assert reasons
    assert all("any number needs 10" in why for why in reasons)
    page = served.client.get(job.results["report"]["href"])
    assert page.headers["content-type"].startswith("text/html")
    assert "Nothing can be said of the maps" in page.text


def test_the_catalogue_is_sound(served: Served) -> None:
    """It validates offline, and pystac reads an item for each month and for each model."""
    root = served.settings.catalog_folder
    assert validate_catalog(root) == []
    catalogue = pystac.Catalog.from_file(str(root / "catalog.json"))
    items = {item.id for item in catalogue.get_items(recursive=True)}
    products = ("sif", "soil-moisture")
    months = ("2020-04", "2020-05")
    models = {
        job.results["model"]["value"]["card"]["id"] for job in (served.sif, served.soil_moisture)
    }
    assert items == {f"{p}-tiny-synthetic-{m}" for p in products for m in months} | models


def test_gdal_reads_the_maps_over_http(served: Served) -> None:
    """Every layer opens by its address, on the region's fine grid, with values in range."""
    for item in served.soil_moisture.items:
        for name in ("soil_moisture", "soil_moisture_raw", "soil_moisture_conserving"):
            values = read(item["assets"][name]["href"])
            assert values.shape == (54, 63)
            assert np.isfinite(values).mean() > 0.9
            assert 0 < np.nanmin(values) < np.nanmax(values) < 0.7


def test_pictures_are_served(served: Served) -> None:
    """Thumbnail, sheet and legend are PNG pictures."""
    for item in (*served.sif.items, *served.soil_moisture.items):
        for name in ("thumbnail", "sheet", "legend"):
            reply = served.client.get(item["assets"][name]["href"])
            assert reply.headers["Content-Type"] == "image/png"
            assert reply.content.startswith(b"\x89PNG")


def test_the_conserving_layer_conserves_without_edges(served: Served, tiny_world: World) -> None:
    """Its block means equal SMAP to 1e-4 m3 m-3; SMAP's cells show little more than without."""
    archive = Archive(tiny_world.archive)
    store = FeatureStore(archive, load_region(tiny_world.region), served.settings.feature_folder)
    for item in served.soil_moisture.items:
        month = Month.parse(item["properties"]["start_datetime"][:7])
        smap = coarse_soil_moisture(store, month).to_numpy()
        values = read(item["assets"]["soil_moisture_conserving"]["href"])
        assert np.nanmax(np.abs(block_mean(values) - smap)) < 1e-4
        model_map = read(item["assets"]["soil_moisture_raw"]["href"])
        blocky = model_map + np.kron(smap - block_mean(model_map), np.ones((9, 9)))
        assert edge_ratio(values) < edge_ratio(model_map) + 0.1 < edge_ratio(blocky)


def test_a_bad_request_fails_as_a_job_and_publishes_nothing(served: Served) -> None:
    """A month without SMAP: the job fails with the text, its results say so with 4xx."""
    before = sorted(served.settings.catalog_folder.rglob("*"))
    job = execute(served.client, "downscale-smap", datetime="2018-05")
    status = job.statuses[-1]
    assert status["status"] == "failed"
    assert "2018-05" in status["message"]
    assert "2019-12 to 2021-01" in status["message"]
    reply = served.client.get(f"/jobs/{status['jobID']}/results")
    assert reply.status_code == 400
    assert "2018-05" in reply.json()["detail"]
    assert sorted(served.settings.catalog_folder.rglob("*")) == before


def test_a_running_job_can_be_dismissed(served: Served, wait_for: Callable) -> None:
    """DELETE ends the work; the job stays readable as dismissed; nothing is published."""
    body = {"inputs": {"datetime": "../..", "retrain": True}}
    job_id = served.client.post("/processes/reconstruct-sif/execution", json=body).json()["jobID"]
    address = f"/jobs/{job_id}"
    wait_for(lambda: served.client.get(address).json()["status"] == "running")
    assert served.client.delete(address).json()["status"] == "dismissed"
    assert served.client.get(address).json()["status"] == "dismissed"
    assert served.client.get(f"{address}/results").status_code == 410
    collection = served.settings.catalog_folder / "sif-1km-monthly"
    assert len(list(collection.glob("sif-tiny-*"))) == 2
    wait_for(lambda: not (served.settings.work_folder / job_id).exists())


def test_layers_are_scored_against_the_truth(served: Served, tiny_world: World) -> None:
    """Maps read back over HTTP get the scores that the demonstration shows, and sane ones."""
    scored = score_maps(tiny_world, served.soil_moisture.items, served.settings.feature_folder)
    assert set(scored) == {*LAYERS, BASELINE}
    for score in scored.values():
        assert 0 < score.rmse < 0.1
        assert score.rmse**2 == pytest.approx(score.bias**2 + score.ubrmse**2)
    assert scored["soil_moisture_conserving"].conservation_error < 1e-4
    assert scored["soil_moisture"].subgrid_correlation > 0.3


def test_an_unreadable_map_is_named() -> None:
    """A score of what is not there names the address."""
    with pytest.raises(UnreadableMapError, match=r"nothing\.tif cannot be read as a raster"):
        read_raster("nothing.tif")


def test_maps_are_a_cube_and_tiles(served: Served) -> None:
    """As soon as the job has ended: the months of a place, from the Zarr that searches lead to."""
    for job, name in ((served.sif, "sif"), (served.soil_moisture, "soil_moisture")):
        (first, second) = job.items
        west, south, east, north = first["bbox"]
        place = ((west + east) / 2, (south + north) / 2)
        address = f"/collections/{first['properties']['vadose:product']}-tiny-synthetic"
        query = {"coords": f"POINT({place[0]} {place[1]})", "parameter-name": name}
        series = served.client.get(f"{address}/position", params=query).json()
        asset = first["assets"][name]["href"]
        with rasterio.open(asset) as raster:
            (x,), (y,) = transform("EPSG:4326", raster.crs, *[[part] for part in place])
            (published,) = next(raster.sample([(x, y)]))
        values = series["ranges"][name]["values"]
        np.testing.assert_allclose(values[0], published, atol=1e-7)
        assert len(values) == 2
        collection = served.client.get(f"/stac/collections/{second['collection']}").json()
        cube = collection["assets"]["cube-tiny-synthetic"]["href"]
        assert served.client.get(f"{cube}/zarr.json").json()["node_type"] == "group"
        tiles = [link["href"] for link in second["links"] if link.get("render") == name]
        assert [served.client.get(href).status_code for href in tiles] == [200]
