"""A validation as a whole, on maps whose truth is known."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.progress import silent
from engine.regrid import WeightCache
from engine.testing_validation import MONTHS, SUBJECT, ToySource
from engine.validation.assessment import assess
from engine.validation.document import metrics_document, stations_document
from engine.validation.fields import WITHOUT_SIF
from engine.validation.report import report_page
from engine.validation.rules import Rules
from engine.validation.skill import Verdict
from engine.validation.stations import Calendar

if TYPE_CHECKING:
    from engine.months import Month
    from engine.validation.assessment import Assessment
    from engine.validation.fields import MonthFields
    from engine.validation.stations import SensorDays


def assessed(source: ToySource, sensors: list[SensorDays] | None, **rules: int) -> Assessment:
    return assess(
        SUBJECT,
        source,
        Calendar(months=MONTHS),
        sensors=sensors,
        others=(),
        weights=WeightCache(),
        rules=Rules(draws=200, **rules),
        progress=silent,
    )


@dataclass(frozen=True)
class TwoArms(ToySource):
    """Maps beside those made without fluorescence, which are five times as wrong."""

    def month(self, month: Month) -> MonthFields:
        """Return one month."""
        fields = super().month(month)
        k = MONTHS.index(month)
        worse = (self.truth[k] + 5 * self.map_error[k][::-1]).astype(np.float32)
        return replace(fields, layers={**fields.layers, WITHOUT_SIF: worse})


@pytest.fixture(scope="module")
def toy_assessment(toy: ToySource) -> Assessment:
    return assessed(toy, toy.sensors())


@pytest.fixture(scope="module")
def toy_page(toy_assessment: Assessment) -> str:
    return report_page(toy_assessment)


def test_verdicts_agree_with_the_truth(toy_assessment: Assessment) -> None:
    """Maps that are better than SMAP are said to be, in every metric, and SMAP is not."""
    assert toy_assessment.stations is not None
    found = toy_assessment.stations.headline.paired
    ours = {one.metric: one.verdict for one in found if one.product == "soil_moisture"}
    assert set(ours.values()) == {Verdict.IMPROVED}


def test_worse_maps_are_called_worse() -> None:
    """Maps with large errors are said to be degraded where they are."""
    bad = ToySource.of(map_error=0.05, smap_error=0.0)
    found = assessed(bad, bad.sensors()).stations
    assert found is not None
    paired = found.headline.paired
    ours = {one.metric: one.verdict for one in paired if one.product == "soil_moisture"}
    assert ours["ubrmse"] is Verdict.DEGRADED
    assert ours["r"] is Verdict.DEGRADED


def test_equal_maps_are_not_told_apart(toy: ToySource) -> None:
    """A product that differs from SMAP by nothing that matters is not significant."""
    found = assessed(toy, toy.sensors()).stations
    assert found is not None
    smooth = {one.metric: one for one in found.headline.paired if one.product == "smap_bilinear"}
    assert smooth["r"].verdict is not Verdict.UNKNOWN
    for one in smooth.values():
        assert one.improved + one.degraded + one.not_significant == one.sites


def test_sites_are_summarised_only_with_enough_months(toy_assessment: Assessment) -> None:
    """Short ones are listed with the reason, one under water is left out, a deep one is apart."""
    found = toy_assessment.stations
    assert found is not None
    why = {site.name: text for site, text in zip(found.pairs.sites, found.why_not, strict=True)}
    assert why["short"] == "15 common months; a summary needs 24"
    assert why["tiny"] == "6 common months; any number needs 10"
    assert [(site.name, text) for site, text in found.pairs.excluded] == [
        ("lake", "too much water in its cell")
    ]
    assert found.headline.sites == 9
    assert [group.name for group in found.groups] == ["all", "representative", "deeper"]
    deeper = found.groups[-1]
    assert deeper.sites == 1
    assert deeper.summaries["soil_moisture"]["r"] is None


def test_squared_errors_add_up_at_every_station(toy_assessment: Assessment) -> None:
    """RMSE² = bias² + ubRMSE² in what is published, to 1e-12."""
    features = stations_document(toy_assessment)["features"]
    checked = 0
    for feature in features:
        for product in feature["properties"].get("products", {}).values():
            rmse, bias, ubrmse = (product[name]["value"] for name in ("rmse", "bias", "ubrmse"))
            if rmse is not None:
                assert abs(rmse**2 - bias**2 - ubrmse**2) < 1e-12
                checked += 1
    assert checked > 30


def test_documents_are_plain_json(toy_assessment: Assessment) -> None:
    """Metrics and stations are JSON without NaN; stations without numbers say why."""
    metrics, stations = metrics_document(toy_assessment), stations_document(toy_assessment)
    json.dumps([metrics, stations], allow_nan=False)
    tiny = next(one for one in stations["features"] if one["properties"]["station"] == "tiny")
    assert tiny["properties"]["products"]["soil_moisture"]["r"]["value"] is None
    assert "any number needs 10" in tiny["properties"]["why_not"]
    assert metrics["months"][0] == "2018-05"
    assert sum(one["lost"] for one in metrics["stations"]["losses"]) > 0


def test_the_report_stands_alone_and_escapes_names(toy: ToySource) -> None:
    """The page loads nothing, runs nothing, and shows a hostile name as text."""
    hostile = toy.sensor(7, 7, "<script>alert(1)</script>$x_{$")
    page = report_page(assessed(toy, [*toy.sensors(), hostile]))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Toy &lt;maps&gt;" in page
    assert "a &lt;b&gt;toy" in page
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    outside = [one for one in links if not one.startswith(("#", "data:", "https://doi.org/"))]
    assert not outside
    assert "url(http" not in page
    assert page.count("<svg") > 10


def test_equal_maps_give_equal_pages(toy_assessment: Assessment, toy_page: str) -> None:
    """The page holds no time and no random name, so that doing it twice changes nothing."""
    assert report_page(toy_assessment) == toy_page


def test_no_station_leaves_a_report_about_texture(toy: ToySource) -> None:
    """Without stations the page says that nothing is about accuracy, and shows the rest."""
    found = assessed(toy, None)
    page = report_page(found)
    assert "nothing here is about accuracy" in page
    assert "Every station" not in page
    assert stations_document(found)["features"] == []


def test_too_few_stations_get_no_summary(toy: ToySource) -> None:
    """Three stations are shown one by one; what they say together is not told, and why."""
    page = report_page(assessed(toy, toy.sensors()[:3]))
    assert "a summary needs 5" in page or "and it needs 5" in page


def test_rain_shows_in_the_anomalies(toy_assessment: Assessment) -> None:
    """Soil that follows rain at once has its strongest correlation at lag 0."""
    lagged = toy_assessment.changes.lagged[0]
    assert (lagged.first, lagged.second, lagged.strongest) == ("precipitation", "soil_moisture", 0)
    wet = toy_assessment.changes.responses[0]
    assert wet.wet > 0 > wet.dry


def test_conservation_and_edges_are_seen(toy_assessment: Assessment) -> None:
    """A layer of SMAP's means keeps them, and blocks that were shifted as a whole show edges."""
    textures = toy_assessment.found.textures
    conserving, plain = textures["soil_moisture_conserving"][0], textures["soil_moisture"][0]
    assert conserving.conservation_max < 1e-6
    assert plain.conservation_max > 0.01
    assert conserving.edge_ratio > plain.edge_ratio
    assert textures["smap"][0].sd_within == pytest.approx(0, abs=1e-12)


def test_the_interval_is_counted(toy_assessment: Assessment) -> None:
    """The share of station months within the bounds is what a plain count gives."""
    found = toy_assessment.stations
    assert found is not None
    assert found.reliability is not None
    chosen = found.headline.chosen
    reference = found.pairs.reference[chosen]
    lower, upper = (one[chosen] for one in found.pairs.interval or ())
    known = np.isfinite(reference)
    inside = ((reference >= lower) & (reference <= upper))[known].mean()
    assert found.reliability.inside == pytest.approx(inside)
    assert found.reliability.width == pytest.approx(0.04, abs=1e-6)


def test_strata_have_numbers_or_reasons(toy_assessment: Assessment) -> None:
    """Land cover, seasons and years are summarised where there are enough months, else say why."""
    found = toy_assessment.stations
    assert found is not None
    strata = {(one.kind, one.name): one for one in found.strata}
    assert {kind for kind, _ in strata} == {"land cover", "season", "year"}
    year = strata["year", "2019"]
    assert year.sites == 9
    assert year.summaries["soil_moisture"]["r"] is not None
    season = strata["season", "JJA"]
    assert season.sites == 0
    assert season.why_not == "0 stations have 10 months or more in it; a summary needs 5"
    assert all(one is None for one in season.summaries["soil_moisture"].values())
    crops, trees = strata["land cover", "crop"], strata["land cover", "forest"]
    assert crops.sites + trees.sites == 9


@pytest.mark.parametrize("months", [6, 15])
def test_stations_that_are_all_too_short_say_why(toy: ToySource, months: int) -> None:
    """Where no station has enough months there is no summary, and the page still tells why."""
    sensors = [toy.sensor(3 + k, 4 + k, f"S{k}", months=months) for k in range(6)]
    found = assessed(toy, sensors)
    assert found.stations is not None
    assert found.stations.headline.sites == 0
    page = report_page(found)
    assert f"{months} common months" in page
    json.dumps([metrics_document(found), stations_document(found)], allow_nan=False)


def test_the_worth_of_fluorescence_is_told() -> None:
    """Maps made without it are a product as the others, and what it gains is compared apart."""
    both = TwoArms.of()
    found = assessed(both, both.sensors())
    assert found.stations is not None
    worth = {one.metric: one for one in found.stations.sif}
    assert {one.baseline for one in worth.values()} == {WITHOUT_SIF}
    assert worth["ubrmse"].verdict is Verdict.IMPROVED
    against_smap = {one.product for one in found.stations.headline.paired}
    assert WITHOUT_SIF in against_smap
    page = report_page(found)
    assert "What fluorescence is worth" in page
    assert "better than the map without fluorescence" in page
    assert "Map without SIF" in page


def test_a_missing_arm_is_not_spoken_of(toy_page: str) -> None:
    """Where nobody asked for maps without fluorescence the page does not mention them."""
    assert "without SIF" not in toy_page
    assert "without fluorescence" not in toy_page


def test_what_was_not_there_is_said(toy_assessment: Assessment, toy_page: str) -> None:
    """The page and the metrics name what a month lacked, and why."""
    assert "What was not there" in toy_page
    assert "no &lt;map&gt; of it" in toy_page
    (lack,) = metrics_document(toy_assessment)["lacks"]
    assert lack == {"what": "fluorescence", "month": "2018-05", "why": "no <map> of it"}


def test_every_station_is_told_to_stand_for_others_or_not(toy_assessment: Assessment) -> None:
    """A class comes with each station: those of the toy move together, the short ones are open."""
    features = stations_document(toy_assessment)["features"]
    classes = {one["properties"]["station"]: one["properties"]["representativeness"]
               for one in features if "representativeness" in one["properties"]}  # fmt: skip
    assert classes["S0"] == "representative"
    assert classes["tiny"] == "unknown"


def test_rescaled_errors_are_smaller_and_apart(toy_assessment: Assessment, toy_page: str) -> None:
    """Scaling takes bias away; the headline keeps the numbers as they are."""
    found = toy_assessment.stations
    assert found is not None
    as_it_is = found.headline.summaries["soil_moisture"]["rmse"]
    rescaled = found.scaled["soil_moisture"]["rmse"]
    assert as_it_is is not None
    assert rescaled is not None
    assert rescaled.median < as_it_is.median
    assert "Rescaled, for timing alone" in toy_page


def test_every_metric_of_a_station_has_an_interval(toy_assessment: Assessment) -> None:
    """R, bias, errors, slope and the parts of the squared error come with bounds around them."""
    features = stations_document(toy_assessment)["features"]
    one = next(each for each in features if each["properties"]["station"] == "S0")
    found = one["properties"]["products"]["soil_moisture"]
    bounded = [name for name, told in found.items() if name != "effective_n" and told["lower"]]
    assert set(bounded) == {
        "r", "anomaly_r", "bias", "rmse", "ubrmse", "mae", "slope", "mse_correlation",
        "mse_variance", "mse_bias",
    }  # fmt: skip
    for name in ("r", "anomaly_r", "bias", "rmse", "ubrmse", "mae", "slope"):
        assert found[name]["lower"] < found[name]["value"] < found[name]["upper"], name


@pytest.mark.parametrize("count", [1, 2])
def test_a_month_or_two_can_be_validated(toy: ToySource, count: int) -> None:
    """Where there are fewer months than lags nothing is said of time, and the page still stands."""
    calendar = Calendar(months=MONTHS[:count])
    sensors = [replace(one, values=one.values[: calendar.days]) for one in toy.sensors()]
    found = assess(
        SUBJECT,
        toy,
        calendar,
        sensors=sensors,
        others=(),
        weights=WeightCache(),
        rules=Rules(draws=100),
        progress=silent,
    )
    assert found.changes.lagged == ()
    assert "any number needs 10" in report_page(found)
    json.dumps([metrics_document(found), stations_document(found)], allow_nan=False)
