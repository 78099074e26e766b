"""The door of the catalogue: a dataset is what its product says, or it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.errors import GridMismatchError, InputError, MissingDataError, UnitsError
from engine.grids import BLOCK, COARSE, fine_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from odc.geo import Shape2d
    from odc.geo.geobox import GeoBox

    from engine.months import Month
    from stac.products import Layer, Product


def check_layers(product: Product, month: Month, dataset: xr.Dataset) -> Mapping[str, xr.DataArray]:
    """Return the dataset's layers in the product's order.

    Parameters
    ----------
    product
        What is to be published.
    month
        Named in errors.
    dataset
        ``(y, x)`` on the 1 km grid, amounts as float32, NaN where missing, bits as uint16,
        ``units`` on every variable; the product's main layer and any of its others.

    Raises
    ------
    InputError
        Where a variable is not a layer of the product.
    MissingDataError
        Where the main layer is absent or has no value.
    UnitsError
        Where a variable is not in the layer's unit.
    GridMismatchError
        Where a variable has other dimensions.
    """
    unknown = sorted(set(map(str, dataset.data_vars)) - set(product.layers))
    if unknown:
        raise InputError("dataset", f"variables {', '.join(unknown)}", ", ".join(product.layers))
    layers = {name: dataset[name] for name in product.layers if name in dataset}
    for name, layer in layers.items():
        _check_layer(name, layer, product.layers[name])
    if product.main not in layers or not np.isfinite(layers[product.main].values).any():
        raise MissingDataError(product.id, str(month), f"a value in the layer {product.main}")
    return layers


def fine_grid(geobox: GeoBox) -> GeoBox:
    """Return the cells of EASE-Grid 2.0 M01 that a grid means, free of rounding.

    Coordinates carry the noise of their arithmetic; what is published must not.

    Raises
    ------
    GridMismatchError
        Where the cells are not those of M01, to a hundredth of a cell.
    """
    fine = fine_of(COARSE)
    if geobox.crs != fine.crs:
        raise GridMismatchError("dataset", fine.crs, geobox.crs)
    ours, theirs = fine.affine, geobox.affine
    row, column = (theirs.f - ours.f) / ours.e, (theirs.c - ours.c) / ours.a
    exact = _window(round(row), round(column), geobox.shape)
    drift = (got - want for got, want in zip(_corners(geobox), _corners(exact), strict=True))
    if max(map(abs, drift)) > 0.01 * ours.a:
        raise GridMismatchError("dataset", "cells of EASE-Grid 2.0 M01", theirs[:6])
    return exact


def _corners(geobox: GeoBox) -> tuple[float, float, float, float]:
    box = geobox.boundingbox
    return box.left, box.bottom, box.right, box.top


def _window(row: int, column: int, shape: Shape2d) -> GeoBox:
    """Cut cells out of M01 by way of the coarse cells that hold them, as regions do."""
    (top, above), (left, before) = divmod(row, BLOCK), divmod(column, BLOCK)
    bottom, right = (
        -(-(start + size) // BLOCK) for start, size in zip((row, column), shape.yx, strict=True)
    )
    coarse = fine_of(COARSE[top:bottom, left:right])
    return coarse[above : above + shape.y, before : before + shape.x]


def _check_layer(name: str, layer: xr.DataArray, wanted: Layer) -> None:
    if layer.attrs.get("units") != wanted.units:
        raise UnitsError(name, wanted.units, layer.attrs.get("units"))
    if layer.dims != ("y", "x"):
        raise GridMismatchError(name, "dimensions (y, x)", layer.dims)
    if layer.dtype != np.dtype(wanted.data_type):
        raise InputError("dataset", f"{name} is {layer.dtype}", wanted.data_type)
