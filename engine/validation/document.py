"""An assessment as JSON and as GeoJSON, with every number at full precision."""

from __future__ import annotations

import math
from dataclasses import asdict, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.validation.assessment import VARIOGRAM_LAGS
from engine.validation.fields import LABELS
from engine.validation.skill import verdicts
from engine.validation.statements import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.validation.assessment import Assessment
    from engine.validation.findings import Group, StationFindings
    from engine.validation.gridded import GriddedComparison
    from engine.validation.pooling import Pooled
    from engine.validation.skill import Estimates

    type Json = Any

VERSION = "1"
"""Of the documents' layout."""


def metrics_document(assessment: Assessment) -> dict[str, Json]:
    """Return everything but the single stations as JSON data; null stands for no number."""
    subject = assessment.subject
    stations = assessment.stations
    return {
        "version": VERSION,
        "title": subject.title,
        "collection": subject.collection,
        "region": subject.region,
        "synthetic": subject.synthetic,
        "months": [str(month) for month in assessment.months],
        "details": dict(subject.details),
        "products": {name: LABELS[name] for name in _product_names(assessment)},
        "units": "m3 m-3",
        "rules": plain(assessment.rules.model_dump()) | {"text": [*assessment.rules.sentences()]},
        "statements": [plain(one) for one in statements(assessment)],
        "stations": None if stations is None else _stations(assessment, stations),
        "changes": plain(assessment.changes),
        "texture": {
            name: [{"month": str(month), **plain(one)} for month, one in zip(
                assessment.months, found, strict=True
            )]
            for name, found in assessment.found.textures.items()
        },
        "variograms": {
            "lags_km": plain(VARIOGRAM_LAGS),
            **{name: plain(one) for name, one in assessment.variograms.items()},
        },
        "maps": [_gridded(one) for one in assessment.gridded],
        "lacks": [
            {"what": one.what, "month": one.month and str(one.month), "why": one.why}
            for one in assessment.lacks
        ],
    }  # fmt: skip


def stations_document(assessment: Assessment) -> dict[str, Json]:
    """Return the stations with their metrics as a GeoJSON FeatureCollection."""
    stations = assessment.stations
    return {
        "type": "FeatureCollection",
        "features": [] if stations is None else [*_features(stations), *_left_out(stations)],
    }


def plain(value: object) -> Json:
    """Turn numbers, arrays and dataclasses into JSON data; what is not finite becomes null."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _product_names(assessment: Assessment) -> tuple[str, ...]:
    return tuple(assessment.found.textures)


def _stations(assessment: Assessment, found: StationFindings) -> dict[str, Json]:
    return {
        "sources": list(assessment.subject.stations),
        "sites": len(found.pairs.sites),
        "losses": [{**plain(one), "left": one.left} for one in found.pairs.losses],
        "excluded": [{"station": site.name, "why": why} for site, why in found.pairs.excluded],
        "not_summarised": [
            {"station": site.name, "why": why}
            for site, why in zip(found.pairs.sites, found.why_not, strict=True)
            if why
        ],
        "groups": [_group(one) for one in found.groups],
        "monthly": {name: _by_month(assessment, one) for name, one in found.monthly.items()},
        "pooled": {
            name: {
                "n": int(one.agreement.n),
                **{key: plain(v) for key, v in one.agreement.as_mapping().items()},
                "intervals": plain(one.bounds),
            }
            for name, one in found.pooled.items()
        },
        "strata": [
            {
                "kind": one.kind,
                "name": one.name,
                "sites": one.sites,
                "pairs": one.pairs,
                "why_not": one.why_not,
                "summaries": plain(one.summaries),
            }
            for one in found.strata
        ],
        "sif": plain(list(found.sif)),
        "scaled": {
            "how": "each product given the mean and standard deviation of each station",
            "summaries": plain(found.scaled),
        },
        "reliability": plain(found.reliability),
        "triples": plain(list(found.triples)),
    }


def _group(group: Group) -> dict[str, Json]:
    return {
        "name": group.name,
        "title": group.title,
        "sites": group.sites,
        "summaries": plain(group.summaries),
        "paired": plain(list(group.paired)),
    }


def _by_month(assessment: Assessment, found: Pooled) -> list[Json]:
    bounds = [*found.bounds.items()]
    return [
        {
            "month": str(month),
            "n": int(found.agreement.n[k]),
            **{name: plain(values[k]) for name, values in found.agreement.as_mapping().items()},
            "intervals": {name: plain([low[k], high[k]]) for name, (low, high) in bounds},
        }
        for k, month in enumerate(assessment.months)
    ]


def _gridded(found: GriddedComparison) -> dict[str, Json]:
    return {
        "id": found.spec.id,
        "title": found.spec.title,
        "doi": found.spec.doi,
        "caution": found.spec.caution,
        "months": [str(month) for month in found.months],
        "missing": dict(found.missing),
        "skills": [
            {
                "product": one.product,
                "months": {name: plain(values) for name, values in one.months.items()},
                "temporal_r_median": plain(_median(one.temporal_r)),
                "bias": plain(one.bias),
                "rmse": plain(one.rmse),
                "ubrmse": plain(one.ubrmse),
                "within_r": plain(one.within_r),
            }
            for one in found.skills
        ],
    }


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def _features(found: StationFindings) -> Iterator[Json]:
    chosen = found.headline.chosen
    judged = {
        (name, metric): verdicts(metric, difference)
        for name, differences in found.skill.differences.items()
        for metric, difference in differences.items()
    }
    for k, site in enumerate(found.pairs.sites):
        yield {
            "type": "Feature",
            "id": f"{site.network}/{site.name}/{site.depth[0]:g}-{site.depth[1]:g}",
            "geometry": {"type": "Point", "coordinates": [site.lon, site.lat]},
            "properties": {
                "station": site.name,
                "network": site.network,
                "depth_m": list(site.depth),
                "sensors": site.sensors,
                "row": site.row,
                "column": site.column,
                "land_cover": found.pairs.cover[k] or None,
                "coordinates_rough": site.rough,
                "n": int(found.pairs.pairs[k]),
                "in_headline": bool(chosen[k]),
                "why_not": found.why_not[k] or None,
                "representative_r": plain(found.representative_r[k]),
                "representativeness": found.representativeness[k],
                "products": {
                    name: {"effective_n": plain(one.effective[k])} | _metrics(one.metrics, k)
                    for name, one in found.skill.products.items()
                },
                "against_smap": {
                    name: {
                        metric: {
                            **_estimate(difference, k),
                            "verdict": judged[name, metric][k].value,
                        }
                        for metric, difference in differences.items()
                    }
                    for name, differences in found.skill.differences.items()
                },
            },
        }


def _left_out(found: StationFindings) -> Iterator[Json]:
    for site, why in found.pairs.excluded:
        yield {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [site.lon, site.lat]},
            "properties": {"station": site.name, "network": site.network, "why_not": why},
        }


def _metrics(metrics: Mapping[str, Estimates], site: int) -> dict[str, Json]:
    return {name: _estimate(one, site) for name, one in metrics.items()}


def _estimate(estimates: Estimates, site: int) -> dict[str, Json]:
    return {
        "value": plain(estimates.value[site]),
        "lower": plain(estimates.lower[site]),
        "upper": plain(estimates.upper[site]),
    }
