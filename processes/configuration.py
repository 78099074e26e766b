"""The settings as they are, for people to look at: where each comes from, and no secret."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr
from pydantic_settings import DotEnvSettingsSource
from rich.table import Table

from processes.settings import PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import JsonValue

HIDDEN = "********"
_USER_INFO = re.compile(r"(?<=://)([^/@:\s]*):([^/@\s]*)@")
_PARAMETER = re.compile(r"(?i)\b(password|passwd|pwd|token|secret|key|signature)=[^&\s]*")
_ELSEWHERE = frozenset({f"{PREFIX}SHARED"})
"""Variables of ours that are no settings: of the tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as it is."""

    name: str
    """Its variable."""
    value: str | None
    """What it is, secrets hidden; None where it is not set."""
    source: str
    """Where it comes from: ``default``, ``environment``, ``.env`` or ``argument``."""


def shown_settings(settings: Settings) -> tuple[Setting, ...]:
    """Return all settings in their order, secrets hidden."""
    from_file = _of_file()
    return tuple(
        Setting(
            name=PREFIX + name.upper(),
            value=_shown(getattr(settings, name)),
            source=_source(name, settings, from_file),
        )
        for name in type(settings).model_fields
    )


def hide_secrets(text: str) -> str:
    """Hide what is secret in an address.

    >>> hide_secrets("postgresql://vadose:secret@db/jobs?password=too")
    'postgresql://vadose:********@db/jobs?password=********'
    """
    return _PARAMETER.sub(rf"\1={HIDDEN}", _USER_INFO.sub(rf"\1:{HIDDEN}@", text))


def unknown_variables() -> Iterator[str]:
    """Give what is set as if it were a setting, and is none, with what may be meant."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    named = {name.upper() for name in (*os.environ, *_of_file())}
    for name in sorted(named - known - _ELSEWHERE):
        if name.startswith(PREFIX):
            meant = difflib.get_close_matches(name, known, n=1)
            yield f"{name} ({meant[0]} is meant?)" if meant else name


def settings_table(settings: Settings) -> Table:
    """Return the settings as a table."""
    table = Table("setting", "value", "from", box=None)
    for one in shown_settings(settings):
        table.add_row(one.name, "" if one.value is None else one.value, one.source)
    return table


def settings_document(settings: Settings) -> dict[str, JsonValue]:
    """Return the settings as JSON."""
    return {
        one.name: {"value": one.value, "source": one.source} for one in shown_settings(settings)
    }


def _shown(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        # Of a database it is worth seeing where it is.
        return hide_secrets(text) if "://" in text else HIDDEN
    return hide_secrets(str(value))


def _source(name: str, settings: Settings, from_file: Mapping[str, object]) -> str:
    variable = PREFIX + name.upper()
    if name not in settings.model_fields_set:
        return "default"
    if os.environ.get(variable):
        return "environment"
    return ".env" if variable in from_file else "argument"


def _of_file() -> Mapping[str, object]:
    return {name.upper(): value for name, value in DotEnvSettingsSource(Settings).env_vars.items()}
