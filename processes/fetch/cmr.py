"""NASA's Common Metadata Repository: which granules there are, where, how large, of which hash.

References
----------
CMR Search API, ``granules.umm_json`` with ``CMR-Search-After``; UMM-G 1.6.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pydantic import BaseModel, Field, ValidationError

from engine.grids import COARSE, coarse_of
from engine.products.names import recognise
from processes.fetch.errors import ProviderError
from processes.fetch.offers import Checksum, Offer, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import httpx
    from odc.geo.geobox import GeoBox

    from processes.fetch.client import Client
    from processes.fetch.sources import Subset
    from processes.fetch.wanted import Wanted

PAGE = 2000
"""Most granules of one answer, as the service allows."""
_SUBSET_OVERHEAD = 9_000
"""Bytes of a cut-out beside its fields, as a rule."""
_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}
"""Names of hash functions, ours by the catalogue's."""
_UNITS = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}


type _Window = tuple[slice, slice]
"""Rows and columns."""


class _Hash(BaseModel):
    Value: str
    Algorithm: str


class _File(BaseModel):
    Name: str = ""
    SizeInBytes: int | None = None
    Size: float | None = None
    SizeUnit: str = "MB"
    Checksum: _Hash | None = None


class _DataGranule(BaseModel):
    ArchiveAndDistributionInformation: list[_File] = Field(default_factory=list)


class _Related(BaseModel):
    URL: str
    Type: str
    Subtype: str = ""


class _Umm(BaseModel):
    GranuleUR: str
    RelatedUrls: list[_Related] = Field(default_factory=list)
    DataGranule: _DataGranule = _DataGranule()


class _Entry(BaseModel):
    umm: _Umm


class _Answer(BaseModel):
    hits: int
    items: list[_Entry]


class CmrFinder:
    """Finds granules in the catalogue."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def find(self, wanted: Wanted) -> Sequence[Offer]:
        """Return every granule that may be wanted."""
        offers = (_offer(umm, wanted) for umm in self._granules(wanted))
        return [offer for offer in offers if offer is not None]

    def _granules(self, wanted: Wanted) -> Iterator[_Umm]:
        question = "&".join(f"{quote(key)}={quote(value)}" for key, value in _question(wanted))
        url = f"{wanted.source.url}/granules.umm_json?{question}"
        after: str | None = None
        seen = 0
        while True:
            headers = {"CMR-Search-After": after} if after else {}
            response = self._client.get(url, headers)
            answer = _read(response)
            yield from (entry.umm for entry in answer.items)
            seen += len(answer.items)
            after = response.headers.get("CMR-Search-After")
            if after is None or not answer.items or seen >= answer.hits:
                return


def _read(response: httpx.Response) -> _Answer:
    try:
        return _Answer.model_validate_json(response.content)
    except ValidationError:
        place = shown(str(response.request.url))
        raise ProviderError(place, "its answer is no list of granules") from None


def _question(wanted: Wanted) -> list[tuple[str, str]]:
    source = wanted.source
    question = [
        ("short_name", source.short_name or source.product),
        ("version", source.version or ""),
        ("provider", source.catalogued_by or ""),
        ("page_size", str(PAGE)),
        ("sort_key[]", "start_date"),
    ]
    if (dates := wanted.dates) is not None:
        last = dates.end - timedelta(days=1)
        question.append(("temporal[]", f"{dates.start}T00:00:00Z,{last}T23:59:59Z"))
    if wanted.tiles:
        question += [("readable_granule_name[]", f"*{tile}*") for tile in wanted.tiles]
        question.append(("options[readable_granule_name][pattern]", "true"))
    return [(key, value) for key, value in question if value]


def _offer(umm: _Umm, wanted: Wanted) -> Offer | None:
    """Return what an entry offers; None where its file is of no known name."""
    data = _link(umm, "data")
    if data is None:
        return None
    name = data.split("?")[0].rsplit("/", 1)[-1]
    if wanted.source.subset is not None:
        return _part_offer(umm, data, f"{name}.nc4", wanted.source.subset, wanted)
    granule = recognise(Path(name), {wanted.spec.id: wanted.spec})
    if granule is None:
        return None
    file = _file(umm, name)
    size = _size(file)
    return Offer(
        product=wanted.spec.id,
        name=name,
        url=data,
        size=size or wanted.source.file_bytes,
        exact=file.SizeInBytes is not None,
        checksum=_checksum(file),
        granule=granule,
        login=wanted.source.login,
    )


def _part_offer(umm: _Umm, data: str, name: str, cut: Subset, wanted: Wanted) -> Offer | None:
    """Return the offer of a granule's window: cut out by OPeNDAP, else by us."""
    granule = recognise(Path(name), {wanted.spec.id: wanted.spec})
    if granule is None:
        return None
    service, window = _link(umm, "service"), coarse_slices(wanted.area)
    by_ranges = round(wanted.source.file_bytes * wanted.source.read_share)
    return Offer(
        product=wanted.spec.id,
        name=name,
        url=data if service is None else _subset_address(service, cut, window),
        size=by_ranges if service is None else _subset_size(cut, window),
        granule=granule,
        way="window" if service is None else "subset",
        login=wanted.source.login,
    )


def _link(umm: _Umm, kind: Literal["data", "service"]) -> str | None:
    """Return where a granule lies, or where OPeNDAP serves it."""
    for one in umm.RelatedUrls:
        over_http = one.URL.startswith(("https://", "http://"))
        if kind == "data" and one.Type == "GET DATA" and over_http:
            return one.URL
        if kind == "service" and (one.Type, one.Subtype) == ("USE SERVICE API", "OPENDAP DATA"):
            return one.URL
    return None


def _file(umm: _Umm, name: str) -> _File:
    files = umm.DataGranule.ArchiveAndDistributionInformation
    by_name = [file for file in files if file.Name == name]
    return (by_name or (files if len(files) == 1 else []) or [_File()])[0]


def _size(file: _File) -> int | None:
    if file.SizeInBytes is not None:
        return file.SizeInBytes
    if file.Size is None or file.SizeUnit not in _UNITS:
        return None
    return round(file.Size * _UNITS[file.SizeUnit])


def _checksum(file: _File) -> Checksum | None:
    told = file.Checksum
    if told is None or told.Algorithm not in _HASHES:
        return None
    return Checksum(algorithm=_HASHES[told.Algorithm], value=told.Value.lower())


def coarse_slices(area: GeoBox) -> _Window:
    """Return the coarse cells that a reader takes for an area: one more on every side."""
    coarse = coarse_of(area)
    left, top = (round(number) for number in ~COARSE.affine @ (coarse.affine.c, coarse.affine.f))
    rows = slice(max(0, top - 1), min(COARSE.shape.y, top + coarse.shape.y + 1))
    columns = slice(max(0, left - 1), min(COARSE.shape.x, left + coarse.shape.x + 1))
    return rows, columns


def _subset_address(link: str, cut: Subset, window: _Window) -> str:
    """Return where OPeNDAP cuts a window out of a granule, as NetCDF-4."""
    rows, columns = (f"[{one.start}:1:{one.stop - 1}]" for one in window)
    y, x = cut.axes
    parts = [f"{name}{rows}{columns}" for name in cut.variables]
    constraint = ";".join([*parts, f"{y}{rows}", f"{x}{columns}", *cut.others])
    return f"{link}.dap.nc4?dap4.ce={quote(constraint, safe='/')}"


def _subset_size(cut: Subset, window: _Window) -> int:
    rows, columns = (one.stop - one.start for one in window)
    size: int = _SUBSET_OVERHEAD + 4 * rows * columns * len(cut.variables)
    return size
