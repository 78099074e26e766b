"""Where the service's catalogue is, a folder or a bucket, and who tells searches of it.

What is needed is loaded where it is needed: the web server starts without it.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from processes.settings import Settings
    from stac.store import CatalogStore


def service_catalog(settings: Settings) -> CatalogStore:
    """Open the catalogue that the settings name."""
    from stac.s3_store import open_catalog  # noqa: PLC0415

    base = None if settings.url is None else str(settings.url).rstrip("/")
    return open_catalog(settings.catalog_place, None if base is None else f"{base}/catalog")


def let_find(settings: Settings, item: Mapping[str, Any]) -> None:
    """Let searches find an item that was just published."""
    from processes.search.index import CatalogIndex  # noqa: PLC0415
    from processes.search.sync import index_item  # noqa: PLC0415

    with closing(CatalogIndex.open(settings.job_database)) as index:
        index_item(service_catalog(settings), index, item)


def let_find_all(settings: Settings) -> int:
    """Let searches find what is published, and nothing else; return the number of changes."""
    from processes.search.index import CatalogIndex  # noqa: PLC0415
    from processes.search.sync import sync_index  # noqa: PLC0415

    with closing(CatalogIndex.open(settings.job_database)) as index:
        return sync_index(service_catalog(settings), index)
