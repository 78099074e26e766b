"""Callers and their roles."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from typing import Any

    from processes.jobs.model import Job


class Role(IntEnum):
    """What a caller may do; every role may do what those before it may."""

    READER = 1
    """See processes, catalogue and searches."""
    EXECUTOR = 2
    """Execute processes, and see, list and dismiss jobs of their own."""
    ADMIN = 3
    """See and dismiss the jobs of all."""

    @classmethod
    def named(cls, name: str) -> Role | None:
        """Return the role of a name, or None.

        >>> Role.named("reader"), Role.named("root")
        (<Role.READER: 1>, None)
        """
        return _BY_NAME.get(name)

    @property
    def label(self) -> str:
        """Its name, as people write it."""
        return self.name.lower()


_BY_NAME = {role.label: role for role in Role}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes a request."""

    name: str
    """Unique, with where the name comes from: ``key:alice``, ``oidc:4f1c…``."""
    role: Role | None
    """What they may do; None for who may do nothing beyond what is open."""
    known: bool = True
    """Whether they have said who they are."""
    limited: bool = True
    """Whether what they do is counted, and jobs are theirs alone."""

    @property
    def owner(self) -> str | None:
        """Whose their jobs are; None where jobs are everybody's."""
        return self.name if self.limited else None

    @property
    def sees_only(self) -> str | None:
        """Whose jobs they see; None for all."""
        return None if self.role is Role.ADMIN else self.name

    def sees(self, job: Job) -> bool:
        """Whether they may know of a job."""
        return self.sees_only is None or job.owner == self.name


ANYBODY = Caller(name="anybody", role=Role.ADMIN, known=False, limited=False)
"""Everybody, where there is no access control."""

_KEY = "vadose.caller"


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Return who makes the request of an ASGI scope."""
    found: Caller = scope.get(_KEY, ANYBODY)
    return found


def note_caller(scope: MutableMapping[str, Any], caller: Caller) -> None:
    """Write down who makes the request of an ASGI scope."""
    scope[_KEY] = caller
