"""The synthetic stations, by our code and by a program that shares nothing with it."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from datetime import datetime, timedelta
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from scipy import stats

from engine.cog import read_cog
from engine.grids import spread
from engine.progress import silent
from engine.regrid import WeightCache
from engine.stations import Wanted, read_stations_in_parts
from engine.target import coarse_soil_moisture
from engine.validation.assessment import Subject, assess
from engine.validation.fields import Lack, MonthFields
from engine.validation.metrics import agreement
from engine.validation.rules import Rules
from engine.validation.skill import Verdict
from engine.validation.stations import Calendar, daily_means

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from odc.geo.geobox import GeoBox

    from engine.feature_store import FeatureStore
    from engine.months import Month
    from engine.validation.assessment import Assessment
    from engine.world import World

type Reading = tuple[str, float, float, float, datetime, float, str]
"""Station, latitude, longitude, lower end of its layer, UTC, value, flag."""

NOISE = 0.05
"""Of the product that is much worse than SMAP, m3 m-3."""


class TrueMaps:
    """The truth of a world as if it were our map, and SMAP with much noise as if it were the model.

    SMAP itself is what the world's files give.
    """

    def __init__(self, world: World, store: FeatureStore) -> None:
        self._world, self._store = world, store
        self.grid: GeoBox = world.domain.area

    def month(self, month: Month) -> MonthFields:
        """Return one month."""
        values = self.truth(month)
        smap = coarse_soil_moisture(self._store, month).to_numpy().astype(np.float64)
        noise = np.random.default_rng(month.month).normal(size=values.shape)
        noisy = (spread(smap) + NOISE * noise).astype(np.float32)
        return MonthFields(layers={"soil_moisture": values, "soil_moisture_raw": noisy}, smap=smap)

    def truth(self, month: Month) -> np.ndarray:
        """Return the truth of one month ``(y, x)``."""
        return read_cog(self._world.truth_file("soil_moisture", month)).to_numpy()

    def cover(self) -> Mapping[str, np.ndarray]:
        """Return nothing."""
        return {}

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """Return nothing."""
        return ()


@pytest.fixture(scope="module")
def ours(tiny_world: World, tiny_store: FeatureStore) -> Assessment:
    calendar, rules = Calendar(months=tiny_world.months), Rules(months=10, draws=100)
    wanted = Wanted(layer=rules.wider_depth)
    sensors = [
        daily_means(one, calendar, rules)
        for path in (tiny_world.stations / "ismn", tiny_world.stations / "stations.csv")
        for part in read_stations_in_parts(path, wanted)
        for one in part
    ]
    subject = Subject(
        title="truth", collection="", region="", synthetic=True, details={}, stations=(), coarse=""
    )
    return assess(
        subject,
        TrueMaps(tiny_world, tiny_store),
        calendar,
        sensors=sensors,
        others=(),
        weights=WeightCache(),
        rules=rules,
        progress=silent,
    )


# A program of its own, from here on


def readings(folder: Path) -> Iterator[Reading]:
    for path in sorted((folder / "ismn").rglob("*.stm")):
        lines = [one for one in re.split(r"[\r\n]+", path.read_text("ascii")) if one.strip()]
        if re.match(r"\d{4}/", lines[0]):
            for line in lines:
                f = line.split()
                place = f[6], float(f[7]), float(f[8]), float(f[11])
                yield (*place, datetime.strptime(f"{f[0]} {f[1]}", "%Y/%m/%d %H:%M"),  # noqa: DTZ007
                       float(f[12]), f[13])  # fmt: skip
        else:
            head = lines[0].split()
            place = head[2], float(head[3]), float(head[4]), float(head[7])
            for line in lines[1:]:
                day, hour, value, flag, _ = line.split()
                when = datetime.strptime(f"{day} {hour}", "%Y/%m/%d %H:%M")  # noqa: DTZ007
                yield (*place, when, float(value), flag)
    with (folder / "stations.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            when = datetime.fromisoformat(row["time"]) - timedelta(hours=8)
            factor = 100 if row["unit"] == "%vol" else 1
            yield (
                row["station_id"], float(row["lat"]), float(row["lon"]), float(row["depth_to_m"]),
                when, float(row["value"]) / factor, row["qflag"],
            )  # fmt: skip


def monthly(folder: Path) -> dict[tuple[str, float, float, float], dict[str, float]]:
    days: dict = defaultdict(lambda: defaultdict(list))
    for name, lat, lon, depth, when, value, flag in readings(folder):
        if flag == "G" and value > -1:
            days[name, lat, lon, depth][when.date()].append(value)
    found = {}
    for place, by_day in days.items():
        months = defaultdict(list)
        for day, values in by_day.items():
            if len(values) >= 12:
                months[f"{day:%Y-%m}"].append(fmean(values))
        found[place] = {m: fmean(values) for m, values in months.items() if len(values) >= 20}
    return found


def test_metrics_equal_those_of_an_independent_program(tiny_world: World, ours: Assessment) -> None:
    """Every station's count and metrics agree with files read and computed apart, to 1e-9."""
    assert ours.stations is not None
    skill = ours.stations.skill.products["soil_moisture"]
    sites = {site.name: k for k, site in enumerate(ours.stations.pairs.sites)}
    to_grid = Transformer.from_crs("EPSG:4326", "EPSG:6933", always_xy=True)
    rasters = {
        str(month): rasterio.open(tiny_world.truth_file("soil_moisture", month))
        for month in tiny_world.months
    }
    compared = 0
    for (name, lat, lon, _), months in monthly(tiny_world.stations).items():
        point = to_grid.transform(lon, lat)
        shared = sorted(month for month in months if month in rasters)
        x = np.array([float(next(rasters[month].sample([point]))[0]) for month in shared])
        y = np.array([months[month] for month in shared])
        k = sites[name]
        assert skill.n[k] == len(shared)
        if len(shared) < 10:
            assert np.isnan(skill.metrics["r"].value[k])
            continue
        compared += 1
        bias = fmean(x - y)
        expected = {
            "bias": bias,
            "rmse": fmean((x - y) ** 2) ** 0.5,
            "ubrmse": fmean((x - y - bias) ** 2) ** 0.5,
            "mae": fmean(abs(x - y)),
            "r": stats.pearsonr(x, y).statistic,
            "spearman": stats.spearmanr(x, y).statistic,
            "slope": stats.linregress(y, x).slope,
        }
        for metric, value in expected.items():
            found = skill.metrics[metric].value[k]
            assert found == pytest.approx(value, abs=1e-9), f"{metric} of {name}"
    for raster in rasters.values():
        raster.close()
    assert compared >= 5


def test_verdicts_agree_with_the_truth_of_the_world(ours: Assessment) -> None:
    """At noisy stations the truth is found better than SMAP, and SMAP with noise worse."""
    assert ours.stations is not None
    headline = ours.stations.headline
    assert headline.sites >= 5
    found = {(one.product, one.metric): one for one in headline.paired}
    for metric in ("r", "ubrmse"):
        assert found["soil_moisture", metric].verdict is Verdict.IMPROVED
        assert found["soil_moisture_raw", metric].verdict is Verdict.DEGRADED


def test_no_verdict_contradicts_the_truth(ours: Assessment) -> None:
    """Where a product is called better or worse than SMAP, it is so against the truth, too."""
    assert ours.stations is not None
    products = ours.stations.pairs.products
    true = products["soil_moisture"]
    errors = {
        name: agreement(x, true).ubrmse[ours.stations.headline.chosen]
        for name, x in products.items()
    }
    judged = 0
    for one in ours.stations.headline.paired:
        if one.metric != "ubrmse" or one.verdict is Verdict.NOT_SIGNIFICANT:
            continue
        judged += 1
        better = np.mean(errors[one.product]) < np.mean(errors["smap"])
        assert one.verdict is (Verdict.IMPROVED if better else Verdict.DEGRADED), one.product
    assert judged >= 2


def test_losses_are_those_of_a_plain_count(tiny_world: World, ours: Assessment) -> None:
    """What the rule of the flag takes is what a count over all lines takes."""
    assert ours.stations is not None
    losses = {one.rule: one for one in ours.stations.pairs.losses}
    every = [*readings(tiny_world.stations)]
    start = tiny_world.months[0].start.replace(tzinfo=None)
    end = tiny_world.months[-1].end.replace(tzinfo=None)
    within = [one for one in every if start <= one[4] < end]
    values = [one for one in within if one[5] > -1]
    assert losses["a value is there"].before == len(within)
    assert losses["flagged exactly G"].before == len(values)
    assert losses["flagged exactly G"].left == sum(one[6] == "G" for one in values)
