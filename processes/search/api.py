"""The STAC API as an application of its own, mounted at ``/stac``."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import attr
from fastapi.exceptions import RequestValidationError
from pydantic import Field, field_validator
from stac_fastapi.api.app import StacApi
from stac_fastapi.api.models import (
    ItemCollectionUri,
    create_get_request_model,
    create_post_request_model,
)
from stac_fastapi.extensions import (
    FieldsExtension,
    SearchFilterExtension,
    SortExtension,
    TokenPaginationExtension,
)
from stac_fastapi.extensions.filter import FilterConformanceClasses
from stac_fastapi.extensions.filter.request import FilterExtensionPostRequest
from stac_fastapi.extensions.pagination.request import GETTokenPagination
from stac_fastapi.types.config import ApiSettings
from stac_fastapi.types.search import BaseSearchPostRequest
from starlette.exceptions import HTTPException

from engine.errors import VadoseError
from processes.pages.api_view import view_api
from processes.pages.rendering import render
from processes.problems import answer_data
from processes.request_faults import answer_invalid
from processes.search.client import CatalogClient
from processes.search.links import Addresses
from stac.conformity import VERSION as STAC_VERSION
from stac.products import catalog_texts

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

    from processes.search.index import CatalogIndex
    from processes.settings import Settings

PATH = "/stac"
"""Where the API is mounted."""

_FILTER_CLASSES = [
    FilterConformanceClasses.FILTER,
    FilterConformanceClasses.SEARCH,
    FilterConformanceClasses.BASIC_CQL2,
    FilterConformanceClasses.CQL2_JSON,
    FilterConformanceClasses.CQL2_TEXT,
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/spatial-functions",
]
_SORT_CLASSES = ["https://api.stacspec.org/v1.0.0/item-search#sort"]


class _FilterBody(FilterExtensionPostRequest):
    """A filter in a document: JSON, or text that says that it is."""

    filter_expr: dict[str, Any] | str | None = Field(  # type: ignore[assignment]
        None, alias="filter"
    )
    filter_lang: Literal["cql2-json", "cql2-text"] | None = Field(  # type: ignore[assignment]
        None, alias="filter-lang"
    )


class _SearchBody(BaseSearchPostRequest):
    """A search in a document, whatever extensions add to it."""

    @field_validator("collections", mode="before")
    @classmethod
    def _one_alone(cls, named: object) -> object:
        """Let a single collection be named without a list, as some clients do."""
        return [named] if isinstance(named, str) else named

    @field_validator("fields", mode="before", check_fields=False)
    @classmethod
    def _some_fields(cls, named: object) -> object:
        if named is None:
            raise ValueError("allowed: an object with include and exclude")
        return named


@attr.s
class _SearchFilter(SearchFilterExtension):
    POST = _FilterBody


@attr.s
class _PagedItems(ItemCollectionUri, GETTokenPagination):
    """What may be asked of a collection's items."""


def create_search(settings: Settings, index: CatalogIndex) -> FastAPI:
    """Build the API.

    Parameters
    ----------
    settings
        Its public address.
    index
        What is published.
    """
    texts = catalog_texts()

    def addresses(request: Request) -> Addresses:
        # Below the mount, the address of a request's root ends with the mount's path.
        here = str(request.base_url).rstrip("/").removesuffix(PATH)
        base = here if settings.url is None else str(settings.url).rstrip("/")
        return Addresses(
            api=f"{base}{PATH}",
            files=f"{base}/catalog",
            months=f"{base}/months",
            title=texts.title,
        )

    client = CatalogClient(index=index, addresses=addresses, landing_page_id=texts.id)
    searching = [
        FieldsExtension(),
        SortExtension(conformance_classes=_SORT_CLASSES),
        _SearchFilter(client=client, conformance_classes=_FILTER_CLASSES),
        TokenPaginationExtension(),
    ]
    api = StacApi(
        stac_version=STAC_VERSION,
        settings=ApiSettings(
            stac_fastapi_title=texts.title,
            stac_fastapi_description=texts.description,
            stac_fastapi_landing_id=texts.id,
            stac_fastapi_version=version("vadose"),
            enable_direct_response=True,
            # Its page would load scripts of other hosts.
            docs_url="",
            _env_file=None,
        ),
        client=client,
        extensions=searching,
        search_get_request_model=create_get_request_model(searching),
        search_post_request_model=create_post_request_model(searching, _SearchBody),
        items_get_request_model=_PagedItems,
        # What lies around the whole service does this for all of it.
        middlewares=[],
    )
    application: FastAPI = api.app
    application.add_route("/api.html", _api_page, methods=["GET"], include_in_schema=False)
    for kind in (VadoseError, HTTPException, Exception):
        application.add_exception_handler(kind, answer_data)
    application.add_exception_handler(RequestValidationError, answer_invalid)
    return application


def _api_page(request: Request) -> Response:
    """Show the API by its own description."""
    return render(
        request,
        "api.html",
        title="STAC API",
        lead="What is published, by questions.",
        document="stac/api",
        below="stac/",
        groups=view_api(request.app.openapi()),
    )
