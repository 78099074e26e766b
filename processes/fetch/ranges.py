"""A file that lies elsewhere, read by ranges as if it were here."""

from __future__ import annotations

import io
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from processes.fetch.errors import ProviderError
from processes.fetch.offers import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from processes.fetch.client import Client

_BLOCK = 1 << 18
"""Bytes that are asked for at a time, as a rule."""
_KEPT = 64
"""Blocks that are kept."""


@dataclass(slots=True)
class _Known:
    """What has come of a file."""

    blocks: OrderedDict[int, bytes] = field(default_factory=OrderedDict)
    size: int | None = None
    came: int = 0


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
    block
        Bytes that are asked for at a time.
    """

    def __init__(
        self,
        client: Client,
        url: str,
        login: str | None,
        arrived: Callable[[int], None],
        block: int = _BLOCK,
    ) -> None:
        super().__init__()
        self._client, self._url, self._login, self._arrived = client, url, login, arrived
        self._block_size = block
        self._position = 0
        self._known = _Known()

    @property
    def came(self) -> int:
        """Bytes that came."""
        return self._known.came

    def again(self) -> RangeFile:
        """Open it once more, at its beginning; what has come is not asked for again."""
        other = RangeFile(self._client, self._url, self._login, self._arrived, self._block_size)
        other._known = self._known
        return other

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
            number, offset = divmod(self._position, self._block_size)
            part = self._block(number)[offset : offset + wanted - done]
            view[done : done + len(part)] = part
            done += len(part)
            self._position += len(part)
        return done

    def _length(self) -> int:
        if self._known.size is None:
            self._block(0)
        return self._known.size or 0

    def _block(self, number: int) -> bytes:
        blocks = self._known.blocks
        if number not in blocks:
            blocks[number] = self._client.patience.attempt(lambda: self._ask(number))
            self._known.came += len(blocks[number])
            self._arrived(self.came)
            if len(blocks) > _KEPT:
                blocks.popitem(last=False)
        blocks.move_to_end(number)
        return blocks[number]

    def _ask(self, number: int) -> bytes:
        start = number * self._block_size
        place = shown(self._url)
        headers = {"Range": f"bytes={start}-{start + self._block_size - 1}"}
        with self._client.stream(self._url, login=self._login, headers=headers) as response:
            told = response.headers.get("Content-Range", "").rpartition("/")[2]
            if response.status_code != 206 or not told.isdigit():
                raise ProviderError(place, "it does not send parts of files")
            if self._known.size not in (None, int(told)):
                raise ProviderError(place, "the file was replaced meanwhile", again=True)
            self._known.size = size = int(told)
            content = response.read()
        if len(content) != min(self._block_size, size - start):
            raise ProviderError(place, "it sent another range than asked for", again=True)
        return content
