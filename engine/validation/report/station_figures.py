"""Figures of what stations say."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.patches import Wedge

from engine.report.figures import ACCENT, INK, LINE, SOFT, WARNING, drawn
from engine.validation.fields import LABELS, MAP, SMAP
from engine.validation.report.drawing import (
    COLOURS,
    SHORT,
    UNIT,
    date_axis,
    days_of,
    draw_boxes,
    draw_map,
    mark_yardsticks,
    plain_title,
    projected,
)
from engine.validation.skill import COMPARED, HIGHER_IS_BETTER, Verdict
from engine.validation.statements import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from engine.validation.assessment import Assessment
    from engine.validation.findings import StationFindings
    from engine.validation.sites import Site

    type Floats = NDArray[np.floating]

_BOXED = (("r", "R"), ("anomaly_r", "R of anomalies"), ("ubrmse", "ubRMSE"), ("bias", "Bias"))
_JUDGED = {Verdict.IMPROVED: ACCENT, Verdict.DEGRADED: WARNING}
_SERIES = 6
"""Stations whose series are shown."""
_ONE_LINE = 5
"""Most names beside each other below a box plot."""


def station_map(assessment: Assessment, found: StationFindings) -> str:
    """Show where the stations are, and how well the map does at each."""
    return drawn(
        "stations-map",
        partial(_draw_stations, assessment, found),
        size=(7.0, 5.0),
        description="Map of the stations; colours are the correlation of the map with each.",
    )


def boxplots(found: StationFindings) -> str:
    """Show the spread of the metrics over stations, product beside product."""
    return drawn(
        "boxplots",
        partial(_draw_boxes, found),
        size=(7.2, 5.2),
        description="Boxplots of R, R of anomalies, ubRMSE and bias over stations, by product.",
    )


def paired_differences(found: StationFindings) -> str:
    """Show the differences from SMAP with their intervals."""
    return drawn(
        "paired",
        partial(_draw_paired, found),
        size=(4.8, 3.4),
        description="Gain over SMAP in each metric with its 95 % interval.",
    )


def taylor(found: StationFindings) -> str:
    """Show correlation and amplitude together."""
    return drawn(
        "taylor",
        partial(_draw_taylor, found),
        size=(4.4, 4.2),
        description="Taylor diagram: normalised standard deviation and correlation of each product "
        "at each station, and their medians.",
    )


def density(found: StationFindings) -> str:
    """Show all pairs of map and station, and of SMAP and station."""
    products = [name for name in (MAP, SMAP) if name in found.pairs.products]
    return drawn(
        "density",
        partial(_draw_density, found, products),
        size=(3.7 * len(products), 3.7),
        description="Density of the pairs of product and station, with the line of equality.",
    )


def series(assessment: Assessment, found: StationFindings) -> list[str]:
    """Show the series of some stations with rain; those with many months, good and bad ones."""
    return [
        drawn(
            f"series-{number}",
            partial(_draw_series, assessment, found, site),
            size=(4.6, 2.5),
            description=f"Monthly soil moisture at the station {found.pairs.sites[site].name}: "
            "station, map and SMAP, with rain.",
        )
        for number, site in enumerate(shown_sites(found))
    ]


def monthly(assessment: Assessment, found: StationFindings) -> str:
    """Show how products agree with stations month by month, over stations."""
    return drawn(
        "monthly",
        partial(_draw_monthly, assessment, found),
        size=(7.2, 4.0),
        description="R over stations, ubRMSE and bias of each month, map and SMAP.",
    )


def shown_sites(found: StationFindings) -> list[int]:
    """Choose stations from the best to the worst by ubRMSE, evenly."""
    ubrmse = found.skill.products[MAP].metrics["ubrmse"].value
    among = np.flatnonzero(found.headline.chosen)
    if among.size < _SERIES:
        among = np.flatnonzero(np.isfinite(ubrmse))
    order = among[np.argsort(ubrmse[among], kind="stable")]
    if order.size <= _SERIES:
        return [int(one) for one in order]
    picked = np.linspace(0, order.size - 1, _SERIES).round().astype(int)
    return [int(order[one]) for one in picked]


def _draw_stations(assessment: Assessment, found: StationFindings, figure: Figure) -> None:
    axes = figure.add_subplot()
    mean = assessment.found.means[MAP]
    background = draw_map(axes, mean, assessment.grid, faint=True)
    figure.colorbar(background, ax=axes, shrink=0.6, label=f"Mean soil moisture, {UNIT}", pad=0.02)
    r = found.skill.products[MAP].metrics["r"].value
    x, y = _places(assessment, found.pairs.sites)
    known = np.isfinite(r)
    enough = np.array([not why for why in found.why_not], np.bool_)
    for mask, marker, edge in ((known & enough, "o", INK), (known & ~enough, "s", SOFT)):
        if mask.any():
            points = axes.scatter(
                x[mask], y[mask], c=r[mask], cmap="cividis", vmin=0, vmax=1, s=42, marker=marker,
                edgecolors=edge, linewidths=0.9, zorder=3,
            )  # fmt: skip
    if known.any():
        figure.colorbar(
            points, ax=axes, shrink=0.6, label="R of the map with the station", pad=0.02
        )
    axes.scatter(x[~known], y[~known], marker="x", color=SOFT, s=30, zorder=3)
    if found.pairs.excluded:
        x, y = _places(assessment, [site for site, _ in found.pairs.excluded])
        axes.scatter(x, y, marker="+", color=WARNING, s=36, zorder=3)


def _places(assessment: Assessment, sites: Sequence[Site]) -> tuple[Floats, Floats]:
    """Return where sites lie on the plane of the map."""
    lon = np.array([site.lon for site in sites])
    lat = np.array([site.lat for site in sites])
    return projected(assessment.grid, lon, lat)


def _draw_boxes(found: StationFindings, figure: Figure) -> None:
    chosen = found.headline.chosen
    for axes, (metric, title) in zip(figure.subplots(2, 2).ravel(), _BOXED, strict=True):
        names, values = [], []
        for name, product in found.skill.products.items():
            mine = product.metrics[metric].value[chosen]
            if np.isfinite(mine).any():
                names.append(name)
                values.append(mine[np.isfinite(mine)])
        unit = "" if metric.endswith("r") else f", {UNIT}"
        axes.set_title(f"{title}{unit}")
        if not values:
            axes.text(0.5, 0.5, "too few months", ha="center", color=SOFT, transform=axes.transAxes)
            continue
        draw_boxes(axes, values, names, range(len(names)), width=0.55)
        axes.set_xticks(range(len(names)), _in_two_lines([SHORT[name] for name in names]))
        axes.set_xlim(-0.6, len(names) - 0.4)
        mark_yardsticks(axes, metric)


def _in_two_lines(names: Sequence[str]) -> list[str]:
    """Put every second name a line lower where there are too many for one line."""
    if len(names) <= _ONE_LINE:
        return [*names]
    return [f"\n{name}" if number % 2 else name for number, name in enumerate(names)]


def _draw_paired(found: StationFindings, figure: Figure) -> None:
    """Gains are drawn in units of their own spread, so that all metrics fit on one axis."""
    axes = figure.add_subplot()
    rows = [one for one in found.headline.paired if one.product == MAP]
    rows.sort(key=lambda one: -COMPARED.index(one.metric))
    for row, one in enumerate(rows):
        sign = 1.0 if one.metric in HIGHER_IS_BETTER else -1.0
        scale = max(abs(one.mean), abs(one.lower), abs(one.upper), 1e-12)
        low, high = sorted((sign * one.lower / scale, sign * one.upper / scale))
        colour = _JUDGED.get(one.verdict, SOFT)
        axes.plot([low, high], [row, row], color=colour, linewidth=3.5, alpha=0.55)
        axes.plot(sign * one.mean / scale, row, "o", color=colour, markersize=7)
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.set_yticks(range(len(rows)), [NAMES[one.metric] for one in rows])
    axes.set_xlim(-1.15, 1.15)
    axes.set_xticks([-0.6, 0.6], ["← SMAP better", "map better →"])
    axes.grid(visible=False)
    axes.set_ylim(-0.6, len(rows) - 0.4)


def _draw_taylor(found: StationFindings, figure: Figure) -> None:
    axes = figure.add_subplot()
    chosen = found.headline.chosen
    most = 1.6
    for radius in (0.5, 1.0, 1.5):
        axes.add_patch(Wedge((0, 0), radius, 0, 90, width=0.0, edgecolor=LINE, fill=False))
    for spoke in (0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99):
        angle = np.arccos(spoke)
        axes.plot([0, most * spoke], [0, most * np.sin(angle)], color=LINE, linewidth=0.7, zorder=0)
        axes.text(
            1.03 * most * spoke, 1.03 * most * np.sin(angle), f"{spoke:g}", size=7.5, color=SOFT
        )
    for error in (0.25, 0.5, 0.75):
        turn = np.linspace(0, np.pi, 60)
        axes.plot(1 + error * np.cos(turn), error * np.sin(turn), color=LINE, linewidth=0.7, ls=":")
    for name, product in found.skill.products.items():
        correlation = product.metrics["r"].value[chosen]
        ratio = product.metrics["sd_ratio"].value[chosen]
        known = np.isfinite(correlation) & np.isfinite(ratio)
        if not known.any():
            continue
        r, ratio = np.clip(correlation[known], 0, 1), np.minimum(ratio[known], most)
        if name in (MAP, SMAP):
            axes.scatter(ratio * r, ratio * np.sqrt(1 - r**2), s=12, alpha=0.4, lw=0,
                         color=COLOURS[name])  # fmt: skip
        middle, size = np.median(r), np.median(ratio)
        axes.scatter(size * middle, size * np.sqrt(1 - middle**2), s=70, color=COLOURS[name],
                     edgecolors="white", label=LABELS[name], zorder=4)  # fmt: skip
    axes.plot(1, 0, "*", color=INK, markersize=12, clip_on=False, zorder=5)
    axes.annotate("station", (1, 0), (1.04, 0.05), size=8, color=INK)
    axes.text(1.22, 1.22, "R", size=9, color=SOFT)
    axes.set(xlim=(0, most * 1.1), ylim=(0, most * 1.1), aspect="equal")
    axes.set_xlabel("Standard deviation ÷ station's", labelpad=12)
    axes.grid(visible=False)
    figure.legend(loc="outside lower center", ncols=2)


def _draw_density(found: StationFindings, products: Sequence[str], figure: Figure) -> None:
    pairs = found.pairs.at(found.headline.chosen)
    known = np.isfinite(pairs.reference)
    y = pairs.reference[known]
    both = np.concatenate([y, *(pairs.products[name][known] for name in products)])
    low, high = (0.0, 0.5) if not both.size else (max(0.0, both.min() - 0.02), both.max() + 0.02)
    all_axes = figure.subplots(1, len(products), sharex=True, sharey=True, squeeze=False)[0]
    for axes, name in zip(all_axes, products, strict=True):
        axes.plot([low, high], [low, high], color=SOFT, linewidth=0.9)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", title=LABELS[name])
        axes.set_xlabel(f"Station, {UNIT}")
        if not y.size:
            continue
        x = pairs.products[name][known]
        axes.hexbin(
            y, x, gridsize=32, extent=(low, high, low, high), mincnt=1, cmap=_shades(),
            norm=LogNorm(), linewidths=0.1,
        )  # fmt: skip
        found_here = found.pooled[name].agreement
        axes.text(
            0.04, 0.96,
            f"n = {int(found_here.n)}\nR = {float(found_here.r):.2f}\n"
            f"ubRMSE = {float(found_here.ubrmse):.3f}\nbias = {float(found_here.bias):+.3f}",
            transform=axes.transAxes, va="top", size=8.5,
        )  # fmt: skip
    all_axes[0].set_ylabel(f"Product, {UNIT}")


def _draw_series(assessment: Assessment, found: StationFindings, site: int, figure: Figure) -> None:
    axes = figure.add_subplot()
    pairs = found.pairs
    times = days_of(assessment.months)
    if pairs.rain is not None:
        beside = axes.twinx()
        days = np.array([month.days for month in assessment.months])
        beside.bar(times, pairs.rain[site] * days, width=24, color="#9fb8cf", alpha=0.6, zorder=0)
        largest = np.nanmax(pairs.rain[site] * days, initial=1.0)
        beside.set_ylim(largest * 2.6, 0)
        beside.set_yticks([0, round(largest, -1) or round(largest)])
        beside.set_ylabel("Rain, mm", color=SOFT, size=8)
        beside.grid(visible=False)
        beside.spines["right"].set_visible(True)
        axes.set_zorder(2)
        axes.patch.set_visible(False)
    for name in (SMAP, MAP):
        if name in pairs.products:
            whole = assessment.found.at_sites[name][found.pairs.places[site]]
            axes.plot(times, whole, color=COLOURS[name], label=LABELS[name], linewidth=1.5)
    axes.plot(
        times,
        pairs.reference[site],
        "o-",
        color=INK,
        markersize=3.2,
        linewidth=0.9,
        label="Station",
    )
    one = pairs.sites[site]
    plain_title(axes, f"{one.name}  {one.network}".strip())
    r = found.skill.products[MAP].metrics["r"].value[site]
    ubrmse = found.skill.products[MAP].metrics["ubrmse"].value[site]
    axes.set_title(f"R {r:.2f}, ubRMSE {ubrmse:.3f}", loc="right", size=8.5, weight="normal")
    axes.set_ylabel(UNIT)
    date_axis(axes, assessment.months)
    figure.legend(loc="outside lower center", ncols=3)


def _draw_monthly(assessment: Assessment, found: StationFindings, figure: Figure) -> None:
    times = days_of(assessment.months)
    rows = (("r", "R over stations"), ("ubrmse", f"ubRMSE, {UNIT}"), ("bias", f"Bias, {UNIT}"))
    for axes, (metric, title) in zip(figure.subplots(3, 1, sharex=True), rows, strict=True):
        for name in (SMAP, MAP):
            if name in found.monthly:
                one = found.monthly[name]
                axes.fill_between(times, *one.bounds[metric], color=COLOURS[name], alpha=0.12, lw=0)
                values = getattr(one.agreement, metric)
                axes.plot(times, values, "o-", color=COLOURS[name], label=LABELS[name])
        axes.set_title(title)
        if metric == "bias":
            axes.axhline(0, color=INK, linewidth=0.8)
        date_axis(axes, assessment.months)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)


def _shades() -> Colormap:
    """Return blues that can be told from the ground from the first pair on."""
    return LinearSegmentedColormap.from_list("pairs", ["#a9cfd0", "#2f7f86", "#12324a"])
