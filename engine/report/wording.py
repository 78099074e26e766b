"""What a report says that does not depend on the model, and the analysis put into sentences."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from engine.weights import Weights


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SplitWords(_Part):
    """A split for people."""

    title: str
    question: str
    """That its scores answer."""


class WeightWords(_Part):
    """A weight for people."""

    title: str
    says: str
    """A sentence with numbers in braces."""
    doubt: str = ""
    """A further one, of what was estimated."""


class Words(_Part):
    """All of ``words.toml``."""

    algorithms: dict[str, str]
    kinds: dict[str, str]
    splits: dict[str, SplitWords]
    groups: dict[str, str]
    reasons: dict[str, str]
    caveats: dict[str, str]
    weights: dict[str, WeightWords]


class Weighed(_Part):
    """A weight of an analysis, and what it means."""

    name: str
    title: str
    value: float
    says: str


@cache
def words() -> Words:
    """Return what does not depend on the model.

    >>> words().algorithms["rf"]
    'random forest'
    """
    text = resources.files("engine.report").joinpath("words.toml").read_text(encoding="utf-8")
    return Words.model_validate(tomllib.loads(text))


def weighed(weights: Weights) -> tuple[Weighed, ...]:
    """Tell what an analysis takes from SMAP and from the model, a sentence for each weight."""
    return tuple(_weighed(name, said, weights) for name, said in words().weights.items())


def _weighed(name: str, said: WeightWords, weights: Weights) -> Weighed:
    value: float = getattr(weights, name)
    least, most = weights.smap_between
    sentences = [said.says.format(value=value)]
    if name in weights.defaults:
        sentences.append(f"This is a default: {weights.defaults[name]}.")
    elif said.doubt:
        sentences.append(said.doubt.format(least=least, most=most))
    if name == "smap" and weights.smap_error is not None and weights.model_error is not None:
        sentences.append(
            f"Errors of a month: SMAP {weights.smap_error:.4f}, the model "
            f"{weights.model_error:.4f} m³ m⁻³."
        )
    return Weighed(name=name, title=said.title, value=value, says=" ".join(sentences))


def in_words(units: str) -> str:
    """Write a unit for people.

    >>> in_words("mW m-2 nm-1 sr-1")
    'mW m⁻² nm⁻¹ sr⁻¹'
    """
    return units.translate(str.maketrans("-123", "⁻¹²³"))
