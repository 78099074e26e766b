"""What the figures of the report share: colours of products, axes in degrees, small maps."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from engine.colours import palette
from engine.grids import transformer
from engine.months import month_range
from engine.report.figures import ACCENT, EARTH, GROUND, INK, SOFT, WARNING, WATER, colormap
from engine.validation.fields import BILINEAR, CONSERVING, MAP, RAW, SMAP, WITHOUT_SIF
from engine.validation.statements import YARDSTICK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.months import Month

    type Floats = NDArray[np.floating]

COLOURS = {
    MAP: ACCENT,
    RAW: EARTH,
    CONSERVING: "#7d8a2e",
    WITHOUT_SIF: "#c08a1e",
    SMAP: WATER,
    BILINEAR: "#8a6fae",
}
"""Of each product, everywhere in the report."""
SHORT = {
    MAP: "Map",
    RAW: "Model",
    CONSERVING: "Conserving",
    WITHOUT_SIF: "No SIF",
    SMAP: "SMAP",
    BILINEAR: "Bilinear",
}
"""Names of products where there is little room."""
UNIT = "m³ m⁻³"
_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)
"""Months between two ticks of an axis of time."""
_MOST_TICKS = 6
_EPOCH = date(1970, 1, 1).toordinal()
_MOST_PIXELS = 330
"""Longest side of an embedded map; larger ones are averaged."""


def draw_map(axes: Axes, values: Floats, grid: GeoBox, *, faint: bool = False) -> AxesImage:
    """Draw soil moisture in its fixed colours, with longitude and latitude."""
    colours = palette("soil_moisture")
    low, high = colours.range
    return draw_field(
        axes, values, grid, cmap=colormap(colours), limits=(low, high), alpha=0.55 if faint else 1.0
    )


def draw_field(
    axes: Axes,
    values: Floats,
    grid: GeoBox,
    *,
    cmap: str | Colormap,
    limits: tuple[float, float],
    alpha: float = 1.0,
) -> AxesImage:
    """Draw a field ``(y, x)`` on its grid."""
    box = grid.boundingbox
    axes.set_facecolor(GROUND)
    image = axes.imshow(
        _smaller(values),
        extent=(box.left, box.right, box.bottom, box.top),
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        alpha=alpha,
    )
    axes.grid(visible=False)
    _degrees(axes, grid)
    return image


def map_size(grid: GeoBox) -> tuple[float, float]:
    """Return width and height in inches of two maps of an area beside each other."""
    height, width = grid.shape
    return 7.2, 3.2 * min(1.6, max(0.6, height / width)) + 0.9


def colour_bar_below(
    figure: Figure, image: AxesImage, all_axes: Iterable[Axes], label: str, extend: str
) -> None:
    """Draw one bar of colours below maps that share it."""
    figure.colorbar(
        image,
        ax=[*all_axes],
        location="bottom",
        shrink=0.5,
        aspect=40,
        extend=extend,
        label=label,
    )


def draw_boxes(
    axes: Axes,
    values: Sequence[Floats],
    products: Sequence[str],
    places: Sequence[float],
    *,
    width: float,
) -> None:
    """Draw a box plot in the colours of its products.

    Parameters
    ----------
    axes
        Where.
    values
        What each box is of; empty ones are left out.
    products
        Whose they are.
    places
        Where on the axis each box stands.
    width
        Of a box.
    """
    for one, name, place in zip(values, products, places, strict=True):
        if not one.size:
            continue
        axes.boxplot(
            [one],
            positions=[place],
            widths=width,
            patch_artist=True,
            manage_ticks=False,
            flierprops={"marker": "o", "markersize": 2.8, "markeredgecolor": SOFT},
            medianprops={"color": INK, "linewidth": 1.5},
            boxprops={"facecolor": COLOURS[name], "alpha": 0.75, "edgecolor": INK, "lw": 0.6},
            whiskerprops={"color": SOFT, "linewidth": 0.8},
            capprops={"color": SOFT, "linewidth": 0.8},
        )
    axes.grid(visible=False, axis="x")


def mark_yardsticks(axes: Axes, metric: str) -> None:
    """Draw a line where a metric is as it should be, or just good enough."""
    if metric == "bias":
        axes.axhline(0, color=INK, linewidth=0.8)
    if metric == "ubrmse":
        axes.axhline(YARDSTICK, color=WARNING, linewidth=0.8, linestyle=(0, (4, 3)))


def projected(grid: GeoBox, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Return places on the plane of a grid."""
    x, y = transformer("EPSG:4326", str(grid.crs)).transform(lon, lat)
    return np.asarray(x), np.asarray(y)


def plain_title(axes: Axes, text: str) -> None:
    """Write a text that a user gave: what it holds is never taken for a formula."""
    axes.set_title(text, parse_math=False)


def days_of(months: Sequence[Month]) -> NDArray[np.float64]:
    """Return the first day of each month as days since 1970, for an axis of time."""
    return np.array([month.first_day.toordinal() - _EPOCH for month in months], np.float64)


def date_axis(axes: Axes, months: Sequence[Month]) -> None:
    """Write years and months below an axis of time, no more than six of them."""
    span = month_range(months[0], months[-1])
    for step in _STEPS:
        ticks = [month for month in span if (12 * month.year + month.month - 1) % step == 0]
        if len(ticks) <= _MOST_TICKS:
            break
    labels = [str(one.year) if one.month == 1 else f"{one.start:%b}" for one in ticks]
    if ticks and ticks[0].month != 1:
        labels[0] = f"{labels[0]} {ticks[0].year}"
    axes.set_xticks(days_of(ticks), labels)


def _smaller(values: Floats) -> Floats:
    """Average a large map so that it does not weigh down the page."""
    times = -(-max(values.shape) // _MOST_PIXELS)
    if times <= 1:
        return values
    height, width = (size // times * times for size in values.shape)
    blocks = values[:height, :width].reshape(height // times, times, width // times, times)
    known = np.isfinite(blocks)
    total = np.where(known, blocks, 0.0).sum(axis=(1, 3))
    count = known.sum(axis=(1, 3))
    none = np.full(total.shape, np.nan)
    return np.asarray(np.divide(total, count, out=none, where=count > 0))


def _degrees(axes: Axes, grid: GeoBox) -> None:
    to_degrees = transformer(str(grid.crs), "EPSG:4326")
    box = grid.boundingbox
    west, south = to_degrees.transform(box.left, box.bottom)
    east, north = to_degrees.transform(box.right, box.top)
    lon, lat = (_round_values(*ends) for ends in ((west, east), (south, north)))
    x, _ = projected(grid, lon, np.full(lon.size, (south + north) / 2))
    _, y = projected(grid, np.full(lat.size, (west + east) / 2), lat)
    axes.set_xticks(x, [f"{abs(one):g}°{'E' if one >= 0 else 'W'}" for one in lon])
    axes.set_yticks(y, [f"{abs(one):g}°{'N' if one >= 0 else 'S'}" for one in lat])
    axes.tick_params(labelsize=7.5, colors=SOFT, labelcolor=INK)


def _round_values(low: float, high: float) -> NDArray[np.float64]:
    ticks = np.asarray(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    return np.round(ticks[(ticks >= low) & (ticks <= high)], 6)
