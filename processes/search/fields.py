"""Only those fields of an item that were asked for."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALWAYS = (
    "type",
    "stac_version",
    "id",
    "geometry",
    "bbox",
    "links",
    "assets",
    "collection",
    "properties.datetime",
)
"""What is answered where fields are excluded, or none is named."""
_LEAST = ("id", "collection")


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields to include and to exclude, nested ones by a dot; excluding wins.

    Parameters
    ----------
    include, exclude
        Names such as ``properties.datetime``.
    """

    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()

    @classmethod
    def of(cls, include: Iterable[str], exclude: Iterable[str]) -> Fields:
        """Return the fields of names."""
        return cls(frozenset(include), frozenset(exclude))

    @classmethod
    def read(cls, names: Iterable[str]) -> Fields:
        """Return the fields of a query such as ``id,-assets``.

        >>> sorted(Fields.read(["id", "+bbox", "-assets"]).include)
        ['bbox', 'id']
        """
        given = [name.strip() for name in names if name.strip()]
        return cls.of(
            (name.lstrip("+ ") for name in given if not name.startswith("-")),
            (name[1:] for name in given if name.startswith("-")),
        )

    def of_item(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return an item with just these fields."""
        if not self.include and not self.exclude:
            return dict(item)
        kept: dict[str, Any] = {}
        if self.include:
            for name in (*_LEAST, *sorted(self.include - self.exclude)):
                _copy(item, kept, name.split("."))
        else:
            kept = deepcopy(dict(item))
        for name in self.exclude:
            _drop(kept, name.split("."))
        return kept


def _copy(source: Mapping[str, Any], target: dict[str, Any], path: list[str]) -> None:
    name, *rest = path
    if name not in source:
        return
    if not rest:
        target[name] = source[name]
    elif isinstance(source[name], dict):
        inner = dict(target.get(name, {}))
        _copy(source[name], inner, rest)
        target[name] = inner


def _drop(target: dict[str, Any], path: list[str]) -> None:
    name, *rest = path
    if not rest:
        target.pop(name, None)
    elif isinstance(target.get(name), dict):
        _drop(target[name], rest)
