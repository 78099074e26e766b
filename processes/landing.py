"""pygeoapi behind our routes: its configuration, its conformance, and what we do not draw."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import TYPE_CHECKING, Any

import yaml
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from engine.errors import InputError
from engine.files import atomic_path
from processes.openapi import OPENAPI_TYPE, openapi_document
from processes.pages.assets import FOLDER as ASSETS
from processes.pages.rendering import TEMPLATES
from processes.problems import answer_error
from processes.service import public_address
from processes.status import REL, link

if TYPE_CHECKING:
    from pydantic import JsonValue
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from processes.settings import Settings


_PROCESSES = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf"
CONFORMANCE = [
    f"{_PROCESSES}/{name}"
    for name in (
        *("core", "ogc-process-description", "json", "html", "oas30"),
        *("job-list", "callback", "dismiss"),
    )
]
"""Classes of OGC API - Processes 1.0 that the service obeys: all of them."""


def load_pygeoapi(settings: Settings) -> Starlette:
    """Return pygeoapi's own Starlette application, configured.

    Notes
    -----
    pygeoapi reads its configuration from files that two environment variables name, once, when
    its application module is imported; so the files are written and the variables set here. One
    process has one pygeoapi: a second call returns the first application.
    """
    with warnings.catch_warnings():
        # What pygeoapi's own code does with its libraries is not ours to mend.
        warnings.simplefilter("ignore")
        return _imported(settings)


def _imported(settings: Settings) -> Starlette:
    configuration = _configuration(settings)
    folder = settings.work_folder / "pygeoapi"
    files = {
        "PYGEOAPI_CONFIG": (folder / "config.yml", configuration),
        "PYGEOAPI_OPENAPI": (folder / "openapi.yml", openapi_document(public_address(settings))),
    }
    for variable, (path, content) in files.items():
        with atomic_path(path) as temporary:
            temporary.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        os.environ[variable] = str(path.absolute())
    application: Starlette = importlib.import_module("pygeoapi.starlette_app").APP
    _conformance_classes()[:] = CONFORMANCE
    application.add_exception_handler(HTTPException, answer_error)
    application.add_exception_handler(Exception, answer_error)
    return application


def _conformance_classes() -> list[str]:
    """Return the list in which pygeoapi claims classes of OGC API - Processes."""
    from pygeoapi.api import processes  # noqa: PLC0415

    classes: list[str] = processes.CONFORMANCE_CLASSES
    return classes


def service_identity() -> tuple[str, str]:
    """Return the title and the description that the configuration gives the service."""
    from pygeoapi.starlette_app import api_  # noqa: PLC0415  (configured by now)

    identification = api_.config["metadata"]["identification"]
    return str(identification["title"]), str(identification["description"])


def landing(request: Request) -> Response:
    """Answer with the service's title and links to all that is here."""
    title, description = service_identity()
    links = landing_links(request.app.state.service.base(request))
    return JSONResponse({"title": title, "description": description, "links": links})


async def conformance(request: Request) -> Response:
    """Answer with the classes of all standards that the service obeys, as pygeoapi has them."""
    from pygeoapi import starlette_app  # noqa: PLC0415  (configured by now)

    response: Response = await starlette_app.conformance(request)
    return response


def landing_links(base: str) -> list[JsonValue]:
    """Return the links of the landing page of a service at some address."""
    html = "text/html"
    return [
        link(f"{base}/", "self", "This document"),
        link(f"{base}/?f=html", "alternate", "This document as a page", html),
        link(f"{base}/openapi", "service-desc", "The API by OpenAPI 3.0", OPENAPI_TYPE),
        link(f"{base}/openapi?f=html", "service-doc", "The API as a page", html),
        link(f"{base}/conformance", "conformance", "Conformance classes"),
        link(f"{base}/conformance", f"{REL}/conformance", "Conformance classes"),
        link(f"{base}/processes", f"{REL}/processes", "Processes"),
        link(f"{base}/jobs", f"{REL}/job-list", "Jobs"),
        link(f"{base}/collections", "data", "Collections"),
        link(f"{base}/catalog/catalog.json", "child", "STAC catalogue of the maps"),
        link(f"{base}/health", "status", "Health of the service"),
    ]


def _configuration(settings: Settings) -> dict[str, Any]:
    """Read the configuration and fill in what the settings say."""
    from pygeoapi.config import validate_config  # noqa: PLC0415
    from pygeoapi.util import yaml_load  # noqa: PLC0415

    path = settings.pygeoapi_config
    try:
        with path.open(encoding="utf-8") as stream:
            configuration: dict[str, Any] = yaml_load(stream)
    except OSError:
        raise InputError("VADOSE_PYGEOAPI_CONFIG", f"{path} cannot be read", "a file") from None
    server = configuration["server"]
    server["url"] = public_address(settings)
    server["bind"] = {"host": settings.host, "port": settings.port}
    server["manager"] |= {
        # Never the address of a database, whose password would lie in this file.
        "connection": str((settings.data / "jobs.sqlite").absolute()),
        "output_dir": str(settings.work_folder.absolute()),
    }
    server["templates"] = {
        "path": str(TEMPLATES / "pygeoapi"),
        "static": str(ASSETS),
    }
    validate_config(configuration)
    return configuration
