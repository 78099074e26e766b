"""The months of a world with SIF at 1 km, reconstructed as the service does it.

The model of SIF learns from all 8-day periods, so no month has its SIF before all were seen. The
periods' predictors wait in a folder meanwhile.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from engine.feature_store import FeatureStore
from engine.features import FEATURES, SIF_PREDICTORS
from engine.files import atomic_path
from engine.models.store import ModelStore
from engine.months import Month
from engine.sif import DayMean, reconstruct_sif, train_sif
from engine.sif_inputs import PAR_UNITS, sif_predictors
from engine.world.build import load
from engine.world.cube import watched, write_month

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from odc.geo.geobox import GeoBox

    from engine.features import Feature
    from engine.granules import Field, Granule
    from engine.models.candidates import Candidate
    from engine.models.store import TrainedModel
    from engine.months import Period
    from engine.world.cube import CubeStore
    from engine.world.presets import Preset, SmapErrors

MODELS = "models"
"""Folder beside the months that holds the model of SIF."""

_DONE = "cube.json"
_VERSION = 1
"""Raise it when a month would get other numbers."""


def write_sif_cube(
    preset: str | Preset,
    seed: int,
    out: Path,
    *,
    smap_errors: Sequence[SmapErrors] = (),
    sif_model: Candidate | None = None,
) -> tuple[Path, ...]:
    """Write a world's months with SIF as ``cube_YYYY-MM.nc``, or leave them where they are.

    Parameters
    ----------
    preset, seed, smap_errors
        As in :func:`engine.world.cube.cube`.
    out
        Folder of this one cube.
    sif_model
        What learns SIF; the service's where not given. Half of the time goes into it.

    Returns
    -------
    tuple of Path
        The months, in order. Beside what :func:`engine.world.cube.cube` yields each holds
        ``sif`` and ``sif_raw``, and the monthly means of what the model of SIF alone sees: bands
        and light. The model itself lies in ``models/``.
    """
    world = load(preset, seed, out)
    paths = tuple(out / f"cube_{month}.nc" for month in world.months)
    identity = _identity(world.preset, seed, smap_errors, sif_model)
    marker = out / _DONE
    if marker.exists() and _holds(json.loads(marker.read_text(encoding="utf-8")), identity):
        return paths
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out, prefix=".seen-") as name:
        seen, months = _seen(watched(preset, seed, smap_errors=smap_errors), Path(name))
        model = train_sif(seen, months, sif_model)
        ModelStore(out / MODELS).save(model)
        for month in months:
            file = seen.folder / f"cube_{month}.nc"
            _sif(model, seen, month).to_netcdf(file, mode="a", engine="h5netcdf")
            file.replace(out / file.name)
    with atomic_path(marker) as path:
        path.write_text(json.dumps(identity, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return paths


def _seen(
    world: Iterable[tuple[CubeStore, xr.Dataset]], waiting: Path
) -> tuple[_SeenPeriods, list[Month]]:
    """Write all that the months hold but SIF, and keep what SIF will be made of."""
    months: list[Month] = []
    seen = None
    for store, month in world:
        seen = seen or _SeenPeriods(store, waiting)
        months.append(Month.parse(month.attrs["month"]))
        seen.keep(months[-1])
        write_month(month, waiting)
    if seen is None:
        raise ValueError("a world has at least one month")
    return seen, months


class _SeenPeriods(FeatureStore):
    """What a model of SIF asks of a feature store, from the folder where the periods wait."""

    def __init__(self, watching: CubeStore, waiting: Path) -> None:
        super().__init__(watching.archive, watching.region, waiting, watching.weights)
        self._watching = watching

    def keep(self, month: Month) -> None:
        """Keep the predictors of the periods of a month, which the archive will soon forget."""
        for period in self.periods(month):
            path = self._path(period)
            if not path.exists():
                features = list(SIF_PREDICTORS.values())
                made = self._watching.eight_days(features, period)
                np.save(path, np.stack([made[feature.name] for feature in features]))

    def eight_days(self, features: Sequence[Feature], period: Period) -> xr.Dataset:
        """Return features of a period that was kept."""
        kept = np.load(self._path(period))
        place = {name: number for number, name in enumerate(SIF_PREDICTORS)}
        affine, shape = self.area.affine, self.area.shape
        y = affine.f + affine.e * (np.arange(shape.y) + 0.5)
        x = affine.c + affine.a * (np.arange(shape.x) + 0.5)
        return xr.Dataset(
            {
                one.name: (("y", "x"), kept[place[one.name]], {"units": one.units})
                for one in features
            },
            {"y": y, "x": x},
        )

    def decode(
        self, granule: Granule, variables: Sequence[str], area: GeoBox | None = None
    ) -> Mapping[str, Field]:
        """Read eSIF, of which nothing is forgotten."""
        return self._watching.decode(granule, variables, area)

    def _path(self, period: Period) -> Path:
        return self.folder / f"period_{period.start}.npy"


def _sif(model: TrainedModel, seen: _SeenPeriods, month: Month) -> xr.Dataset:
    """Return what a month lacks yet: SIF, and the means of what only its model sees."""
    made = reconstruct_sif(model, seen, month)
    units = {
        **{name: one.units for name, one in SIF_PREDICTORS.items() if name not in FEATURES},
        "par": PAR_UNITS,
    }
    means = {name: DayMean(month) for name in units}
    for period in seen.periods(month):
        predictors = sif_predictors(seen, period)
        for name, mean in means.items():
            mean.add(predictors[name].to_numpy(), period)
    data = made[["sif", "sif_raw"]].drop_vars(["y", "x"])
    for name, mean in means.items():
        data[name] = (("y", "x"), mean.result().astype(np.float32), {"units": units[name]})
    said = ("residual_weight", "conservation_error")
    return data.assign_attrs({f"sif_{name}": made.attrs[name] for name in said})


def _identity(
    preset: Preset, seed: int, smap_errors: Sequence[SmapErrors], sif_model: Candidate | None
) -> dict[str, Any]:
    own = {} if sif_model is None else {"sif_model": sif_model.model_dump(mode="json")}
    return {
        "version": _VERSION,
        "seed": seed,
        "smap_errors": sorted(smap_errors),
        "preset": preset.model_dump(mode="json"),
        **own,
    }


def _holds(there: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Tell whether months that are there are those that are wanted.

    They may have more SMAPs, and SIF by the service's model where another would have done.
    """
    more = set(there.get("smap_errors", ())) >= set(wanted["smap_errors"])
    wished = wanted | {"smap_errors": there.get("smap_errors", [])}
    plain = {name: value for name, value in wished.items() if name != "sif_model"}
    return more and there in (wished, plain)
