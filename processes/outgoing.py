"""Requests that leave the service because a client said so: callbacks, inputs by reference.

A client that names an address makes the service go where the client itself may not. So the host
is resolved once, every address that it has must be public, and the connection goes to one of
those very addresses, under the host's own name. No redirect is followed, no proxy is asked, and
each exchange has one limit of time and one of size.
"""

from __future__ import annotations

import asyncio
import socket
import tomllib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx

from processes.errors import RefusedAddressError, UnreachableError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from processes.settings import Settings

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network
type Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host and a port to the addresses of the host, as texts."""

LONGEST_ADDRESS = 2048
"""Longest address of a resource, characters."""
_PORTS = {"http": 80, "https": 443}
_NETWORKS = Path(__file__).with_name("refused_networks.toml")
_ALLOWED = "a public address by http or https"
_UNKNOWN = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host as this machine knows them, best first."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def refusal(address: Address) -> str | None:
    """Return what an address is that the service does not go to; None for a public one.

    >>> refusal(ip_address("127.0.0.1")), refusal(ip_address("8.8.8.8"))
    ('loopback', None)
    """
    return next((what for network, what in _networks() if address in network), None)


@cache
def _networks() -> tuple[tuple[Network, str], ...]:
    table = tomllib.loads(_NETWORKS.read_text(encoding="utf-8"))
    return tuple(
        (ip_network(network), what) for family in table.values() for network, what in family.items()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Says where the service may go."""

    allowed_hosts: frozenset[str] = frozenset()
    """Hosts (``host`` or ``host:port``) that are allowed whatever their addresses are."""
    resolve: Resolve = field(default=resolve)
    """Finds the addresses of a host."""

    def read(self, address: str) -> httpx.URL:
        """Read an address and refuse what is none of the public web.

        Raises
        ------
        RefusedAddressError
            Says what was wrong with it; the host is not looked up.
        """
        try:
            url = httpx.URL(address if len(address) <= LONGEST_ADDRESS else "")
        except httpx.InvalidURL:
            raise RefusedAddressError("it is no web address", _ALLOWED) from None
        if url.scheme not in _PORTS or not url.host:
            raise RefusedAddressError("it is no web address", _ALLOWED)
        if url.userinfo:
            raise RefusedAddressError("it carries a user's name", "an address without one")
        if not 0 < _port(url) <= 65535:
            raise RefusedAddressError("it has no such port", "a port from 1 to 65535")
        return url

    async def addresses(self, url: httpx.URL) -> tuple[Address, ...]:
        """Look up the host of a URL, once, and return where a connection may go.

        Raises
        ------
        RefusedAddressError
            Where there is no such host, or any of its addresses is not public.
        UnreachableError
            Where nobody can say at present.
        """
        try:
            found = await self.resolve(url.host, _port(url))
            addresses = tuple(dict.fromkeys(ip_address(text) for text in found))
        except socket.gaierror as error:
            if error.errno in _UNKNOWN:
                raise RefusedAddressError("there is no such host", _ALLOWED) from None
            raise UnreachableError("its host cannot be looked up at present") from None
        except (OSError, ValueError):
            raise RefusedAddressError("there is no such host", _ALLOWED) from None
        if not self._allows(url):
            for address in addresses:
                if (what := refusal(address)) is not None:
                    raise RefusedAddressError(f"its host is {what}", _ALLOWED)
        return addresses

    def _allows(self, url: httpx.URL) -> bool:
        host = url.host.lower().rstrip(".")
        shown = f"[{host}]" if ":" in host else host
        return not self.allowed_hosts.isdisjoint({host, f"{shown}:{_port(url)}"})


class GuardedTransport(httpx.AsyncBaseTransport):
    """A transport that connects to the very address that a guard looked up and allowed.

    The host keeps its name in the header ``Host``, and in TLS, whose certificate must be the
    host's. Connections are not kept: under one address there may be several hosts.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._transport = httpx.AsyncHTTPTransport(
            verify=_tls(), trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the first of the host's addresses that takes it."""
        failure: httpx.TransportError = httpx.ConnectError("no address")
        for address in await self._guard.addresses(request.url):
            try:
                return await self._transport.handle_async_request(_pinned(request, address))
            except httpx.ConnectError as error:
                failure = error
        raise failure

    async def aclose(self) -> None:
        """Close what is open."""
        await self._transport.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What lay at an address."""

    media_type: str
    """Its media type as the server said it, without parameters; may be empty."""
    content: bytes
    """The whole of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """Fetches and sends, through a guard."""

    guard: Guard
    """Says where to."""
    seconds: float = 10
    """Longest time of one exchange, from the look-up of the host to the last byte."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what some settings allow."""
        hosts = {host.strip().lower() for host in settings.allowed_hosts.split(",")}
        return cls(guard=Guard(allowed_hosts=frozenset(hosts - {""})))

    async def check(self, address: str) -> None:
        """Look the host of an address up, and go there not yet.

        Raises
        ------
        RefusedAddressError
            Where the guard refuses the address.
        UnreachableError
            Where nobody can say in time.
        """
        async with _failures_named(self.seconds):
            await self.guard.addresses(self.guard.read(address))

    async def get(self, address: str, limit: int) -> Fetched:
        """Fetch what lies at an address.

        Parameters
        ----------
        address
            Its address.
        limit
            Most bytes to read.

        Raises
        ------
        RefusedAddressError
            Where the guard refuses the address.
        UnreachableError
            Where it does not answer, not in time, not with 200, or with more than the limit.
        """
        async with _failures_named(self.seconds), self._client() as client:
            request = client.build_request("GET", self.guard.read(address))
            response = await client.send(request, stream=True)
            if response.status_code != 200:
                raise UnreachableError(_answered(response.status_code))
            media_type = response.headers.get("content-type", "").partition(";")[0]
            content = await _read(response, limit)
            return Fetched(media_type=media_type.strip().lower(), content=content)

    async def post(self, address: str, content: bytes, headers: Mapping[str, str]) -> int:
        """Send something to an address; return the status of the answer, whose body is not read.

        Raises
        ------
        RefusedAddressError, UnreachableError
            As for :meth:`get`, whatever the status.
        """
        async with _failures_named(self.seconds), self._client() as client:
            url = self.guard.read(address)
            request = client.build_request("POST", url, content=content, headers=headers)
            return (await client.send(request, stream=True)).status_code

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=GuardedTransport(self.guard),
            headers={"User-Agent": "vadose", "Accept-Encoding": "identity"},
            timeout=self.seconds,
            trust_env=False,
        )


@asynccontextmanager
async def _failures_named(seconds: float) -> AsyncIterator[None]:
    """Bound an exchange in time, and say in our words how it failed."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (TimeoutError, httpx.TimeoutException):
        raise UnreachableError(f"it did not answer within {seconds:g} s") from None
    except httpx.ConnectError:
        raise UnreachableError("no connection to it could be made") from None
    except httpx.TransportError:
        raise UnreachableError("it broke off the connection") from None


async def _read(response: httpx.Response, limit: int) -> bytes:
    """Read a body as it comes; nothing is unpacked, so nothing can grow."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise UnreachableError("it answered packed, which was not asked for")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > limit:
            raise UnreachableError(f"it is larger than {limit} bytes")
    return bytes(content)


def _answered(status: int) -> str:
    redirect = ", and a redirect is not followed" if 300 <= status < 400 else ""
    return f"it answered with status {status}{redirect}"


def _pinned(request: httpx.Request, address: Address) -> httpx.Request:
    """Return a request that goes to an address of its host, in the host's name."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )


def _port(url: httpx.URL) -> int:
    return _PORTS[url.scheme] if url.port is None else url.port


@cache
def _tls() -> ssl.SSLContext:
    # Its certificates take a moment to load.
    return httpx.create_ssl_context(trust_env=False)
