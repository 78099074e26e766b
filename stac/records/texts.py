"""Codes and names that records use, read from ``stac/data/records.yaml``."""

from __future__ import annotations

from functools import cache

from pydantic import BaseModel, ConfigDict

from stac.products import read_data


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Language(_Data):
    """The language of all texts, as each standard writes it."""

    iso: str
    bcp47: str
    authority: str


class Frequency(_Data):
    """How often there is something new."""

    iso: str
    authority: str


class Access(_Data):
    """Who may see the maps."""

    title: str
    inspire: str
    authority: str


class Code(_Data):
    """An entry of one of the EU's own lists."""

    title: str
    url: str


class Contact(_Data):
    """Whom to ask."""

    name: str
    url: str
    email: str | None = None


class Conformity(_Data):
    """A rule, and whether it was found to be kept."""

    title: str
    url: str
    date: str
    explanation: str


class ReferenceSystem(_Data):
    """The projection of the maps."""

    code: str
    title: str


class Vocabulary(_Data):
    """Where controlled words come from."""

    title: str
    date: str | None = None
    """Of its publication, where that matters."""


class Format(_Data):
    """A format of files."""

    name: str
    authority: str


class Text(_Data):
    """A title and what stands behind it."""

    title: str
    description: str


class RecordTexts(_Data):
    """All that is the same in every record."""

    language: Language
    frequency: Frequency
    access: Access
    subject: Code
    availability: Code
    """For how long the files will be there, by the EU's list."""
    contact: Contact
    conformity: Conformity
    reference_system: ReferenceSystem
    resolution_metres: int
    vocabularies: dict[str, Vocabulary]
    """By the address of the scheme."""
    licences: dict[str, str]
    """Codes of the EU's list by SPDX name."""
    formats: dict[str, Format]
    """By media type without parameters."""
    maps: Text
    """What the maps themselves are called among the ways to get at them."""


@cache
def record_texts() -> RecordTexts:
    """Return them.

    >>> record_texts().language.iso
    'eng'
    """
    return RecordTexts.model_validate(read_data("records.yaml"))
