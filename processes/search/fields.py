"""Only those fields of an item that were asked for."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DEFAULT = (
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
"""What is answered where a request includes nothing, and says so."""
_LEAST = ("type", "stac_version", "id", "collection")


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields to include and to exclude, nested ones by a dot.

    What is said of a field goes before what is said of a field that holds it; of the very same
    field, including goes before excluding.

    Parameters
    ----------
    include, exclude
        Names such as ``properties.datetime``. Where ``include`` is None, all but the excluded
        fields are meant; where it is empty, all of the default ones but these.
    """

    include: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()

    @classmethod
    def of(cls, include: Iterable[str] | None, exclude: Iterable[str] | None) -> Fields:
        """Return the fields of names."""
        return cls(None if include is None else frozenset(include), frozenset(exclude or ()))

    @classmethod
    def read(cls, names: Iterable[str]) -> Fields:
        """Return the fields of a query such as ``id,-assets``.

        >>> sorted(Fields.read(["id", "+bbox", "-assets"]).include)
        ['bbox', 'id']
        """
        given = [name.strip() for name in names if name.strip()]
        included = [name.lstrip("+ ") for name in given if not name.startswith("-")]
        return cls.of(included or None, (name[1:] for name in given if name.startswith("-")))

    def of_item(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return an item with just these fields."""
        if not self.include and not self.exclude:
            return dict(item)
        kept: dict[str, Any] = {}
        if self.include is None:
            kept = deepcopy(dict(item))
        for name in (*_LEAST, *(() if self.include else DEFAULT)):
            _copy(item, kept, name.split("."))
        for _, included, name in sorted(self._rules()):
            if included:
                _copy(item, kept, name.split("."))
            else:
                _drop(kept, name.split("."))
        return kept

    def _rules(self) -> Iterator[tuple[int, bool, str]]:
        """Give every name with its depth and whether it is included."""
        for included, names in ((True, self.include or ()), (False, self.exclude)):
            yield from ((name.count("."), included, name) for name in names)


def _copy(source: Mapping[str, Any], target: dict[str, Any], path: list[str]) -> None:
    name, *rest = path
    if name not in source:
        return
    if not rest:
        target[name] = deepcopy(source[name])
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
