"""Users' own predictors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.archive import Archive
from engine.errors import GranuleError, MissingDataError
from engine.grids import BBox, coarse_window, fine_of
from engine.months import Month
from engine.predictors import UserPredictor, predictor_fields
from engine.region import load_region
from engine.testing import shared_path, write_geotiff

if TYPE_CHECKING:
    from pathlib import Path

AREA = fine_of(coarse_window(BBox(20.1, -33.4, 20.6, -32.9)))
CORNER = (20.0, -32.8)
CODES = np.tile(np.array([0, 1, 2, 12, 255], np.uint8), (80, 16))


def write(root: Path, values, name: str = "own.tif", **options) -> None:
    write_geotiff(root / name, values, CORNER, 0.01, **options)


def test_a_continuous_predictor_is_one_field(tmp_path):
    """Values and units come through, nodata is missing."""
    values = np.arange(6400, dtype=np.float32).reshape(80, 80)
    values[40, 40] = -1
    write(tmp_path, values)
    predictor = UserPredictor(name="depth", file="own.tif", kind="continuous", units="m", nodata=-1)
    field = predictor_fields(predictor, tmp_path, AREA)["depth"]
    assert field.units == "m"
    assert np.isnan(field.values).sum() == 1
    assert predictor.features == {"depth": "m"}


def test_a_categorical_predictor_is_one_field_a_class(tmp_path):
    """Each class is 1 on its codes, 0 on others, and missing on nodata."""
    write(tmp_path, CODES, nodata=255)
    predictor = UserPredictor(
        name="cover",
        file="own.tif",
        kind="categorical",
        classes={"crop": (12, 14), "forest": (1, 2)},
    )
    fields = predictor_fields(predictor, tmp_path, AREA)
    assert list(fields) == list(predictor.features) == ["cover_crop", "cover_forest"]
    crop, forest = fields["cover_crop"], fields["cover_forest"]
    assert {float(value) for value in np.unique(crop.values[crop.weight > 0])} == {0.0, 1.0}
    assert np.nanmean(crop.values) == pytest.approx(0.25, abs=0.02)
    assert np.nanmean(forest.values) == pytest.approx(0.5, abs=0.02)
    assert np.isnan(crop.values).mean() == pytest.approx(0.2, abs=0.02)


def test_slope_is_derived_from_metres(tmp_path):
    """A plane that rises 0.01 of its run northwards slopes by 0.573 degrees."""
    rise = 111_195 * 0.01 * 0.01
    values = np.repeat(np.arange(80, 0, -1, dtype=np.float32)[:, None] * rise, 80, axis=1)
    write(tmp_path, values)
    predictor = UserPredictor(
        name="height", file="own.tif", kind="continuous", units="m", slope=True
    )
    fields = predictor_fields(predictor, tmp_path, AREA)
    assert predictor.features == {"height": "m", "height_slope": "degree"}
    slope = fields["height_slope"]
    assert slope.units == "degree"
    np.testing.assert_allclose(
        slope.values[slope.weight > 0], np.degrees(np.arctan(0.01)), rtol=1e-3
    )


def test_a_monthly_predictor_is_looked_up_by_month(tmp_path):
    """{month} becomes YYYY-MM; a month without file is missing data."""
    write(tmp_path, np.full((80, 80), 3, np.float32), "rain_2020-01.tif")
    predictor = UserPredictor(
        name="rain", file="rain_{month}.tif", kind="continuous", units="mm day-1"
    )
    field = predictor_fields(predictor, tmp_path, AREA, Month(2020, 1))["rain"]
    assert (field.values == 3).all()
    with pytest.raises(MissingDataError, match=r"rain: .*2020-02; looked for .*rain_2020-02.tif"):
        predictor_fields(predictor, tmp_path, AREA, Month(2020, 2))


def test_a_reference_system_may_be_overruled(tmp_path):
    """A raster tagged with an unknown sphere is placed by the region's word."""
    write(tmp_path, CODES, crs="+proj=longlat +ellps=clrk66 +no_defs", nodata=255)
    predictor = UserPredictor(
        name="cover",
        file="own.tif",
        kind="categorical",
        crs="EPSG:4326",
        classes={"crop": (12,)},
    )
    assert predictor_fields(predictor, tmp_path, AREA)["cover_crop"].geobox.crs == "EPSG:4326"


def test_a_raster_elsewhere_is_missing(tmp_path):
    """A predictor that does not touch the area cannot be used."""
    write_geotiff(tmp_path / "own.tif", CODES, (100.0, 30.0), 0.01)
    predictor = UserPredictor(name="depth", file="own.tif", kind="continuous")
    with pytest.raises(MissingDataError, match="depth: nothing usable for this area"):
        predictor_fields(predictor, tmp_path, AREA)


def test_a_blank_raster_is_an_error(tmp_path):
    """A predictor without one valid value is a mistake."""
    write(tmp_path, np.zeros((80, 80), np.int16), nodata=0)
    predictor = UserPredictor(name="depth", file="own.tif", kind="continuous", units="m")
    with pytest.raises(GranuleError, match=r"own.tif: depth holds fill or invalid values only"):
        predictor_fields(predictor, tmp_path, AREA)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "categorical"}, "classes belong to a categorical predictor"),
        ({"kind": "continuous", "classes": {"a": (1,)}}, "classes belong to a categorical"),
        ({"kind": "categorical", "classes": {"a": (1,), "b": (1,)}}, "one class only"),
        ({"kind": "continuous", "slope": True}, "slope is derived from .* in m"),
        ({"kind": "continuous", "file": "../own.tif"}, "below the archive"),
        ({"kind": "continuous", "name": "Not a name"}, "pattern"),
        ({"kind": "continuous", "color": "red"}, "Extra inputs"),
    ],
)
def test_contradictions_are_refused(options, message):
    """What makes no sense together is refused when the region is read."""
    with pytest.raises(ValueError, match=message):
        UserPredictor.model_validate({"name": "own", "file": "own.tif"} | options)


def test_the_real_predictors_of_south_africa():
    """Every feature of the example is read, and covers the area's land."""
    region = load_region("south-africa")
    archive = Archive(shared_path("realdata", "south_africa_2020-01"))
    fields = {}
    for predictor in region.predictors:
        fields |= predictor_fields(predictor, archive.root, region.area(), Month(2020, 1))
    assert tuple(fields) == region.features
    assert 1500 < np.nanmax(fields["elevation"].values) < 2400
    assert np.nanmean(fields["elevation_slope"].values) == pytest.approx(2, abs=1.5)
    groups = [fields[name].values for name in fields if name.startswith("land_cover")]
    np.testing.assert_array_equal(np.sum(groups, axis=0), 1)
    climate = [fields[name].values for name in fields if name.startswith("climate")]
    assert set(np.unique(np.sum(climate, axis=0)[np.isfinite(climate[0])])) == {1.0}
    assert np.nanmean(fields["climate_arid"].values) > 0.8
