"""The core of the STAC API: stac-fastapi asks, the index answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlencode

import attr
from stac_fastapi.api.models import GeoJSONResponse
from stac_fastapi.extensions.filter.client import BaseFiltersClient
from stac_fastapi.types.core import BaseCoreClient
from stac_fastapi.types.stac import (
    Collection,
    Collections,
    Item,
    ItemCollection,
    LandingPage,
)
from starlette.exceptions import HTTPException

from processes.search.fields import Fields
from processes.search.filters import read_filter
from processes.search.links import SCHEMA, Addresses, link
from processes.search.query import (
    Query,
    read_area,
    read_limit,
    read_sort,
    read_time,
    read_token,
    split_sort,
    write_token,
)
from processes.search.queryables import queryables
from stac.media import GEOJSON, JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.requests import Request

    from processes.search.index import CatalogIndex, Page

_OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
_QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"


@attr.s(auto_attribs=True)
class CatalogClient(BaseCoreClient, BaseFiltersClient):
    """Answers from the index."""

    index: CatalogIndex = attr.ib(kw_only=True)
    """What is published."""
    addresses: Callable[[Request], Addresses] = attr.ib(kw_only=True)
    """Where the service of a request is."""

    def landing_page(self, **kwargs: Any) -> LandingPage:
        """Describe the catalogue, and link all that there is."""
        where = self.addresses(kwargs["request"])
        api = where.api
        children = [
            link("child", f"{api}/collections/{one['id']}", str(one["title"]), JSON)
            for one in self.index.collections()
        ]
        return LandingPage(
            type="Catalog",
            id=self.landing_page_id,
            stac_version=self.stac_version,
            title=self.title,
            description=self.description,
            conformsTo=self.conformance_classes(),
            links=[
                link("self", f"{api}/", self.title, JSON),
                where.root,
                link("service-desc", f"{api}/api", "The API by OpenAPI", _OPENAPI),
                link("service-doc", f"{api}/api.html", "The API as a page", "text/html"),
                link("conformance", f"{api}/conformance", "Conformance classes", JSON),
                link("data", f"{api}/collections", "Collections", JSON),
                link("search", f"{api}/search", "Search", GEOJSON, method="GET"),
                link("search", f"{api}/search", "Search", GEOJSON, method="POST"),
                link(_QUERYABLES, f"{api}/queryables", "What filters may name", SCHEMA),
                link("canonical", f"{where.files}/catalog.json", "The same as files", JSON),
                *children,
            ],
        )

    def all_collections(self, **kwargs: Any) -> Collections:
        """List the collections."""
        where = self.addresses(kwargs["request"])
        found = [where.collection(one) for one in self.index.collections()]
        answer = {
            "collections": found,
            "links": [link("self", f"{where.api}/collections", "Collections", JSON), where.root],
            "numberMatched": len(found),
            "numberReturned": len(found),
        }
        return cast("Collections", answer)

    def get_collection(self, collection_id: str, **kwargs: Any) -> Collection:
        """Return a collection."""
        where = self.addresses(kwargs["request"])
        return cast("Collection", where.collection(self._collection(collection_id)))

    def get_item(self, item_id: str, collection_id: str, **kwargs: Any) -> Item:
        """Return an item."""
        where = self.addresses(kwargs["request"])
        title = str(self._collection(collection_id)["title"])
        item = self.index.item(collection_id, item_id)
        if item is None:
            detail = f"the collection {collection_id:.200} has no item {item_id:.200}"
            raise HTTPException(404, detail)
        return cast("Item", where.item(item, title))

    def item_collection(
        self,
        collection_id: str,
        bbox: Sequence[float] | None = None,
        datetime: str | None = None,
        limit: int | None = None,
        token: str | None = None,
        **kwargs: Any,
    ) -> ItemCollection:
        """List the items of a collection."""
        request: Request = kwargs["request"]
        title = str(self._collection(collection_id)["title"])
        sort = read_sort(None)
        query = Query(
            limit=read_limit(limit),
            area=read_area(bbox, None),
            time=read_time(datetime),
            collections=(collection_id,),
            sort=sort,
            after=read_token(token, sort),
        )
        page = self.index.search(query)
        where = self.addresses(request)
        collection = f"{where.api}/collections/{quote(collection_id)}"
        above = link("collection", collection, title, JSON)
        return self._answer(request, page, f"{collection}/items", query, above=above)

    def get_search(  # noqa: PLR0917  (stac-fastapi's own signature)
        self,
        collections: Sequence[str] | None = None,
        ids: Sequence[str] | None = None,
        bbox: Sequence[float] | None = None,
        intersects: Any = None,
        datetime: str | None = None,
        limit: int | None = None,
        **kwargs: Any,
    ) -> ItemCollection:
        """Search by the parameters of an address."""
        request: Request = kwargs["request"]
        sort = read_sort([split_sort(text) for text in kwargs.get("sortby") or ()])
        language = kwargs.get("filter_lang") or "cql2-text"
        query = Query(
            limit=read_limit(limit),
            area=read_area(bbox, intersects),
            time=read_time(datetime),
            collections=tuple(collections or ()),
            ids=tuple(ids or ()),
            filter=read_filter(kwargs.get("filter_expr"), language),
            sort=sort,
            after=read_token(kwargs.get("token"), sort),
        )
        fields = Fields.read(kwargs.get("fields") or ())
        path = f"{self.addresses(request).api}/search"
        return self._answer(request, self.index.search(query), path, query, fields=fields)

    def post_search(self, search_request: Any, **kwargs: Any) -> ItemCollection:
        """Search by a document."""
        request: Request = kwargs["request"]
        asked = search_request
        wanted = [(one.field, str(one.direction)) for one in asked.sortby or ()]
        sort = read_sort([(name, way.rpartition(".")[2]) for name, way in wanted])
        geometry = None if asked.intersects is None else asked.intersects.model_dump(mode="json")
        query = Query(
            limit=read_limit(asked.limit),
            area=read_area(asked.bbox, geometry),
            time=read_time(_written_time(asked.datetime)),
            collections=tuple(asked.collections or ()),
            ids=tuple(asked.ids or ()),
            filter=read_filter(asked.filter_expr, _language(asked.filter_expr)),
            sort=sort,
            after=read_token(asked.token, sort),
        )
        chosen = asked.fields
        fields = _fields(chosen) if chosen else Fields()
        body = asked.model_dump(mode="json", by_alias=True, exclude_unset=True)
        path = f"{self.addresses(request).api}/search"
        return self._answer(
            request, self.index.search(query), path, query, fields=fields, body=body
        )

    def get_queryables(self, collection_id: str | None = None, **kwargs: Any) -> dict[str, Any]:
        """Return what filters may name."""
        if collection_id is not None:
            self._collection(collection_id)
        return queryables(f"{self.addresses(kwargs['request']).api}/queryables")

    def _collection(self, collection_id: str) -> Mapping[str, Any]:
        found = self.index.collection(collection_id)
        if found is None:
            raise HTTPException(404, f"there is no collection {collection_id:.200}")
        return found

    def _answer(
        self,
        request: Request,
        page: Page,
        path: str,
        query: Query,
        *,
        fields: Fields | None = None,
        body: Mapping[str, Any] | None = None,
        above: Mapping[str, Any] | None = None,
    ) -> ItemCollection:
        where = self.addresses(request)
        titles = self.index.titles(str(one["collection"]) for one in page.items)
        items = [where.item(one, titles.get(str(one["collection"]), "")) for one in page.items]
        shown = [(fields or Fields()).of_item(item) for item in items]
        links = [where.root]
        if body is None:
            links.insert(0, link("self", _again(path, request, None), "This page", GEOJSON))
        if page.last is not None:
            token = write_token(query.sort, page.last)
            links.append(_next(path, request, token, body))
        links += [] if above is None else [dict(above)]
        answer = {
            "type": "FeatureCollection",
            "features": shown,
            "links": links,
            "numberMatched": page.matched,
            "numberReturned": len(shown),
        }
        # Given a dictionary, FastAPI would walk through all of it in search of other types.
        return cast("ItemCollection", GeoJSONResponse(answer))


def _fields(chosen: Any) -> Fields:
    """Return the fields that a document names; to include none is not to say nothing of it."""
    said = "include" in chosen.model_fields_set
    return Fields.of(chosen.include or () if said else None, chosen.exclude)


def _next(
    path: str, request: Request, token: str, body: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the link to the page that follows."""
    if body is None:
        return link("next", _again(path, request, token), "Next page", GEOJSON, method="GET")
    return link("next", path, "Next page", GEOJSON, method="POST", body={**body, "token": token})


def _again(path: str, request: Request, token: str | None) -> str:
    """Return the address of a request, for another page."""
    query = request.query_params.multi_items()
    if token is not None:
        query = [(name, value) for name, value in query if name != "token"] + [("token", token)]
    return f"{path}?{urlencode(query)}" if query else path


def _language(given: Any) -> str:
    return "cql2-text" if isinstance(given, str) else "cql2-json"


def _written_time(given: Any) -> str | None:
    return None if given is None else str(given)
