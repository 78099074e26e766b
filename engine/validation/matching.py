"""Sites and products side by side, in the months that all of them have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.validation.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engine.months import Month
    from engine.validation.rules import Rules
    from engine.validation.sites import Site, SiteMonths

    type Floats = NDArray[np.float64]
    type Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cover:
    """What the map's cells at the sites are covered by."""

    group: tuple[str, ...]
    """``(sites,)`` dominant land cover; empty where nobody knows."""
    water: Flags
    """``(sites,)`` whether there is too much water."""
    urban: Flags
    """``(sites,)`` whether there is too much town."""

    @classmethod
    def unknown(cls, sites: int) -> Cover:
        """Return the cover of cells that nothing is known of."""
        none = np.zeros(sites, np.bool_)
        return cls(group=("",) * sites, water=none, urban=none)

    @classmethod
    def of(
        cls, shares: Mapping[str, NDArray[np.floating]], cells: NDArray[np.integer], rules: Rules
    ) -> Cover:
        """Look at the land cover of cells.

        Parameters
        ----------
        shares
            ``(y, x)`` share of each group, such as ``crop`` and ``water``, 0 to 1.
        cells
            ``(sites, 2)`` rows and columns.
        rules
            How much water and town is too much.
        """
        rows, columns = cells.reshape(-1, 2).T
        here = {name: np.nan_to_num(share[rows, columns]) for name, share in shares.items()}
        if not here or not len(rows):
            return cls.unknown(len(rows))
        names, stack = [*here], np.stack([*here.values()])
        largest = np.argmax(stack, axis=0)
        none = np.zeros(len(rows))
        return cls(
            group=tuple(names[k] if stack[k, site] > 0 else "" for site, k in enumerate(largest)),
            water=np.asarray(here.get("water", none) > rules.water),
            urban=np.asarray(here.get("urban", none) > rules.urban),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matched:
    """Reference and products at sites, in common months."""

    sites: tuple[Site, ...]
    """Where."""
    months: tuple[Month, ...]
    """When."""
    reference: Floats
    """``(sites, months)`` m3 m-3, NaN outside the common months."""
    products: Mapping[str, Floats]
    """By name, likewise."""
    interval: tuple[Floats, Floats] | None
    """Lower and upper bound of the map, where it has them."""
    cover: tuple[str, ...]
    """``(sites,)`` dominant land cover."""
    losses: tuple[Loss, ...]
    """What the rules took."""
    excluded: tuple[tuple[Site, str], ...] = ()
    """Sites that were left out, and why."""
    rain: Floats | None = None
    """``(sites, months)`` mm day-1, where it is known."""
    places: tuple[int, ...] = ()
    """``(sites,)`` their places among all sites that were matched, those left out included."""

    @property
    def calendar(self) -> NDArray[np.int64]:
        """``(months,)`` month of the year, 1 to 12."""
        return np.array([month.month for month in self.months], dtype=np.int64)

    @property
    def pairs(self) -> NDArray[np.int64]:
        """``(sites,)`` common months of each site."""
        return np.asarray(np.isfinite(self.reference).sum(axis=1))

    def at(self, sites: Flags, months: Flags | None = None) -> Matched:
        """Return some of the sites; outside some months nothing is known."""
        keep = np.flatnonzero(sites)
        inside = np.ones(len(self.months), np.bool_) if months is None else months

        def cut(values: Floats) -> Floats:
            return np.where(inside, values[keep], np.nan)

        return replace(
            self,
            sites=tuple(self.sites[k] for k in keep),
            places=tuple(self.places[k] for k in keep),
            cover=tuple(self.cover[k] for k in keep),
            reference=cut(self.reference),
            products={name: cut(values) for name, values in self.products.items()},
            interval=None
            if self.interval is None
            else (cut(self.interval[0]), cut(self.interval[1])),
            rain=None if self.rain is None else self.rain[keep],
        )


def matched(
    stations: SiteMonths,
    months: Sequence[Month],
    products: Mapping[str, Floats],
    cover: Cover,
    frozen: Flags,
    *,
    interval: tuple[Floats, Floats] | None = None,
    rain: Floats | None = None,
) -> Matched:
    """Keep what all products and the stations have in common.

    Parameters
    ----------
    stations
        Monthly means of the sites.
    months
        ``(months,)``.
    products
        ``(sites, months)`` each, m3 m-3.
    cover
        What the cells are covered by.
    frozen
        ``(sites, months)`` whether the map is flagged as frozen.
    interval
        Lower and upper bound of the map at the sites.
    rain
        ``(sites, months)`` mm day-1.
    """
    reference = stations.values
    reasons = ["too much water in its cell" if wet else "" for wet in cover.water]
    reasons = [
        "too much town in its cell" if town and not why else why
        for town, why in zip(cover.urban, reasons, strict=True)
    ]
    kept = np.array([not why for why in reasons], np.bool_)
    there = np.isfinite(reference)
    losses = [
        *stations.losses,
        Loss("little water and town in the cell", "sites", kept.size, int((~kept).sum())),
    ]
    common = there & kept[:, None]
    common, lost = _narrowed(common, ~frozen, "the map's cell not frozen")
    losses.append(lost)
    for name, values in products.items():
        common, lost = _narrowed(common, np.isfinite(values), f"a value of {name}")
        losses.append(lost)

    def cut(values: Floats) -> Floats:
        return np.where(common, values, np.nan)[kept]

    sites = [site for site, keep in zip(stations.sites, kept, strict=True) if keep]
    groups = [group for group, keep in zip(cover.group, kept, strict=True) if keep]
    return Matched(
        sites=tuple(sites),
        months=tuple(months),
        reference=cut(reference),
        products={name: cut(values) for name, values in products.items()},
        interval=None if interval is None else (cut(interval[0]), cut(interval[1])),
        cover=tuple(groups),
        losses=tuple(losses),
        excluded=tuple(
            (site, why) for site, why in zip(stations.sites, reasons, strict=True) if why
        ),
        rain=None if rain is None else rain[kept],
        places=tuple(map(int, np.flatnonzero(kept))),
    )


def summary_reasons(pairs: Matched, rules: Rules) -> tuple[str, ...]:
    """Return for each site why it enters no summary; empty where it does."""
    known = np.isfinite(pairs.reference)
    season = (pairs.calendar % 12) // 3
    seasons = np.array([[bool((row & (season == k)).any()) for k in range(4)] for row in known])
    count = seasons.reshape(len(known), 4).sum(axis=1)
    return tuple(
        _reason(int(n), int(s), rules) for n, s in zip(known.sum(axis=1), count, strict=True)
    )


def _reason(months: int, seasons: int, rules: Rules) -> str:
    if months < rules.pairs:
        return f"{months} common months; any number needs {rules.pairs}"
    if months < rules.months:
        return f"{months} common months; a summary needs {rules.months}"
    if seasons < rules.seasons:
        return f"months from {seasons} seasons; a summary needs {rules.seasons}"
    return ""


def _narrowed(common: Flags, having: Flags, rule: str) -> tuple[Flags, Loss]:
    before = int(common.sum())
    narrower = common & having
    return narrower, Loss(rule, "months", before, before - int(narrower.sum()))
