"""An inventory as a picture: a line for each product, a cell for each month."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from engine.colours import oklab, palette
from engine.files import atomic_path
from engine.inventory.maps import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from engine.inventory.holdings import Cycle, Holding
    from engine.inventory.maps import Inventory, MonthlyMaps
    from engine.months import Month

_DOTS_PER_INCH = 150
_ROW, _WIDEST_CELL, _WIDEST_GRID = 0.27, 0.42, 9.0
_LEAST_GRID = 3.4
_LEFT, _RIGHT, _TOP, _BOTTOM = 1.35, 1.35, 1.05, 0.85
_INK, _SOFT, _HAIR, _WARNING = "#222222", "#767676", "#c4c4c4", "#b3261e"
_GAP = 0.8
"""Rows between the products and the maps."""

_STEP = 0.85
"""Where the scale ends for what is not quite complete."""

_VERDICT_SHARE = {Verdict.WITH_SIF: 1.0, Verdict.WITHOUT_SIF: 0.45, Verdict.NONE: 0.0}
"""Where a map lies on the scale of colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Sizes in inches."""

    cell: float
    width: float
    rows: float

    @classmethod
    def of(cls, inventory: Inventory) -> _Layout:
        months = len(inventory.months)
        cell = min(_WIDEST_CELL, _WIDEST_GRID / months)
        rows = len(inventory.holdings) + _GAP + len(_map_rows(inventory))
        return cls(cell=cell, width=max(_LEAST_GRID, cell * months), rows=rows)

    @property
    def size(self) -> tuple[float, float]:
        return _LEFT + self.width + _RIGHT, _TOP + self.rows * _ROW + _BOTTOM


def draw_inventory(inventory: Inventory, path: Path) -> tuple[int, int]:
    """Write an inventory as PNG.

    Parameters
    ----------
    inventory
        What to show.
    path
        Where to write it, whole or not at all.

    Returns
    -------
    tuple of int
        Height and width in pixels.
    """
    layout = _Layout.of(inventory)
    figure = Figure(figsize=layout.size, dpi=_DOTS_PER_INCH, facecolor="white")
    axes = _axes(figure, layout, len(inventory.months))
    for row, holding in enumerate(inventory.holdings):
        _draw_holding(axes, row, holding, inventory.months, layout)
    for row, (name, verdicts) in enumerate(_map_rows(inventory).items()):
        _draw_maps(axes, len(inventory.holdings) + _GAP + row, name, verdicts, layout)
    _draw_calendar(axes, inventory.months, layout)
    _draw_caption(figure, inventory)
    _draw_legend(figure, inventory)
    canvas = FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    width, height = canvas.get_width_height()
    return height, width


def _map_rows(inventory: Inventory) -> dict[str, list[Verdict]]:
    """Return the maps of each month, by kind."""
    rows = {"soil moisture": [one.verdict for one in inventory.maps]}
    if any(one.sif is not None for one in inventory.maps):
        rows["SIF"] = [_sif_verdict(one) for one in inventory.maps]
    return rows


def _sif_verdict(maps: MonthlyMaps) -> Verdict:
    return Verdict.NONE if maps.sif else Verdict.WITH_SIF


def _axes(figure: Figure, layout: _Layout, months: int) -> Axes:
    width, height = layout.size
    box = (_LEFT / width, _BOTTOM / height, layout.width / width, layout.rows * _ROW / height)
    axes = figure.add_axes(box)
    axes.set_xlim(0, layout.width / layout.cell if months else 1)
    axes.set_ylim(layout.rows, 0)
    axes.axis("off")
    return axes


def _draw_holding(
    axes: Axes, row: int, holding: Holding, months: Sequence[Month], layout: _Layout
) -> None:
    weight = "bold" if holding.needed else "normal"
    colour = _INK if holding.features else _SOFT
    _write(axes, -0.1 / layout.cell, row, holding.product, colour, align="right", weight=weight)
    for start, end in _cells(holding.cycle, months):
        count = holding.count(months[start:end])
        _draw_cell(axes, (start, end), row, count.share)
        if not count.complete and count.found and (end - start) * layout.cell > 0.16:
            _write_share(axes, (start + end) / 2, row, count.share)
    total = holding.count()
    text = f"{total.found:,} of {total.expected:,}".replace(",", "\u2009")
    _write(axes, len(months) + 0.1 / layout.cell, row, text, colour, align="left")


def _cells(cycle: Cycle, months: Sequence[Month]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last but one column of each cell; a year's map is one cell."""
    if cycle == "static":
        yield 0, len(months)
        return
    numbered = groupby(
        range(len(months)),
        lambda column: months[column].year if cycle == "year" else column,
    )
    for _, group in numbered:
        columns = list(group)
        yield columns[0], columns[-1] + 1


def _draw_cell(axes: Axes, columns: tuple[float, float], row: float, share: float) -> None:
    start, end = columns
    inset = 0.06
    axes.add_patch(
        Rectangle(
            (start + inset, row + 0.1),
            end - start - 2 * inset,
            0.8,
            facecolor=_colour(share) if share else "white",
            edgecolor="none" if share else _HAIR,
            linewidth=0.6,
        )
    )


def _colour(share: float) -> tuple[float, float, float]:
    """Colour a share; the darkest is kept for what is complete."""
    table = palette("completeness").table()
    red, green, blue = table[round(share * (len(table) - 1) * (1 if share >= 1 else _STEP))]
    return float(red), float(green), float(blue)


def _write_share(axes: Axes, x: float, row: int, share: float) -> None:
    """Write a percentage into an incomplete cell; never 100."""
    dark = oklab(_colour(share))[0] < 0.65
    percent = max(1, int(100 * share))
    _write(axes, x, row, str(percent), "white" if dark else _INK, align="center", size=5.5)


def _draw_maps(
    axes: Axes, row: float, name: str, verdicts: Sequence[Verdict], layout: _Layout
) -> None:
    _write(axes, -0.1 / layout.cell, row, name, _INK, align="right", weight="bold")
    for column, verdict in enumerate(verdicts):
        _draw_cell(axes, (column, column + 1), row, _VERDICT_SHARE[verdict])
    made = sum(verdict is not Verdict.NONE for verdict in verdicts)
    text = f"{made} of {len(verdicts)} maps"
    _write(axes, len(verdicts) + 0.1 / layout.cell, row, text, _INK, align="left")


def _write(
    axes: Axes,
    x: float,
    row: float,
    text: str,
    colour: str,
    *,
    align: str,
    weight: str = "normal",
    size: float = 8,
) -> None:
    label = axes.text(x, row + 0.52, text, color=colour, ha=align, size=size, weight=weight)
    label.set(va="center_baseline", clip_on=False)


def _draw_calendar(axes: Axes, months: Sequence[Month], layout: _Layout) -> None:
    """Write initials of months and, above them, years; a hairline parts the years."""
    for column, month in enumerate(months):
        initial = "JFMAMJJASOND"[month.month - 1]
        _write(axes, column + 0.5, -0.9, initial, _SOFT, align="center", size=6.5)
        if column == 0 or month.month == 1:
            _write(axes, column + 0.06, -1.75, str(month.year), _INK, align="left")
        if column and month.month == 1:
            line = axes.plot([column] * 2, [-1.6, layout.rows], color=_SOFT, linewidth=0.5)
            line[0].set(zorder=0, clip_on=False)


def _draw_caption(figure: Figure, inventory: Inventory) -> None:
    width, height = figure.get_size_inches()
    left = 0.15 / width
    first, last = inventory.months[0], inventory.months[-1]
    when = str(first) if first == last else f"{first} to {last}"
    figure.text(left, 1 - 0.3 / height, inventory.title, size=12, weight="bold", color=_INK)
    what = figure.text(left, 1 - 0.52 / height, f"What the archive holds, {when}", size=9)
    what.set_color(_INK)
    if inventory.synthetic:
        figure.text(
            1 - 0.15 / width,
            1 - 0.3 / height,
            "synthetic",
            ha="right",
            size=9,
            weight="bold",
            color=_WARNING,
        )


def _draw_legend(figure: Figure, inventory: Inventory) -> None:
    """Explain the colours of products and of maps, each in a line at the foot."""
    lines = [
        ("files", [(0.0, "none"), (0.1, "few"), (0.5, "half"), (0.9, "90 %"), (1.0, "all")]),
        ("maps", [(_VERDICT_SHARE[one], f"{one}") for one in reversed(Verdict)]),
    ]
    if not any(one.sif is not None for one in inventory.maps):
        lines[1] = ("maps", [(0.0, "not"), (_VERDICT_SHARE[Verdict.WITHOUT_SIF], "without SIF")])
    width, height = figure.get_size_inches()
    axes = figure.add_axes((0, 0, 1, 0.7 / height))
    axes.set_xlim(0, width)
    axes.set_ylim(0.7, 0)
    axes.axis("off")
    for line, (name, entries) in enumerate(lines):
        y = 0.2 + 0.24 * line
        axes.text(_LEFT - 0.1, y, name, size=7, color=_SOFT, ha="right", va="center")
        for column, (share, label) in enumerate(entries):
            x = _LEFT + 0.01 + 0.85 * column
            face = _colour(share) if share else "white"
            edge = "none" if share else _HAIR
            axes.add_patch(Rectangle((x, y - 0.07), 0.16, 0.14, fc=face, ec=edge, lw=0.6))
            axes.text(x + 0.22, y, label, size=7, color=_SOFT, va="center")
