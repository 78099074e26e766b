"""The guard of outgoing requests: nothing inside is reached, whatever the address looks like."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processes.errors import OutgoingError, RefusedAddressError, UnreachableError
from processes.outgoing import Fetched, Guard, Outgoing, refusal
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

PUBLIC = "93.184.215.14"


def resolving(*answers: str | Exception) -> Callable[[str, int], Coroutine[None, None, list[str]]]:
    """Give a resolver with one answer after another; the last one stays."""
    left = list(answers)

    async def resolve(_host: str, _port: int) -> list[str]:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer.split()

    return resolve


def check(address: str, *answers: str, allowed: Sequence[str] = ()) -> None:
    guard = Guard(allowed_hosts=frozenset(allowed))
    if answers:
        guard = Guard(allowed_hosts=frozenset(allowed), resolve=resolving(*answers))
    asyncio.run(Outgoing(guard=guard).check(address))


def fetch(
    port: int,
    *,
    limit: int = 1000,
    seconds: float = 5,
    host: str = "maps.test",
    scheme: str = "http",
) -> Fetched:
    guard = Guard(allowed_hosts=frozenset({host}), resolve=resolving("127.0.0.1"))
    outgoing = Outgoing(guard=guard, seconds=seconds)
    return asyncio.run(outgoing.get(f"{scheme}://{host}:{port}/a?b=c", limit))


@contextmanager
def answering(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve raw sockets on loopback, a thread each; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                handle(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=serve, args=[connection], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def saying(answer: bytes, heard: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        request = connection.recv(65536)
        if heard is not None:
            heard.append(request)
        connection.sendall(answer)

    return handle


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("0.0.0.0", "unspecified"),  # noqa: S104  (not to bind)
        ("10.1.2.3", "private"),
        ("100.64.0.1", "private, shared by a carrier"),
        ("100.100.100.200", "private, shared by a carrier"),
        ("100.127.255.255", "private, shared by a carrier"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("168.63.129.16", "a cloud's own"),
        ("169.254.169.254", "link-local"),
        ("172.31.255.255", "private"),
        ("192.0.0.192", "reserved"),
        ("192.168.0.1", "private"),
        ("198.19.0.1", "reserved for benchmarks"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.250", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::127.0.0.1", "IPv4 inside IPv6"),
        ("::ffff:127.0.0.1", "IPv4 inside IPv6"),
        ("::ffff:8.8.8.8", "IPv4 inside IPv6"),
        ("64:ff9b::7f00:1", "IPv4 inside IPv6"),
        ("64:ff9b:1::a00:1", "IPv4 inside IPv6"),
        ("2001:0:102:304::", "IPv4 inside IPv6"),
        ("2002:7f00:1::", "IPv4 inside IPv6"),
        ("2001:db8::1", "reserved for documentation"),
        ("3fff::1", "reserved for documentation"),
        ("fd00:ec2::254", "private"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "private"),
        ("ff02::1", "multicast"),
        ("4000::1", "not public"),
        ("100::1", "not public"),
    ],
)
def test_addresses_that_are_not_public_are_refused(address: str, what: str) -> None:
    """What IANA's registries do not call public, and what hides an IPv4 address, is refused."""
    assert refusal(ip_address(address)) == what
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(RefusedAddressError, match="its host is"):
        check(f"http://{host}/", address)
    with pytest.raises(RefusedAddressError, match="its host is"):
        check("https://maps.test/", f"{PUBLIC} {address}")


@pytest.mark.parametrize("address", [PUBLIC, "100.128.0.1", "172.32.0.1", "2606:4700::1111"])
def test_public_addresses_are_allowed(address: str) -> None:
    """The neighbours of the refused networks are not refused."""
    assert refusal(ip_address(address)) is None
    check("https://maps.test/", address)


@given(st.ip_addresses())
def test_what_python_knows_to_be_private_is_refused(address: IPv4Address | IPv6Address) -> None:
    """Nothing gets through that the standard library, an independent table, calls special."""
    special = address.is_private or address.is_multicast or address.is_reserved
    if special or address.is_loopback or address.is_link_local or address.is_unspecified:
        assert refusal(address) is not None


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::", "::"]))
def test_no_ipv4_address_gets_through_inside_ipv6(inner: IPv4Address, prefix: str) -> None:
    """Mapped, translated and compatible forms are refused, public or not; and so is 6to4."""
    assert refusal(IPv6Address(int(IPv6Address(prefix)) + int(inner))) is not None
    assert refusal(IPv6Address((0x2002 << 112) + (int(inner) << 80))) is not None


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST.", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1"),
        *("0177.0.0.1", "017700000001", "127.0.0.1.", "[::1]", "[::ffff:7f00:1]", "0"),
    ],
)
def test_other_spellings_of_loopback_are_refused(host: str) -> None:
    """The machine's own resolver reads the forms; what it makes of them is looked at."""
    with pytest.raises(RefusedAddressError):
        check(f"http://{host}/")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "no web address"),
        ("maps.test/a", "no web address"),
        ("//maps.test/a", "no web address"),
        ("http:///a", "no web address"),
        ("ftp://maps.test/a", "no web address"),
        ("file:///etc/passwd", "no web address"),
        ("gopher://maps.test", "no web address"),
        ("http://maps.test/\r\nHost: x", "no web address"),
        ("http://maps.test/" + "a" * 3000, "no web address"),
        ("http://①.test/", "no web address"),
        ("http://maps.test@127.0.0.1/", "user's name"),
        ("http://maps.test\\@127.0.0.1/", "user's name"),
        ("http://user:secret@maps.test/", "user's name"),
        ("http://maps.test:99999/", "no such port"),
        ("http://maps.test:0/", "no such port"),
    ],
)
def test_addresses_that_are_no_web_addresses_are_refused(address: str, message: str) -> None:
    """Other schemes, users' names, control characters, bad ports: before any look-up."""
    with pytest.raises(RefusedAddressError, match=message):
        check(address, PUBLIC)


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """Whatever a client sends ends in an address or in our own error."""
    with suppress(OutgoingError):
        check(f"http://{text}", "10.0.0.1")


def test_hosts_that_cannot_be_found() -> None:
    """An unknown host is refused; one that cannot be looked up now may be there later."""
    unknown, later = socket.gaierror(socket.EAI_NONAME, ""), socket.gaierror(socket.EAI_AGAIN, "")
    for error, kind in ((unknown, RefusedAddressError), (later, UnreachableError)):
        guard = Guard(resolve=resolving(error))
        with pytest.raises(kind):
            asyncio.run(Outgoing(guard=guard).check("http://maps.test/"))
    with pytest.raises(RefusedAddressError, match="no such host"):
        check(f"http://{'a' * 70}.test/")


def test_a_look_up_that_hangs_ends() -> None:
    """The limit of time holds for the names, too."""

    async def hang(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    outgoing = Outgoing(guard=Guard(resolve=hang), seconds=0.1)
    with pytest.raises(UnreachableError, match=r"within 0\.1 s"):
        asyncio.run(outgoing.check("http://maps.test/"))


def test_allowed_hosts_may_be_anywhere() -> None:
    """The setting names hosts, or one port of a host; other hosts at the same address are none."""
    settings = Settings(allowed_hosts="maps.test, [::1]:8080,10.0.0.1:80", data="x")
    guard = Outgoing.of(settings).guard
    assert guard.allowed_hosts == {"maps.test", "[::1]:8080", "10.0.0.1:80"}
    for address in ("http://MAPS.test./", "https://maps.test:81/", "http://10.0.0.1/"):
        check(address, "10.0.0.1", allowed=tuple(guard.allowed_hosts))
    check("http://[::1]:8080/", allowed=tuple(guard.allowed_hosts))
    for address in ("http://[::1]/", "https://10.0.0.1/", "http://x.maps.test/", "http://b.test/"):
        with pytest.raises(RefusedAddressError):
            check(address, "10.0.0.1", allowed=tuple(guard.allowed_hosts))


def test_a_host_that_turns_private_is_refused_then() -> None:
    """A name that was public when it was checked is looked at again when it is gone to."""
    guard = Guard(resolve=resolving(PUBLIC, "127.0.0.1"))
    asyncio.run(Outgoing(guard=guard).check("http://maps.test/"))
    with pytest.raises(RefusedAddressError, match="loopback"):
        asyncio.run(Outgoing(guard=guard).get("http://maps.test/", 100))


def test_a_host_is_looked_up_once() -> None:
    """The address that was checked is the one that is gone to (DNS rebinding).

    The name's second address is where somebody listens: were the host looked up again for the
    connection, the answer would be read.
    """
    heard: list[bytes] = []
    resolve = resolving("127.0.0.2", "127.0.0.1")
    guard = Guard(allowed_hosts=frozenset({"maps.test"}), resolve=resolve)
    with answering(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nleak", heard)) as port:
        with pytest.raises(UnreachableError, match="no connection"):
            asyncio.run(Outgoing(guard=guard).get(f"http://maps.test:{port}/", 100))
        assert heard == []
        asyncio.run(Outgoing(guard=guard).get(f"http://maps.test:{port}/", 100))
    assert len(heard) == 1


def test_the_host_keeps_its_name() -> None:
    """The connection goes to the address, the request to the host: its path, its header."""
    heard: list[bytes] = []
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: Text/Plain; charset=utf-8\r\nContent-Length: 2\r\n\r\nok"
    )
    with answering(saying(answer, heard)) as port:
        assert fetch(port) == Fetched(media_type="text/plain", content=b"ok")
    lines = heard[0].decode().lower().split("\r\n")
    assert lines[0] == "get /a?b=c http/1.1"
    assert f"host: maps.test:{port}" in lines


def test_tls_asks_for_the_host() -> None:
    """The name in the handshake is the host's, and no stranger's certificate will do."""
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    def handshake(connection: socket.socket) -> None:
        with suppress(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    with answering(handshake) as port, pytest.raises(UnreachableError):
        fetch(port, scheme="https")
    assert names == ["maps.test"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    """An answer that sends elsewhere is no answer."""
    heard: list[bytes] = []
    head = f"HTTP/1.1 {status} Elsewhere\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"
    with (
        answering(saying(head.encode(), heard)) as port,
        pytest.raises(UnreachableError, match=f"status {status}, and a redirect is not followed"),
    ):
        fetch(port)
    assert len(heard) == 1


def drip(connection: socket.socket) -> None:
    connection.recv(65536)
    for letter in b"HTTP/1.1 200 OK\r\n" * 1000:
        connection.sendall(bytes([letter]))
        threading.Event().wait(0.05)


@pytest.mark.parametrize(
    ("handle", "message"),
    [
        (saying(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "status 404"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b"x" * 9999), "larger than"),
        (saying(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001), "larger than 1000 bytes"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nx"), "packed"),
        (saying(b"220 mail.test ESMTP\r\n"), "broke off"),
        (saying(b""), "broke off"),
        (lambda connection: connection.recv(65536) and threading.Event().wait(3), "within 0.5 s"),
        (drip, "within 0.5 s"),
    ],
)
def test_bad_answers_have_a_name(handle: Callable[[socket.socket], None], message: str) -> None:
    """Too large, packed, no HTTP, silent, or a byte now and then: each ends, and says why."""
    with answering(handle) as port, pytest.raises(UnreachableError, match=message):
        fetch(port, seconds=0.5)


def test_nobody_listens() -> None:
    """A closed port is told at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnreachableError, match="no connection"):
        fetch(port)


def test_the_next_address_is_tried() -> None:
    """Of several public addresses the first that takes the connection serves."""
    with answering(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as port:
        guard = Guard(
            allowed_hosts=frozenset({"maps.test"}), resolve=resolving("127.0.0.2 127.0.0.1")
        )
        outgoing = Outgoing(guard=guard)
        answer = asyncio.run(outgoing.get(f"http://maps.test:{port}/", 100))
    assert answer.content == b"ok"
