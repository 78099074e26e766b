"""The processes on offer: their names, inputs and outputs.

Light: what validates inputs and what does the work are named here and loaded where they are
needed, so neither a description of ``echo`` nor its job waits for the science to load.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from engine.errors import InputError
from processes.bounds import Bounds
from processes.description import describe_inputs
from processes.errors import InvalidInputsError, NoSuchProcessError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel, JsonValue

    from processes.jobs.model import Work
    from processes.program import Program
    from processes.settings import Settings

JSON = "application/json"
TEXT = "text/plain"
_BINARY: Mapping[str, JsonValue] = {"type": "string", "contentEncoding": "binary"}
"""What a value is that lies in a file of its own."""
_TRANSMISSION: list[JsonValue] = ["value", "reference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output of a process."""

    title: str
    """Short name."""
    description: str
    """What it is."""
    schema: Mapping[str, JsonValue] = field(default_factory=lambda: {"type": "object"})
    """What a value looks like."""
    media_type: str | None = None
    """Its media type, where it has one beyond plain JSON."""
    has_addresses: bool = False
    """Whether its hrefs are relative to the service until a reader's address is known."""

    @property
    def binary(self) -> bool:
        """Whether a value is a file, written as base64 inside JSON."""
        return self.schema.get("contentEncoding") == "binary"

    @property
    def written_as(self) -> str:
        """Media type of the output as it is."""
        return self.media_type or JSON

    def describe(self) -> dict[str, JsonValue]:
        """Return the output's description."""
        schema = dict(self.schema)
        if self.media_type is not None:
            schema["contentMediaType"] = self.media_type
        return {"title": self.title, "description": self.description, "schema": schema}


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process as its clients see it."""

    id: str
    """Identifier in the address."""
    title: str
    """Short name."""
    description: str
    """What it does."""
    keywords: tuple[str, ...]
    """Words to find it by."""
    inputs_model: str
    """Where the model lies that describes and validates the inputs, as ``module:name``."""
    program: str
    """Where the program lies that does the work, as ``module:name``."""
    first: tuple[str, ...] = ("prepare",)
    """The program's first steps, said here so that a job is accepted without the science."""
    outputs: Mapping[str, Output]
    """Outputs by identifier."""
    extent_check: str | None = None
    """Where the function lies that refuses a request for too much, as ``module:name``, where
    months and area of a request are bounded."""
    synchronous: bool = False
    """Whether a request may wait for the results."""
    version: str = "0.1.0"
    """Version of the process."""

    @property
    def inputs(self) -> type[BaseModel]:
        """Model that describes and validates the inputs."""
        model: type[BaseModel] = resolve_name(self.inputs_model)
        return model

    def load(self) -> Program:
        """Return the program that does the work; with it loads the science that it needs."""
        program: Program = resolve_name(self.program)
        return program

    def check(self, inputs: BaseModel, settings: Settings) -> Work | None:
        """Refuse a request whose inputs are valid, but ask for more than one may ask for.

        Returns
        -------
        Work or None
            How much it asks for; None where months and area are not bounded.

        Raises
        ------
        InvalidInputsError
            Names the input and the bound.
        """
        if self.extent_check is None:
            return None
        try:
            work: Work = resolve_name(self.extent_check)(inputs, settings)
        except InputError as error:
            raise InvalidInputsError([error]) from None
        return work

    def summarise(self) -> dict[str, JsonValue]:
        """Return the process summary, without links."""
        control: list[JsonValue] = ["async-execute", "dismiss"]
        return {
            "id": self.id,
            "version": self.version,
            "title": self.title,
            "description": self.description,
            "keywords": list(self.keywords),
            "jobControlOptions": ["sync-execute", *control] if self.synchronous else control,
            "outputTransmission": list(_TRANSMISSION),
        }

    def describe(self, settings: Settings | None = None) -> dict[str, JsonValue]:
        """Return the whole process description, without links.

        Parameters
        ----------
        settings
            Give the bounds of a request; without them the description is silent on those.
        """
        outputs: dict[str, JsonValue] = {
            name: output.describe() for name, output in self.outputs.items()
        }
        described = self.summarise() | {"inputs": describe_inputs(self.inputs), "outputs": outputs}
        if settings is None or self.extent_check is None:
            return described
        bounds = Bounds.of(settings)
        return described | {
            "description": f"{self.description} {bounds.sentence}",
            "additionalParameters": bounds.describe(),
        }


_RECONSTRUCTED = {
    "items": Output(
        title="Maps",
        description="STAC items of the monthly maps.",
        media_type="application/geo+json",
        has_addresses=True,
    ),
    "model": Output(
        title="Model",
        description="Card of the model that was applied, with the address of its ONNX file.",
        media_type=JSON,
        has_addresses=True,
    ),
    "report": Output(
        title="Report",
        description="Scores of the model by split, months, and what was left out.",
        media_type=JSON,
        has_addresses=True,
    ),
}

RECONSTRUCT_SIF = Process(
    id="reconstruct-sif",
    title="Reconstruct fluorescence at 1 km",
    description="Solar-induced chlorophyll fluorescence from 0.05° and 8 days to monthly maps "
    "on the 1 km EASE-Grid 2.0, by a random forest on MODIS reflectance and temperature.",
    keywords=("solar-induced fluorescence", "downscaling", "random forest"),
    inputs_model="processes.inputs:ReconstructSifInputs",
    program="processes.reconstruct_sif:PROGRAM",
    outputs=_RECONSTRUCTED,
    extent_check="processes.cutout:check_extent",
)

DOWNSCALE_SMAP = Process(
    id="downscale-smap",
    title="Downscale SMAP soil moisture to 1 km",
    description="SMAP surface soil moisture from 9 km to monthly maps on the 1 km EASE-Grid "
    "2.0: the model alone, a correction that keeps SMAP's block means, and the analysis.",
    keywords=("soil moisture", "SMAP", "downscaling", "random forest"),
    inputs_model="processes.inputs:DownscaleSmapInputs",
    program="processes.downscale_smap:PROGRAM",
    outputs=_RECONSTRUCTED,
    extent_check="processes.cutout:check_extent",
)

VALIDATE = Process(
    id="validate",
    title="Validate soil moisture maps",
    description="Published monthly maps against stations in the ground, SMAP at 9 km, other 1 km "
    "maps and rain: metrics with intervals, paired with SMAP's, behaviour in time and space, and a "
    "report to read and print.",
    keywords=("validation", "soil moisture", "ISMN", "in situ", "ubRMSE"),
    inputs_model="processes.validate_inputs:ValidateInputs",
    program="processes.validate:PROGRAM",
    first=("run",),
    outputs={
        "metrics": Output(
            title="Metrics",
            description="Every number but the single stations', with the rules and what they cost.",
            media_type=JSON,
        ),
        "stations": Output(
            title="Stations",
            description="GeoJSON points with the metrics of each station, or why it has none.",
            media_type="application/geo+json",
        ),
        "report": Output(
            title="Report",
            description="A page that needs nothing beside it, to read and to print.",
            schema=_BINARY,
            media_type="text/html",
            has_addresses=True,
        ),
    },
)

ZONAL_STATISTICS = Process(
    id="zonal-statistics",
    title="Zonal statistics",
    description="What published monthly maps say of polygons: mean, median, standard deviation, "
    "smallest and largest value, weighted by the share of each cell that lies inside, with the "
    "share of the polygon that has a value; a row for each polygon, month and layer.",
    keywords=("zonal statistics", "polygons", "time series", "GeoPackage"),
    inputs_model="processes.zone_inputs:ZonalStatisticsInputs",
    program="processes.zonal_statistics:PROGRAM",
    first=("run",),
    outputs={
        "csv": Output(
            title="Table",
            description="Rows as CSV: zone, what the polygon said of itself, month, layer, units, "
            "the numbers.",
            schema=_BINARY,
            media_type="text/csv",
            has_addresses=True,
        ),
        "gpkg": Output(
            title="GeoPackage",
            description="The same rows, each with its polygon.",
            schema=_BINARY,
            media_type="application/geopackage+sqlite3",
            has_addresses=True,
        ),
    },
)

EXPORT_MAPS = Process(
    id="export-maps",
    title="Export maps",
    description="Copies of published monthly maps in longitude and latitude, UTM or their own "
    "projection, cut by a box or a polygon, as GeoTIFFs with a style for QGIS in the product's "
    "fixed colours.",
    keywords=("export", "GeoTIFF", "UTM", "QGIS", "clip"),
    inputs_model="processes.export_inputs:ExportMapsInputs",
    program="processes.export_maps:PROGRAM",
    first=("run",),
    outputs={
        "archive": Output(
            title="Archive",
            description="Cloud-optimised GeoTIFFs, a month and a layer each, with their styles.",
            schema=_BINARY,
            media_type="application/zip",
            has_addresses=True,
        ),
    },
)

ECHO = Process(
    id="echo",
    title="Echo",
    description="Gives every input back as the output of the same name, after a pause if asked. "
    "It needs no data: for clients to try the service, and for the OGC test suite.",
    keywords=("echo", "test"),
    inputs_model="processes.echo:EchoInputs",
    program="processes.echo:PROGRAM",
    first=("run",),
    outputs={
        "stringInput": Output(
            title="Text",
            description="The text.",
            schema={"type": "string"},
            media_type=TEXT,
        ),
        "pause": Output(
            title="Pause",
            description="Seconds of the pause.",
            schema={"type": "number"},
        ),
        "arrayInput": Output(
            title="Numbers",
            description="The whole numbers.",
            schema={"type": "array", "items": {"type": "integer"}},
        ),
        "bboxInput": Output(
            title="Bounding box",
            description="The bounding box.",
            schema={"allOf": [{"format": "ogc-bbox"}, {"type": "object", "required": ["bbox"]}]},
        ),
        "objectInput": Output(
            title="Object",
            description="The object.",
            media_type=JSON,
        ),
        "binaryInput": Output(
            title="Picture",
            description="The picture, or the link to it.",
            schema=_BINARY,
            media_type="image/tiff",
        ),
        "mixedInput": Output(
            title="Text or number",
            description="The text or number.",
            schema={"oneOf": [{"type": "string"}, {"type": "number"}]},
        ),
    },
    synchronous=True,
)

PROCESSES: Mapping[str, Process] = {
    process.id: process
    for process in (
        *(RECONSTRUCT_SIF, DOWNSCALE_SMAP, VALIDATE),
        *(ZONAL_STATISTICS, EXPORT_MAPS, ECHO),
    )
}


def find_process(process_id: str) -> Process:
    """Return a process, or raise NoSuchProcessError."""
    try:
        return PROCESSES[process_id]
    except KeyError:
        raise NoSuchProcessError(process_id, tuple(PROCESSES)) from None


def load_inputs() -> None:
    """Load the models of all inputs, so that the first request does not wait for them."""
    for process in PROCESSES.values():
        process.inputs.model_json_schema()
