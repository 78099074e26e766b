"""What is kept beside a model at its training, so that its report needs no archive.

Two companions: ``evidence.json`` with numbers, and ``maps.nc`` with maps of a few months, made
coarser where they are large. The card, which has the scores, lists them with their hashes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import xarray as xr
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from engine.models.store import TrainedModel

EVIDENCE, MAPS = "evidence.json", "maps.nc"

Reason = Literal["driest", "wettest", "flood", "lowest", "highest"]
"""Why a month is shown."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Density(_Part):
    """Held-out predictions against their target, counted."""

    low: float = Field(description="Lower edge of the first class, of both axes.")
    high: float = Field(description="Upper edge of the last class.")
    counts: tuple[tuple[int, ...], ...] = Field(
        description="Rows by class of the prediction, and in it by class of the target."
    )


class Cells(_Part):
    """Training cells on a map, with the fold that holds them out and how the model errs there."""

    x: tuple[float, ...] = Field(description="Middles of the columns, EPSG:6933, m.")
    y: tuple[float, ...] = Field(description="Middles of the rows.")
    fold: tuple[tuple[int | None, ...], ...] = Field(description="Row by row; null without rows.")
    error: tuple[tuple[float | None, ...], ...] = Field(
        description="Mean of held-out prediction - target, in the target's unit."
    )


class ErrorRange(_Part):
    """How far a quick model's errors are alike."""

    lags: tuple[float, ...] = Field(description="Distance, m.")
    semivariance: tuple[float, ...]
    pairs: tuple[int, ...]
    nugget: float
    sill: float
    range: float = Field(description="m; 0 where errors know nothing of each other.")


class Calibration(_Part):
    """What intervals of held-out coarse cells hold of SMAP."""

    cells: int = Field(description="Cells and months.")
    levels: tuple[float, ...] = Field(description="Share that an interval is to hold.")
    shares: tuple[float, ...] = Field(description="Share that it holds.")
    expected: tuple[float, ...] = Field(
        description="Expected size of the difference, class by class, m3 m-3."
    )
    found: tuple[float, ...] = Field(description="Its root mean square in the same class.")


class MappedMonth(_Part):
    """A month that is shown as a map, in numbers."""

    month: str
    reasons: tuple[Reason, ...]
    mean: float = Field(description="Of the map, in the target's unit.")
    outside: float | None = Field(
        default=None, description="Share of the pixels outside the area of applicability."
    )
    interval: float | None = Field(
        default=None, description="Mean width of the 90 % interval, in the target's unit."
    )
    conservation: float | None = Field(
        default=None,
        description="What the conserving map (SIF: its residual, root mean square) misses of the "
        "coarse values, in the target's unit.",
    )
    weight: float | None = Field(default=None, description="Of eSIF's residual.")
    fell_back: str | None = Field(
        default=None, description="Why the analysis is not the one that is usual."
    )


class Evidence(_Part):
    """All numbers."""

    densities: dict[str, Density] = Field(description="By split.")
    cells: Cells | None
    error_range: ErrorRange | None
    calibration: Calibration | None = None
    months: tuple[MappedMonth, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Maps:
    """Maps of a few months, for the eye."""

    values: NDArray[np.float32]
    """``(t, y, x)`` in the target's unit; NaN where missing."""
    extent: tuple[float, float, float, float]
    """Left, right, bottom, top in metres, EPSG:6933."""

    def to_bytes(self) -> bytes:
        """Return them as the content of a NetCDF file; equal maps are equal files."""
        data = xr.Dataset(
            {"map": (("month", "y", "x"), self.values)}, attrs={"extent": list(self.extent)}
        )
        buffer = io.BytesIO()
        packed = {"zlib": True, "complevel": 9, "shuffle": True}
        data.to_netcdf(buffer, engine="h5netcdf", encoding={"map": packed})
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Maps:
        """Read what :meth:`to_bytes` returned."""
        with xr.open_dataset(io.BytesIO(content), engine="h5netcdf") as data:
            left, right, bottom, top = map(float, data.attrs["extent"])
            return cls(values=data["map"].to_numpy(), extent=(left, right, bottom, top))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Both companions."""

    evidence: Evidence
    maps: Maps | None

    def companions(self) -> Mapping[str, bytes]:
        """Return the files, by the end of their names."""
        files = {EVIDENCE: (self.evidence.model_dump_json() + "\n").encode()}
        return files if self.maps is None else files | {MAPS: self.maps.to_bytes()}

    @classmethod
    def of(cls, model: TrainedModel) -> Kept | None:
        """Read what is kept beside a model; None where nothing is.

        Raises
        ------
        ModelError
            Where it is not what this program writes.
        """
        content = model.companions.get(EVIDENCE)
        if content is None:
            return None
        try:
            evidence = Evidence.model_validate_json(content)
        except ValidationError as error:
            raise ModelError(
                f"{model.card.id}.{EVIDENCE} is not of this version; train the model again"
            ) from error
        maps = model.companions.get(MAPS)
        return cls(evidence=evidence, maps=None if maps is None else Maps.from_bytes(maps))
