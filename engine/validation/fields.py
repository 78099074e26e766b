"""What a validation is told of each month: the map's layers, SMAP, rain, plants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engine.grids import BLOCK, block_mean, spread
from engine.residual import bilinear
from engine.validation.texture import RainEdges, Texture, sd_within, texture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.months import Month
    from engine.progress import Progress
    from engine.validation.gridded import MapComparison

    type Floats = NDArray[np.floating]
    type Doubles = NDArray[np.float64]
    type Flags = NDArray[np.bool_]

MAP, RAW, CONSERVING = "soil_moisture", "soil_moisture_raw", "soil_moisture_conserving"
SMAP, BILINEAR = "smap", "smap_bilinear"
WITHOUT_SIF = "soil_moisture_without_sif"
LOWER, UPPER = "lower", "upper"
PRODUCTS = (MAP, RAW, CONSERVING, WITHOUT_SIF, SMAP, BILINEAR)
"""What is compared with stations, as far as it is there."""
LABELS = {
    MAP: "Map (analysis)",
    RAW: "Model alone",
    CONSERVING: "Conserving layer",
    WITHOUT_SIF: "Map without SIF",
    SMAP: "SMAP, 9 km",
    BILINEAR: "SMAP, bilinear",
}
"""What products are called in reports."""
COMPANIONS = ("precipitation", "ndvi", "sif")
"""Fields that tell whether changes make sense."""
WORDS = {
    "precipitation": "rain",
    MAP: "soil moisture",
    "sif": "SIF",
    "ndvi": "NDVI",
    SMAP: "SMAP",
}
"""Maps, SMAP and companions in the middle of a sentence."""
_MIN_VALID = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MonthFields:
    """One month on the map's cells."""

    layers: Mapping[str, NDArray[np.float32]]
    """``(9 h, 9 w)`` layers of the map by name, m3 m-3, NaN where missing."""
    frozen: Flags | None = None
    """``(9 h, 9 w)`` whether the map is flagged as frozen."""
    smap: Doubles | None = None
    """``(h, w)`` SMAP, m3 m-3."""
    smap_bilinear: Floats | None = None
    """``(9 h, 9 w)`` SMAP interpolated; made of ``smap`` where it is not given."""
    companions: Mapping[str, Floats] = field(default_factory=dict)
    """``(h, w)`` rain (mm day-1), NDVI, fluorescence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Something that a month should have had."""

    what: str
    """Such as ``SMAP``."""
    month: Month | None
    """None where it is the same for all months."""
    why: str
    """What was looked for."""


class FieldSource(Protocol):
    """Gives the months of a map series."""

    @property
    def grid(self) -> GeoBox:
        """The map's 1 km cells, whole 9 km cells of them."""
        ...

    def month(self, month: Month) -> MonthFields:
        """Return one month."""
        ...

    def cover(self) -> Mapping[str, Floats]:
        """Return the share of each group of land cover, ``(9 h, 9 w)`` by name, if it is known."""
        ...

    @property
    def lacks(self) -> Sequence[Lack]:
        """What was not there, of all that was asked for until now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gathered:
    """All months, reduced to what the comparison needs."""

    months: tuple[Month, ...]
    at_sites: Mapping[str, Doubles]
    """``(sites, months)`` every product and both bounds at the sites."""
    frozen: Flags
    """``(sites, months)``."""
    rain: Doubles | None
    """``(sites, months)`` of the 9 km cells, mm day-1."""
    coarse: Mapping[str, Doubles]
    """``(months, h, w)`` block means of the map, SMAP, and the companions."""
    textures: Mapping[str, tuple[Texture, ...]]
    """A texture for each month, by product."""
    details: Mapping[str, Doubles]
    """``(h, w)`` mean standard deviation inside 9 km cells, of the map and of bilinear SMAP."""
    means: Mapping[str, Doubles]
    """``(9 h, 9 w)`` mean over time, by product."""
    area_means: Doubles
    """``(months,)`` mean of the map over its area, m3 m-3."""
    companion_months: Mapping[str, int]
    """In how many months each companion was there."""


def gather(
    source: FieldSource,
    months: Sequence[Month],
    cells: NDArray[np.integer],
    others: Sequence[MapComparison],
    progress: Progress,
) -> Gathered:
    """Read every month once and keep what is needed.

    Parameters
    ----------
    source
        Gives the months.
    months
        Which.
    cells
        ``(sites, 2)`` rows and columns of the sites.
    others
        Comparisons with other maps, which see every month, too.
    progress
        Told what is read.
    """
    collected = _Collected(source.grid, len(months), cells)
    for number, month in enumerate(months):
        progress(number / len(months), f"reading {month}, month {number + 1} of {len(months)}")
        fields = source.month(month)
        products = products_of(fields)
        collected.add(number, fields, products)
        for other in others:
            other.add(number, month, products)
    return collected.gathered(tuple(months))


def products_of(fields: MonthFields) -> dict[str, Floats]:
    """Return every product of a month on the 1 km cells."""
    found: dict[str, Floats] = {
        name: fields.layers[name]
        for name in (MAP, RAW, CONSERVING, WITHOUT_SIF)
        if name in fields.layers
    }
    if fields.smap is not None:
        found[SMAP] = spread(fields.smap)
        smooth = fields.smap_bilinear
        found[BILINEAR] = interpolated(fields.smap) if smooth is None else smooth
    return found


def interpolated(smap: Floats) -> Floats:
    """Interpolate SMAP to 1 km; where a cell is missing there is nothing."""
    known = np.isfinite(smap)
    if not known.any():
        return np.full(tuple(BLOCK * size for size in smap.shape), np.nan)
    fine = bilinear(smap if known.all() else np.where(known, smap, np.nan))
    return np.where(spread(known), fine, np.nan)


class _Collected:
    """Grows month by month."""

    def __init__(self, grid: GeoBox, months: int, cells: NDArray[np.integer]) -> None:
        self._rows, self._columns = cells.reshape(-1, 2).T
        self._edges = RainEdges.of(grid)
        self._shape: tuple[int, int] = (grid.shape.y, grid.shape.x)
        self._months, self._sites = months, len(self._rows)
        self._at_sites: dict[str, Doubles] = {}
        self._frozen = np.zeros((self._sites, months), np.bool_)
        self._coarse: dict[str, Doubles] = {}
        self._textures: dict[str, list[Texture | None]] = {}
        self._means: dict[str, _Mean] = {}
        self._details: dict[str, _Mean] = {}
        self._area_means = np.full(months, np.nan)
        self._companions: dict[str, int] = {}

    def add(self, number: int, fields: MonthFields, products: Mapping[str, Floats]) -> None:
        """Take a month in."""
        for name, values in products.items():
            self._note(name, number, values)
            self._means.setdefault(name, _Mean(self._shape)).add(values)
            if name in (MAP, BILINEAR):
                self._note_detail(name, values)
            self._textures.setdefault(name, [None] * self._months)[number] = texture(
                values, fields.smap, self._edges
            )
        for name in (LOWER, UPPER):
            if name in fields.layers:
                self._note(name, number, fields.layers[name])
        if fields.frozen is not None:
            self._frozen[:, number] = fields.frozen[self._rows, self._columns]
        self._note_coarse(number, fields)
        values = fields.layers[MAP]
        known = values[np.isfinite(values)]
        self._area_means[number] = known.mean() if known.size else np.nan

    def gathered(self, months: tuple[Month, ...]) -> Gathered:
        """Return everything."""
        rain = self._coarse.get("precipitation")
        block = self._rows // BLOCK, self._columns // BLOCK
        missing = Texture(
            **dict.fromkeys(Texture.__dataclass_fields__, float("nan"))  # in a month without SMAP
        )
        return Gathered(
            months=months,
            at_sites=self._at_sites,
            frozen=self._frozen,
            rain=None if rain is None else rain[:, block[0], block[1]].T,
            coarse=self._coarse,
            textures={
                name: tuple(one or missing for one in found)
                for name, found in self._textures.items()
            },
            details={name: mean.value for name, mean in self._details.items()},
            means={name: mean.value for name, mean in self._means.items()},
            area_means=self._area_means,
            companion_months=self._companions,
        )

    def _note(self, name: str, number: int, values: Floats) -> None:
        kept = self._at_sites.setdefault(name, np.full((self._sites, self._months), np.nan))
        kept[:, number] = values[self._rows, self._columns]

    def _note_detail(self, name: str, values: Floats) -> None:
        within = sd_within(values)
        self._details.setdefault(name, _Mean(within.shape)).add(within)

    def _note_coarse(self, number: int, fields: MonthFields) -> None:
        found: dict[str, Floats] = {MAP: block_mean(fields.layers[MAP], _MIN_VALID)}
        if fields.smap is not None:
            found[SMAP] = fields.smap
        for name, values in fields.companions.items():
            found[name] = values
            self._companions[name] = self._companions.get(name, 0) + 1
        for name, values in found.items():
            shape = (self._months, *values.shape)
            self._coarse.setdefault(name, np.full(shape, np.nan))[number] = values


class _Mean:
    """A mean over months, cell by cell; NaN where there was never anything."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._total, self._count = np.zeros(shape), np.zeros(shape)

    def add(self, values: Floats) -> None:
        known = np.isfinite(values)
        self._total += np.where(known, values, 0.0)
        self._count += known

    @property
    def value(self) -> Doubles:
        return np.where(self._count > 0, self._total / np.maximum(self._count, 1), np.nan)
