"""Who we say we are to providers: a token, or a name and a password from netrc."""

from __future__ import annotations

import netrc
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import SecretStr

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processes.fetch.sources import Login
    from processes.settings import Settings

TOKEN_VARIABLE = "EARTHDATA_TOKEN"  # noqa: S105  (the name of a variable)
"""The variable that the tools of NASA's users share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What proves who we are; shown to nobody but the hosts that a login names."""

    token: SecretStr | None = None
    """A token of the login."""
    user: str | None = field(default=None, repr=False)
    """Name at the login's host."""
    password: SecretStr | None = None
    """Password there."""

    @property
    def given(self) -> bool:
        """Whether there are any."""
        return self.token is not None or self.user is not None

    @classmethod
    def gather(cls, login: Login, settings: Settings) -> Self:
        """Return the token of the settings or the environment, else what netrc has.

        Raises
        ------
        InputError
            Where the file cannot be read; its content is not shown.
        """
        token = settings.earthdata_token or _from_environment()
        if token is not None:
            return cls(token=token)
        user, password = _from_netrc(login.host)
        return cls(user=user, password=password)


def gather_credentials(
    logins: Mapping[str, Login], settings: Settings
) -> Mapping[str, Credentials]:
    """Return the credentials for every login."""
    return {name: Credentials.gather(login, settings) for name, login in logins.items()}


def remedy(login: Login) -> str:
    """Say how to get in."""
    return (
        f"set VADOSE_EARTHDATA_TOKEN or {TOKEN_VARIABLE} to a token of {login.title}, or write "
        f"'machine {login.host} login NAME password PASSWORD' to ~/.netrc; accounts are free at "
        f"{login.accounts}"
    )


def _from_environment() -> SecretStr | None:
    value = os.environ.get(TOKEN_VARIABLE, "").strip()
    return SecretStr(value) if value else None


def _from_netrc(host: str) -> tuple[str | None, SecretStr | None]:
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if not path.is_file():
        return None, None
    try:
        found = netrc.netrc(str(path)).authenticators(host)
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
        # The parser's own text quotes the file.
        raise InputError("netrc", f"{path.name} cannot be read", "lines of netrc") from None
    if found is None or not found[2]:
        return None, None
    return found[0], SecretStr(found[2])
