"""What is frozen with a model so that a month's map never depends on the request.

It lies beside the model as companions, which the card lists with their hashes:

=======================  =======================================================================
``background.nc``        means of the model and of SMAP over the training period
``analysis.json``        weights, error variances, and what they were estimated from
``applicability.onnx``   from the features to dissimilarity ÷ threshold
``interval.onnx``        from that and the month of the year to half the 90 % interval's width
=======================  =======================================================================

A model of one or two months has an applicability alone, and the reason in its ``analysis.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.applicability import Applicability
from engine.background import MIN_MONTHS, Background
from engine.errors import ModelError
from engine.grids import coarse_of
from engine.models.inference import opened, parts_of
from engine.uncertainty import Errors, estimate_errors, half_widths, interval_onnx
from engine.weights import Weights, estimate_weights
from engine.witnessing import gridded

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.history import History
    from engine.models.store import TrainedModel
    from engine.models.training import Training
    from engine.months import Month

BACKGROUND, ABOUT = "background.nc", "analysis.json"
APPLICABILITY, INTERVAL = "applicability.onnx", "interval.onnx"


class Familiarity(BaseModel):
    """What the applicability was learnt from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(description="Training rows that pixels are compared with.")
    mean_distance: float = Field(description="Between them, standardised by importance.")
    threshold: float = Field(description="Dissimilarity index above which a pixel is outside.")


class About(BaseModel):
    """What was estimated, as it is published with the map."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    months: tuple[str, ...] = Field(description="Of the means, YYYY-MM.")
    weights: Weights | None = Field(description="Of the blend.")
    errors: Errors | None = Field(description="Of the blend, against the truth at 1 km.")
    applicability: Familiarity
    lacking: str | None = Field(default=None, description="Why there are no means.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A model's companions, read."""

    about: About
    applicability: bytes
    """ONNX."""
    background: Background | None = None
    """None where the training was too short for means."""
    interval: bytes | None = None
    """ONNX; None where there are no means."""

    @classmethod
    def of(cls, model: TrainedModel) -> Frozen | None:
        """Read what is frozen with a model; None where nothing is.

        Raises
        ------
        ModelError
            Where a companion is not what this program writes.
        """
        companions = model.companions
        if ABOUT not in companions:
            return None
        try:
            about = About.model_validate_json(companions[ABOUT])
        except ValidationError as error:
            raise ModelError(
                f"{model.card.id}.{ABOUT} is not of this version; train the model again"
            ) from error
        means = companions.get(BACKGROUND)
        return cls(
            about=about,
            applicability=companions[APPLICABILITY],
            background=None if means is None else Background.from_bytes(means),
            interval=companions.get(INTERVAL),
        )

    def companions(self) -> Mapping[str, bytes]:
        """Return the files, by the end of their names."""
        files = {
            ABOUT: (self.about.model_dump_json(indent=2) + "\n").encode(),
            APPLICABILITY: self.applicability,
        }
        if self.background is not None:
            files[BACKGROUND] = self.background.to_bytes()
        if self.interval is not None:
            files[INTERVAL] = self.interval
        return files

    def unlikeness(self, features: xr.Dataset, *, threads: int = 2) -> NDArray[np.float32]:
        """Return dissimilarity ÷ threshold ``(y, x)`` of a map of the model's features."""
        maps = [variable.to_numpy() for variable in features.data_vars.values()]
        layers, session = [one.ravel() for one in maps], opened(self.applicability, threads=threads)
        unlike = np.empty(maps[0].size, np.float32)
        for part in parts_of(unlike.size):
            unlike[part] = session(np.stack([layer[part] for layer in layers], axis=1))
        return unlike.reshape(maps[0].shape)

    def half_widths(
        self, unlikeness: NDArray[np.floating], month: Month
    ) -> NDArray[np.float32] | None:
        """Return half of a month's interval, m3 m-3, for dissimilarities of any shape."""
        return None if self.interval is None else half_widths(self.interval, unlikeness, month)


def freeze(
    training: Training, history: History | None, area: GeoBox, bias: float | None = None
) -> Frozen:
    """Estimate from a training what its model needs of many months.

    Parameters
    ----------
    training
        The model and its rows.
    history
        The training period; None where it is too short for means.
    area
        The fine grid.
    bias
        Documented standard deviation of SMAP's static bias, m3 m-3.
    """
    known = _familiar(training)
    familiarity = Familiarity(
        rows=len(known.rows), mean_distance=known.mean_distance, threshold=known.threshold
    )
    index = known.to_onnx(training.table.features)
    if history is None or len(history.months) < MIN_MONTHS:
        months = () if history is None else tuple(map(str, history.months))
        why = f"{len(months)} months know no anomaly; needed: {MIN_MONTHS}"
        about = About(
            months=months, weights=None, errors=None, applicability=familiarity, lacking=why
        )
        return Frozen(about=about, applicability=index)
    weights = estimate_weights(history, bias)
    errors = estimate_errors(history, weights, _unlike(known, training, history, area))
    return Frozen(
        about=About(
            months=tuple(map(str, history.months)),
            weights=weights,
            errors=errors,
            applicability=familiarity,
        ),
        applicability=index,
        background=Background.of(history, area),
        interval=interval_onnx(errors),
    )


def _familiar(training: Training) -> Applicability:
    table = training.table
    return Applicability.learnt(
        table.values, table.truth, training.splits.blocks, training.fitted.importance()
    )


def _unlike(
    known: Applicability, training: Training, history: History, area: GeoBox
) -> NDArray[np.float64]:
    """Return how unlike each coarse cell is to the rows of the other folds, ``(t, h, w)``."""
    table = training.table
    index = known.between_folds(table.values, training.splits.blocks)
    return gridded(table, index, coarse_of(area), history.months)
