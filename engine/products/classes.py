"""From the codes of a map of classes to the share of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.granules import Field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def class_fields(codes: Field, classes: Mapping[str, Sequence[int]]) -> Mapping[str, Field]:
    """Return one field for each class, whose area mean is the share of the class.

    Parameters
    ----------
    codes
        Numbers that are names of things.
    classes
        Codes of each class; a code may belong to several or to none.

    Returns
    -------
    mapping of str to Field
        By class: 1 where the map has one of its codes, 0 where it has another, NaN where it has
        none; the weight is that of the codes.
    """
    seen = codes.weight > 0
    return {
        label: Field(
            values=np.where(seen, np.isin(codes.values, members), np.nan).astype(np.float32),
            weight=codes.weight,
            geobox=codes.geobox,
            units="1",
        )
        for label, members in classes.items()
    }
