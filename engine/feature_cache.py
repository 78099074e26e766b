"""Features that were made once, kept as NetCDF below a folder and rebuilt at will."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

import xarray as xr

from engine.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)


def digest(*parts: str) -> str:
    """Return a short hash of everything that a feature's values depend on."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


class FeatureCache:
    """Datasets by name and key.

    Parameters
    ----------
    folder
        Where to keep them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str, key: str, build: Callable[[], xr.Dataset]) -> xr.Dataset:
        """Return a dataset, from its file where that is sound, else built and written.

        Parameters
        ----------
        name
            What it is, for people who look into the folder.
        key
            Hash of everything that its values depend on.
        build
            Makes it.
        """
        path = self.folder / f"{name}-{key}.nc"
        stored = _read(path)
        if stored is not None:
            return stored
        built = build()
        with atomic_path(path) as temporary:
            built.to_netcdf(temporary, engine="h5netcdf")
        return built


def _read(path: Path) -> xr.Dataset | None:
    """Read a whole dataset into memory; None where there is none or it is damaged."""
    if not path.exists():
        return None
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as stored:
            return stored.load()
    except (OSError, ValueError, KeyError, RuntimeError):
        logger.warning("%s is damaged; its features are made anew", path.name)
        return None
