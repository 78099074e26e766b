"""Mutual TLS between the service, its scheduler and its workers.

Dask's wire carries code: who may send to a worker may do there what the worker may. So beyond
loopback each side shows a certificate, and takes only those of one authority of the operator's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from distributed.security import Security

from engine.errors import InputError

if TYPE_CHECKING:
    from processes.settings import Settings

ENCRYPTED = "tls"
"""How the address of an encrypted scheduler begins."""


def security_of(address: str, settings: Settings) -> Security | None:
    """Return how a scheduler is connected to; None where that is not encrypted.

    Raises
    ------
    InputError
        Where a file of the three does not hold what it should.
    """
    if not address.startswith(f"{ENCRYPTED}:"):
        return None
    ours = {"cert": str(settings.tls_certificate), "key": str(settings.tls_key)}
    roles = {
        f"tls_{role}_{kind}": path
        for role in ("client", "scheduler", "worker")
        for kind, path in ours.items()
    }
    security = Security(
        require_encryption=True,
        tls_ca_file=str(settings.tls_authority),
        **roles,
    )
    _try(security)
    return security


def _try(security: Security) -> None:
    """Load the files once, so that what is wrong is told now and not at each connection."""
    try:
        security.get_connection_args("client")
    except OSError as error:
        names = "VADOSE_TLS_AUTHORITY, VADOSE_TLS_CERTIFICATE or VADOSE_TLS_KEY"
        wrong = f"its file cannot be used ({error.strerror or error})"
        raise InputError(names, wrong, "files of PEM, the key fitting the certificate") from None
