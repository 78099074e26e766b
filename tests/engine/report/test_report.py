"""Reports say what cards and evidence say, in one file that needs nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

from engine.ablation import ablation
from engine.errors import ModelError, TamperedModelError
from engine.features import PRESETS
from engine.models.candidates import Best, RandomForest, XGBoost
from engine.models.splits import deal
from engine.models.store import ModelStore
from engine.models.table import Table, Variable
from engine.models.training import training
from engine.report.content import ModelReport, model_report
from engine.report.evidence import Kept, MappedMonth, Maps
from engine.report.gathering import gathered_evidence, months_to_show
from engine.report.page import report_page
from engine.report.writing import ensure_report, write_report
from engine.testing import toy_table, toy_task

if TYPE_CHECKING:
    from pathlib import Path

    from engine.models.store import TrainedModel

FOREST = RandomForest(trees=12, trees_in_folds=8)
BOOSTING = XGBoost(most_trees=30, patience=5, learning_rate=0.2, depth=3)


def with_evidence(table: Table, **changes: object) -> TrainedModel:
    """Train on a table, and keep the evidence with two maps."""
    task = replace(toy_task(table), **changes)
    trained = training(table, task)
    axis = np.arange(80) * 1000.0
    shown = [
        (
            MappedMonth(month=month, reasons=(reason,), mean=0.2, outside=0.1, conservation=1e-7),
            xr.DataArray(
                np.random.default_rng(1).uniform(0.1, 0.4, (80, 80)),
                {"y": axis[::-1], "x": axis},
                ("y", "x"),
            ),
        )
        for month, reason in (("2020-01", "driest"), ("2020-02", "wettest"))
    ]
    return trained.model.with_companions(gathered_evidence(trained, shown).companions())


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    """Give the best of two algorithms, of two years in a square of 12 × 12 cells."""
    return with_evidence(
        toy_table(cells=144, months=14), settings=Best(candidates=(FOREST, BOOSTING))
    )


@pytest.fixture(scope="module")
def report(model: TrainedModel) -> ModelReport:
    return model_report(model)


@pytest.fixture(scope="module")
def page(model: TrainedModel, report: ModelReport) -> str:
    kept = Kept.of(model)
    assert kept is not None
    return report_page(report, kept.maps)


class Reader(HTMLParser):
    """Notes ids, what is loaded, and what is open."""

    VOID = ("meta", "link", "br", "img", "input", "hr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        named = dict(attrs)
        self.tags.add(tag)
        self.ids += [named["id"] or ""] if "id" in named else []
        self.addresses += [
            named[name] or "" for name in ("href", "src", "xlink:href") if name in named
        ]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close what is open."""
        assert self._open.pop() == tag


def test_the_report_repeats_the_card(model: TrainedModel, report: ModelReport) -> None:
    """Scores, intervals, choice, hashes are the card's; the most honest split is the headline."""
    card = model.card
    assert report.headline == "block-year"
    assert {row.algorithm for row in report.scores} == {"rf", "xgboost"}
    mine = next(row for row in report.scores if row.headline and row.chosen)
    score = card.score("block-year")
    assert score is not None
    assert score.intervals is not None
    assert mine.rmse.value == score.pooled.rmse
    assert mine.rmse.lower == score.intervals.rmse.lower < score.pooled.rmse < mine.rmse.upper
    assert card.choice is not None
    assert report.choice == card.choice.reason
    facts = {fact.name: fact.value for fact in report.facts}
    assert card.file.sha256 in facts["ONNX file"]
    assert facts["Files read, hash"] == card.inputs


def test_random_rows_are_called_optimistic(page: str) -> None:
    """Beside the headline, which is marked."""
    assert "Comparable with the paper, optimistic" in page
    assert page.count('<span class="mark">headline</span>') == 1


def test_the_page_needs_nothing_else(page: str) -> None:
    """No script, no foreign address but the name of a work, and no id twice."""
    read = Reader(page)
    assert "script" not in read.tags
    assert len(read.ids) == len(set(read.ids))
    foreign = [one for one in read.addresses if not one.startswith(("#", "data:"))]
    assert foreign == []
    assert "@import" not in page


def test_all_that_is_known_is_drawn(page: str) -> None:
    """Scores, densities, maps, importance, folds and the variogram have a figure each."""
    for name in ("scores", "density-block-year", "density-random", "maps", "permutation"):
        assert f'id="{name}-figure_1"' in page
    for name in ("cells", "error-range"):
        assert f'id="{name}-figure_1"' in page
    assert "forcing of the target" in page


def test_the_caveat_stands_beside_the_importance(page: str) -> None:
    """Whoever reads it knows that SMAP L4 is driven by precipitation."""
    section = page[page.index('<section id="importance">') :]
    assert section.index("partly repeats the forcing") < section.index("<svg")


def test_json_says_the_same(report: ModelReport) -> None:
    """What is written as JSON is read as the same report."""
    assert ModelReport.model_validate_json(report.model_dump_json()) == report


def test_reports_lie_beside_the_model(model: TrainedModel, tmp_path: Path) -> None:
    """Whole or not at all, the same bytes each time, and no model of their own."""
    store = ModelStore(tmp_path / "models")
    store.save(model)
    html, document = write_report(store, model.card.id)
    assert html == store.folder / f"{model.card.id}.report.html"
    assert store.ids() == (model.card.id,)
    first = html.read_bytes()
    html.unlink()
    ensure_report(store, model.card.id)
    assert html.read_bytes() == first
    assert json.loads(document.read_text())["id"] == model.card.id
    elsewhere, _ = write_report(store, model.card.id, tmp_path / "out")
    assert elsewhere.read_bytes() == first
    assert store.load(model.card.id) == model


def test_a_changed_model_has_no_report(model: TrainedModel, tmp_path: Path) -> None:
    """Evidence that is not what the card says is refused, as is a model that is not there."""
    store = ModelStore(tmp_path / "models")
    store.save(model)
    path = store.companion_path(model.card.id, "evidence.json")
    path.write_text(path.read_text().replace('"mean":0.2', '"mean":0.3'))
    with pytest.raises(TamperedModelError, match=r"evidence\.json"):
        write_report(store, model.card.id)
    with pytest.raises(ModelError, match="no model 'none'"):
        write_report(store, "none")
    assert not list(store.folder.glob("*.report.*"))


def test_a_model_without_evidence_has_a_report(model: TrainedModel) -> None:
    """Of the card alone."""
    bare = replace(model, companions={}, card=model.card.model_copy(update={"companions": {}}))
    text = report_page(model_report(bare))
    assert 'id="scores-figure_1"' in text
    assert 'id="maps-figure_1"' not in text


def test_one_month_alone_has_a_report() -> None:
    """Without years there is another headline, and what is lacking is said."""
    table = toy_table(cells=64, months=1)
    report = model_report(with_evidence(table))
    assert report.headline == "spatial-block"
    assert report.splits_left_out["block-year"] in report_page(report)


def test_fluorescence_is_scored_by_8_days() -> None:
    """Its report has R², RMSE and MAE of each period beside the pooled ones."""
    table = toy_table(cells=64, months=3)
    days = {"2020-01": "2020-01-01", "2020-02": "2020-02-02", "2020-03": "2020-03-05"}
    table = replace(table, time=np.array([days[time] for time in table.time.tolist()]))
    report = model_report(with_evidence(table, kind="sif"))
    assert set(report.periods["random"]) == set(days.values())
    text = report_page(report)
    assert 'id="periods-figure_1"' in text
    assert "2020-02-02" in text


def test_arms_of_sif_are_shown_where_they_were_asked(model: TrainedModel) -> None:
    """With their differences from the arm without SIF."""
    table = toy_table(cells=144, months=3)
    sif = Variable(name="sif", units="mW m-2 nm-1 sr-1")
    table = replace(table, features=(*table.features[:3], sif))
    arms = ablation(
        table, BOOSTING, deal(table), "spatial-block", sif_inputs=(), seeds=(1, 2), resamples=50
    )
    card = model.card.model_copy(update={"ablation": arms})
    text = report_page(model_report(replace(model, card=card)))
    assert "SIF shuffled over all rows" in text
    assert 'id="ablation-figure_1"' in text


def test_the_paper_stands_beside_its_own_configuration_alone(
    model: TrainedModel, report: ModelReport
) -> None:
    """Its figures are no measure of a model with other predictors or another algorithm."""
    assert report.paper is None
    like = model.card.features[0]
    features = tuple(like.model_copy(update={"name": name}) for name in PRESETS["paper"])
    card = model.card.model_copy(update={"features": features, "settings": FOREST})
    beside = model_report(replace(model, card=card)).paper
    assert beside is not None
    assert beside.rows[0].paper == "0.92"
    assert beside.rows[0].its_way != beside.rows[0].honestly
    assert any("0.061" in caveat for caveat in beside.caveats)


def test_the_flood_is_shown_where_it_is_in_the_period() -> None:
    """Beside the driest and the wettest month; it may be the wettest."""
    means = {"2021-06": 0.1, "2021-07": 0.3, "2021-08": 0.4}
    shown = months_to_show(means, ("driest", "wettest"))
    assert shown == {"2021-06": ("driest",), "2021-07": ("flood",), "2021-08": ("wettest",)}
    assert months_to_show({"2020-01": 0.2}, ("driest", "wettest")) == {
        "2020-01": ("driest", "wettest")
    }
    assert months_to_show({"2020-01": float("nan")}, ("driest", "wettest")) == {}


def test_large_maps_are_made_coarser() -> None:
    """By means of what is there; where nothing is, nothing is shown."""
    table = toy_table(cells=64, months=2)
    trained = training(table, toy_task(table))
    values = np.full((730, 365), 0.25)
    values[:4, :4] = np.nan
    values[4:, 4] = np.nan
    shown = xr.DataArray(
        values, {"y": -1000.0 * np.arange(730), "x": 1000.0 * np.arange(365)}, ("y", "x")
    )
    month = MappedMonth(month="2020-01", reasons=("driest",), mean=0.25)
    maps = gathered_evidence(trained, [(month, shown)]).maps
    assert maps is not None
    assert max(maps.values.shape) <= 360
    assert np.isnan(maps.values[0, 0, 0])
    assert maps.values[0, 5, 1] == pytest.approx(0.25)
    again = Maps.from_bytes(maps.to_bytes())
    assert again.extent == maps.extent == (-500, 364_500, -729_500, 500)
    np.testing.assert_array_equal(again.values, maps.values)
    assert maps.to_bytes() == maps.to_bytes()


def test_counts_are_of_all_but_the_tails(model: TrainedModel) -> None:
    """A density counts nearly every row that its split tested."""
    kept = Kept.of(model)
    assert kept is not None
    for name, density in kept.evidence.densities.items():
        score = model.card.score(name)
        assert score is not None
        counted = sum(map(sum, density.counts))
        assert 0.99 * score.pooled.n <= counted <= score.pooled.n


def test_no_number_is_written_as_code(page: str) -> None:
    """Neither None nor nan nor an object reaches a reader."""
    text = re.sub(r"<svg.*?</svg>|<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert not re.search(r"\b(None|nan|inf|True|False)\b|\bfunction\b|object at", text)
