"""The one ASGI application: processes and jobs, published files, pygeoapi behind them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, cast

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from engine.errors import VadoseError
from processes.behind import Behind
from processes.browser import CatalogBrowser, browser_root
from processes.callbacks import Courier
from processes.catalog_files import EXPOSED_HEADERS, CatalogFiles
from processes.catalog_objects import CatalogObjects
from processes.catalog_place import service_catalog
from processes.health import Readiness, health, live, ready
from processes.job_query import read_format
from processes.jobs.dispatcher import Dispatcher
from processes.jobs.store import open_store
from processes.landing import conformance, landing
from processes.negotiation import Resource
from processes.pages.assets import Assets
from processes.pages.filmstrip import film_query
from processes.pages.months import months_document, months_page
from processes.pages.routes import conformance_page, landing_page
from processes.pages.security import PageSecurity
from processes.problems import answer_error
from processes.routes import routes
from processes.search.mount import Search
from processes.service import Service
from processes.telemetry.metrics import Metrics
from processes.telemetry.requests import Measured, show_metrics
from processes.tiles.mount import Tiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from processes.jobs.dispatcher import Placer, Runner
    from processes.jobs.protocol import JobStore
    from processes.settings import Settings
    from stac.s3_store import S3Catalog


SEARCH = "/stac"
"""Where the STAC API is mounted."""


def create_application(settings: Settings, runner: Runner | None = None) -> Starlette:
    """Build the application.

    Parameters
    ----------
    settings
        Where things lie, and limits.
    runner
        Who runs the jobs; by default the workers of the settings' scheduler.
    """
    behind = Behind(settings)
    store = open_store(settings.job_database, patient=True)
    runner = runner or Dispatcher(store, partial(_connect, settings), settings)
    courier = Courier(store, settings)
    search = Search(settings)
    readiness = Readiness.of(settings, store)
    metrics = Metrics(store)

    @asynccontextmanager
    async def lifespan(_application: Starlette) -> AsyncIterator[None]:
        runner.start()
        courier.start()
        search.start()
        try:
            yield
        finally:
            search.stop()
            courier.stop()
            runner.stop()
            readiness.close()
            store.close()

    application = Starlette(
        routes=[*_own_routes(settings), *_search_routes(search), *behind.routes()],
        middleware=[
            Middleware(Measured, metrics=metrics),
            *_traced(settings),
            _cross_origin(),
            Middleware(PageSecurity, encrypted=_is_encrypted(settings)),
            *_gate(settings, store),
        ],
        exception_handlers={
            VadoseError: answer_error,
            HTTPException: answer_error,
            Exception: answer_error,
        },
        lifespan=lifespan,
    )
    application.state.behind = behind
    application.state.readiness = readiness
    application.state.service = Service(settings, store, runner, metrics)
    return application


async def catalog_root(request: Request) -> Response:
    """Send a reader of the folder to the catalogue's own document."""
    return RedirectResponse(f"{request.app.state.service.base(request)}/catalog/catalog.json")


def _connect(settings: Settings, done: Callable[[], None]) -> Placer:
    """Return who hands steps to the workers of the settings' scheduler."""
    # Dask takes a second to load; the application shall answer before.
    from processes.jobs.cluster import DaskPlacer  # noqa: PLC0415
    from processes.jobs.encryption import security_of  # noqa: PLC0415

    address = str(settings.scheduler)
    return DaskPlacer(address, done, security_of(address, settings))


def _own_routes(settings: Settings) -> list[BaseRoute]:
    return [
        Resource("/", page=read_format, html=landing_page, GET=landing),
        Resource("/conformance", page=read_format, html=conformance_page, GET=conformance),
        Resource("/health", GET=health),
        Resource("/health/live", GET=live),
        Resource("/health/ready", GET=ready),
        Resource("/metrics", GET=show_metrics),
        *routes(),
        Route("/jobs/{job_id}/files/{path:path}", job_file),
        Route("/catalog/", catalog_root),
        Mount("/catalog", _published(settings)),
        Mount("/tiles", Tiles(settings)),
        Resource("/months", page=film_query, html=months_page, GET=months_document),
        Route("/browser", browser_root),
        Mount("/browser", CatalogBrowser(settings.browser)),
        Mount("/static", Assets()),
        Mount("/models", CatalogFiles(settings.model_folder, items=False)),
    ]


def _published(settings: Settings) -> ASGIApp:
    """Return who serves the files of the catalogue."""
    if isinstance(settings.catalog_place, str):
        return CatalogObjects(cast("S3Catalog", service_catalog(settings)))
    return CatalogFiles(settings.catalog_folder)


def _search_routes(search: Search) -> list[BaseRoute]:
    return [Route(SEARCH, search_root), Mount(SEARCH, search)]


async def search_root(request: Request) -> Response:
    """Send a reader to the root of the STAC API, which ends with a slash."""
    return RedirectResponse(f"{request.app.state.service.base(request)}{SEARCH}/")


async def job_file(request: Request) -> Response:
    """Answer with a file of maps that stayed with their job."""
    service: Service = request.app.state.service
    # Not here: a database that is slow to answer shall hold up nobody else.
    job = await run_in_threadpool(service.store.get, request.path_params["job_id"])
    folder = service.settings.work_folder / job.id / "catalog"
    if not folder.is_dir():
        raise HTTPException(404)
    return await CatalogFiles(folder).get_response(request.path_params["path"], request.scope)


def _is_encrypted(settings: Settings) -> bool:
    return settings.url is not None and settings.url.scheme == "https"


def _traced(settings: Settings) -> list[Middleware]:
    """Return who traces requests, where somebody wants traces."""
    if settings.traces is None:
        return []
    from processes.telemetry.traces import Traced, tracer  # noqa: PLC0415  (an extra)

    return [Middleware(Traced, tracer=tracer(settings))]


def _gate(settings: Settings, store: JobStore) -> list[Middleware]:
    """Return who lets requests in, where not everybody may come."""
    if not settings.access:
        return []
    from processes.access.gate import Gate  # noqa: PLC0415  (cryptography takes a moment to load)

    return [Middleware(Gate, settings=settings, store=store)]


def _cross_origin() -> Middleware:
    """Let scripts of any origin read; ranges included."""
    return Middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "HEAD", "POST", "DELETE", "OPTIONS"],
        allow_headers=["*"],
        expose_headers=list(EXPOSED_HEADERS),
        max_age=86400,
    )
