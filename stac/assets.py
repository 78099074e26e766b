"""Assets: files that wait to be published, and the fields that describe them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pystac

if TYPE_CHECKING:
    from pathlib import Path

    from stac.fields import Fields

MULTIHASH_SHA256 = "1220"
"""How a multihash says that a SHA-256 of 32 bytes follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """What an item says of one file, all but its name."""

    key: str
    """Name in the item, such as ``soil_moisture``."""
    suffix: str
    """Of the file's name, such as ``.tif``."""
    title: str
    description: str
    media_type: str
    roles: tuple[str, ...]
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal digest of the bytes."""
    fields: Fields = field(default_factory=dict)
    """Extension and band fields."""

    @property
    def checksum(self) -> str:
        """The digest as a multihash."""
        return f"{MULTIHASH_SHA256}{self.sha256}"

    def named(self, name: str) -> pystac.Asset:
        """Return the asset as an item has it, whose file has a name beside the item."""
        return pystac.Asset(
            href=f"./{name}",
            title=self.title,
            description=self.description,
            media_type=self.media_type,
            roles=list(self.roles),
            extra_fields={
                **self.fields,
                "file:size": self.size,
                "file:checksum": self.checksum,
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedAsset:
    """An asset whose file waits to be published."""

    asset: Asset
    path: Path

    @classmethod
    def of(
        cls,
        path: Path,
        *,
        key: str | None = None,
        title: str,
        description: str,
        media_type: str,
        roles: tuple[str, ...],
        fields: Fields | None = None,
    ) -> StagedAsset:
        """Describe a file; its key is its stem unless it is given."""
        asset = Asset(
            key=key or path.stem,
            suffix=path.suffix,
            title=title,
            description=description,
            media_type=media_type,
            roles=roles,
            size=path.stat().st_size,
            sha256=sha256_of(path),
            fields=fields or {},
        )
        return cls(asset=asset, path=path)


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
