"""The figures of a model's report; each draws into an empty figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm, Normalize
from matplotlib.ticker import FuncFormatter, NullFormatter

from engine.colours import palette
from engine.provenance import SIF
from engine.report.figures import ACCENT, EARTH, FOLDS, GROUND, INK, SOFT, WATER, colormap
from engine.report.wording import in_words, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from engine.ablation import Ablation
    from engine.models.importance import Importance, Share
    from engine.models.scores import Metrics
    from engine.report.content import ModelReport, Number
    from engine.report.evidence import Calibration, Cells, Density, ErrorRange, Maps

_MANY = 30
"""Rows in a class above which their number is shown by its logarithm."""
_ALGORITHMS = ("#0f6a63", "#b4622d", "#2766a5", "#8a6fae", "#26231e")


def draw_scores(figure: Figure, report: ModelReport) -> None:
    """Draw R² and RMSE of every algorithm in every split, with their intervals."""
    algorithms = list(dict.fromkeys(row.algorithm for row in report.scores))
    shifts = 0.14 * (np.arange(len(algorithms)) - (len(algorithms) - 1) / 2)
    places = {split.name: place for place, split in enumerate(report.splits)}
    titles = {"r2": "R²", "rmse": f"RMSE, {in_words(report.units)}"}
    both: Sequence[Axes] = figure.subplots(1, 2, sharey=True)
    for axes, (metric, title) in zip(both, titles.items(), strict=True):
        for algorithm, shift, colour in zip(algorithms, shifts, _ALGORITHMS, strict=False):
            numbers = {
                places[row.split] + shift: getattr(row, metric)
                for row in report.scores
                if row.algorithm == algorithm
            }
            _dots(axes, numbers, colour, words().algorithms.get(algorithm, algorithm))
        axes.set_title(title)
        axes.locator_params(axis="x", nbins=6)
        axes.grid(visible=False, axis="y")
    headline = {split.name: split.name == report.headline for split in report.splits}
    both[0].set_yticks(
        range(len(places)),
        [split.title + (" ●" if headline[split.name] else "") for split in report.splits],
    )
    both[0].set_ylim(len(places) - 0.5, -0.5)
    if len(algorithms) > 1:
        handles, labels = both[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))


def _dots(axes: Axes, numbers: Mapping[float, Number], colour: str, label: str) -> None:
    """Draw numbers with their intervals at some heights."""
    known = [(number.value, place) for place, number in numbers.items() if number.value is not None]
    for place, number in numbers.items():
        if number.lower is not None and number.upper is not None:
            _interval(axes, (number.lower, number.upper), place, colour)
    if known:
        axes.plot(*zip(*known, strict=True), "o", color=colour, ms=5, label=label)


def _interval(axes: Axes, ends: tuple[float, float], place: float, colour: str) -> None:
    axes.plot(ends, [place, place], color=colour, alpha=0.4, lw=4, solid_capstyle="round")


def draw_density(figure: Figure, density: Density, units: str) -> None:
    """Draw held-out predictions against their target."""
    axes = figure.subplots()
    counts = np.array(density.counts, dtype=float)
    low, high = density.low, density.high
    counts[counts == 0] = np.nan
    picture = axes.imshow(
        counts,
        origin="lower",
        extent=(low, high, low, high),
        cmap=colormap(palette("rows")),
        norm=_many(counts),
        zorder=1,
    )
    axes.plot([low, high], [low, high], color=EARTH, lw=1, zorder=3)
    axes.set(
        xlabel=f"Target, {in_words(units)}",
        ylabel="Predicted while held out",
        xlim=(low, high),
        ylim=(low, high),
    )
    axes.locator_params(nbins=5)
    bar = figure.colorbar(picture, ax=axes, shrink=0.8, aspect=24)
    bar.set_label("Rows")
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda rows, _: f"{rows:g}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.outline.set_visible(False)


def _many(counts: NDArray[np.float64]) -> Normalize:
    """Scale counts of rows; many of them by their logarithm."""
    most = float(np.nanmax(counts, initial=2.0))
    return LogNorm(1, most) if most > _MANY else Normalize(0, most)


def draw_permutation(figure: Figure, importance: Importance) -> None:
    """Draw what groups of predictors are worth on blocks unseen."""
    axes = figure.subplots()
    shares = list(reversed(importance.shares))
    for place, share in enumerate(shares):
        loss = share.loss
        _interval(axes, (loss.lower, loss.upper), place, ACCENT)
        axes.plot(loss.value, place, "o", color=ACCENT, ms=5)
    axes.axvline(0, color=SOFT, lw=0.8)
    axes.set_yticks(
        range(len(shares)),
        [_group(share) for share in shares],
    )
    axes.set_xlabel("R² lost on unseen blocks when dealt anew")
    axes.grid(visible=False, axis="y")


def draw_impurity(figure: Figure, shares: Mapping[str, float]) -> None:
    """Draw what the splits of a model's trees gain, by predictor."""
    axes = figure.subplots()
    ranked = sorted(shares.items(), key=lambda pair: pair[1])
    colours = [EARTH if name == "sif" else "#b9b09f" for name, _ in ranked]
    axes.barh(range(len(ranked)), [value for _, value in ranked], color=colours, height=0.72)
    axes.set_yticks(range(len(ranked)), [_name(name) for name, _ in ranked])
    axes.set_xlabel("Share of what splits gain on training rows")
    axes.set_ylim(-0.6, len(ranked) - 0.4)
    axes.grid(visible=False, axis="y")


def draw_ablation(figure: Figure, ablation: Ablation) -> None:
    """Draw what each arm gains over the one without SIF."""
    axes = figure.subplots()
    arms = [arm for arm in reversed(ablation.arms) if arm.arm != "A"]
    for place, arm in enumerate(arms):
        gain = arm.against_none.r2
        colour = ACCENT if gain.excludes_zero else SOFT
        _interval(axes, (gain.lower, gain.upper), place, colour)
        axes.plot(gain.value, place, "o", color=colour, ms=5)
    axes.axvline(0, color=INK, lw=0.8)
    axes.set_yticks(range(len(arms)), [f"{arm.arm}  {arm.title}" for arm in arms])
    axes.set_xlabel("R² more than without SIF")
    axes.grid(visible=False, axis="y")


def draw_error_range(figure: Figure, found: ErrorRange) -> None:
    """Draw the variogram of a quick model's errors."""
    axes = figure.subplots()
    kilometres = np.array(found.lags) / 1000
    weight = np.sqrt(np.array(found.pairs, dtype=float))
    axes.scatter(
        kilometres,
        found.semivariance,
        s=8 + 40 * weight / weight.max(),
        color=WATER,
        alpha=0.75,
        lw=0,
        zorder=3,
    )
    distance = np.linspace(0, max(found.lags), 200)
    ratio = np.minimum(distance / found.range, 1) if found.range > 0 else np.ones_like(distance)
    model = found.nugget + (found.sill - found.nugget) * (1.5 * ratio - 0.5 * ratio**3)
    axes.plot(distance / 1000, model, color=INK, lw=1.2)
    if 0 < found.range / 1000 <= kilometres.max():
        axes.axvline(found.range / 1000, color=EARTH, lw=1, ls=(0, (4, 3)))
        where = (found.range / 1000, 0.04)
        axes.text(*where, "range ", transform=axes.get_xaxis_transform(), ha="right", color=EARTH)
    axes.set(xlabel="Distance, km", ylabel="Semivariance of errors", xlim=(0, None), ylim=(0, None))


def draw_cells(figure: Figure, cells: Cells, units: str) -> None:
    """Draw which cells are held out together, and how the model errs where it has not learnt."""
    left, right = figure.subplots(1, 2)
    extent = _extent(cells)
    fold = np.array(cells.fold, dtype=float)
    colours = ListedColormap([FOLDS[k % len(FOLDS)] for k in range(int(np.nanmax(fold)) + 1)])
    left.imshow(
        fold, extent=extent, cmap=colours, norm=BoundaryNorm(np.arange(-0.5, colours.N), colours.N)
    )
    left.set_title("Folds of blocks")
    error = np.array(cells.error, dtype=float)
    most = float(np.nanquantile(np.abs(error), 0.98)) or 1.0
    picture = right.imshow(error, extent=extent, cmap="BrBG", norm=Normalize(-most, most))
    right.set_title("Mean error while held out")
    bar = figure.colorbar(picture, ax=right, shrink=0.75, aspect=22, extend="both")
    bar.set_label(f"Predicted − target, {in_words(units)}")
    bar.outline.set_visible(False)
    bar.ax.locator_params(nbins=5)
    for axes in (left, right):
        _plain(axes)


def draw_maps(figure: Figure, maps: Maps, titles: Sequence[str], product: str) -> None:
    """Draw maps of some months in the product's colours and its fixed range."""
    colours = palette(product)
    scale = Normalize(*colours.range)
    every = figure.subplots(1, len(titles), squeeze=False)[0]
    for axes, values, title in zip(every, maps.values, titles, strict=True):
        axes.set_facecolor(GROUND)
        picture = axes.imshow(values, extent=maps.extent, cmap=colormap(colours), norm=scale)
        axes.set_title(title)
        _plain(axes)
    bar = figure.colorbar(
        picture, ax=list(every), location="bottom", shrink=0.5, aspect=36, extend="both"
    )
    bar.set_label(f"{colours.label}, {colours.units_label}")
    bar.outline.set_visible(False)


def draw_calibration(figure: Figure, calibration: Calibration) -> None:
    """Draw whether intervals hold what they are to hold, and are wide where errors are large."""
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=SOFT, lw=0.8)
    left.plot(calibration.levels, calibration.shares, "o-", color=ACCENT, ms=4)
    left.set(
        xlabel="Share to be held", ylabel="Share held", xlim=(0, 1), ylim=(0, 1), aspect="equal"
    )
    most = 1.08 * max(*calibration.expected, *calibration.found)
    right.plot([0, most], [0, most], color=SOFT, lw=0.8)
    right.plot(calibration.expected, calibration.found, "o-", color=EARTH, ms=4)
    right.set(
        xlabel="Expected difference, m³ m⁻³",
        ylabel="Found, root mean square",
        xlim=(0, most),
        ylim=(0, most),
        aspect="equal",
    )
    right.locator_params(nbins=5)


def draw_periods(
    figure: Figure, periods: Mapping[str, Mapping[str, Metrics]], splits: Sequence[str]
) -> None:
    """Draw scores of each 8 days."""
    high, low = figure.subplots(2, 1, sharex=True)
    for split, colour in zip(splits, (ACCENT, "#b9b09f"), strict=False):
        scores = periods[split]
        days = np.array(list(scores), dtype="datetime64[D]")
        label = words().splits[split].title
        high.plot(
            days,
            [np.nan if one.r2 is None else one.r2 for one in scores.values()],
            "o-",
            ms=3,
            lw=1,
            color=colour,
            label=label,
        )
        low.plot(days, [one.rmse for one in scores.values()], "o-", ms=3, lw=1, color=colour)
    high.set_ylabel("R²")
    low.set_ylabel("RMSE")
    low.set_ylim(0, None)
    high.legend(loc="lower right", ncols=2)


def _plain(axes: Axes) -> None:
    """Leave a map without axes."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)


def _extent(cells: Cells) -> tuple[float, float, float, float]:
    across = (cells.x[-1] - cells.x[0]) / max(len(cells.x) - 1, 1) / 2
    down = (cells.y[0] - cells.y[-1]) / max(len(cells.y) - 1, 1) / 2
    return cells.x[0] - across, cells.x[-1] + across, cells.y[-1] - down, cells.y[0] + down


def _group(share: Share) -> str:
    title = words().groups.get(share.group, _name(share.group))
    return f"{title} and SIF" if SIF in share.predictors and len(share.predictors) > 1 else title


def _name(name: str) -> str:
    return name.replace("_", " ")
