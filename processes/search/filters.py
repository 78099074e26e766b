"""CQL2 filters as conditions of the index.

``cql2`` reads and checks them, as text and as JSON; here the checked tree becomes SQL. Properties
are columns of the index or values of an item's ``properties``, also nested ones by a dot; values
are compared by their JSON type, so that a number is never like a text. What is said of geometry is
decided once for each outline, and the condition names those that fit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cql2
from sqlalchemy import Float, Text, and_, case, cast, false, func, literal, not_, or_, true

from processes.errors import InvalidRequestError
from processes.jobs.schema import CATALOG_ITEMS
from processes.search.filtered import column_of
from processes.search.footprints import RELATIONS, related_footprints
from processes.search.query import SORTABLE, TIMES, read_geometry, read_moment, read_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    type Node = Any
    type Condition = ColumnElement[bool]

_COMPARISONS = {
    "=": lambda one, other: one == other,
    "<>": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}
_SPECIAL = ("like", "between", "in", "isNull", "t_intersects", "t_after", "t_before")
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ITEMS = CATALOG_ITEMS.c
_DEEPEST = 30
_LONGEST = 20_000
_MOST_KEPT = 64
"""Filters that need not be checked again."""


def read_filter(text: str | Mapping[str, Any] | None, language: str | None) -> Node | None:
    """Return a filter as CQL2-JSON, checked by the standard's own schema.

    Parameters
    ----------
    text
        The filter.
    language
        ``cql2-text`` or ``cql2-json``.

    Raises
    ------
    InvalidRequestError
        Where it is none.
    """
    if text is None:
        return None
    written = text if isinstance(text, str) else json.dumps(_modern(text))
    if len(written) > _LONGEST:
        raise InvalidRequestError(f"filter: longer than {_LONGEST} characters")
    return _checked(written, language)


@lru_cache(_MOST_KEPT)
def _checked(written: str, language: str | None) -> Node:
    """Return a filter; to check it takes longer than to search, and each page asks for it again."""
    parse = cql2.parse_json if language == "cql2-json" else cql2.parse_text
    try:
        expression = parse(written)
        expression.validate()
        return expression.to_json()
    except (cql2.ParseError, cql2.ValidationError) as error:
        reason = str(error).strip().splitlines()
        said = " ".join(line.strip() for line in reason)[:300]
        allowed = f"a filter in {language or 'cql2-text'}, such as \"vadose:region\" = 'henan'"
        raise InvalidRequestError(f"filter: {said}; allowed: {allowed}") from None


@dataclass(frozen=True, slots=True)
class FilterSql:
    """Turns checked filters into conditions.

    Parameters
    ----------
    connection
        Of the index; outlines are looked up with it.
    """

    connection: Connection

    def condition(self, node: Node, depth: int = 0) -> Condition:
        """Return a filter as a condition of the items."""
        if depth > _DEEPEST:
            raise InvalidRequestError(f"filter: nested more than {_DEEPEST} times")
        if isinstance(node, bool):
            return true() if node else false()
        if not isinstance(node, dict) or "op" not in node:
            raise _unknown(json.dumps(node))
        name, args = str(node["op"]).lower(), node["args"]
        if name in ("and", "or", "not"):
            return self._logical(name, [self.condition(arg, depth + 1) for arg in args])
        if name in RELATIONS:
            return self._spatial(name, args)
        if name in _COMPARISONS:
            return self._compared(name, args)
        special = {
            "like": self._like,
            "between": self._between,
            "in": self._in,
            "isnull": self._is_null,
            "t_intersects": self._at_time,
            "t_after": self._after,
            "t_before": self._before,
        }.get(name)
        if special is None:
            raise _unknown(name)
        return special(args)

    def _logical(self, name: str, conditions: Sequence[Condition]) -> Condition:
        if name == "not":
            return not_(conditions[0])
        return and_(*conditions) if name == "and" else or_(*conditions)

    def _compared(self, name: str, args: Sequence[Node]) -> Condition:
        one, other = args
        if not _is_property(one) and _is_property(other):
            one, other, name = other, one, _MIRRORED[name]
        if not _is_property(one) or _is_property(other):
            raise InvalidRequestError("filter: compare a property with a value")
        value, column = self._value(one, other), self._typed(one, other)
        condition: Condition = _COMPARISONS[name](column, value)
        return condition

    def _like(self, args: Sequence[Node]) -> Condition:
        one, pattern = args
        if not isinstance(pattern, str):
            raise InvalidRequestError("filter: LIKE needs a text with % and _")
        column = self._typed(one, pattern)
        if self._is_postgresql:
            return column.like(pattern, escape="\\")
        # SQLite's LIKE does not tell large letters from small ones; GLOB does.
        return column.op("GLOB", is_comparison=True)(_glob(pattern))

    def _between(self, args: Sequence[Node]) -> Condition:
        one, low, high = args
        return and_(self._compared(">=", [one, low]), self._compared("<=", [one, high]))

    def _in(self, args: Sequence[Node]) -> Condition:
        one, values = args
        return or_(false(), *(self._compared("=", [one, value]) for value in values))

    def _is_null(self, args: Sequence[Node]) -> Condition:
        name = _property(args[0])
        if name in (*SORTABLE, "geometry"):
            return false()
        return self._kind(name).is_(None) | (self._kind(name) == "null")

    def _at_time(self, args: Sequence[Node]) -> Condition:
        start, end = self._span(args)
        conditions = []
        if end is not None:
            conditions.append(_ITEMS.start_datetime <= end)
        if start is not None:
            conditions.append(_ITEMS.end_datetime >= start)
        return and_(true(), *conditions)

    def _after(self, args: Sequence[Node]) -> Condition:
        end = self._span(args)[1]
        return false() if end is None else _ITEMS.start_datetime > end

    def _before(self, args: Sequence[Node]) -> Condition:
        start = self._span(args)[0]
        return false() if start is None else _ITEMS.end_datetime < start

    def _span(self, args: Sequence[Node]) -> tuple[Any, Any]:
        one, other = args
        if _property(one) != "datetime":
            raise InvalidRequestError("filter: temporal functions are about datetime")
        text = "/".join(other["interval"]) if "interval" in other else _moment_text(other)
        interval = read_time(text)
        return (None, None) if interval is None else (interval.start, interval.end)

    def _spatial(self, name: str, args: Sequence[Node]) -> Condition:
        one, other = args
        if not _is_property(one) or _property(one) != "geometry":
            raise InvalidRequestError("filter: spatial functions compare geometry with a literal")
        geometry = (
            read_geometry(_box_geometry(other["bbox"]), "filter")
            if "bbox" in other
            else read_geometry(other, "filter")
        )
        related = related_footprints(self.connection, geometry, name)
        return _ITEMS.footprint.in_(related)

    def _value(self, one: Node, other: Node) -> Any:
        """Return a literal as the index keeps such values."""
        name = _property(one)
        if isinstance(other, dict) and ({"timestamp", "date"} & set(other)):
            moment = read_moment(_moment_text(other), "filter")
            return moment if name in TIMES else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        if name in TIMES:
            return read_moment(str(other), "filter")
        if not isinstance(other, str | int | float | bool):
            raise _unknown(json.dumps(other))
        return other

    def _typed(self, one: Node, other: Node) -> ColumnElement[Any]:
        """Return a property where it is of the kind of a literal, and nothing where it is not."""
        name = _property(one)
        if name in SORTABLE:
            return _ITEMS[name]
        if name == "geometry":
            raise InvalidRequestError("filter: geometry is compared by spatial functions alone")
        kept = column_of(name, other)
        if kept is not None:
            return _ITEMS[kept]
        if isinstance(other, bool):
            return self._boolean(name)
        number = isinstance(other, int | float)
        kinds = ("integer", "real", "number") if number else ("text", "string")
        text = self._text(name)
        value = cast(text, Float) if number else text
        return case((self._kind(name).in_(kinds), value), else_=None)

    def _boolean(self, name: str) -> ColumnElement[Any]:
        if self._is_postgresql:
            is_true = self._text(name) == "true"
            return case((self._kind(name) == "boolean", is_true), else_=None)
        kind = self._kind(name)
        return case((kind == "true", literal(True)), (kind == "false", literal(False)), else_=None)

    def _text(self, name: str) -> ColumnElement[Any]:
        if self._is_postgresql:
            return _ITEMS.properties.op("#>>", return_type=Text())(_array(name))
        return func.json_extract(_ITEMS.properties, _json_path(name))

    def _kind(self, name: str) -> ColumnElement[Any]:
        if self._is_postgresql:
            return func.jsonb_typeof(_ITEMS.properties.op("#>")(_array(name)))
        return func.json_type(_ITEMS.properties, _json_path(name))

    @property
    def _is_postgresql(self) -> bool:
        return self.connection.dialect.name == "postgresql"


def _modern(node: Node) -> Node:
    """Return a filter with the limits of BETWEEN side by side, not as a list, as drafts had it."""
    if isinstance(node, list):
        return [_modern(part) for part in node]
    if not isinstance(node, dict):
        return node
    found = {name: _modern(part) for name, part in node.items()}
    match found:
        case {"op": "between", "args": [one, [low, high]]}:
            return {**found, "args": [one, low, high]}
    return found


def _is_property(node: Node) -> bool:
    return isinstance(node, dict) and "property" in node


def _property(node: Node) -> str:
    if not _is_property(node):
        raise InvalidRequestError(f"filter: {json.dumps(node)[:100]} is no property")
    return str(node["property"]).removeprefix("properties.")


def _path(name: str) -> list[str]:
    return name.split(".")


def _array(name: str) -> ColumnElement[Any]:
    """Return a path of PostgreSQL's."""
    return func.string_to_array("\x1f".join(_path(name)), "\x1f")


def _json_path(name: str) -> str:
    """Return a path of SQLite's; names in it hold no quotes.

    >>> _json_path("vadose:model.id")
    '$."vadose:model"."id"'
    """
    parts = (part.replace('"', "") for part in _path(name))
    return "$" + "".join(f'."{part}"' for part in parts)


def _glob(pattern: str) -> str:
    """Return a pattern of LIKE as one of GLOB.

    >>> _glob("soil%2020-0_")
    'soil*2020-0?'
    """
    quoted = "".join(f"[{one}]" if one in "*?[" else one for one in pattern)
    return quoted.replace("%", "*").replace("_", "?")


def _moment_text(node: Node) -> str:
    if isinstance(node, dict):
        return str(node.get("timestamp") or node.get("date"))
    return str(node)


def _box_geometry(bbox: Sequence[float]) -> dict[str, Any]:
    west, south, east, north = (bbox[k] for k in ((0, 1, 3, 4) if len(bbox) == 6 else range(4)))
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _unknown(what: str) -> InvalidRequestError:
    allowed = ", ".join((*("and", "or", "not"), *_COMPARISONS, *_SPECIAL, *RELATIONS))
    return InvalidRequestError(f"filter: {what[:100]} is not offered; allowed: {allowed}")
