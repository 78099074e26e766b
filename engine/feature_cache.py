"""Features that were made once, kept below a folder and rebuilt at will.

A file holds the arrays as they are in memory, beside a description of them in JSON: it is read
many times as fast as NetCDF, and nobody but this program reads it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from engine.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_ABOUT = "about.json"
"""Beside the arrays: dimensions and attributes."""


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
        path = self.folder / f"{name}-{key}.npz"
        stored = _read(path)
        if stored is not None:
            return stored
        built = build()
        with atomic_path(path) as temporary:
            _write(temporary, built)
        return built


def _write(path: Path, data: xr.Dataset) -> None:
    """Write a whole dataset, with a checksum of every array."""
    variables = {str(name): variable for name, variable in data.variables.items()}
    about = {
        "attributes": data.attrs,
        "coordinates": [str(name) for name in data.coords],
        "variables": {name: [one.dims, one.attrs] for name, one in variables.items()},
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(_ABOUT, json.dumps(about, default=_plain))
        for name, variable in variables.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, variable.to_numpy(), allow_pickle=False)


def _read(path: Path) -> xr.Dataset | None:
    """Read a whole dataset into memory; None where there is none or it is damaged."""
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read(_ABOUT))
            variables = {
                name: xr.Variable(dims, _array(archive, name), attributes)
                for name, (dims, attributes) in about["variables"].items()
            }
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        logger.warning("%s is damaged; its features are made anew", path.name)
        return None
    coordinates = {name: variables.pop(name) for name in about["coordinates"]}
    return xr.Dataset(variables, coordinates, about["attributes"])


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[np.generic]:
    with archive.open(f"{name}.npy") as file:
        array: NDArray[np.generic] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _plain(value: object) -> object:
    """Return what JSON can hold of an attribute of numpy's."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"an attribute is a {type(value).__name__}")
