"""A region's window of a granule in HDF5, read by ranges: where nobody cuts it out for us."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np

from processes.fetch.errors import BrokenFileError
from processes.fetch.ranges import RangeFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from processes.fetch.client import Client
    from processes.fetch.offers import Offer
    from processes.fetch.sources import Subset

    type Window = tuple[slice, slice]

_KEPT = ("units", "long_name", "_FillValue", "missing_value", "valid_min", "valid_max")
"""Attributes of a dataset that a reader wants; others refer to what is left out."""


def cut_granule(
    client: Client,
    offer: Offer,
    cut: Subset,
    window: Window,
    *,
    path: Path,
    arrived: Callable[[int], None],
) -> int:
    """Write the window of a granule that lies elsewhere; return the bytes that came for it.

    Parameters
    ----------
    client
        Reads it by ranges.
    offer
        Says where it lies.
    cut
        What is taken of it.
    window
        Rows and columns.
    path
        NetCDF-4 to write, whatever its name.
    arrived
        Told how many bytes came.

    Raises
    ------
    BrokenFileError
        Where it is not what its name says.
    """
    with RangeFile(client, offer.url, offer.login, arrived) as file:
        try:
            with h5py.File(file, "r") as whole, h5py.File(path, "w") as part:
                _copy(whole, part, cut, window)
        except (OSError, KeyError, ValueError) as error:
            wrong = "it cannot be read, or lacks a variable"
            raise BrokenFileError(offer.name, wrong, ", ".join(cut.variables)) from error
        return file.came


def _copy(whole: h5py.File, part: h5py.File, cut: Subset, window: Window) -> None:
    rows, columns = window
    part.attrs.update(dict(whole.attrs))
    taken: dict[str, tuple[slice, ...]] = dict.fromkeys(cut.variables, (rows, columns))
    taken |= {name: (one,) for name, one in zip(cut.axes, window, strict=True)}
    taken |= dict.fromkeys(cut.others, ())
    for name, slices in taken.items():
        stored = whole[name]
        dataset = part.create_dataset(name, data=np.asarray(stored[slices]))
        for attribute in _KEPT:
            if attribute in stored.attrs:
                dataset.attrs[attribute] = stored.attrs[attribute]
