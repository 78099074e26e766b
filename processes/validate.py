"""``validate``: published maps against stations, SMAP, other maps and rain."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

from engine.progress import span
from engine.regrid import WeightCache
from engine.validation.assessment import Subject, assess
from engine.validation.document import metrics_document, stations_document
from engine.validation.fields import WITHOUT_SIF
from engine.validation.report import report_page
from engine.validation.rules import Rules
from engine.validation.stations import Calendar
from processes.catalog_place import service_catalog
from processes.map_series import find_maps, maps_bbox
from processes.program import StepOutcome
from processes.published_maps import PublishedMaps
from processes.publishing import own_catalog
from processes.validate_references import comparison_products, daily_sensors, station_sources
from processes.without_sif import maps_without_sif, told_apart
from stac.store import LocalCatalog
from stac.validation_link import (
    METRICS,
    REPORT,
    STATIONS,
    ValidationRecord,
    publish_validation,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydantic import JsonValue

    from engine.progress import Progress
    from engine.validation.assessment import Assessment
    from processes.map_series import MapSeries
    from processes.program import JobContext
    from processes.validate_inputs import ValidateInputs
    from processes.validate_references import StationSource

RUN = "run"
"""Name of the only step: it is short, and gives the same again."""

_READ, _ASSESSED = 0.25, 0.85
"""Shares of the step after which stations are read, and everything is computed."""


class ValidationProgram:
    """A program of one step."""

    def step(self, name: str, job: JobContext, progress: Progress) -> StepOutcome:
        """Validate; see :class:`processes.program.Program`."""
        del name
        inputs = cast("ValidateInputs", job.inputs)
        progress(0.0, "looking for the maps")
        assessment, series = _assessed(inputs, job, progress)
        progress(_ASSESSED, "drawing the report")
        metrics, stations = metrics_document(assessment), stations_document(assessment)
        href = _kept(
            job,
            inputs,
            series,
            _titled(assessment),
            {
                REPORT: report_page(assessment),
                METRICS: _json(metrics),
                STATIONS: _json(stations),
            },
        )
        outputs: dict[str, JsonValue] = {
            "metrics": metrics,
            "stations": stations,
            "report": {"href": href, "type": "text/html"},
        }
        return StepOutcome(outputs=outputs)


def _assessed(
    inputs: ValidateInputs, job: JobContext, progress: Progress
) -> tuple[Assessment, MapSeries]:
    settings = job.settings
    catalog = service_catalog(settings)
    series = find_maps(catalog, inputs)
    arm = maps_without_sif(catalog, inputs.without_sif, series)
    maps = PublishedMaps(
        series, settings, catalog, rain=inputs.precipitation != "none", without_sif=arm
    )
    calendar, rules = Calendar(months=series.months), Rules(months=inputs.min_months)
    sources = station_sources(inputs, maps.region)
    others = comparison_products(inputs, settings, calendar)
    sensors = None
    if sources:
        sensors = daily_sensors(
            sources,
            inputs,
            settings,
            area=inputs.bbox or maps_bbox(series),
            calendar=calendar,
            rules=rules,
            progress=span(progress, 0.0, _READ),
        )
    assessment = assess(
        _subject(series, maps, sources, arm),
        maps,
        calendar,
        sensors=sensors,
        others=others,
        weights=WeightCache(settings.feature_folder / "weights"),
        rules=rules,
        progress=span(progress, _READ, _ASSESSED),
    )
    return assessment, series


def _subject(
    series: MapSeries,
    maps: PublishedMaps,
    sources: Sequence[StationSource],
    arm: MapSeries | None,
) -> Subject:
    properties = series.first.properties
    model = properties.get("vadose:model") or {}
    settings = properties.get("vadose:settings") or {}
    details = {
        "Series": str(properties.get("vadose:series", "")),
        "Model": " ".join(str(model.get(key, "")) for key in ("algorithm", "id")).strip(),
        "Trained on": str(model.get("trained_on", "")),
        "Settings": ", ".join(f"{name}: {value}" for name, value in settings.items()),
        "Made of": str(properties.get("processing:lineage", "")),
        "Map without SIF": "" if arm is None else told_apart(series, arm),
        "Validated by": f"vadose {version('vadose')}",
    }
    region = maps.region
    return Subject(
        title=f"Soil moisture, 1 km, {region.title if region else series.region}",
        collection=series.collection,
        region=region.title if region else series.region,
        synthetic=series.synthetic,
        details={name: text for name, text in details.items() if text},
        stations=tuple(f"{one.title}. {one.caution}".strip() for one in sources),
        coarse=region.soil_moisture_title if region else "SMAP",
    )


def _kept(
    job: JobContext,
    inputs: ValidateInputs,
    series: MapSeries,
    title: str,
    files: dict[str, str],
) -> str:
    """Put the report where it belongs; return its path below the service's address."""
    settings = job.settings
    published = inputs.publish
    own = LocalCatalog(own_catalog(settings, job.run_id))
    catalog = service_catalog(settings) if published else own
    record = ValidationRecord(
        id=f"validation-{_digest(*files.values())}",
        title=title,
        collection_id=series.collection,
        item_ids=[item.id for item in series.items.values()] if published else [],
    )
    with catalog.staging() as staged:
        staged.mkdir(parents=True, exist_ok=True)
        paths = [_written(staged / name, text) for name, text in files.items()]
        publish_validation(catalog, record, paths, job.fence)
    address = "catalog" if published else f"jobs/{job.run_id}/files"
    return f"{address}/{record.folder}/{REPORT}"


def _titled(assessment: Assessment) -> str:
    """Return a title that tells this validation of the maps from others."""
    first, last = assessment.months[0], assessment.months[-1]
    found = assessment.stations
    stations = "no station" if found is None else f"{len(found.pairs.sites)} stations"
    arms = ", with and without SIF" if WITHOUT_SIF in assessment.found.means else ""
    return f"{assessment.subject.title}, {first} to {last}, {stations}{arms}"


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def _json(document: dict[str, JsonValue]) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"


PROGRAM = ValidationProgram()
