"""Callbacks: they arrive, signed, or are tried again; and never hurt their job."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from processes.callbacks import Courier, Patience, Signer
from processes.errors import StoreUnavailableError
from processes.jobs.model import Delivery, Subscriber
from processes.outgoing import Outgoing
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import Message
    from pathlib import Path

    from processes.jobs.store import SqlJobStore

SECRET = "open sesame"


@dataclass
class Received:
    """What a subscriber was sent."""

    path: str
    headers: Message
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The body, as JSON."""
        return dict(json.loads(self.body))


@dataclass
class Subscribed:
    """A subscriber on loopback, which answers as it is told, at the end always with 200."""

    answers: deque[int] = field(default_factory=deque)
    received: list[Received] = field(default_factory=list)
    hanging: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def at(self, path: str) -> str:
        """Return the address of a path."""
        return self.address + path


@contextmanager
def subscribing() -> Iterator[Subscribed]:
    subscribed = Subscribed()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            subscribed.received.append(Received(self.path, self.headers, body))
            if self.path == "/hang":
                subscribed.hanging.wait(60)
            self.send_response(subscribed.answers.popleft() if subscribed.answers else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        subscribed.address = f"http://127.0.0.1:{server.server_port}"
        yield subscribed
        subscribed.hanging.set()
        server.shutdown()


@pytest.fixture
def subscribed() -> Iterator[Subscribed]:
    with subscribing() as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(
        data=tmp_path,
        url="http://maps.test/vadose/",
        allowed_hosts="127.0.0.1",
        callback_secret=SECRET,
    )


def accepted(store: SqlJobStore, subscriber: Subscriber, **delivery: Any) -> str:
    wanted = Delivery(**delivery)
    job, _ = store.create("echo", {"stringInput": "a"}, wanted, subscriber=subscriber)
    return job.id


def start(store: SqlJobStore, job_id: str) -> None:
    store.claim(job_id, "prepare", holder="test", lease=60)


def succeed(store: SqlJobStore, job_id: str, **outputs: Any) -> None:
    start(store, job_id)
    assert store.succeed(job_id, "prepare", 1, outputs or {"stringInput": "a"})


def deliver(store: SqlJobStore, settings: Settings, patience: Patience | None = None) -> None:
    """Deliver once what is due."""
    courier = Courier(store, settings, patience)
    asyncio.run(courier.round())
    courier.resign()


def test_a_successful_job_is_told_with_its_results(
    store: SqlJobStore, settings: Settings, subscribed: Subscribed, obeys: Callable
) -> None:
    """A results document of the outputs that were asked for, with the service's own address."""
    near, far = {"stringInput": "value"}, {"arrayInput": "reference"}
    subscriber = Subscriber(success=subscribed.at("/done?token=1"), failed=subscribed.at("/bad"))
    job_id = accepted(store, subscriber, response="raw", outputs=near | far)
    succeed(store, job_id, stringInput="ü", arrayInput=[1], mixedInput=5)
    deliver(store, settings)
    deliver(store, settings)
    (told,) = subscribed.received
    assert told.path == "/done?token=1"
    assert told.headers["Content-Type"] == "application/json"
    obeys("results.yaml", told.document)
    assert told.document["stringInput"] == "ü"
    there = f"http://maps.test/vadose/jobs/{job_id}/results/arrayInput"
    assert told.document["arrayInput"]["href"] == there
    assert set(told.document) == {"stringInput", "arrayInput"}


def test_the_start_and_a_failure_are_told_with_the_status(
    store: SqlJobStore, settings: Settings, subscribed: Subscribed, obeys: Callable
) -> None:
    """Where a job begins and where it ends badly, dismissed included."""
    addresses = (subscribed.at(path) for path in ("/done", "/going", "/bad"))
    subscriber = Subscriber(
        **dict(zip(("success", "in_progress", "failed"), addresses, strict=True))
    )
    failing, dismissed = accepted(store, subscriber), accepted(store, subscriber)
    start(store, failing)
    deliver(store, settings)
    store.fail_step(failing, "prepare", 1, "no granule")
    store.dismiss(dismissed)
    deliver(store, settings)
    for told in subscribed.received:
        obeys("statusInfo.yaml", told.document)
    assert subscribed.received[0].path == "/going"
    found = {
        (told.path, told.document["jobID"], told.document["status"]) for told in subscribed.received
    }
    assert found == {
        ("/going", failing, "running"),
        ("/bad", failing, "failed"),
        ("/bad", dismissed, "dismissed"),
    }


def test_a_start_that_is_long_past_is_not_told(
    store: SqlJobStore, settings: Settings, subscribed: Subscribed
) -> None:
    """News that are true no longer are dropped, and so are results that are gone."""
    subscriber = Subscriber(success=subscribed.at("/done"), in_progress=subscribed.at("/going"))
    succeed(store, accepted(store, subscriber))
    gone = accepted(store, subscriber)
    succeed(store, gone)
    store.dismiss(gone)
    deliver(store, settings)
    assert [told.path for told in subscribed.received] == ["/done"]
    assert store.due_callbacks() == ()


def test_a_callback_is_signed_as_standard_webhooks_are(
    store: SqlJobStore, settings: Settings, subscribed: Subscribed
) -> None:
    """The signature is HMAC-SHA256 of identifier, time and body; the digest is RFC 9530's."""
    succeed(store, accepted(store, Subscriber(success=subscribed.at("/done"))))
    deliver(store, settings)
    (told,) = subscribed.received
    name, time = told.headers["Webhook-Id"], told.headers["Webhook-Timestamp"]
    signed = f"{name}.{time}.".encode() + told.body
    signature = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest())
    assert told.headers["Webhook-Signature"] == f"v1,{signature.decode()}"
    assert abs(datetime.fromtimestamp(int(time), UTC) - datetime.now(UTC)) < timedelta(minutes=1)
    digest = base64.b64encode(hashlib.sha256(told.body).digest()).decode()
    assert told.headers["Content-Digest"] == f"sha-256=:{digest}:"


def test_a_known_signature() -> None:
    """The example of the Standard Webhooks specification, and a secret that is no base64."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signer = Signer.of(Settings.load(data=".", callback_secret=secret))
    when = datetime.fromtimestamp(1614265330, UTC)
    headers = signer.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", when, b'{"test": 2432232314}')
    assert headers["Webhook-Signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    with pytest.raises(InputError, match="VADOSE_CALLBACK_SECRET"):
        Signer.of(Settings.load(data=".", callback_secret="whsec_?"))
    assert "Webhook-Signature" not in Signer.of(Settings.load(data=".")).headers("a", when, b"")


@pytest.mark.parametrize("answer", [500, 404, 302, 307])
def test_what_does_not_arrive_is_sent_again(
    store: SqlJobStore, settings: Settings, subscribed: Subscribed, answer: int
) -> None:
    """After a pause, under the same identifier; a redirect is not followed."""
    subscribed.answers.append(answer)
    job_id = accepted(store, Subscriber(success=subscribed.at("/done")))
    succeed(store, job_id)
    deliver(store, settings)
    assert store.due_callbacks() == ()
    (waiting,) = store.due_callbacks(datetime.now(UTC) + timedelta(seconds=6))
    assert waiting.tries == 1
    store.callback_failed(waiting.id, "", datetime.now(UTC))
    deliver(store, settings)
    first, second = subscribed.received
    assert (first.path, second.path) == ("/done", "/done")
    assert first.headers["Webhook-Id"] == second.headers["Webhook-Id"]
    assert store.due_callbacks(datetime.now(UTC) + timedelta(days=1)) == ()
    assert store.get(job_id).status == "successful"


def test_a_subscriber_is_given_up(
    store: SqlJobStore, settings: Settings, subscribed: Subscribed, caplog: pytest.LogCaptureFixture
) -> None:
    """After so many tries, or at once where it says that it is gone; the log tells."""
    subscribed.answers.extend([500, 503, 500, 410])
    succeed(store, accepted(store, Subscriber(success=subscribed.at("/done"))))
    for _ in range(5):
        deliver(store, settings, Patience(tries=3, first=0))
    assert len(subscribed.received) == 3
    succeed(store, accepted(store, Subscriber(success=subscribed.at("/done"))))
    for _ in range(2):
        deliver(store, settings, Patience(tries=3, first=0))
    assert len(subscribed.received) == 4
    assert "try 3: it answered with status 500; given up" in caplog.text
    assert "it answered with status 410; given up" in caplog.text


def test_an_address_that_became_private_is_given_up(
    store: SqlJobStore, settings: Settings, subscribed: Subscribed
) -> None:
    """The guard looks again when news are sent: then the host may be another."""
    careful = settings.model_copy(update={"allowed_hosts": ""})
    succeed(store, accepted(store, Subscriber(success=subscribed.at("/done"))))
    deliver(store, careful)
    assert subscribed.received == []
    assert store.due_callbacks(datetime.now(UTC) + timedelta(days=1)) == ()


def test_one_that_hangs_holds_up_nobody(
    store: SqlJobStore,
    settings: Settings,
    subscribed: Subscribed,
    wait_for: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others are told meanwhile, their jobs go on, and the courier stops at once."""
    for path in ("/hang", "/done", "/done"):
        succeed(store, accepted(store, Subscriber(success=subscribed.at(path))))
    patient = replace(Outgoing.of(settings), seconds=50)
    monkeypatch.setattr(Outgoing, "of", lambda _settings: patient)
    courier = Courier(store, settings)
    courier.start()
    wait_for(
        lambda: sorted(told.path for told in subscribed.received) == ["/done", "/done", "/hang"]
    )
    wait_for(lambda: len(store.due_callbacks()) == 1)
    succeed(store, accepted(store, Subscriber(success=subscribed.at("/later"))))
    wait_for(lambda: "/later" in [told.path for told in subscribed.received])
    wait_for(lambda: len(store.due_callbacks()) == 1)
    begin = datetime.now(UTC)
    courier.stop()
    assert datetime.now(UTC) - begin < timedelta(seconds=5)
    (left,) = store.due_callbacks()
    assert left.url.endswith("/hang")
    assert left.tries == 0, "its first try was under way all the time"


def test_a_database_that_goes_away_is_waited_for(
    store: SqlJobStore,
    settings: Settings,
    subscribed: Subscribed,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What was sent and could not be noted is sent again, under the same identifier."""
    for path in ("/a", "/b"):
        succeed(store, accepted(store, Subscriber(success=subscribed.at(path))))
    courier = Courier(store, settings)

    def away(_callback: int) -> None:
        raise StoreUnavailableError("gone")

    async def rounds() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(store, "callback_delivered", away)
            await courier.round()
            await courier.round()
        await courier.round()
        await courier.round()

    asyncio.run(rounds())
    assert sorted(told.path for told in subscribed.received) == ["/a"] * 3 + ["/b"] * 3
    assert len({told.headers["Webhook-Id"] for told in subscribed.received}) == 2
    assert caplog.text.count("callbacks wait") == 1


def test_of_two_couriers_one_delivers(
    store: SqlJobStore, settings: Settings, subscribed: Subscribed
) -> None:
    """Where several web servers have one store, news go out once."""
    assert store.lead("callbacks", "somebody else", 60)
    succeed(store, accepted(store, Subscriber(success=subscribed.at("/done"))))
    deliver(store, settings)
    assert subscribed.received == []
    store.resign("callbacks", "somebody else")
    deliver(store, settings)
    assert len(subscribed.received) == 1


def test_a_request_subscribes(
    settings: Settings, subscribed: Subscribed, serve_at_work: Callable, wait_for: Callable
) -> None:
    """From the request over HTTP to the post: the start, then the results or the failure.

    A subscriber that the client waits beside is told all the same.
    """
    told = {
        "successUri": subscribed.at("/done"),
        "inProgressUri": subscribed.at("/hang"),
        "failedUri": subscribed.at("/bad"),
    }
    body = {"inputs": {"stringInput": "a"}, "response": "document", "subscriber": told}
    with serve_at_work(settings) as client:
        replies = [
            client.post("/processes/echo/execution", json=body, headers={"Prefer": prefer})
            for prefer in ("wait=10", "respond-async")
        ]
        assert [reply.status_code for reply in replies] == [200, 201]
        address = replies[1].headers["Location"].removeprefix("http://maps.test/vadose")
        wait_for(lambda: client.get(address).json()["status"] == "successful")
        wait_for(lambda: sum(told.path == "/done" for told in subscribed.received) == 2)
    done = [told.document for told in subscribed.received if told.path == "/done"]
    assert done == [{"stringInput": "a"}] * 2
    assert "/bad" not in {told.path for told in subscribed.received}


def test_the_misspelt_member_of_the_standard_is_taken(
    settings: Settings, store: SqlJobStore, serve: Callable
) -> None:
    """``successUrl``, which subscriber.yaml requires, means what it describes as ``successUri``."""
    body = {"inputs": {"stringInput": "a"}, "subscriber": {"successUrl": "http://127.0.0.1:1/"}}
    with serve(settings, run_jobs=False) as client:
        headers = {"Prefer": "respond-async"}
        reply = client.post("/processes/echo/execution", json=body, headers=headers)
    assert store.get(reply.json()["jobID"]).subscriber == Subscriber(success="http://127.0.0.1:1/")


@given(st.integers(1, 100), st.floats(0, 1))
def test_pauses_grow_to_a_bound(failures: int, drawn: float) -> None:
    """Each is at least half of what it may be, never longer than the longest, never shrinking."""
    patience = Patience()
    pause = patience.pause(failures, lambda: drawn)
    assert 2.5 <= pause <= patience.longest
    assert patience.pause(failures + 1, lambda: drawn) >= pause
