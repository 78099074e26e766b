"""What a client prefers: the headers ``Prefer`` (RFC 7240) and ``Cache-Control`` (RFC 9111)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# No part of a header is read twice, or one of a few kilobytes could keep the service busy for
# minutes: so repetitions are possessive, and a quoted text that nobody closes ends the header.
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_PREFERENCE = re.compile(r'(?:"(?:[^"\\]|\\.?)*+(?:"|\Z)|[^,"])++', re.DOTALL)
_NAME_AND_VALUE = re.compile(
    r"\s*+(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]++)\s*+"
    rf"(?:=\s*+(?P<value>{_QUOTED}|[^\s;\"]*+))?+\s*+(?:;.*)?",
    re.DOTALL,
)
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What a client prefers; what it says beyond this is ignored, as the header demands."""

    respond_async: bool = False
    """Whether the answer may be a job."""
    wait: int | None = None
    """Seconds that it would wait for the results."""

    def applied(self, names: Iterable[str]) -> str:
        """Return the value of ``Preference-Applied`` for those of some names that were asked.

        >>> Preferences(respond_async=True, wait=10).applied(["respond-async", "wait"])
        'respond-async, wait=10'
        """
        said = {"respond-async": "respond-async"} if self.respond_async else {}
        if self.wait is not None:
            said["wait"] = f"wait={self.wait}"
        return ", ".join(said[name] for name in names if name in said)


def read_preferences(headers: Iterable[str]) -> Preferences:
    """Read every ``Prefer`` header of a request; the first of two equal names counts.

    >>> read_preferences(['Respond-Async; foo="a,b", WAIT="10"', "wait=99"])
    Preferences(respond_async=True, wait=10)
    >>> read_preferences(["respond-sync, wait=soon"])
    Preferences(respond_async=False, wait=None)
    """
    said: dict[str, str] = {}
    for name, value in _preferences(headers):
        said.setdefault(name, value)
    wait = said.get("wait", "")
    return Preferences(
        respond_async="respond-async" in said,
        wait=int(wait[:_MOST_DIGITS]) if wait.isascii() and wait.isdigit() else None,
    )


def wants_anew(headers: Iterable[str]) -> bool:
    """Whether ``Cache-Control`` headers of a request say ``no-cache``: nothing kept will do.

    >>> wants_anew(["max-age=0, No-Cache"]), wants_anew(['private="no-cache"', "max-age=9"])
    (True, False)
    """
    return any(name == "no-cache" for name, _ in _preferences(headers))


def _preferences(headers: Iterable[str]) -> Iterator[tuple[str, str]]:
    for header in headers:
        for preference in _PREFERENCE.findall(header):
            found = _NAME_AND_VALUE.fullmatch(preference)
            if found is not None:
                yield found["name"].lower(), (found["value"] or "").strip('"')
