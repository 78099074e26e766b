"""A file that lies elsewhere, read by ranges as if it were here."""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import TYPE_CHECKING

from processes.fetch.errors import ProviderError
from processes.fetch.offers import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from processes.fetch.client import Client

_BLOCK = 1 << 18
"""Bytes that are asked for at a time."""
_KEPT = 64
"""Blocks that are kept."""


class RangeFile(io.RawIOBase):
    """A file behind an address, of which only the blocks that are read come.

    Parameters
    ----------
    client
        Asks for them, again where that may help.
    url, login
        Where, and as whom.
    arrived
        Told how many bytes came in all.
    """

    def __init__(
        self, client: Client, url: str, login: str | None, arrived: Callable[[int], None]
    ) -> None:
        super().__init__()
        self._client, self._url, self._login, self._arrived = client, url, login, arrived
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._position = 0
        self._size: int | None = None
        self.came = 0
        """Bytes that came."""

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be read anywhere."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move the position."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length()}
        self._position = start[whence] + offset
        return self._position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Read from the position on; fewer bytes than asked for only at the end."""
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), max(0, self._length() - self._position))
        done = 0
        while done < wanted:
            number, offset = divmod(self._position, _BLOCK)
            part = self._block(number)[offset : offset + wanted - done]
            view[done : done + len(part)] = part
            done += len(part)
            self._position += len(part)
        return done

    def _length(self) -> int:
        if self._size is None:
            self._block(0)
        return self._size or 0

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            self._blocks[number] = self._client.patience.attempt(lambda: self._ask(number))
            self.came += len(self._blocks[number])
            self._arrived(self.came)
            if len(self._blocks) > _KEPT:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _ask(self, number: int) -> bytes:
        start = number * _BLOCK
        place = shown(self._url)
        headers = {"Range": f"bytes={start}-{start + _BLOCK - 1}"}
        with self._client.stream(self._url, login=self._login, headers=headers) as response:
            told = response.headers.get("Content-Range", "").rpartition("/")[2]
            if response.status_code != 206 or not told.isdigit():
                raise ProviderError(place, "it does not send parts of files")
            if self._size not in (None, int(told)):
                raise ProviderError(place, "the file was replaced meanwhile", again=True)
            self._size = int(told)
            content = response.read()
        if len(content) != min(_BLOCK, self._size - start):
            raise ProviderError(place, "it sent another range than asked for", again=True)
        return content
