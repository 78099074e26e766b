"""The door of the catalogue."""

from __future__ import annotations

import numpy as np
import pytest
from odc.geo.geobox import GeoBox

from engine.cog import geobox_of
from engine.errors import GridMismatchError, InputError, MissingDataError, UnitsError
from engine.grids import BBox, coarse_window, fine_of
from stac.layers import check_layers, fine_grid
from stac.products import product
from stac.testing import AREA, MAY, toy_dataset, toy_layer

SOIL = product("soil-moisture")


def test_layers_come_in_the_products_order() -> None:
    """Whatever the dataset's order, the main layer comes first; absent ones are absent."""
    turned = toy_dataset()[["soil_moisture_raw", "soil_moisture"]]
    assert list(check_layers(SOIL, MAY, turned)) == ["soil_moisture", "soil_moisture_raw"]


def test_an_unknown_variable_is_refused() -> None:
    """Nothing is left out in silence."""
    with pytest.raises(InputError, match="rain"):
        check_layers(SOIL, MAY, toy_dataset().rename(soil_moisture_raw="rain"))


def test_a_unit_that_is_not_the_layers_is_refused() -> None:
    """Per cent are not m3 m-3."""
    data = toy_dataset()
    data["soil_moisture_raw"].attrs["units"] = "%"
    with pytest.raises(UnitsError, match="soil_moisture_raw"):
        check_layers(SOIL, MAY, data)


def test_a_month_without_any_value_is_refused() -> None:
    """An empty map is missing data, named by product and month."""
    data = toy_dataset()
    data["soil_moisture"][:] = np.nan
    with pytest.raises(MissingDataError, match=r"soil-moisture.*2020-05"):
        check_layers(SOIL, MAY, data)


def test_the_main_layer_must_be_there() -> None:
    """The raw model alone is no product."""
    with pytest.raises(MissingDataError, match="soil_moisture"):
        check_layers(SOIL, MAY, toy_dataset()[["soil_moisture_raw"]])


def test_dimensions_and_type_are_fixed() -> None:
    """Turned axes and double precision are refused by name."""
    with pytest.raises(GridMismatchError, match="soil_moisture"):
        check_layers(SOIL, MAY, toy_dataset().transpose("x", "y"))
    with pytest.raises(InputError, match="float64"):
        check_layers(SOIL, MAY, toy_dataset().astype(np.float64))


@pytest.mark.parametrize("bbox", [(110.35, 31.38, 116.65, 36.37), (18, -34, 25, -29)])
def test_coordinates_lead_back_to_the_regions_exact_grid(
    bbox: tuple[float, float, float, float],
) -> None:
    """The rounding of coordinates does not reach what is published."""
    area = fine_of(coarse_window(BBox(*bbox)))
    found = fine_grid(geobox_of(toy_layer(area)))
    assert found.affine[:6] == area.affine[:6]
    assert found.shape == area.shape


def test_a_window_that_is_no_whole_coarse_cells_keeps_its_place() -> None:
    """Any rectangle of fine cells is a grid of ours."""
    found = fine_grid(AREA[3:20, 5:31])
    assert found.boundingbox.bbox == pytest.approx(AREA[3:20, 5:31].boundingbox.bbox)


@pytest.mark.parametrize("shift", [(0.5, 0.0), (0.0, 0.02)])
def test_a_grid_between_the_cells_is_refused(shift: tuple[float, float]) -> None:
    """Half a cell beside the grid is another grid."""
    with pytest.raises(GridMismatchError, match="M01"):
        fine_grid(AREA.translate_pix(*shift))


def test_cells_of_a_round_kilometre_are_refused() -> None:
    """1000 m are not 1000.895 m; the difference adds up to kilometres."""
    with pytest.raises(GridMismatchError, match="M01"):
        fine_grid(AREA.zoom_out(1000 / 1000.895))


def test_another_projection_is_refused() -> None:
    """Metres of UTM are not metres of EASE-Grid."""
    with pytest.raises(GridMismatchError, match="6933"):
        fine_grid(GeoBox(AREA.shape, AREA.affine, "EPSG:32649"))
