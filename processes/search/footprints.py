"""Outlines of items: each is kept once, and an area is compared with each once."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely.geometry import mapping, shape
from sqlalchemy import func, insert, select

from processes.jobs.schema import CATALOG_FOOTPRINTS as FOOTPRINTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry
    from sqlalchemy import Connection, Row


RELATIONS = {
    "s_intersects": shapely.intersects,
    "s_disjoint": shapely.disjoint,
    "s_contains": shapely.contains,
    "s_within": shapely.within,
    "s_equals": shapely.equals,
    "s_touches": shapely.touches,
    "s_crosses": shapely.crosses,
    "s_overlaps": shapely.overlaps,
}
"""Relations between an item's outline and a geometry, by their names in CQL2."""


def keep_footprint(connection: Connection, item: Mapping[str, Any]) -> int:
    """Return the number of an item's outline, which is kept if it is new."""
    geometry = shape(item["geometry"])
    plain = geometry.equals(geometry.envelope)
    west, south, east, north = geometry.bounds
    said = None if plain else mapping(geometry)
    text = json.dumps([west, south, east, north, said])
    digest = hashlib.sha256(text.encode()).hexdigest()
    wanted = select(FOOTPRINTS.c.id).where(FOOTPRINTS.c.digest == digest)
    known = connection.execute(wanted).scalar()
    if known is not None:
        return int(known)
    row = {
        "digest": digest,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "geometry": said,
    }
    made = connection.execute(insert(FOOTPRINTS).values(row)).inserted_primary_key
    return int(made[0]) if made is not None else 0


def related_footprints(
    connection: Connection, geometry: BaseGeometry, relation: str = "s_intersects"
) -> list[int]:
    """Return the numbers of the outlines that stand in a relation to a geometry.

    The outline is the first, the geometry the second member of the relation.
    """
    columns = FOOTPRINTS.c
    wanted = select(FOOTPRINTS)
    if relation != "s_disjoint":
        west, south, east, north = geometry.bounds
        wanted = wanted.where(
            columns.west <= east,
            columns.east >= west,
            columns.south <= north,
            columns.north >= south,
        )
    rows = connection.execute(wanted).all()
    if not rows:
        return []
    shapely.prepare(geometry)
    related: NDArray[np.bool_] = RELATIONS[relation](_outlines(rows), geometry)
    return [int(row.id) for row, yes in zip(rows, related, strict=True) if yes]


def count_footprints(connection: Connection) -> int:
    """Return how many outlines are kept."""
    count = select(func.count()).select_from(FOOTPRINTS)
    return int(connection.execute(count).scalar_one())


def _outlines(rows: Sequence[Row[Any]]) -> NDArray[np.object_]:
    corners = np.array([[row.west, row.south, row.east, row.north] for row in rows])
    outlines = np.asarray(shapely.box(*corners.T), dtype=object)
    for number, row in enumerate(rows):
        if row.geometry is not None:
            outlines[number] = shape(row.geometry)
    return outlines
