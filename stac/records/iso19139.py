"""A collection as ISO 19115 metadata in the XML of ISO 19139, with what INSPIRE asks for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from stac.records.texts import Format, record_texts

if TYPE_CHECKING:
    from stac.records.description import Description, Distribution


def iso_record(described: Description) -> bytes:
    """Write the record of a collection; the same description gives the same bytes."""
    template = _environment().get_template("iso19139.xml.j2")
    text = template.render(it=described, texts=record_texts(), format_of=_format_of)
    lines = (line.strip() for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line).encode()


def _format_of(way: Distribution) -> Format:
    unknown = Format(name=way.plain_type, authority="")
    return record_texts().formats.get(way.plain_type, unknown)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("stac", "records"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
