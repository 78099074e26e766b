"""What every record says of a collection: one description, whatever the standard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin
from uuid import NAMESPACE_URL, uuid5

from stac.documents import collection_key
from stac.media import COG, JSON, ZARR
from stac.products import catalog_texts, product
from stac.records.texts import record_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stac.products import Product

    type Document = Mapping[str, Any]

PRODUCT = "vadose:product"
"""Field of a collection of maps: what they show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """When a record was first written, and when last."""

    created: str
    updated: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A way to get at the data."""

    title: str
    description: str
    url: str
    media_type: str
    """Of the data, with parameters."""
    file: bool
    """Whether the address is that of the data themselves, not of a list of them."""

    @property
    def plain_type(self) -> str:
        """The media type without parameters."""
        return self.media_type.partition(";")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A collection of maps as its records tell of it."""

    id: str
    """Of the collection."""
    product: Product
    """Texts that all collections of the product have in common."""
    base: str
    """Address of the collection's folder, with a slash at its end; nothing where that is unknown,
    so that all addresses below it are relative."""
    title: str
    abstract: str
    keywords: tuple[str, ...]
    licence: str
    """SPDX name."""
    box: tuple[float, float, float, float]
    """West, south, east, north; degrees."""
    begin: str
    end: str
    """Instants; the end is open."""
    version: str
    """Of the software that made the maps."""
    distributions: tuple[Distribution, ...]
    """The maps first."""
    dates: Dates

    @classmethod
    def of(cls, collection: Document, url: str | None, dates: Dates) -> Self:
        """Describe a collection of maps.

        Parameters
        ----------
        collection
            As it is written.
        url
            Address of the catalogue's folder, where it is known.
        dates
            Of the record.
        """
        name = str(collection["id"])
        base = "" if url is None else f"{url}/{name}/"
        west, south, east, north = collection["extent"]["spatial"]["bbox"][0]
        begin, end = collection["extent"]["temporal"]["interval"][0]
        return cls(
            id=name,
            product=product(str(collection[PRODUCT])),
            base=base,
            title=str(collection["title"]),
            abstract=str(collection["description"]),
            keywords=tuple(collection["keywords"]),
            licence=str(collection["license"]),
            box=(west, south, east, north),
            begin=begin,
            end=end,
            version=str(collection["version"]),
            distributions=tuple(_distributions(collection, base)),
            dates=dates,
        )

    @property
    def address(self) -> str:
        """Of the collection itself, which stands for the data set."""
        return f"{self.base}collection.json"

    @property
    def uri(self) -> str:
        """What names the data set for good: its DOI, or else its address."""
        return self.address if self.product.doi is None else f"https://doi.org/{self.product.doi}"

    @property
    def identifier(self) -> str:
        """A name for the record that no other catalogue gives to one of its own."""
        return str(uuid5(NAMESPACE_URL, self.uri)) if self.base else self.id

    @property
    def licence_url(self) -> str:
        """Address of the licence's text, or its name where that is not known."""
        return catalog_texts().licences.get(self.licence, self.licence)


def _distributions(collection: Document, base: str) -> Iterator[Distribution]:
    maps = record_texts().maps
    name = collection_key(str(collection["id"])).rpartition("/")[2]
    yield Distribution(
        title=maps.title,
        description=maps.description,
        url=f"{base}{name}",
        media_type=COG,
        file=False,
    )
    for asset in collection.get("assets", {}).values():
        href = str(asset["href"]).removeprefix("./")
        media_type = str(asset.get("type", JSON))
        yield Distribution(
            title=str(asset.get("title", href)),
            description=str(asset.get("description", asset.get("title", href))),
            url=urljoin(base, href) if base else href,
            media_type=media_type,
            file=media_type != ZARR,  # which is a folder
        )
