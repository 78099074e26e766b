"""Whether callers can say who they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from engine.errors import InputError
from processes.access.keys import KeyFile
from processes.access.tokens import TokenReader
from processes.checks import Check, State
from processes.errors import IdentityUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processes.access.keys import StoredKey
    from processes.settings import Settings

NAME = "sign-in"
_PRIVATE = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Asks the file of the keys, and the issuer of tokens."""

    settings: Settings
    """With access control on."""
    keys: KeyFile
    """The file."""
    tokens: TokenReader | None
    """Knows the issuer; None where there is none."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what asks for some settings."""
        return cls(
            settings=settings, keys=KeyFile(settings.key_file), tokens=TokenReader.of(settings)
        )

    def check(self) -> Check:
        """Ask."""
        try:
            keys = self.keys.keys()
            issued = self.tokens.keys.refresh() if self.tokens is not None else None
        except InputError as error:
            return Check(
                name=NAME,
                state=State.FAILED,
                found="the file of the API keys cannot be read",
                advice="restore it from a backup, or make new keys with `vadose key add`",
                cause=str(error),
            )
        except IdentityUnavailableError as error:
            return Check(
                name=NAME,
                state=State.FAILED,
                found="the issuer of tokens does not answer; API keys are taken",
                advice="mend it, VADOSE_OIDC_ISSUER or VADOSE_OIDC_JWKS",
                cause=f"{self.settings.oidc_issuer}: {error}",
            )
        return self._judged(keys, issued)

    def _judged(self, keys: Sequence[StoredKey], issued: int | None) -> Check:
        if not keys and issued is None:
            found, advice = "nobody has a key, and there is no issuer", "`vadose key add NAME`"
            return Check(name=NAME, state=State.FAILED, found=found, advice=advice)
        path = self.settings.key_file
        if keys and path.stat().st_mode & _PRIVATE:
            found = "others on this machine may read the file of the API keys"
            advice = f"chmod 600 {path.name}"
            return Check(name=NAME, state=State.WARNING, found=found, advice=advice)
        tokens = "no issuer" if issued is None else f"{issued} keys of the issuer"
        return Check(name=NAME, found=f"{len(keys)} API keys, {tokens}")
