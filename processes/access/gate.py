"""The gate: every request is let in, or told why not, before anything else looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request

from engine.errors import VadoseError
from processes.access.callers import Caller, Role, note_caller
from processes.access.keys import PREFIX, KeyFile
from processes.access.rates import Rates
from processes.access.rules import job_of, need_of
from processes.access.tokens import TokenReader
from processes.audit import audit
from processes.errors import (
    ForbiddenError,
    NoSuchJobError,
    TooManyRequestsError,
    UnauthenticatedError,
)
from processes.problems import answer_error

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from processes.access.rules import Need
    from processes.jobs.protocol import JobStore
    from processes.settings import Settings

FAILURES_PER_MINUTE = 60
"""How often one address may fail to say who it is."""
_KEY_HEADER = "x-api-key"


class NotYoursError(NoSuchJobError):
    """A job is another's: to whoever asks it is not there, but operators are told."""


class Gate:
    """Middleware that finds out who asks, and lets in whom the rules let in.

    Parameters
    ----------
    app
        What answers.
    settings
        With access control on.
    store
        Knows whose a job is.
    """

    def __init__(self, app: ASGIApp, settings: Settings, store: JobStore) -> None:
        self._application = app
        self._settings = settings
        self._store = store
        self._keys = KeyFile(settings.key_file)
        self._tokens = TokenReader.of(settings)
        self._rates = Rates(per_minute=settings.requests_per_minute)
        self._failures = Rates(per_minute=FAILURES_PER_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        try:
            caller = await self._let_in(scope)
        except VadoseError as error:
            answer = await answer_error(Request(scope, receive), error)
            await answer(scope, receive, send)
            return
        note_caller(scope, caller)
        await self._application(scope, receive, send)

    async def _let_in(self, scope: Scope) -> Caller:
        """Return who asks; raise where they may not."""
        need = need_of(scope["method"], scope["path"])
        headers = Headers(scope=scope)
        if need.role is None and not _says_who(headers):
            return _nobody(scope)
        caller = await self._caller(headers, scope)
        self._count(caller)
        try:
            self._check_role(caller, need)
            if (job_id := job_of(scope["path"])) is not None:
                await run_in_threadpool(self._check_job, caller, job_id)
        except (ForbiddenError, NotYoursError) as error:
            _note_refusal(scope, error, caller)
            raise
        return caller

    async def _caller(self, headers: Headers, scope: Scope) -> Caller:
        if not _says_who(headers):
            return _nobody(scope)
        try:
            return await run_in_threadpool(self._identify, _credentials(headers))
        except UnauthenticatedError as error:
            _note_refusal(scope, error)
            if (seconds := self._failures.take(_address(scope))) is not None:
                raise TooManyRequestsError(
                    "too many attempts to say who you are", seconds
                ) from None
            raise

    def _identify(self, credentials: str) -> Caller:
        if credentials.startswith(PREFIX):
            return self._keys.caller(credentials)
        if self._tokens is None:
            raise UnauthenticatedError("what was sent is no API key")
        return self._tokens.caller(credentials)

    def _count(self, caller: Caller) -> None:
        if (seconds := self._rates.take(caller.name)) is not None:
            limit = self._settings.requests_per_minute
            raise TooManyRequestsError(f"more than {limit} requests a minute", seconds)

    def _check_role(self, caller: Caller, need: Need) -> None:
        if need.role is None:
            return
        public = self._settings.public_reading and need.role is Role.READER and not need.named
        if not caller.known:
            if not public:
                raise UnauthenticatedError("say who you are, by an API key or a token")
        elif not public and (caller.role is None or caller.role < need.role):
            raise ForbiddenError(need.role.label)

    def _check_job(self, caller: Caller, job_id: str) -> None:
        """Let nobody know of the jobs of others: they are not there."""
        if not caller.sees(self._store.get(job_id)):
            raise NotYoursError(job_id)


def _note_refusal(scope: Scope, error: VadoseError, caller: Caller | None = None) -> None:
    who = {"caller": caller.name} if caller is not None else {"address": _address(scope)}
    reason = "a job of others" if isinstance(error, NotYoursError) else str(error)
    audit("refused", **who, method=scope["method"], path=scope["path"], reason=reason)


def _says_who(headers: Headers) -> bool:
    return "authorization" in headers or _KEY_HEADER in headers


def _credentials(headers: Headers) -> str:
    """Return the one thing by which a request says who makes it."""
    bearers, keys = headers.getlist("authorization"), headers.getlist(_KEY_HEADER)
    if len(bearers) + len(keys) != 1:
        raise UnauthenticatedError("it is said more than once who asks")
    if keys:
        if not keys[0].startswith(PREFIX):
            raise UnauthenticatedError("what was sent is no API key")
        return keys[0]
    scheme, _, credentials = bearers[0].partition(" ")
    if scheme.lower() != "bearer" or not credentials.strip():
        raise UnauthenticatedError("Authorization is not of the kind Bearer")
    return credentials.strip()


def _nobody(scope: Scope) -> Caller:
    """Return a caller who does not say who they are; known by their address, to count."""
    return Caller(name=f"address:{_address(scope)}", role=None, known=False)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown"
