"""What an item has besides its map: layers that hang on other years, and are made after it.

They change when another year is published, while the map stays what it is. So they make no new
version of an item, and who publishes the same map again leaves them alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    type Document = dict[str, Any]

CLIMATOLOGY = "vadose:climatology"
"""Property that names the years which a month was compared with, and field of what came of it."""

RENDERS = "renders"


def own_assets(document: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the assets of the map itself."""
    assets = {} if document is None else document["assets"]
    return {key: asset for key, asset in assets.items() if CLIMATOLOGY not in asset}


def without_departures(document: Mapping[str, Any]) -> Document:
    """Return an item as it was before it was compared with other years."""
    own = own_assets(document)
    added = set(document["assets"]) - set(own)
    said = {key: value for key, value in document["properties"].items() if key != CLIMATOLOGY}
    if RENDERS in said:
        said[RENDERS] = {key: one for key, one in said[RENDERS].items() if key not in added}
    return {**document, "properties": said, "assets": own}


def with_departures(document: Mapping[str, Any], compared: Mapping[str, Any]) -> Document:
    """Return an item with what another edition of it, of the same map, says of other years."""
    if CLIMATOLOGY not in compared["properties"]:
        return dict(document)
    own = own_assets(document)
    added = {key: asset for key, asset in compared["assets"].items() if CLIMATOLOGY in asset}
    shown = compared["properties"].get(RENDERS, {})
    renders = {key: one for key, one in shown.items() if key in added}
    said = {
        **document["properties"],
        RENDERS: {**document["properties"].get(RENDERS, {}), **renders},
        CLIMATOLOGY: compared["properties"][CLIMATOLOGY],
    }
    return {**document, "properties": said, "assets": {**own, **added}}
