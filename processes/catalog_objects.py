"""Serve a catalogue that lies in a bucket: whole files and single byte ranges."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from processes.catalog_files import PAGE_POLICY
from stac.media import cache_control, media_type

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from stac.s3_store import S3Catalog

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class CatalogObjects:
    """The objects of a bucket as an application, for a mount.

    Parameters
    ----------
    catalog
        The bucket's catalogue.
    """

    catalog: S3Catalog

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for one file."""
        request = Request(scope, receive)
        if request.method not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        key = str(scope["path"]).removeprefix(str(scope.get("root_path", ""))).lstrip("/")
        if not key or any(part.startswith(".") for part in PurePosixPath(key).parts):
            raise HTTPException(404)
        response = await run_in_threadpool(self._answer, request, key)
        await response(scope, receive, send)

    def _answer(self, request: Request, key: str) -> Response:
        found = self.catalog.head(key)
        if found is None:
            raise HTTPException(404)
        size, tag = found
        headers = {
            "ETag": tag,
            "Accept-Ranges": "bytes",
            "Cache-Control": cache_control(key),
            "Content-Type": media_type(key),
        }
        if headers["Content-Type"].startswith("text/html"):
            headers["Content-Security-Policy"] = PAGE_POLICY
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        # A range of another version is not mixed in.
        same = request.headers.get("if-range", tag) == tag
        wanted = _span(request.headers.get("range"), size) if same else None
        start, end = wanted or (0, size)
        status = 200
        if wanted is not None:
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        if request.method == "HEAD":
            return Response(
                status_code=status, headers={**headers, "Content-Length": f"{end - start}"}
            )
        content = self.catalog.span(key, start, end) if end > start else b""
        return Response(content, status_code=status, headers=headers)


def _span(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the half-open span of bytes that a header means; None for all of them.

    >>> _span("bytes=0-99", 1000), _span("bytes=-10", 1000), _span("lines=1-2", 1000)
    ((0, 100), (990, 1000), None)
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    start, end = int(first), min(size, int(last) + 1 if last else size)
    if start >= size or end <= start:
        raise HTTPException(416, headers={"Content-Range": f"bytes */{size}"})
    return start, end
