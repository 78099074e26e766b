"""A region: an area, its predictors, and where its coarse soil moisture comes from."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import yaml
from pydantic import Field, ValidationError, field_validator

from engine.errors import InputError
from engine.features import preset
from engine.grids import BBox, coarse_window, fine_of
from engine.predictors import MONTH, UserPredictor, check_file_name
from engine.products.spec import Frozen, VariableSpec, load_specs, spec_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from odc.geo.geobox import GeoBox

    from engine.products.spec import ProductSpec

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class CoarseField(Frozen):
    """Soil moisture on EASE-Grid 2.0 M09 cells in a NetCDF file of one's own."""

    product: str
    """Short name of what it is, such as ``SPL3SMP_E``."""
    title: str
    """Full name, as it shall stand in metadata."""
    file: str
    """Path below the archive; ``{month}`` stands for ``YYYY-MM`` if there is one file a month."""
    variable: str
    """Name in the file, ``(time, y, x)`` or ``(y, x)``."""
    units: str = "m3 m-3"
    """UDUNITS text, which the file must confirm."""
    valid: tuple[float, float] = (0.0, 0.9)
    """Least and greatest valid value."""
    doi: str | None = None
    """DOI of the data."""

    @field_validator("file")
    @classmethod
    def _check_file(cls, name: str) -> str:
        return check_file_name(name)

    @field_validator("units")
    @classmethod
    def _check_units(cls, units: str) -> str:
        if units != "m3 m-3":
            raise ValueError("m3 m-3")
        return units

    @property
    def monthly(self) -> bool:
        """Whether there is one file for each month."""
        return MONTH in self.file

    @property
    def spec(self) -> VariableSpec:
        """How the variable is read."""
        return VariableSpec(
            name="soil_moisture",
            source=(self.variable,),
            units=self.units,
            source_units=(self.units,),
            valid=self.valid,
            gap_free=True,
        )


class ProductCopy(Frozen):
    """How an archive's files of a product differ from those that are published."""

    versions: tuple[str, ...] = ()
    """Further versions to accept, such as ``006``."""
    units: str | None = None
    """Units of files that declare none."""


class Network(Frozen):
    """Stations in the ground, to validate maps with."""

    name: Annotated[str, Field(pattern=rf"^{SLUG.pattern}$")]
    """Short name, which requests use."""
    title: str
    """Name for people."""
    path: str
    """Below the archive: an ISMN download as folder or zip archive, or our table as CSV or
    GeoJSON."""
    caution: str = ""
    """What a reader of a validation should know, such as maps that were trained on it."""
    bulk_density: Annotated[float, Field(gt=0)] | None = None
    """Dry bulk density for moisture by mass, g cm-3, where the stations do not tell it."""
    field_capacity: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Moisture at field capacity, m3 m-3, for values relative to it."""

    @field_validator("path")
    @classmethod
    def _check_path(cls, name: str) -> str:
        if MONTH in name:
            raise ValueError("one file or folder, for all months")
        return check_file_name(name)


class Region(Frozen):
    """An area with everything that a map of it needs to know beforehand."""

    name: Annotated[str, Field(pattern=rf"^{SLUG.pattern}$")]
    """Short name, used in identifiers."""
    title: str
    """Name for people."""
    bbox: BBox
    """West, south, east, north in degrees; written as a list of four numbers."""
    synthetic: bool = False
    """Whether its archive is made up; such maps never mix with real ones."""
    soil_moisture: str | CoarseField = "SPL4SMGP"
    """A product that vadose knows, or a file of one's own."""
    soil_moisture_bias: Annotated[float, Field(ge=0, le=0.2)] | None = None
    """Documented standard deviation of its static errors between cells, m3 m-3. With it the
    analysis takes the share of its mean that is no such error; else that of the model."""
    sif: bool = True
    """Whether the archive has fluorescence to reconstruct."""
    features: tuple[str, ...] | None = None
    """Predictors of soil moisture by default, or the name of a set of them (``paper``); None means
    the standard set as far as the archive has it, and the region's own."""
    predictors: tuple[UserPredictor, ...] = ()
    """Predictors of one's own; one with the name of a standard feature replaces it."""
    products: dict[str, ProductCopy] = Field(default_factory=dict)
    """What is special about the archive's files of some products."""
    networks: tuple[Network, ...] = ()
    """Stations in the ground; maps are validated with all of them unless a request names some."""

    @field_validator("bbox", mode="before")
    @classmethod
    def _parse_bbox(cls, value: Iterable[float]) -> BBox:
        return BBox.parse(value)

    @field_validator("features", mode="before")
    @classmethod
    def _named_set(cls, value: object) -> object:
        return preset(value) if isinstance(value, str) else value

    @field_validator("soil_moisture")
    @classmethod
    def _known_product(cls, source: str | CoarseField) -> str | CoarseField:
        with_soil_moisture = [
            spec.id
            for spec in load_specs().values()
            if any(variable.name == "soil_moisture" for variable in spec.variables)
        ]
        if isinstance(source, str) and source not in with_soil_moisture:
            raise ValueError(f"one of {', '.join(with_soil_moisture)}, or a file's description")
        return source

    @field_validator("products")
    @classmethod
    def _known_products(cls, products: dict[str, ProductCopy]) -> dict[str, ProductCopy]:
        for product, copy in products.items():
            spec_of(product).adapted(versions=copy.versions, units=copy.units)
        return products

    @field_validator("predictors")
    @classmethod
    def _unique(cls, predictors: tuple[UserPredictor, ...]) -> tuple[UserPredictor, ...]:
        names = [name for predictor in predictors for name in predictor.features]
        if len(names) != len(set(names)):
            raise ValueError("every predictor needs feature names of its own")
        return predictors

    @field_validator("networks")
    @classmethod
    def _unique_networks(cls, networks: tuple[Network, ...]) -> tuple[Network, ...]:
        if len({network.name for network in networks}) != len(networks):
            raise ValueError("every network needs a name of its own")
        return networks

    def spec(self, product: str) -> ProductSpec:
        """Return how a product's files in this region's archive are read."""
        copy = self.products.get(product)
        spec = spec_of(product)
        return spec.adapted(versions=copy.versions, units=copy.units) if copy else spec

    @property
    def soil_moisture_title(self) -> str:
        """Full name of the coarse soil moisture."""
        if isinstance(self.soil_moisture, CoarseField):
            return self.soil_moisture.title
        return load_specs()[self.soil_moisture].title

    def coarse(self) -> GeoBox:
        """Return the M09 cells that the region touches."""
        return coarse_window(self.bbox)

    def area(self) -> GeoBox:
        """Return the M01 cells of those."""
        return fine_of(self.coarse())


def load_region(name_or_path: str | Path, extra_dirs: Iterable[Path] = ()) -> Region:
    """Read a region.

    Parameters
    ----------
    name_or_path
        A name, looked up in ``extra_dirs`` and then among those that ship; or the ``Path`` of a
        YAML file. A string is never taken for a path, since it may come from a request.
    extra_dirs
        Folders with files ``<name>.yaml``.

    Raises
    ------
    InputError
        Where there is no such region, or its file breaks the rules.
    """
    if isinstance(name_or_path, Path):
        return _read(name_or_path)
    files = _region_files(extra_dirs)
    if name_or_path not in files:
        wrong = f"there is no region {name_or_path!r}"
        raise InputError("region", wrong, ", ".join(sorted(files)))
    return _read(files[name_or_path])


def region_names(extra_dirs: Iterable[Path] = ()) -> tuple[str, ...]:
    """Return the names of the regions that can be loaded, sorted."""
    return tuple(sorted(_region_files(extra_dirs)))


def _region_files(extra_dirs: Iterable[Path]) -> Mapping[str, Path]:
    """Files by name; the first folder wins, the package comes last."""
    with resources.as_file(resources.files("engine") / "regions") as shipped:
        folders = [*extra_dirs, shipped]
        return {
            path.stem: path
            for folder in reversed(folders)
            for path in sorted(folder.glob("*.yaml"))
        }


def _read(path: Path) -> Region:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError("region", f"{path.name} cannot be read", "a file in YAML") from error
    if not isinstance(content, dict):
        raise InputError("region", f"{path.name} is no mapping", ", ".join(Region.model_fields))
    try:
        return Region.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        keys = ", ".join(Region.model_fields)
        raise InputError(
            f"region {path.name}, {where}", first["msg"], f"the keys {keys}"
        ) from error
