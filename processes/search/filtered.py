"""Properties that filters name most: the index keeps them as columns.

All else that a filter may name is looked up in the item's JSON, which takes longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXTS = {
    "vadose:product": "product",
    "vadose:region": "region",
    "vadose:series": "series",
    "vadose:analysis": "analysis",
    "vadose:model.id": "model",
    "mlm:architecture": "architecture",
    "version": "version",
}
"""Columns of texts by property; a dot leads into a property."""

TRUTHS = {"vadose:synthetic": "synthetic"}
"""Columns of what is true or false."""

NUMBERS = {"gsd": "gsd"}
"""Columns of numbers."""

_LONGEST = 200
"""Characters of a text that is kept: no name of ours is longer, and an index has its limits."""


def filtered_values(properties: Mapping[str, Any]) -> dict[str, str | bool | float | None]:
    """Return the columns of an item; None for what it does not say, or says by another kind.

    >>> found = filtered_values({"vadose:region": "henan", "vadose:model": {"id": "rf-1"}})
    >>> found["region"], found["model"], found["synthetic"]
    ('henan', 'rf-1', None)
    """
    texts = {column: _found(properties, name) for name, column in TEXTS.items()}
    truths = {column: properties.get(name) for name, column in TRUTHS.items()}
    numbers = {column: properties.get(name) for name, column in NUMBERS.items()}
    return {
        **{name: str(one) if _is_kept(one) else None for name, one in texts.items()},
        **{name: one if isinstance(one, bool) else None for name, one in truths.items()},
        **{name: one if _is_number(one) else None for name, one in numbers.items()},
    }


def column_of(name: str, value: object) -> str | None:
    """Return the column to compare with a value, or None where only the JSON can tell."""
    if isinstance(value, bool):
        return TRUTHS.get(name)
    if _is_number(value):
        return NUMBERS.get(name)
    return TEXTS.get(name) if _is_kept(value) else None


def _is_kept(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _found(properties: Mapping[str, Any], name: str) -> object:
    value: object = properties
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
