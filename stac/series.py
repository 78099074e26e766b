"""Identity: which series a map belongs to, and what is known of how it was made."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from engine.errors import InputError
from stac.assets import MULTIHASH_SHA256
from stac.products import product, providers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odc.geo.geobox import GeoBox

    from engine.grids import BBox
    from engine.months import Month
    from stac.products import Product

SYNTHETIC_SUFFIX = "-synthetic"
"""Ends the name of every region whose archive is no observation."""

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HASH_DIGITS = 12

type Setting = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Maps that differ in nothing but their month."""

    product: str
    """Such as ``soil-moisture``."""
    region: str
    """Name of the region; ends in ``-synthetic`` exactly if its archive does not observe."""
    model_id: str
    """Hash of the model's card and weights, or a name that stands for it."""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    """All else that changes values, such as the kind of analysis."""
    window: BBox | None = None
    """The part of the region that is mapped; None for all of it."""

    def __post_init__(self) -> None:
        product(self.product)
        if not _SLUG.fullmatch(self.region):
            allowed = "lower-case letters, digits and single hyphens"
            raise InputError("region", repr(self.region), allowed)

    @property
    def synthetic(self) -> bool:
        """Whether the maps are made of a synthetic world."""
        return self.region.endswith(SYNTHETIC_SUFFIX)

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that stand for the series."""
        identity = {
            "product": self.product,
            "region": self.region,
            "model": self.model_id,
            "settings": dict(self.settings),
            "window": None if self.window is None else list(self.window),
        }
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]

    @property
    def official_collection(self) -> str:
        """Id of the collection that holds the promoted series."""
        return product(self.product).collection

    @property
    def own_collection(self) -> str:
        """Id of the collection that nobody else publishes into."""
        return f"{self.official_collection}--{self.digest}"

    def item_id(self, month: Month) -> str:
        """Return the id of a month's map.

        >>> from engine.months import Month
        >>> Series(product="sif", region="henan", model_id="m").item_id(Month(2020, 5))
        'sif-henan-2020-05'
        """
        return f"{self.product}-{self.region}-{month}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """How a file came into the archive, where that was written down."""

    url: str
    """Where it was had."""
    retrieved: str
    """When, RFC 3339."""
    licence: str
    """Terms under which it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file that went into a map."""

    product: str
    """Such as ``MCD43A4``, or the name of a user's predictor."""
    name: str
    """File name, without folders."""
    size: int
    """Bytes."""
    sha256: str | None = None
    """Hexadecimal digest, where it was taken."""
    origin: Origin | None = None
    """How it came, where that is known."""

    @property
    def checksum(self) -> str | None:
        """The digest as a multihash."""
        return None if self.sha256 is None else f"{MULTIHASH_SHA256}{self.sha256}"

    def address(self, *, synthetic: bool) -> str:
        """Return where the file can be had, or else a URI that names it.

        A file that was digested and is in no public archive is named by its digest (RFC 6920).
        """
        found = None if synthetic else providers().granule_address(self.product, self.name)
        if found is not None:
            return found
        if self.sha256 is None:
            return f"urn:vadose:granule:{quote(self.product)}:{quote(self.name)}"
        digest = urlsafe_b64encode(bytes.fromhex(self.sha256)).decode().rstrip("=")
        return f"ni:///sha-256;{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """What a catalogue says of a model; its card says more."""

    id: str
    """The stored model's id."""
    target: str
    """What it predicts, such as ``soil_moisture``."""
    algorithm: str
    """Such as ``random forest``."""
    features: tuple[str, ...]
    """Names of its predictors, in order."""
    trained_on: str
    """Months or periods of training, such as ``2019-01/2021-02``."""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By split (``random``, ``spatial-block``), then by metric (``r2``, ``rmse``, ``mae``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How a map was made."""

    region_title: str
    """The region's name for people."""
    model: ModelSummary
    """The model whose predictions are published."""
    sources: tuple[Source, ...]
    """Every granule and file that this month was made of."""
    software: Mapping[str, str]
    """Program name to version; ``vadose`` at least."""
    synthetic: str | None = None
    """The archive's own words where it does not observe; None for real ones."""
    upstream: tuple[ModelSummary, ...] = ()
    """Models whose output the model used, such as the SIF model."""
    omissions: tuple[str, ...] = ()
    """What the request left out or the archive lacked, one sentence each."""
    job_href: str | None = None
    """Address of the job that made it; not part of the map's identity."""
    tiles_href: str | None = None
    """Address of the service that draws it as tiles; not part of the map's identity."""
    recipe: str | None = None
    """Digest of all that decides the map's values, by which it is known before it is made."""

    @property
    def inputs_digest(self) -> str:
        """SHA-256 over product, name, size and checksum of every source."""
        lines = sorted(f"{s.product}/{s.name} {s.size} {s.sha256 or '-'}" for s in self.sources)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def counts(self) -> dict[str, int]:
        """Return the number of files per source product, by name."""
        names = sorted({source.product for source in self.sources})
        return {name: sum(source.product == name for source in self.sources) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyMap:
    """One product, one month: all that is known of it but its values."""

    series: Series
    """What it belongs to."""
    month: Month
    """What it stands for."""
    geobox: GeoBox
    """Its grid: cells of EASE-Grid 2.0 M01."""
    provenance: Provenance
    """How it was made."""
    analysis: Mapping[str, Setting] = field(default_factory=dict)
    """What the analysis has become, as the dataset's attributes tell: ``analysis``, its weights
    and, where it is not what was asked for, ``analysis_fell_back``."""

    @property
    def product(self) -> Product:
        """Texts and layers."""
        return product(self.series.product)

    @property
    def item_id(self) -> str:
        """Id of its item, in whatever collection."""
        return self.series.item_id(self.month)

    @property
    def title(self) -> str:
        """Product, region and month in words."""
        name = f"{self.product.short_title}, {self.provenance.region_title}, {self.month_name}"
        return f"{name} (synthetic)" if self.series.synthetic else name

    @property
    def month_name(self) -> str:
        """The month in words, such as ``May 2020``."""
        return f"{self.month.first_day:%B %Y}"

    @property
    def synthetic_words(self) -> str:
        """What a synthetic archive says of itself, in one line; nothing for a real one."""
        return " ".join((self.provenance.synthetic or "").split())

    @property
    def software(self) -> str:
        """Programs and their versions in one line."""
        return ", ".join(f"{name} {number}" for name, number in self.provenance.software.items())


def check_honest(series: Series, provenance: Provenance) -> None:
    """Refuse a synthetic map under a real region's name, and the other way round.

    Raises
    ------
    InputError
        Where the region's name and the archive's mark contradict each other.
    """
    if series.synthetic != (provenance.synthetic is not None):
        raise InputError(
            "region",
            f"{series.region!r} with {'a synthetic' if provenance.synthetic else 'a real'} archive",
            f"names ending in {SYNTHETIC_SUFFIX!r} for synthetic archives, and for these alone",
        )
