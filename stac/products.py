"""Products as data: texts, layers, licence and publications, read from ``stac/data``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

type ProviderRole = Literal["licensor", "producer", "processor", "host"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Layer(_Data):
    """One band of a product, published as an asset of the same name."""

    title: str
    """Short title."""
    description: str
    """What the values are."""
    units: str
    """UDUNITS text that the dataset's variable must carry."""
    palette: str | None = None
    """Name of the colours in ``engine/colours.toml``; None for what is no amount."""
    data_type: Literal["float32", "uint16"] = "float32"
    """Type of the numbers; bits are ``uint16``."""
    roles: tuple[str, ...] = ("data",)
    """STAC asset roles; never ``overview``, which makes clients drop a data asset."""
    flags: tuple[str, ...] = ()
    """Of a layer of bits, the flags that may be set, by their names in ``engine/quality.toml``."""


class Publication(_Data):
    """A paper to cite."""

    doi: str
    citation: str


class Concept(_Data):
    """A word of a controlled vocabulary."""

    id: str
    title: str
    url: str | None = None


class Theme(_Data):
    """What a product is about, in the words of one vocabulary."""

    scheme: str
    """Address of the vocabulary."""
    concepts: tuple[Concept, ...]


class Provider(_Data):
    """An organisation that makes, processes or hosts."""

    name: str
    description: str
    roles: tuple[ProviderRole, ...]
    url: str
    granules: str | None = None
    """Name of the archive that finds a granule by its name, where there is one."""


class FlagValue(_Data):
    """What one value of a flag means."""

    value: int
    name: str
    description: str


class Product(_Data):
    """What is published once a month."""

    id: str
    """Such as ``soil-moisture``; the first part of an item's id."""
    collection: str
    """Id of the official collection."""
    title: str
    short_title: str
    """For the head of a picture."""
    description: str
    lineage: str
    """How it comes about, in a sentence or two."""
    level: str
    """Processing level."""
    license: str
    """SPDX expression."""
    keywords: tuple[str, ...]
    publications: tuple[Publication, ...]
    citation: str
    """How the maps are to be cited."""
    doi: str | None = None
    """DOI of the maps themselves, once they have one."""
    themes: tuple[Theme, ...]
    topics: tuple[str, ...]
    """Topic categories of ISO 19115."""
    main: str
    """The layer that pictures show and that every month must have."""
    layers: Annotated[dict[str, Layer], Field(min_length=1)]
    """In the order of publication."""
    departures: dict[str, Layer] = {}
    """Layers that tell how a month differs from other years; made of published months."""

    @model_validator(mode="after")
    def _main_is_a_layer(self) -> Product:
        if self.main not in self.layers:
            raise ValueError(f"main layer {self.main!r} is not among the layers")
        if self.layers[self.main].palette is None:
            raise ValueError(f"main layer {self.main!r} has no colours")
        return self

    @property
    def all_layers(self) -> dict[str, Layer]:
        """Every layer that an item may have."""
        return {**self.layers, **self.departures}


class Providers(_Data):
    """Who makes the maps, and who made what they are made of."""

    archives: dict[str, str]
    """Addresses with ``{product}`` and ``{name}``, by archive."""
    processor: Provider
    sources: dict[str, Provider]
    """By source product, such as ``MCD43A4``."""

    def granule_address(self, product: str, name: str) -> str | None:
        """Return where a granule of a source product is found, where anybody knows.

        >>> providers().granule_address("MOD11A2", "a.hdf")  # doctest: +ELLIPSIS
        'https://cmr...short_name=MOD11A2&readable_granule_name=a.hdf'
        """
        source = self.sources.get(product)
        if source is None or source.granules is None:
            return None
        return self.archives[source.granules].format(product=quote(product), name=quote(name))


class CatalogTexts(_Data):
    """The root's own words."""

    id: str
    title: str
    description: str
    licences: dict[str, str]
    """Addresses of licences' texts, by SPDX name."""


@cache
def products() -> Mapping[str, Product]:
    """Return every product that can be published, by id."""
    folder = files("stac").joinpath("data", "products")
    found = (
        Product.model_validate(yaml.safe_load(entry.read_text(encoding="utf-8")))
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml")
    )
    return {product.id: product for product in sorted(found, key=lambda product: product.id)}


def product(name: str) -> Product:
    """Return one product.

    >>> product("soil-moisture").collection
    'soil-moisture-1km-monthly'
    """
    if name not in products():
        raise InputError("product", repr(name), ", ".join(products()))
    return products()[name]


@cache
def providers() -> Providers:
    """Return the processor and the sources."""
    return Providers.model_validate(read_data("providers.yaml"))


@cache
def flag_values() -> Mapping[str, tuple[FlagValue, ...]]:
    """Return what the values of each quality flag are called.

    >>> [value.name for value in flag_values()["frozen"]]
    ['thawed', 'frozen']
    """
    table = TypeAdapter(dict[str, tuple[FlagValue, ...]])
    return table.validate_python(read_data("quality.yaml"))


@cache
def catalog_texts() -> CatalogTexts:
    """Return the root's id, title and description."""
    return CatalogTexts.model_validate(read_data("catalog.yaml"))


def read_data(name: str) -> object:
    """Return a table of ``stac/data``."""
    return yaml.safe_load(files("stac").joinpath("data", name).read_text(encoding="utf-8"))
