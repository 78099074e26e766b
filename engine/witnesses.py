"""SMAP's errors, by witnesses that share no cause of error with it or with each other.

Rain, texture and slope make soil wet. Temperature, colour, leaves and fluorescence show that it is
wet. Given how wet it truly is, what a model of the causes gets wrong has nothing to do with what a
model of the effects does, nor with SMAP's errors, since both predict blocks that they have not
learnt from. So the three can be collocated: their changes from month to month for SMAP's monthly
error, where the rain of the last months serves as the cause, and their long-term means for its
static bias. A model that saw both rain and leaves would not do: its errors and those of rain agree,
which makes SMAP look worse than it is.

What each feature is, is data, in ``witnesses.toml``. Elevation and land cover are neither: they act
on both sides.

Where SMAP's errors follow the maps that the causes are made of, they count as truth. SMAP's land
model is driven with rain and has soil maps of its own, so its errors are rather under- than
overestimated; the weights say what a doubled error variance would change.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from engine.collocation import deseasonalised, triple_collocation
from engine.history import over_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from engine.collocation import Collocation
    from engine.history import History

    type FloatArray = NDArray[np.floating]


def causes_among(names: Sequence[str]) -> tuple[str, ...]:
    """Return those of some features that make soil wet.

    >>> causes_among(("ndvi", "clay", "elevation", "precipitation"))
    ('clay', 'precipitation')
    """
    return tuple(name for name in names if name in _sides()["causes"])


def effects_among(names: Sequence[str]) -> tuple[str, ...]:
    """Return those of some features that show how wet soil is.

    >>> effects_among(("ndvi", "clay", "elevation", "lst_day"))
    ('ndvi', 'lst_day')
    """
    return tuple(name for name in names if name in _sides()["effects"])


def smap_error(history: History) -> float | None:
    """Return the variance of SMAP's monthly errors, (m3 m-3)²; None where it cannot be told."""
    found = monthly_collocation(history)
    return None if found is None else found.error


def smap_bias(history: History) -> float | None:
    """Return the variance of SMAP's static errors, (m3 m-3)²; None where it cannot be told."""
    if history.effects is None or history.causes is None:
        return None
    witnesses = (history.coarse, history.effects, history.causes)
    found = triple_collocation(*(over_time(one) for one in witnesses))
    return None if found is None else found.error


def monthly_collocation(
    history: History, part: Callable[[FloatArray], FloatArray] = lambda values: values
) -> Collocation | None:
    """Collocate deseasonalised changes, or a part of them; None where they tell nothing."""
    if history.effects is None or history.memory is None:
        return None
    witnesses = (history.coarse, history.effects, history.memory)
    return triple_collocation(*(part(deseasonalised(one, history.months)) for one in witnesses))


@cache
def _sides() -> Mapping[str, Sequence[str]]:
    text = resources.files("engine").joinpath("witnesses.toml").read_text(encoding="utf-8")
    return {side: tuple(names) for side, names in tomllib.loads(text).items()}
