"""Runs of a process in this very process: areas, models, omissions, and everything that is bad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import shapely
import yaml
from pyproj import Transformer

from engine.errors import GranuleError, InputError, MissingDataError
from engine.progress import silent
from processes.definitions import find_process
from processes.program import reason
from processes.run import run_process
from processes.settings import Settings
from processes.validation import read_inputs
from stac.read import items_of
from stac.store import LocalCatalog
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine.world import World

FEW = {"sif": "without", "features": ["ndvi", "lst_day", "elevation"]}
TRAINING = "2020-03/2020-05"
MONTH = "2020-04"


def run(settings: Settings, process: str = "downscale-smap", **inputs: Any) -> dict[str, Any]:
    few = FEW if process == "downscale-smap" and "model" not in inputs else {}
    training = {} if "model" in inputs else {"training": TRAINING}
    values = {"datetime": MONTH} | few | training | inputs
    checked = read_inputs(find_process(process).inputs, values)
    return dict(run_process(process, checked, settings, "run-1", silent))


def settings_for(world: World, data: Path, **others: Any) -> Settings:
    return Settings.load(
        data=data,
        archive=others.pop("archive", world.archive),
        regions=world.region.parent,
        region=world.region.stem,
        **others,
    )


@pytest.fixture(scope="module")
def settings(tiny_world: World, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give settings of a data folder that has a model and one published month."""
    made = settings_for(tiny_world, tmp_path_factory.mktemp("runs"))
    run(made)
    return made


@pytest.fixture
def fresh(settings: Settings, tmp_path: Path, tiny_world: World) -> Callable[..., Settings]:
    """Give the means to have settings with an empty catalogue and an altered archive."""
    (tmp_path / "features").symlink_to(settings.feature_folder)

    def make(alter: Callable[[Path], None] | None = None, **others: Any) -> Settings:
        archive = tmp_path / "archive"
        for folder in tiny_world.archive.iterdir():
            if folder.is_dir():
                (archive / folder.name).mkdir(parents=True)
                for path in folder.rglob("*"):
                    if path.is_file():
                        (archive / folder.name / path.name).symlink_to(path)
        (archive / "SYNTHETIC.txt").write_text("true: a test")
        if alter is not None:
            alter(archive)
        return settings_for(tiny_world, tmp_path, archive=archive, **others)

    return make


def published(settings: Settings) -> list[Path]:
    """Return whatever lies in the catalogue or was left half-written beside it."""
    folders = (settings.catalog_folder, settings.work_folder)
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def layers(
    results: dict[str, Any], settings: Settings
) -> tuple[np.ndarray, rasterio.DatasetReader]:
    (item,) = results["items"]["features"]
    href = item["assets"]["soil_moisture"]["href"].removeprefix("catalog/")
    with rasterio.open(settings.catalog_folder / href) as raster:
        return raster.read(1, masked=True).astype(np.float64).filled(np.nan), raster


def test_a_fitting_model_is_used_again(settings: Settings) -> None:
    """The same request trains nothing and changes no published file."""
    before = {path: path.stat().st_mtime_ns for path in published(settings)}
    report = run(settings)["report"]
    assert report["model"]["trained"] is False
    assert {path: path.stat().st_mtime_ns for path in published(settings)} == before


def test_what_a_request_leaves_out_is_recorded(settings: Settings) -> None:
    """Card, report and item name SIF and every feature that was left out."""
    outputs = run(settings)
    for omissions in (outputs["report"]["omissions"], outputs["model"]["card"]["omissions"]):
        assert omissions["sif"] == omissions["precipitation"] == "left out by the request"
    (item,) = outputs["items"]["features"]
    assert "sif: left out by the request" in item["properties"]["vadose:omissions"]
    assert "Without SIF." in outputs["report"]["statement"]


def test_a_value_does_not_depend_on_the_area_asked_for(settings: Settings) -> None:
    """A box within the region gets the region's own values, in a collection of its own."""
    whole, region = layers(run(settings), settings)
    results = run(settings, bbox=[112.6, 34.8, 112.8, 35.0])
    part, window = layers(results, settings)
    assert part.size < whole.size
    column, row = ~region.transform @ (window.transform.c, window.transform.f)
    top, left = round(row), round(column)
    inside = whole[top : top + part.shape[0], left : left + part.shape[1]]
    np.testing.assert_array_equal(part, inside)
    (item,) = results["items"]["features"]
    assert item["collection"].startswith("soil-moisture-1km-monthly--")
    assert validate_catalog(settings.catalog_folder) == []


def test_a_polygon_leaves_what_is_outside_empty(settings: Settings) -> None:
    """Cells whose centre lies outside the polygon have no value, all others have."""
    triangle = shapely.Polygon([(112.5, 34.7), (112.9, 34.7), (112.5, 35.1)])
    geometry = shapely.geometry.mapping(triangle)
    values, raster = layers(run(settings, geometry=geometry), settings)
    columns, rows = np.meshgrid(np.arange(values.shape[1]), np.arange(values.shape[0]))
    x, y = rasterio.transform.xy(raster.transform, rows.ravel(), columns.ravel())
    lon, lat = Transformer.from_crs("EPSG:6933", "EPSG:4326", always_xy=True).transform(x, y)
    inside = shapely.contains_xy(triangle, lon, lat).reshape(values.shape)
    assert not np.isfinite(values[~inside]).any()
    assert np.isfinite(values[inside]).mean() > 0.9


def test_unpublished_maps_stay_with_their_job(settings: Settings) -> None:
    """With publish false the catalogue is untouched; the maps lie in the run's own folder."""
    before = sorted(settings.catalog_folder.rglob("*"))
    (item,) = run(settings, publish=False)["items"]["features"]
    assert sorted(settings.catalog_folder.rglob("*")) == before
    href = item["assets"]["soil_moisture"]["href"]
    assert href.startswith("jobs/run-1/files/")
    folder = settings.work_folder / "run-1" / "catalog"
    assert (folder / href.removeprefix("jobs/run-1/files/")).is_file()
    assert validate_catalog(folder) == []


def test_the_analysis_may_be_the_model_alone(settings: Settings) -> None:
    """With ``none`` the main layer is the raw one; the series is another."""
    (item,) = run(settings, analysis="none")["items"]["features"]
    folder = settings.catalog_folder / item["collection"] / item["id"]
    arrays = []
    for name in ("soil_moisture", "soil_moisture_raw"):
        with rasterio.open(next(folder.glob(f"*_{name}_v1.tif"))) as raster:
            arrays.append(raster.read(1))
    np.testing.assert_array_equal(*arrays)


def test_another_algorithm_is_another_model_and_another_series(settings: Settings) -> None:
    """The request's algorithm is trained and named; without uncertainty there is no interval."""
    outputs = run(settings, algorithm="xgboost", uncertainty=False)
    assert outputs["model"]["card"]["settings"]["algorithm"] == "xgboost"
    (item,) = outputs["items"]["features"]
    assert item["properties"]["vadose:model"]["algorithm"] == "gradient-boosted trees"
    assert item["collection"].startswith("soil-moisture-1km-monthly--")
    assert not {"lower", "upper", "applicability"} & set(item["assets"])


def test_better_settings_are_looked_for_where_a_request_gives_time(settings: Settings) -> None:
    """The model is another one, and its card tells what was tried and which settings it has."""
    card = run(settings, tuning_seconds=1)["model"]["card"]
    assert card["id"] != run(settings)["model"]["card"]["id"]
    assert card["tuning"]["seconds"] == 1
    tried = [trial["rmse"] for trial in card["tuning"]["trials"]]
    assert tried
    best = card["tuning"]["trials"][tried.index(min(tried))]["settings"]
    assert best.items() <= card["settings"].items()


def test_a_named_model_is_applied_as_it_is(settings: Settings) -> None:
    """The model's own features and omissions count, whatever the defaults are."""
    card = run(settings)["model"]["card"]
    outputs = run(settings, model=card["id"], datetime="2020-05")
    assert outputs["model"]["card"] == card
    assert outputs["report"]["model"]["trained"] is False


def test_models_that_cannot_serve_are_refused(settings: Settings) -> None:
    """An unknown model, and one that predicts something else, name what is stored."""
    with pytest.raises(InputError, match="model: there is no model 'nothing'"):
        run(settings, model="nothing")
    card = run(settings)["model"]["card"]
    with pytest.raises(InputError, match="predicts soil-moisture; allowed: a model of sif"):
        run(settings, "reconstruct-sif", model=card["id"])


def test_a_long_training_must_be_asked_for(fresh: Callable) -> None:
    """Beyond the limit a request says what training costs and how to ask for it."""
    limited = fresh(training_limit=0.001)
    with pytest.raises(InputError, match=r"retrain: .* takes about 1 minutes; allowed: true"):
        run(limited)
    assert published(limited) == []
    assert run(limited, retrain=True)["report"]["model"]["trained"] is True


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        ({"datetime": "2018-05"}, MissingDataError, r"SPL4SMGP: .* 2018-05; .* 2019-12 to 2021-01"),
        ({"datetime": "2022-01/.."}, InputError, r"datetime: .* outside the months"),
        ({"training": "2010-01/2010-03"}, MissingDataError, r"2010-01"),
        ({"bbox": [0, 0, 1, 1]}, MissingDataError, r"touches the area 0, 0, 1, 1"),
        (
            {"region": "nowhere"},
            InputError,
            r"there is no region 'nowhere'; allowed: .*tiny-synthetic",
        ),
        ({"region": "henan"}, InputError, r"'henan' is not synthetic, the archive is synthetic"),
        ({"features": ["colour"]}, InputError, r"features: colour; allowed: ndvi"),
    ],
)
def test_requests_that_cannot_be_met_say_why(
    fresh: Callable, inputs: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Month, area, region, feature: one error that names it; nothing is published."""
    settings = fresh()
    with pytest.raises(error, match=message):
        run(settings, **inputs)
    assert published(settings) == []


def test_a_missing_product_is_named_with_what_needs_it(fresh: Callable) -> None:
    """Without CHIRPS the default features cannot be made; leaving rain out goes on."""

    def without_rain(archive: Path) -> None:
        for path in (archive / "CHIRPS").iterdir():
            path.unlink()

    settings = fresh(without_rain)
    with pytest.raises(MissingDataError, match=r"CHIRPS: .*needed for precipitation; .*for ndvi"):
        run(settings, features=["ndvi", "precipitation"])
    assert published(settings) == []
    assert run(settings)["report"]["omissions"]["precipitation"]


def test_a_month_with_too_little_smap_leaves_the_other_one_published(fresh: Callable) -> None:
    """One of two months lacks files: the error names it, and says that the other one stays."""

    def thin(archive: Path) -> None:
        for path in (archive / "SPL4SMGP").glob("*_202005[12]*"):
            path.unlink()

    settings = fresh(thin)
    with pytest.raises(MissingDataError, match=r"SPL4SMGP: .* 2020-05; .* files") as caught:
        run(settings, datetime="2020-04/2020-05")
    assert reason(caught.value).endswith("already stay published")
    (item,) = items_of(LocalCatalog(settings.catalog_folder), "soil-moisture-1km-monthly")
    assert item.id.endswith("2020-04")
    assert validate_catalog(settings.catalog_folder) == []


def test_a_broken_granule_is_named_and_publishes_nothing(fresh: Callable) -> None:
    """A truncated file among the sources of a month is the error's subject."""
    names: list[str] = []

    def truncate(archive: Path) -> None:
        path = min((archive / "MCD43A4").glob("*.A2020113*"))
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content[: len(content) // 3])
        names.append(path.name)

    settings = fresh(truncate)
    with pytest.raises(GranuleError) as caught:
        run(settings)
    assert caught.value.path.name == names[0]
    assert published(settings) == []


def test_an_archive_that_is_not_there_is_said_so(tiny_world: World, tmp_path: Path) -> None:
    """A wrong folder is an input error, not an empty archive."""
    with pytest.raises(InputError, match="VADOSE_ARCHIVE: there is no folder 'nowhere'"):
        run(settings_for(tiny_world, tmp_path, archive=tmp_path / "nowhere"))


def test_a_month_without_an_own_predictor_is_known_before_any_training(
    tiny_world: World, tmp_path: Path
) -> None:
    """A region's own monthly raster lacks the month, its static one the file: said at once."""
    regions = tmp_path / "regions"
    regions.mkdir()
    region = tiny_world.region.read_text(encoding="utf-8")
    own = {"name": "own", "kind": "continuous", "file": "own_{month}.tif"}
    archive = tmp_path / "archive"
    archive.mkdir()
    for path in tiny_world.archive.iterdir():
        (archive / path.name).symlink_to(path)
    (archive / "own_2020-05.tif").touch()
    settings = Settings.load(data=tmp_path, regions=regions, region=tiny_world.region.stem)

    def written(**more: str) -> None:
        content = yaml.safe_load(region) | {"predictors": [own | more]}
        (regions / tiny_world.region.name).write_text(yaml.safe_dump(content), encoding="utf-8")

    written()
    message = r"own: nothing usable for 2020-04; .* 1 months, 2020-05 to 2020-05"
    with pytest.raises(MissingDataError, match=message):
        run(settings, features=["ndvi", "own"])
    written(file="none.tif")
    with pytest.raises(MissingDataError, match=r"own: nothing usable.* the file none\.tif below"):
        run(settings, features=["ndvi", "own"])
