"""What is known of those who provide a product: facts, read from TOML."""

from __future__ import annotations

import tomllib
from datetime import date  # noqa: TC003  (pydantic reads it)
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError

from engine.errors import InputError
from engine.products.spec import Frozen, spec_of

if TYPE_CHECKING:
    from collections.abc import Mapping

type Protocol = Literal["cmr", "listing", "tiles", "raster", "soundings"]
"""How files are found: NASA's catalogue, a folder's listing, the names of tiles, the window of a
known raster, or the daily files of soundings that a folder lists."""

LOGINS = "logins.toml"
"""Name of the file about logins, beside those about products."""


class Login(Frozen):
    """Where a person proves who they are."""

    title: str
    """Name for people."""
    accounts: str
    """Where to become known."""
    host: str
    """Host that alone is told name and password."""
    trusted: tuple[str, ...] = ()
    """Hosts that are told a token, too; ``.example.org`` stands for all below it."""

    def trusts(self, host: str) -> bool:
        """Tell whether a host may be told a token.

        >>> login = Login(title="", accounts="", host="urs.org", trusted=(".data.org",))
        >>> login.trusts("a.data.org"), login.trusts("data.org.evil.com"), login.trusts("urs.org")
        (True, False, True)
        """
        ends = tuple(one for one in self.trusted if one.startswith("."))
        return host == self.host or host in self.trusted or host.endswith(ends)


class Subset(Frozen):
    """The part of a granule that is asked for through OPeNDAP."""

    variables: Annotated[tuple[str, ...], Field(min_length=1)]
    """Full names of fields ``(y, x)`` on the coarse grid."""
    axes: tuple[str, str]
    """Full names of their two axes."""
    others: tuple[str, ...] = ()
    """Full names of what is taken whole."""


class Source(Frozen):
    """Where a product is to be had."""

    id: str
    """Its own name: that of its product, unless there are several sources of it."""
    product: str
    """Identifier of its product spec, which knows title, licence and citation."""
    provider: str
    """Who provides it."""
    protocol: Protocol
    """How its files are found."""
    url: str
    """Root of the catalogue; or folder, with ``{year}`` and ``{month}``; or tile, with ``{south}``
    and ``{west}`` such as ``N34`` and ``E113``; or raster, with ``{variable}``. Empty where nobody
    knows."""
    login: str | None = None
    """Which login it needs."""
    short_name: str | None = None
    """Its name in NASA's catalogue."""
    version: str | None = None
    """Its version there."""
    catalogued_by: str | None = None
    """Who keeps the entry there, since the same product may have several."""
    tiling: Literal["sinusoidal", "one degree"] | None = None
    """Its tiles."""
    subset: Subset | None = None
    """What is asked for of each granule; None takes it whole."""
    every_days: Annotated[int, Field(ge=1)] = 1
    """Every how many days a daily product is wanted."""
    name: str | None = None
    """Name in the archive: of a tile, with ``{tile}``, or of a raster's window, with
    ``{variable}``."""
    windows: bool = False
    """Whether the files that a folder lists are COGs, of which the region's window is read."""
    crs: str | None = None
    """Reference system of a raster, to foretell its window."""
    pixel: float | None = None
    """Side of its pixels in units of that."""
    pixel_bytes: int = 4
    """Bytes of one of them."""
    start: date | None = None
    """First day; None where it has no time."""
    end: date | None = None
    """Last day, of a series that has ended."""
    latency_days: int = 0
    """Days from an observation to its file, as a rule."""
    file_bytes: int = 0
    """Size of a file, as a rule."""
    read_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of a file that is read for a region, where it is read by ranges."""
    at_once: Annotated[int, Field(ge=1, le=32)] = 3
    """Requests to its host at a time."""
    otherwise: str | None = None
    """Product that stands in where this one has nothing."""
    instead: str | None = None
    """Product that is fetched where this one cannot be had at all; the two are not mixed."""
    successor: str | None = None
    """Product that comes after it; the two are not mixed, so it comes only where it is named, or
    the archive is made of it."""
    licence: str | None = None
    """Terms of use, where they are not those of the product spec."""
    citation: str | None = None
    """How to cite it, where not as the product spec says."""

    @property
    def terms(self) -> tuple[str, str]:
        """Licence and citation."""
        spec = spec_of(self.product)
        return self.licence or spec.licence, self.citation or spec.citation


def load_sources(folder: Path | None = None) -> Mapping[str, Source]:
    """Return what is known of every product's provider, by the source's own name.

    Parameters
    ----------
    folder
        Further files ``<source>.toml``; each key in them replaces the shipped one.

    Raises
    ------
    InputError
        Where a file cannot be read or breaks the rules.
    """
    tables = _tables(folder)
    del tables[Path(LOGINS).stem]
    return {
        name: _checked(Source, {"product": name, **table, "id": name}, f"{name}.toml")
        for name, table in tables.items()
    }


def load_logins(folder: Path | None = None) -> Mapping[str, Login]:
    """Return the logins by name; see :func:`load_sources`."""
    table = _tables(folder)[Path(LOGINS).stem]
    return {name: _checked(Login, login, LOGINS) for name, login in table.items()}


def _tables(folder: Path | None) -> dict[str, dict[str, Any]]:
    """Read every table; one from ``folder`` is laid over the one that ships."""
    with resources.as_file(resources.files("processes.fetch") / "facts") as shipped:
        tables = {path.stem: _read(path) for path in sorted(Path(shipped).glob("*.toml"))}
    for path in sorted(folder.glob("*.toml")) if folder else ():
        if path.stem not in tables:
            known = ", ".join(f"{name}.toml" for name in tables)
            raise InputError("sources", f"{path.name} is about no known product", known)
        tables[path.stem] = {**tables[path.stem], **_read(path)}
    return tables


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("sources", f"{path.name} cannot be read", "a file in TOML") from error


def _checked[T: Frozen](model: type[T], table: Mapping[str, Any], name: str) -> T:
    try:
        return model.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        allowed = f"the keys {', '.join(model.model_fields)}"
        raise InputError(f"sources {name}, {where}", first["msg"], allowed) from error
