"""The processes on offer: their names, inputs and outputs; light, no science is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from processes.description import describe_inputs
from processes.errors import NoSuchProcessError
from processes.inputs import DownscaleSmapInputs, ReconstructionInputs, ReconstructSifInputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

JOB_CONTROL: list[JsonValue] = ["async-execute", "dismiss"]
"""A reconstruction takes minutes, so no request waits for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output of a process."""

    title: str
    """Short name."""
    description: str
    """What it is."""
    media_type: str
    """Its media type."""

    def describe(self) -> dict[str, JsonValue]:
        """Return the output's description."""
        schema: dict[str, JsonValue] = {"type": "object", "contentMediaType": self.media_type}
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
    inputs: type[ReconstructionInputs]
    """Model that describes and validates the inputs."""
    outputs: Mapping[str, Output]
    """Outputs by identifier."""
    version: str = "0.1.0"
    """Version of the process."""

    def summarise(self) -> dict[str, JsonValue]:
        """Return the process summary, without links."""
        return {
            "id": self.id,
            "version": self.version,
            "title": self.title,
            "description": self.description,
            "keywords": list(self.keywords),
            "jobControlOptions": list(JOB_CONTROL),
            "outputTransmission": ["value"],
        }

    def describe(self) -> dict[str, JsonValue]:
        """Return the whole process description, without links."""
        outputs: dict[str, JsonValue] = {
            name: output.describe() for name, output in self.outputs.items()
        }
        return self.summarise() | {"inputs": describe_inputs(self.inputs), "outputs": outputs}


_OUTPUTS = {
    "items": Output(
        title="Maps",
        description="STAC items of the monthly maps.",
        media_type="application/geo+json",
    ),
    "model": Output(
        title="Model",
        description="Card of the model that was applied, with the address of its ONNX file.",
        media_type="application/json",
    ),
    "report": Output(
        title="Report",
        description="Scores of the model by split, months, and what was left out.",
        media_type="application/json",
    ),
}

RECONSTRUCT_SIF = Process(
    id="reconstruct-sif",
    title="Reconstruct fluorescence at 1 km",
    description="Solar-induced chlorophyll fluorescence from 0.05° and 8 days to monthly maps "
    "on the 1 km EASE-Grid 2.0, by a random forest on MODIS reflectance and temperature.",
    keywords=("solar-induced fluorescence", "downscaling", "random forest"),
    inputs=ReconstructSifInputs,
    outputs=_OUTPUTS,
)

DOWNSCALE_SMAP = Process(
    id="downscale-smap",
    title="Downscale SMAP soil moisture to 1 km",
    description="SMAP surface soil moisture from 9 km to monthly maps on the 1 km EASE-Grid "
    "2.0: the model alone, a correction that keeps SMAP's block means, and the analysis.",
    keywords=("soil moisture", "SMAP", "downscaling", "random forest"),
    inputs=DownscaleSmapInputs,
    outputs=_OUTPUTS,
)

PROCESSES: Mapping[str, Process] = {
    process.id: process for process in (RECONSTRUCT_SIF, DOWNSCALE_SMAP)
}


def find_process(process_id: str) -> Process:
    """Return a process, or raise NoSuchProcessError."""
    try:
        return PROCESSES[process_id]
    except KeyError:
        raise NoSuchProcessError(process_id, tuple(PROCESSES)) from None
