"""An inventory for the command line: a table for people, a document for programs."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from engine.archive import Archive
from engine.feature_store import FeatureStore
from engine.inventory import check_archive, months_seen
from engine.inventory.maps import Verdict, sif_runs, soil_moisture_runs, take_inventory
from engine.region import load_region
from processes.intervals import MonthInterval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic import JsonValue
    from rich.console import RenderableType

    from engine.inventory import Count, Holding
    from engine.inventory.maps import Inventory, Lack, MonthlyMaps, Run
    from engine.months import Month
    from processes.settings import Settings

_FULL, _ALMOST, _PART, _FEW, _NONE = "█▓▒░·"
_MAPS = {Verdict.WITH_SIF: "●", Verdict.WITHOUT_SIF: "○", Verdict.NONE: "·"}
_LEGEND = (
    f"{_FULL} all  {_ALMOST} 90 % and more  {_PART} half and more  {_FEW} fewer  {_NONE} none\n"
    "● with SIF  ○ without SIF  · not"
)
_YEAR = 12
"""Characters of a year."""


def take(settings: Settings, datetime: str | None = None) -> Inventory:
    """Take the inventory of an archive.

    Parameters
    ----------
    settings
        Where the archive lies, and the region: a name, or the path of a file ``.yaml``.
    datetime
        Months or an interval of them; the archive's own by default.

    Raises
    ------
    InputError
        Where the region is unknown, the interval is none, or the archive empty or unreadable.
    """
    name = settings.region
    by_path = Path(name) if name.endswith((".yaml", ".yml")) else name
    region = load_region(by_path, [settings.region_folder])
    archive = Archive(settings.archive_folder)
    store = FeatureStore(archive, region, settings.feature_folder)
    check_archive(archive, region)
    if datetime is None:
        return take_inventory(store)
    interval = MonthInterval.parse(datetime)
    closed = interval.first is not None and interval.last is not None
    seen = () if closed else months_seen(archive, region)
    return take_inventory(store, interval.within(seen, "datetime"))


def document(inventory: Inventory) -> JsonValue:
    """Return an inventory as JSON."""
    return {
        "region": inventory.region,
        "title": inventory.title,
        "synthetic": inventory.synthetic,
        "months": [str(month) for month in inventory.months],
        "products": [_product(one, inventory.months) for one in inventory.holdings],
        "maps": [_map(one) for one in inventory.maps],
        "left_out": dict(inventory.left_out),
        "notes": list(inventory.notes),
    }


def _product(holding: Holding, months: Iterable[Month]) -> JsonValue:
    return {
        "product": holding.product,
        "title": holding.title,
        "cycle": holding.cycle,
        "needed": holding.needed,
        "features": list(holding.features),
        "tiles": list(holding.tiles),
        "notes": list(holding.notes),
        **_numbers(holding.count()),
        "by_month": {str(month): _numbers(holding.count([month])) for month in months},
        "missing": [
            {
                "start": slot.period.start.isoformat() if slot.period else None,
                "tile": slot.tile,
                **_numbers(slot.count),
            }
            for slot in holding.missing()
        ],
    }


def _map(maps: MonthlyMaps) -> JsonValue:
    return {
        "month": str(maps.month),
        "soil_moisture": maps.verdict.value,
        "sif": None if maps.sif is None else not maps.sif,
        "soil_moisture_lacks": [_lack(lack) for lack in maps.soil_moisture],
        "sif_lacks": [_lack(lack) for lack in maps.sif or ()],
        "incomplete": list(maps.patchy),
    }


def _lack(lack: Lack) -> JsonValue:
    return {
        "products": list(lack.products),
        **_numbers(lack.count),
        "rule": lack.rule,
        "features": list(lack.features),
    }


def _numbers(count: Count) -> dict[str, JsonValue]:
    return {"found": count.found, "expected": count.expected}


def table(inventory: Inventory, width: int) -> RenderableType:
    """Return an inventory for a terminal.

    Parameters
    ----------
    inventory
        What to show.
    width
        Characters of a line; where years do not fit, they continue in a second table.
    """
    years = [list(months) for _, months in groupby(inventory.months, lambda month: month.year)]
    name = max(len(holding.product) for holding in inventory.holdings)
    at_once = max(1, (width - max(name, 13) - 13) // (_YEAR + 1))
    parts = [years[k : k + at_once] for k in range(0, len(years), at_once)]
    tables = [_years(inventory, part) for part in parts]
    legend = Text(_LEGEND, style="dim")
    return Group(_heading(inventory), *tables, legend, "", *_maps(inventory), *_notes(inventory))


def _heading(inventory: Inventory) -> Text:
    text = Text(inventory.title, style="bold")
    text.append(f", {_span(inventory.months)}", style="not bold")
    if inventory.synthetic:
        text.append("\nsynthetic: not observations", style="bold red")
    return text


def _years(inventory: Inventory, years: Sequence[Sequence[Month]]) -> RenderableType:
    grid = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    grid.add_column("", no_wrap=True)
    grid.add_column("files", no_wrap=True, justify="right")
    for months in years:
        grid.add_column(f"{months[0].year}", no_wrap=True, width=_YEAR)
    initials = {month: "JFMAMJJASOND"[month.month - 1] for month in inventory.months}
    grid.add_row("", "", *_lines(years, initials), style="dim")
    for holding in inventory.holdings:
        blocks = {month: _block(holding.count([month])) for month in inventory.months}
        grid.add_row(*_label(holding), *_lines(years, blocks))
    grid.add_row()
    for label, signs in _signs(inventory).items():
        made = sum(sign != _MAPS[Verdict.NONE] for sign in signs.values())
        grid.add_row(Text(label, style="bold"), f"{made}/{len(signs)}", *_lines(years, signs))
    return Padding(grid, (1, 0))


def _lines(years: Iterable[Sequence[Month]], signs: Mapping[Month, str]) -> list[str]:
    """Return twelve characters for each year; months that were not asked for are blank."""
    lines = []
    for months in years:
        by_number = {month.month: signs[month] for month in months}
        lines.append("".join(by_number.get(number, " ") for number in range(1, _YEAR + 1)))
    return lines


def _block(count: Count) -> str:
    if count.complete:
        return _FULL
    steps = ((0.9, _ALMOST), (0.5, _PART))
    partly = next((sign for least, sign in steps if count.share >= least), _FEW)
    return partly if count.found else _NONE


def _label(holding: Holding) -> tuple[Text, Text]:
    count = holding.count()
    style = "bold" if holding.needed else "" if holding.features else "dim"
    return Text(holding.product, style=style), Text(f"{count.found}/{count.expected}")


def _signs(inventory: Inventory) -> dict[str, dict[Month, str]]:
    """Return a sign for each month, for every kind of map."""
    signs = {"soil moisture": {one.month: _MAPS[one.verdict] for one in inventory.maps}}
    if any(one.sif is not None for one in inventory.maps):
        made = {False: _MAPS[Verdict.WITH_SIF], True: _MAPS[Verdict.NONE]}
        signs["SIF"] = {one.month: made[bool(one.sif)] for one in inventory.maps}
    return signs


def _maps(inventory: Inventory) -> list[RenderableType]:
    """Say which maps can be made, months that are alike in one line."""
    kinds = {"soil moisture": soil_moisture_runs(inventory), "SIF": sif_runs(inventory)}
    parts: list[RenderableType] = []
    for kind, found in kinds.items():
        if found:
            parts += [Text(f"Maps of {kind}", style="bold"), _paragraphs(map(_said, found))]
    return parts


def _said(run: Run) -> tuple[str, str]:
    return _span(run.months), run.text


def _notes(inventory: Inventory) -> list[RenderableType]:
    notes: dict[str, list[str]] = {}
    for holding in inventory.holdings:
        for note in holding.notes:
            notes.setdefault(note, []).append(holding.product)
    said = [(", ".join(products), note) for note, products in notes.items()]
    said += [(", ".join(names), f"left out: {why}") for why, names in _left_out(inventory).items()]
    said += [("", note) for note in inventory.notes]
    return [Text("To note", style="bold"), _paragraphs(said)] if said else []


def _paragraphs(pairs: Iterable[tuple[str, str]]) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(max_width=28)
    grid.add_column()
    for subject, text in pairs:
        grid.add_row(Text(subject), Text(text))
    return Padding(grid, (0, 0, 1, 2))


def _left_out(inventory: Inventory) -> Mapping[str, Sequence[str]]:
    """Return the features that are left out, by reason."""
    reasons: dict[str, list[str]] = {}
    for name, why in inventory.left_out.items():
        reasons.setdefault(why, []).append(name)
    return reasons


def _span(months: Sequence[Month]) -> str:
    return f"{months[0]}" if len(months) == 1 else f"{months[0]} to {months[-1]}"
