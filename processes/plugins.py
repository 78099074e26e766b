"""Plugins by which pygeoapi knows our processes; light to construct, so nothing loads science.

They describe. Execution goes through ``routes.py`` and the jobs, never through a thread of the
web server; so pygeoapi needs no manager of jobs either.
"""

from __future__ import annotations

from typing import Any

from pygeoapi.process.base import BaseProcessor, ProcessorExecuteError

from processes.definitions import DOWNSCALE_SMAP, ECHO, RECONSTRUCT_SIF, Process


class OwnProcessor(BaseProcessor):  # type: ignore[misc]  # pygeoapi has no types
    """A processor that describes one of our processes to pygeoapi."""

    process: Process

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, self.process.describe() | {"links": []})

    def execute(self, data: dict[str, Any], outputs: Any = None) -> tuple[str, Any]:  # noqa: ARG002
        """Refuse: jobs do the work."""
        raise ProcessorExecuteError(user_msg="execute this process through the job routes")


class ReconstructSifProcessor(OwnProcessor):
    """``reconstruct-sif`` for pygeoapi."""

    process = RECONSTRUCT_SIF


class DownscaleSmapProcessor(OwnProcessor):
    """``downscale-smap`` for pygeoapi."""

    process = DOWNSCALE_SMAP


class EchoProcessor(OwnProcessor):
    """``echo`` for pygeoapi."""

    process = ECHO
