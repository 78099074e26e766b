"""pygeoapi behind our routes: its configuration, its conformance, and the collections it serves.

It takes seconds to load, and nobody who asks for a job needs it. So it is loaded beside the
service's first answers; only who asks for what it knows waits for it.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import threading
import warnings
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import yaml
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Route

from engine.errors import InputError
from engine.files import atomic_path
from processes.cube_resources import CubeResources
from processes.loading import LOADING
from processes.pages.assets import FOLDER as ASSETS
from processes.pages.rendering import TEMPLATES
from processes.service import public_address
from stac.media import GEOJSON, JSON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.applications import Starlette
    from starlette.types import Message, Receive, Scope, Send

    from processes.settings import Settings

LOGGER = logging.getLogger(__name__)

OPEN = ("/collections", "/collections/{path:path}")
"""What pygeoapi answers. Its other routes (tiles, AsyncAPI, a STAC of its own, and processes,
which are ours) have nothing to serve here, and are not found; name a path to open it."""

RECORDS = "processes.records.CatalogRecords"
"""What the configuration calls the provider of records."""

_NO_DOCUMENT = {"openapi": "3.0.3", "info": {"title": "vadose", "version": "0"}, "paths": {}}
"""In place of the API's document, which pygeoapi wants to see and which we serve ourselves."""

_UNREADABLE = (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError)
"""What a file may raise that is no configuration."""


class Behind:
    """pygeoapi's own application, as an ASGI application that loads it when it is needed.

    Parameters
    ----------
    settings
        Where its configuration is, and what to fill in there.

    Raises
    ------
    InputError
        Where there is no configuration, or it gives the service no title.

    Attributes
    ----------
    title, description
        Of the service, as the configuration has them.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            text = settings.pygeoapi_config.read_text(encoding="utf-8")
            identification = yaml.safe_load(text)["metadata"]["identification"]
            self.title, self.description = (
                str(identification[name]) for name in ("title", "description")
            )
        except _UNREADABLE as error:
            raise _wrong(settings, error) from None
        self._settings = settings
        self._lock = threading.Lock()
        self._application: Starlette | None = None
        self._configured: dict[str, Any] = {}
        self._cubes = CubeResources(settings)

    def routes(self) -> Sequence[Route]:
        """Return the routes that lead to it."""
        return [Route(path, self) for path in OPEN]

    def load(self) -> Starlette:
        """Return the application, configured.

        Raises
        ------
        InputError
            Where the configuration cannot be read, or is wrong.

        Notes
        -----
        pygeoapi reads its configuration from files that two environment variables name, once,
        when its application module is imported; so the files are written and the variables set
        here. One process has one pygeoapi, whatever is configured later.
        """
        with self._lock:
            if self._application is None:
                # What pygeoapi's own code does with its libraries is not ours to mend. Filters
                # belong to the process: while another one loads, they are not to be changed.
                with LOADING, warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self._configured = _configuration(self._settings)
                    self._application = _imported(self._settings, self._configured)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _configure({**self._configured["resources"], **self._cubes.current()})
            return self._application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let pygeoapi answer; what it refuses is refused in our words."""
        application = await run_in_threadpool(self.load)
        answer = _Answer(send, features=scope["path"].partition("/items")[1] != "")
        await application(scope, receive, answer)
        answer.raise_refusal()


class _Answer:
    """Passes on what is sent, but keeps a refusal.

    Features are sent as GeoJSON, as pygeoapi's links to them promise and its answers do not.
    """

    def __init__(self, send: Send, *, features: bool) -> None:
        self._send = send
        self._features = features
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= HTTPStatus.BAD_REQUEST:
            self._status = message["status"]
            allowed = Headers(scope=message).get("allow")
            self._headers = {} if allowed is None else {"Allow": allowed}
        elif self._status:
            self._body += message.get("body", b"")
        else:
            if self._features and message["type"] == "http.response.start":
                _name_geojson(MutableHeaders(scope=message))
            await self._send(message)

    def raise_refusal(self) -> None:
        """Raise HTTPException where the request was refused."""
        if self._status:
            status = _true_status(self._status, self._body)
            raise HTTPException(status, _reason(status, self._body), headers=self._headers)


def _name_geojson(headers: MutableHeaders) -> None:
    if headers.get("content-type") == JSON:
        headers["content-type"] = GEOJSON


def _true_status(status: int, body: bytes) -> int:
    """Return a refusal's status: pygeoapi takes a wrong box of a coverage for a failure."""
    failed = status == HTTPStatus.INTERNAL_SERVER_ERROR
    wrong = failed and b'"InvalidParameterValue"' in body
    return HTTPStatus.BAD_REQUEST if wrong else status


def _reason(status: int, body: bytes) -> str | None:
    """Return why pygeoapi refused, or None where that is nobody's business or was not said."""
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        LOGGER.error("pygeoapi failed: %s", body.decode(errors="replace"))
        return None
    try:
        return str(json.loads(body)["description"])
    except (ValueError, KeyError, TypeError):
        return None


def _imported(settings: Settings, configuration: Mapping[str, Any]) -> Starlette:
    folder = settings.work_folder / "pygeoapi"
    files = {
        "PYGEOAPI_CONFIG": (folder / "config.yml", configuration),
        "PYGEOAPI_OPENAPI": (folder / "openapi.yml", _NO_DOCUMENT),
    }
    for variable, (path, content) in files.items():
        with atomic_path(path) as temporary:
            temporary.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        os.environ[variable] = str(path.absolute())
    application: Starlette = importlib.import_module("pygeoapi.starlette_app").APP
    # Its tables of records fail, although it links them; cubes name their formatter themselves.
    importlib.import_module("pygeoapi.plugin").PLUGINS["formatter"].clear()
    application.debug = False  # It would show its callers tracebacks.
    return application


def _configure(resources: Mapping[str, Any]) -> None:
    """Let pygeoapi serve some resources from now on; requests that it answers now are not changed.

    It looks for them in its configuration at each request, and once more, by the name that it
    found, when it draws the page: pages keep the resources of before. The configuration that it
    draws pages from it translates once for each language, and keeps.
    """
    api = importlib.import_module("pygeoapi.starlette_app").api_
    if api.config["resources"] != resources:
        drawn = {**api.tpl_config["resources"], **resources}
        api.tpl_config = {**api.tpl_config, "resources": drawn}
        importlib.import_module("pygeoapi.l10n")._cfg_cache.clear()  # noqa: SLF001
        api.config = {**api.config, "resources": resources}


def _configuration(settings: Settings) -> dict[str, Any]:
    """Read the configuration and fill in what the settings say."""
    from jsonschema import ValidationError  # noqa: PLC0415
    from pygeoapi.config import validate_config  # noqa: PLC0415
    from pygeoapi.util import yaml_load  # noqa: PLC0415

    try:
        with settings.pygeoapi_config.open(encoding="utf-8") as stream:
            configuration: dict[str, Any] = yaml_load(stream)
        server = configuration["server"]
        server["url"] = public_address(settings)
        server["bind"] = {"host": settings.host, "port": settings.port}
        server["templates"] = {"path": str(TEMPLATES / "pygeoapi"), "static": str(ASSETS)}
        validate_config(configuration)
    except ValidationError as error:
        raise _wrong(settings, f"{error.json_path}: {error.message}") from None
    except _UNREADABLE as error:
        raise _wrong(settings, error) from None
    _place_records(configuration["resources"], settings)
    return configuration


def _place_records(resources: Mapping[str, Any], settings: Settings) -> None:
    """Say where the records are: with the catalogue, whose address is absolute for them."""
    base = public_address(settings)
    for resource in resources.values():
        for provider in resource.get("providers", []):
            if provider["name"] == RECORDS:
                provider["data"] = str(settings.catalog_place)
                provider["options"] = {"address": f"{base}/catalog"}
                for link in resource["links"]:
                    link["href"] = urljoin(f"{base}/", link["href"])


def _wrong(settings: Settings, reason: object) -> InputError:
    wrong = f"{settings.pygeoapi_config} is no configuration of pygeoapi ({reason})"
    return InputError("VADOSE_PYGEOAPI_CONFIG", wrong, "a file like pygeoapi-config.yml")
