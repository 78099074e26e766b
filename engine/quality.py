"""The layer ``quality``: what one should know about a cell before one uses it.

The layer's bits, the limits behind them and the days without SMAP's instrument are data, in
``quality.toml``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict

from engine.archive import MIN_SHARE, coarse_variable_month
from engine.errors import MissingDataError
from engine.feature_cache import FeatureCache, digest
from engine.grids import block_mean, coarse_of, spread
from engine.months import Period
from engine.products import decode, load_specs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engine.feature_store import FeatureStore
    from engine.months import Month

QUALITY = "quality"
"""Name of the layer."""

WATER, URBAN = "lc_water", "lc_urban"
"""The shares of land cover that are looked at."""

_SOIL_TEMPERATURE = "soil_temperature"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Flag(_Data):
    """Some bits of the layer."""

    name: str
    """Such as ``frozen``."""
    bits: tuple[int, int]
    """First and last, both included."""
    meaning: str
    """In words."""

    @property
    def mask(self) -> int:
        """The number with just these bits."""
        first, last = self.bits
        return ((1 << (last - first + 1)) - 1) << first


class Limits(_Data):
    """When a cell is flagged."""

    water: float
    """Share of the cell, 1."""
    urban: float
    """Share of the cell, 1."""
    frozen: float
    """Temperature of the soil, K."""


class TrainingLimits(_Data):
    """When a coarse cell is no lesson for a model."""

    valid: float
    """Least share of its fine cells that the model could predict, 1."""
    water: float
    """Share of the cell from which on it is left out, 1."""
    urban: float
    """Share of the cell from which on it is left out, 1."""


class ModelOnly(_Data):
    """Days on which a product has no observations of its own."""

    product: str
    """Identifier of the product spec."""
    first: date
    """First day."""
    last: date
    """Last day."""

    @property
    def period(self) -> Period:
        """The days."""
        return Period(self.first, self.last + timedelta(days=1))


class QualityTable(_Data):
    """Everything in ``quality.toml``."""

    flags: tuple[Flag, ...]
    """The bits."""
    limits: Limits
    """For the flags."""
    training: TrainingLimits
    """For the training table."""
    model_only: tuple[ModelOnly, ...]
    """Days without observations."""

    def flag(self, name: str) -> Flag:
        """Return the bits of a name."""
        return next(flag for flag in self.flags if flag.name == name)


@cache
def quality_table() -> QualityTable:
    """Return the meaning of the bits and the limits.

    >>> quality_table().flag("fill_level").mask, quality_table().flag("frozen").mask
    (3, 32)
    """
    text = resources.files("engine").joinpath("quality.toml").read_text(encoding="utf-8")
    return QualityTable.model_validate(tomllib.loads(text))


def model_only_share(product: str, month: Month) -> float:
    """Return the share of a month's days on which a product had no observations.

    >>> from engine.months import Month
    >>> round(model_only_share("SPL4SMGP", Month(2019, 7)), 3)
    0.742
    """
    periods = [one.period for one in quality_table().model_only if one.product == product]
    return sum(month.period.shared_days(period) for period in periods) / month.days


def packed(shape: tuple[int, ...], **flags: NDArray[Any] | bool) -> NDArray[np.uint16]:
    """Put flags into the bits of their names.

    Parameters
    ----------
    shape
        Of the layer.
    flags
        For each name a number that fits its bits, or arrays of them on ``shape``.

    Examples
    --------
    >>> packed((2,), fill_level=np.array([2, 0]), water=np.array([True, True]), frozen=False)
    array([10,  8], dtype=uint16)
    """
    layer = np.zeros(shape, np.uint16)
    for name, values in flags.items():
        flag = quality_table().flag(name)
        numbers = np.asarray(values).astype(np.uint16)
        layer |= (numbers << flag.bits[0]) & np.uint16(flag.mask)
    return layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known of a month's cells besides the features themselves."""

    water: NDArray[np.float32] | None
    """``(y, x)`` share of water and wetland, fine cells; None where it is not known."""
    urban: NDArray[np.float32] | None
    """``(y, x)`` share of towns, fine cells; None where it is not known."""
    frozen: NDArray[np.bool_] | None
    """``(y, x)`` whether the soil is frozen, coarse cells; None where it is not known."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """What is not known, and why."""


def surroundings(store: FeatureStore, month: Month) -> Surroundings:
    """Look up land cover and soil temperature of a month.

    Parameters
    ----------
    store
        Features, and the archive.
    month
        The month.
    """
    unknown: dict[str, str] = {}
    cover: dict[str, NDArray[np.float32]] = {}
    frozen = None
    try:
        data = store.month(month, [WATER, URBAN])
        cover = {name: data[name].to_numpy() for name in (WATER, URBAN)}
    except MissingDataError as error:
        unknown["water and urban"] = str(error)
    try:
        temperature = soil_temperature(store, month)
        frozen = temperature < quality_table().limits.frozen
    except MissingDataError as error:
        unknown["frozen"] = str(error)
    return Surroundings(
        water=cover.get(WATER), urban=cover.get(URBAN), frozen=frozen, unknown=unknown
    )


def soil_temperature(store: FeatureStore, month: Month) -> NDArray[np.float32]:
    """Return a month's mean temperature of the uppermost soil, which SMAP's files tell.

    Returns
    -------
    ndarray (y, x), K
        On the coarse cells; read once and kept.

    Raises
    ------
    MissingDataError
        Where the region's soil moisture is from elsewhere, or its files lack temperature.
    """
    product, grid = store.region.soil_moisture, coarse_of(store.area)
    what = "soil temperature beside soil moisture"
    if not isinstance(product, str) or _SOIL_TEMPERATURE not in _variables(product):
        raise MissingDataError(str(product), str(month), what)
    granules = store.archive.granules(product, month.period)
    if not granules:
        raise MissingDataError(product, str(month), what)
    if _SOIL_TEMPERATURE not in decode(granules[0], grid, [_SOIL_TEMPERATURE]):
        raise MissingDataError(product, str(month), what)

    def read() -> xr.Dataset:
        made = coarse_variable_month(store.archive, grid, month, product, _SOIL_TEMPERATURE)
        return xr.Dataset({_SOIL_TEMPERATURE: (("y", "x"), made.values, {"units": "K"})})

    area = str((tuple(grid.shape), tuple(grid.affine), MIN_SHARE))
    key = digest(product, area, str(month), store.archive.fingerprint(granules))
    cache = FeatureCache(store.folder)
    return cache.get(f"temperature-{month}", key, read)[_SOIL_TEMPERATURE].to_numpy()


def quality_layer(
    store: FeatureStore,
    month: Month,
    names: Sequence[str] = (),
    clipped: NDArray[np.bool_] | None = None,
    *,
    outside: NDArray[np.bool_] | None = None,
    extrapolated: NDArray[np.bool_] | None = None,
    with_smap: bool = True,
) -> xr.DataArray:
    """Return the quality of a month's map.

    Parameters
    ----------
    store
        The features, and the archive.
    month
        The month.
    names
        Features of the map; how far they were filled is told.
    clipped
        ``(y, x)`` where the map was clipped to its physical range.
    outside
        ``(y, x)`` where the features are unlike anything that the model has learnt from.
    extrapolated
        ``(y, x)`` where the model has not learnt from the month, or not from the area.
    with_smap
        Whether the map is made of SMAP.

    Returns
    -------
    DataArray (y, x), uint16
        Its attributes name the bits as CF does, and tell what is not known.
    """
    table, around = quality_table(), surroundings(store, month)
    shape = tuple(store.area.shape)
    product = store.region.soil_moisture
    alone = with_smap and isinstance(product, str) and model_only_share(product, month) > 0
    levels = store.fill_levels(month, names)
    worst = [level.to_numpy() for level in levels.data_vars.values()]
    layer = packed(
        shape,
        fill_level=np.maximum.reduce(worst) if worst else False,
        outside_applicability=False if outside is None else outside,
        water=_above(around.water, table.limits.water),
        urban=_above(around.urban, table.limits.urban),
        frozen=False if around.frozen is None else spread(around.frozen.astype(np.float32)),
        smap_model_only=alone,
        clipped=False if clipped is None else clipped,
        extrapolated=False if extrapolated is None else extrapolated,
    )
    return xr.DataArray(layer, dims=("y", "x"), name=QUALITY, attrs=_attributes(around))


def training_rules(
    store: FeatureStore, month: Month, present: NDArray[np.bool_]
) -> Mapping[str, NDArray[np.bool_]]:
    """Return which coarse cells of a month may teach a model, rule by rule.

    Parameters
    ----------
    store
        The features, and the archive.
    month
        The month.
    present
        ``(9 h, 9 w)`` where there are features enough for a prediction.

    Returns
    -------
    mapping of str to ndarray (h, w)
        By the words of the rule's opposite, the cells that it lets pass. A rule for which the
        archive has nothing is not among them.
    """
    limits, around = quality_table().training, surroundings(store, month)
    enough = block_mean(present.astype(np.float32), 0.0) >= limits.valid
    rules = {f"features in less than {limits.valid:.0%} of the cell": enough}
    for name, share, limit in (
        ("water", around.water, limits.water),
        ("towns", around.urban, limits.urban),
    ):
        if share is not None:
            covered = block_mean(share, 0.0)
            rules[f"{name} on {limit:.0%} of the cell or more"] = ~(covered >= limit)
    if around.frozen is not None:
        rules["frozen soil"] = ~around.frozen
    return rules


def _above(share: NDArray[np.float32] | None, limit: float) -> NDArray[np.bool_] | bool:
    return False if share is None else np.asarray(share > limit)


def _variables(product: str) -> tuple[str, ...]:
    return tuple(variable.name for variable in load_specs()[product].variables)


def _attributes(around: Surroundings) -> dict[str, Any]:
    flags = quality_table().flags
    unknown = "; ".join(f"{what}: {why}" for what, why in around.unknown.items())
    return {
        "units": "1",
        "long_name": "Quality, in bits",
        "flag_masks": np.array([flag.mask for flag in flags], np.uint16),
        "flag_meanings": " ".join(flag.name for flag in flags),
    } | ({"unknown": unknown} if unknown else {})
