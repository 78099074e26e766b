"""Tiles and maps as an application of its own, mounted at ``/tiles``."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import morecantile
import numpy as np
from fastapi import Depends, FastAPI, Path, Query
from fastapi.exceptions import RequestValidationError
from morecantile.defaults import TileMatrixSets
from rasterio.errors import RasterioError
from rio_tiler.errors import RioTilerError, TileOutsideBounds
from rio_tiler.models import ImageData
from starlette.exceptions import HTTPException
from titiler.core.dependencies import DefaultDependency
from titiler.core.errors import TilerError
from titiler.core.factory import TilerFactory, TMSFactory
from titiler.core.middleware import CacheControlMiddleware

from engine.errors import VadoseError
from processes.problems import answer_data
from processes.request_faults import answer_invalid
from processes.tiles.layers import PublishedLayer, PublishedLayers, opened
from stac.errors import DamagedCatalogError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from stac.store import CatalogStore

_SETS = ("WebMercatorQuad", "WorldCRS84Quad")
"""Tile matrix sets that viewers know."""
_PREFIX = "/collections/{collection}/items/{item}/{layer}"
_MOST_PIXELS = 2048
"""Along a side of a picture."""
_DEEPEST = 24
"""Zoom level, where a pixel is a centimetre."""
_KEPT = "public, max-age=60"
"""For how long caches may keep a picture: a month may be published anew."""


class _Maps(TilerFactory):
    """Draws layers, and tells of nothing else: no statistics, no points, no colours to choose."""

    def register_routes(self) -> None:
        """Offer tile sets, tiles, TileJSON and maps."""
        offers: tuple[Callable[[], None], ...]
        offers = (self.tilesets, self.tile, self.tilejson, self.ogc_maps)
        for offer in offers:
            offer()


def create_tiles(catalog: CatalogStore) -> FastAPI:
    """Build the application.

    Parameters
    ----------
    catalog
        Where the maps are.
    """
    layers = PublishedLayers(catalog)

    def layer_asked(
        collection: Annotated[str, Path()],
        item: Annotated[str, Path()],
        layer: Annotated[str, Path()],
    ) -> PublishedLayer:
        found = layers.find(collection, item, layer)
        if found is None:
            raise HTTPException(404, f"{item} in {collection} has no layer {layer!r} with colours")
        return found

    def painting(
        layer: PublishedLayer = Depends(layer_asked),  # noqa: B008  (as FastAPI reads it)
    ) -> Callable[[ImageData], ImageData]:
        return lambda image: painted(image, layer)

    nothing = DefaultDependency
    sets = TileMatrixSets({name: morecantile.tms.get(name) for name in _SETS})
    maps = _Maps(
        router_prefix=_PREFIX,
        reader=opened,  # type: ignore[arg-type]  # it is only called
        path_dependency=layer_asked,
        process_dependency=painting,  # type: ignore[arg-type]  # so is this
        colormap_dependency=lambda: None,
        layer_dependency=nothing,
        dataset_dependency=nothing,
        tile_dependency=nothing,
        render_dependency=nothing,
        supported_tms=sets,
        add_viewer=False,
    )
    application = FastAPI(title="Maps as tiles", version=version("vadose"), openapi_url=None)
    application.include_router(maps.router, prefix=_PREFIX, dependencies=[Depends(_modest)])
    application.include_router(TMSFactory(supported_tms=sets).router)
    application.add_middleware(
        CacheControlMiddleware, cachecontrol=_KEPT, cachecontrol_max_http_code=400
    )
    for kind in (VadoseError, HTTPException, Exception):
        application.add_exception_handler(kind, answer_data)
    for kind in (RioTilerError, RasterioError, TilerError):
        application.add_exception_handler(kind, _answer_undrawn)
    application.add_exception_handler(DamagedCatalogError, _answer_undrawn)
    application.add_exception_handler(RequestValidationError, answer_invalid)
    return application


def painted(image: ImageData, layer: PublishedLayer) -> ImageData:
    """Return amounts in their fixed colours; what is missing is transparent."""
    values = image.array[0].astype(np.float64).filled(np.nan)
    rgba = np.moveaxis(layer.palette.rgba(values), -1, 0)
    clear = np.broadcast_to(rgba[3] == 0, rgba[:3].shape)
    array = np.ma.MaskedArray(rgba[:3], mask=clear)
    return ImageData(array, crs=image.crs, bounds=image.bounds)


def _modest(
    tilesize: Annotated[int | None, Query(gt=0, le=_MOST_PIXELS)] = None,
    width: Annotated[int | None, Query(gt=0, le=_MOST_PIXELS)] = None,
    height: Annotated[int | None, Query(gt=0, le=_MOST_PIXELS)] = None,
    minzoom: Annotated[int | None, Query(ge=0, le=_DEEPEST)] = None,
    maxzoom: Annotated[int | None, Query(ge=0, le=_DEEPEST)] = None,
) -> None:
    """Refuse what would take all of the memory."""


async def _answer_undrawn(request: Request, error: Exception) -> Response:
    """Say why there is no picture: it lies elsewhere, was lost, or cannot be drawn so."""
    status = 404 if isinstance(error, TileOutsideBounds | DamagedCatalogError) else 400
    return await answer_data(request, HTTPException(status, str(error)))
