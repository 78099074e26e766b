"""What an archive holds of what a region's maps need, and which maps can be made of it.

Nothing is opened: a file counts by its name, and its place in a complete archive follows from its
product's spec and from the tiles that the area lies on.
"""

from __future__ import annotations

from engine.inventory.holdings import Count, Holding, Slot, check_archive, holdings, months_seen
from engine.inventory.maps import Inventory, MonthlyMaps, Verdict, take_inventory

__all__ = [
    "Count",
    "Holding",
    "Inventory",
    "MonthlyMaps",
    "Slot",
    "Verdict",
    "check_archive",
    "holdings",
    "months_seen",
    "take_inventory",
]
