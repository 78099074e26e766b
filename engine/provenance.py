"""Which files a map and a model come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.feature_sources import sif_products
from engine.granules import Granule
from engine.months import Period
from engine.predictors import MONTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from engine.feature_store import FeatureStore
    from engine.months import Month
    from engine.predictors import UserPredictor
    from engine.region import CoarseField

SIF = "sif"
"""Name of the feature that a model reconstructs."""


def map_granules(store: FeatureStore, month: Month, names: Sequence[str]) -> tuple[Granule, ...]:
    """Return the files that a month of soil moisture is made of.

    Parameters
    ----------
    store
        Knows archive and region.
    month
        The month.
    names
        The model's features; with SIF among them its own sources count too.

    Returns
    -------
    tuple of Granule
        Without repetition, sorted by product and name. What the archive lacks is not in it.
    """
    own = {name: predictor for predictor in store.region.predictors for name in predictor.features}
    found = [*soil_moisture_granules(store, month), *store.granules(month, names)]
    found += [
        _file(store.archive.root, predictor.name, predictor.file, month)
        for predictor in _unique(own[name] for name in names if name in own)
    ]
    if SIF in names:
        found += sif_granules(store, month)
    return _sorted(found)


def sif_granules(store: FeatureStore, month: Month) -> tuple[Granule, ...]:
    """Return the files that a month of SIF is made of."""
    periods = store.periods(month)
    span = Period(periods[0].start, periods[-1].end)
    return _sorted(_of_products(store, sif_products(store.archive), span))


def soil_moisture_granules(store: FeatureStore, month: Month) -> tuple[Granule, ...]:
    """Return the files of a month of coarse soil moisture."""
    source: str | CoarseField = store.region.soil_moisture
    if isinstance(source, str):
        return store.archive.granules(source, month.period)
    return (_file(store.archive.root, source.product, source.file, month),)


def fingerprint(store: FeatureStore, granules: Iterable[Granule]) -> str:
    """Return a hash that changes when a file is added, removed, replaced or touched."""
    return store.archive.fingerprint(_sorted(granules))


def _of_products(store: FeatureStore, products: Iterable[str], span: Period) -> list[Granule]:
    return [granule for name in products for granule in store.archive.granules(name, span)]


def _file(root: Path, product: str, name: str, month: Month) -> Granule:
    path = root / name.replace(MONTH, str(month))
    return Granule(path=path, product=product, period=month.period if MONTH in name else None)


def _unique(predictors: Iterable[UserPredictor]) -> list[UserPredictor]:
    return list({predictor.name: predictor for predictor in predictors}.values())


def _sorted(granules: Iterable[Granule]) -> tuple[Granule, ...]:
    """Return files that are there, each once, by product and name."""
    by_path = {granule.path: granule for granule in granules if granule.path.is_file()}
    return tuple(sorted(by_path.values(), key=lambda granule: (granule.product, granule.path)))
