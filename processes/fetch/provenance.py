"""Where a granule came from, written beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict

from engine.files import atomic_path
from processes.fetch.content import digest
from processes.fetch.offers import shown

if TYPE_CHECKING:
    from pathlib import Path

    from processes.fetch.offers import Offer
    from processes.fetch.sources import Source

SUFFIX = ".provenance.json"
"""What the name of a granule's note ends with, after the granule's own."""


class Provenance(BaseModel):
    """What is known of how a granule came here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    product: str
    """Identifier of the product."""
    version: str | None
    """Version that its name tells."""
    provider: str
    """Who provided it."""
    url: str
    """Where it was asked for, without what may be a key."""
    part: str | None = None
    """What was cut out of it, where it did not come whole."""
    retrieved: datetime
    """When it was complete."""
    size: int
    """Bytes."""
    sha256: str
    """Of the content."""
    licence: str
    """Terms of use."""
    citation: str
    """How to cite the product."""


def note_path(granule: Path) -> Path:
    """Return where a granule's note is."""
    return granule.with_name(granule.name + SUFFIX)


def write_note(granule: Path, content: Path, offer: Offer, source: Source) -> Provenance:
    """Write down where a granule came from.

    Parameters
    ----------
    granule
        Its place in the archive, where it need not be yet.
    content
        Where it is now.
    offer, source
        How it came.
    """
    licence, citation = source.terms
    note = Provenance(
        product=offer.product,
        version=offer.granule.version,
        provider=source.provider,
        url=shown(offer.url),
        part=_part(offer),
        retrieved=datetime.now(UTC).replace(microsecond=0),
        size=content.stat().st_size,
        sha256=digest(content),
        licence=licence,
        citation=citation,
    )
    with atomic_path(note_path(granule)) as path:
        path.write_text(note.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return note


def read_note(granule: Path) -> Provenance | None:
    """Return a granule's note; None where it has none, or none that can be read."""
    path = note_path(granule)
    if not path.is_file():
        return None
    try:
        return Provenance.model_validate_json(path.read_bytes())
    except ValueError:
        return None


def _part(offer: Offer) -> str | None:
    if offer.way == "subset":
        return unquote(offer.url.partition("dap4.ce=")[2]) or None
    if offer.way == "soundings":
        return f"soundings of {len(offer.parts)} days in the region, on cells of 0.05 degrees"
    return "the region's window" if offer.way in ("raster", "window") else None
