"""The same maps made without fluorescence, beside those that are validated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from processes.map_choice import MapChoice
from processes.map_series import find_maps

if TYPE_CHECKING:
    from processes.map_series import MapSeries
    from stac.store import CatalogStore

SIF = "sif"
"""The feature that the others lack."""
_ALLOWED = "a collection that downscale-smap made with 'sif': 'without'"


def maps_without_sif(
    catalog: CatalogStore, collection: str | None, series: MapSeries
) -> MapSeries | None:
    """Find the maps that were made without fluorescence; None where nobody asks for them.

    Parameters
    ----------
    catalog
        Where maps are published.
    collection
        Their collection.
    series
        The maps that are validated.

    Raises
    ------
    InputError
        Where there are none, where they know fluorescence or the others do not, or where the two
        have no month in common.
    """
    if collection is None:
        return None
    if SIF not in _features(series):
        raise InputError(
            "without_sif", "the maps themselves were made without fluorescence", "maps made with it"
        )
    try:
        found = find_maps(catalog, MapChoice(collection=collection, region=series.region))
    except InputError as error:
        raise InputError("without_sif", error.wrong, _ALLOWED) from None
    if SIF in _features(found):
        raise InputError("without_sif", f"{collection!r} was made with fluorescence", _ALLOWED)
    if not set(found.months) & set(series.months):
        raise InputError("without_sif", f"{collection!r} has none of the months", _ALLOWED)
    return found


def told_apart(series: MapSeries, other: MapSeries) -> str:
    """Say what the maps without fluorescence are, and in what else they differ.

    Nothing but fluorescence should: else a difference at stations has more than one cause.
    """
    model = _model(other)
    also = [
        name
        for name, values in (
            ("algorithm", [_model(one).get("algorithm") for one in (series, other)]),
            ("training period", [_model(one).get("trained_on") for one in (series, other)]),
            ("features", [_features(one) - {SIF} for one in (series, other)]),
            ("settings", [one.first.properties.get("vadose:settings") for one in (series, other)]),
        )
        if values[0] != values[1]
    ]
    beyond = f"; differs in {' and '.join(also)}, too" if also else "; else made alike"
    return f"{other.collection}, {model.get('algorithm', '')} {model.get('id', '')}{beyond}"


def _model(series: MapSeries) -> dict[str, Any]:
    return series.first.properties.get("vadose:model") or {}


def _features(series: MapSeries) -> set[str]:
    return set(_model(series).get("features") or ())
