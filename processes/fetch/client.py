"""Requests to providers: logged in where they ask for it, tried again, never telling a secret.

Redirects are followed here rather than by the library, since each hop needs its own decision: a
name and a password go to the login's host alone, a token only to the hosts that its login trusts,
and to the store that a signed address leads to goes nothing.
"""

from __future__ import annotations

import email.utils
import logging
import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import httpx

from processes.fetch.errors import ProviderError, RefusedLoginError
from processes.fetch.login import Credentials, remedy
from processes.fetch.offers import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from processes.fetch.sources import Login

_log = logging.getLogger(__name__)

_MOST_HOPS = 12
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may do."""
_LONGEST_WAIT = 600.0
"""Longest wait that a provider is granted, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often, and how long apart, a request is tried again."""

    tries: int = 6
    """Tries in all."""
    first: float = 1.0
    """Wait after the first, seconds; each further one is twice as long."""
    longest: float = 60.0
    """Longest wait that we choose ourselves, seconds."""
    sleep: Callable[[float], object] | None = None
    """Waits; by default until the time is over or all is given up."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when all is given up."""

    def wait(self, tried: int, error: ProviderError) -> None:
        """Wait before another try: as long as the provider says, else ever longer."""
        own = min(self.longest, self.first * 2.0 ** (tried - 1)) * random.uniform(0.5, 1.0)  # noqa: S311
        seconds = own if error.wait is None else min(error.wait, _LONGEST_WAIT)
        _log.info("%s; once more in %.0f s", error, seconds)
        (self.sleep or self.stop.wait)(seconds)

    def attempt[T](self, work: Callable[[], T]) -> T:
        """Do some work until it succeeds, fails for good, or the tries are used up."""
        for tried in range(1, self.tries):
            try:
                return work()
            except ProviderError as error:
                if not error.again or self.stop.is_set():
                    raise
                self.wait(tried, error)
        return work()


class Client:
    """Speaks HTTP with providers.

    Parameters
    ----------
    logins
        What is known of logins, by name.
    credentials
        What proves who we are, by login.
    patience
        How a request is tried again.
    seconds
        Longest silence of a provider.
    """

    def __init__(
        self,
        logins: Mapping[str, Login],
        credentials: Mapping[str, Credentials],
        patience: Patience | None = None,
        seconds: float = 60.0,
    ) -> None:
        self.logins, self.credentials = logins, credentials
        self.patience = patience or Patience()
        self._http = httpx.Client(
            timeout=httpx.Timeout(seconds, connect=30.0),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
            # Packed on the way, a body would not have the size that was announced.
            headers={"User-Agent": "vadose", "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Return a small answer, tried again where that may help; see :meth:`stream`."""

        def once() -> httpx.Response:
            with self.stream(url, headers=headers) as response:
                response.read()
                return response

        return self.patience.attempt(once)

    @contextmanager
    def stream(
        self,
        url: str,
        *,
        login: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """Give the answer to a request, once, its body still to be read.

        Parameters
        ----------
        url
            Address.
        login
            Which login it needs.
        headers
            Of the request; they go along all redirects.

        Raises
        ------
        ProviderError
            Where nobody answers, not with success, or the connection breaks.
        RefusedLoginError
            Where the credentials are not accepted.
        """
        place = shown(url)
        try:
            response = self._follow(httpx.URL(url), login, headers or {})
            try:
                yield response
            finally:
                response.close()
        except httpx.TimeoutException:
            raise ProviderError(place, "it fell silent", again=True) from None
        except httpx.ConnectError:
            raise ProviderError(place, "no connection could be made", again=True) from None
        except httpx.TransportError:
            raise ProviderError(place, "the connection broke off", again=True) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ProviderError(place, "it is no web address") from None

    def _follow(
        self, url: httpx.URL, login: str | None, headers: Mapping[str, str]
    ) -> httpx.Response:
        place = shown(str(url))
        known = self.logins[login] if login else None
        for _ in range(_MOST_HOPS):
            request = self._http.build_request("GET", url, headers=headers)
            self._prove(request, login, known)
            response = self._http.send(request, stream=True, follow_redirects=False)
            if response.next_request is None:
                return _successful(response, place, known)
            onward = response.next_request.url
            response.close()
            if url.scheme == "https" and onward.scheme != "https":
                raise ProviderError(place, "it redirects to an address without encryption")
            url = onward
        raise ProviderError(place, "it redirects in circles")

    def _prove(self, request: httpx.Request, login: str | None, known: Login | None) -> None:
        """Say who we are, to those who may know."""
        if login is None or known is None:
            return
        credentials = self.credentials.get(login, Credentials())
        host = request.url.host
        if credentials.token is not None and known.trusts(host):
            token = credentials.token.get_secret_value()
            request.headers["Authorization"] = f"Bearer {token}"
        elif credentials.user and credentials.password and host == known.host:
            auth = httpx.BasicAuth(credentials.user, credentials.password.get_secret_value())
            next(auth.auth_flow(request))


def _successful(response: httpx.Response, place: str, known: Login | None) -> httpx.Response:
    """Return an answer that is of use; 416 is one to a range that is out of bounds."""
    status, host = response.status_code, response.request.url.host
    if status < 300 or status == 416:
        if known is None or host != known.host:
            return response
        status = 401  # the page of the login, instead of data
    response.close()
    if known is not None and (status == 401 or (status == 403 and known.trusts(host))):
        raise _refused(place, status, known)
    # A signed address that a login led to is good for a while only.
    again = status in _BUSY or (status == 403 and known is not None)
    wait = _seconds(response.headers.get("Retry-After"))
    wrong = f"it answered with status {status}"
    raise ProviderError(place, wrong, again=again, wait=wait, status=status)


def _refused(place: str, status: int, login: Login) -> RefusedLoginError:
    if status == 403:
        wrong = "it does not let this account have the data"
        cure = f"accept the provider's terms and applications at https://{login.host}/profile"
        return RefusedLoginError(place, wrong, cure)
    wrong = "the credentials are missing, wrong or expired"
    return RefusedLoginError(place, wrong, remedy(login))


def _seconds(asked: str | None) -> float | None:
    """Read ``Retry-After``: seconds, or a date.

    >>> _seconds("7"), _seconds("soon")
    (7.0, None)
    """
    if not asked:
        return None
    if asked.strip().isdigit():
        return float(asked)
    try:
        when = email.utils.parsedate_to_datetime(asked)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
