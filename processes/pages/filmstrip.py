"""The published months as a strip of pictures, year below year: drought at a glance."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

from engine.months import Month
from processes.errors import InvalidRequestError
from processes.job_query import read_format
from stac.departure_fields import CLIMATOLOGY
from stac.documents import item_key
from stac.products import product, products
from stac.read import collection_document, collection_ids, item_document, item_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from starlette.datastructures import QueryParams

    from engine.colours import Palette
    from stac.store import CatalogStore

    type Document = Mapping[str, Any]

MAIN = "map"
"""What the request calls a product's main layer."""
LAYERS = {MAIN: "Maps", "anomaly": "Anomalies", "percentile": "Percentiles"}
"""What can be shown, and what it is called."""

_FORMATS = {MAIN: ".3f", "anomaly": "+.3f", "percentile": ".0f"}

MOST = 240
"""Months of one region on a page, the latest ones."""

_STRIPES = 48
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One month."""

    name: str
    """Of the month in the year."""
    month: str
    """As ``YYYY-MM``."""
    item: str
    """Where its STAC item lies, from the root of the service."""
    browse: str
    """Where STAC Browser shows it, from the root of the service."""
    picture: str
    """Where its picture lies, from the root of the service; empty where there is none."""
    mean: str
    """Mean over the region, in words; empty where it is not told."""
    compared: int
    """Years that it is compared with, itself among them; 0 where it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """Colours and what they stand for."""

    label: str
    units: str
    low: str
    middle: str
    high: str
    colours: tuple[str, ...]
    """From low to high."""

    @classmethod
    def of(cls, colours: Palette) -> Legend:
        """Draw the legend of a palette."""
        low, high = colours.range
        hexes = colours.hexes()
        return cls(
            label=colours.label,
            units=colours.units_label,
            low=f"{low:g}",
            middle=f"{(low + high) / 2:g}",
            high=f"{high:g}",
            colours=tuple(hexes[k * (len(hexes) - 1) // (_STRIPES - 1)] for k in range(_STRIPES)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The months of one region in one collection."""

    title: str
    """Product and region."""
    collection: str
    legend: Legend
    years: Mapping[int, tuple[Frame | None, ...]]
    """Twelve months for each year; None where one is not published."""
    left_out: int
    """Earlier months that are not shown."""


def film_query(query: QueryParams) -> tuple[str, str | None]:
    """Read which layer and which collection a request wants.

    Raises
    ------
    InvalidRequestError
        Where there is no such layer.
    """
    read_format(query, ("layer", "collection"))
    layer = query.get("layer", MAIN)
    if layer not in LAYERS:
        raise InvalidRequestError(f"layer: {layer:.40}; allowed: {', '.join(LAYERS)}")
    return layer, query.get("collection")


def film_address(layer: str, collection: str | None) -> str:
    """Return the page of a layer, from the root of the service."""
    asked = {"layer": layer, "collection": collection, "f": "html"}
    return f"months?{urlencode({key: value for key, value in asked.items() if value})}"


def strips(catalog: CatalogStore, layer: str, collection: str | None) -> list[Strip]:
    """Return the strips of a collection, or of all official ones.

    Raises
    ------
    HTTPException
        404, where there is no such collection of maps.
    """
    there = collection_ids(catalog)
    # Soil moisture before the fluorescence that goes into it.
    official = [
        one.collection for one in reversed(tuple(products().values())) if one.collection in there
    ]
    found: list[Strip] = []
    for name in official if collection is None else [collection]:
        document = collection_document(catalog, name)
        if document is None or "vadose:product" not in document:
            raise HTTPException(404, f"there is no collection of maps {name!r}")
        found += _strips_of(catalog, document, layer)
    return found


def _strips_of(catalog: CatalogStore, collection: Document, layer: str) -> Iterator[Strip]:
    from engine.colours import palette  # noqa: PLC0415 - arrays are loaded when a page is asked

    described = product(str(collection["vadose:product"]))
    shown = described.all_layers[described.main if layer == MAIN else layer]
    legend = Legend.of(palette(shown.palette or layer))
    for names in _regions(item_ids(collection)).values():
        items = (item_document(catalog, collection, name) for name in names[-MOST:])
        months = {_month(item): item for item in items if item is not None}
        if months:
            said = next(iter(months.values()))["properties"]
            region = said.get("vadose:region_title", said["vadose:region"])
            mark = " (synthetic)" if said["vadose:synthetic"] else ""
            yield Strip(
                title=f"{described.short_title}, {region}{mark}",
                collection=str(collection["id"]),
                legend=legend,
                years=_by_year(months, described.main, layer),
                left_out=max(0, len(names) - MOST),
            )


def _regions(names: Sequence[str]) -> Mapping[str, list[str]]:
    """Return ids of items by all but their month."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found[name[: -len("-YYYY-MM")]].append(name)
    return found


def _by_year(
    months: Mapping[Month, Document], main: str, layer: str
) -> Mapping[int, tuple[Frame | None, ...]]:
    frames = {month: _frame(month, item, main, layer) for month, item in months.items()}
    return {
        year: tuple(frames.get(Month(year, number)) for number in range(1, 13))
        for year in sorted({month.year for month in months})
    }


def _frame(month: Month, item: Document, main: str, layer: str) -> Frame:
    collection, name, assets = item["collection"], item["id"], item["assets"]
    key = item_key(collection, name)
    picture = assets.get("thumbnail" if layer == MAIN else f"{layer}_picture")
    folder = f"catalog/{collection}/{name}"
    return Frame(
        name=_NAMES[month.month - 1],
        month=str(month),
        item=f"catalog/{key}",
        browse=f"browser/#/collections/{collection}/items/{name}",
        picture="" if picture is None else f"{folder}/{picture['href'].removeprefix('./')}",
        mean=_mean(assets.get(main if layer == MAIN else layer), layer),
        compared=int(item["properties"].get(CLIMATOLOGY, {}).get("count", 0)),
    )


def _mean(asset: Document | None, layer: str) -> str:
    statistics = {} if asset is None else asset["bands"][0].get("statistics", {})
    if "mean" not in statistics:
        return ""
    return format(statistics["mean"], _FORMATS[layer]).replace("-", "−")


def _month(item: Document) -> Month:
    return Month.parse(str(item["properties"]["start_datetime"])[: len("YYYY-MM")])
