"""News of jobs for their subscribers, posted until they arrive, or long enough.

What happens to a job and the news of it are written in one transaction, so none is lost; here
they are taken from there and sent. Nothing of it touches the job: a subscriber that hangs, fails
or sends elsewhere is tried again later, after pauses that double, and given up in the end.

Every callback names itself in the headers of https://www.standardwebhooks.com: ``Webhook-Id``
(the same at every try, so that a repetition can be told), ``Webhook-Timestamp`` and, where there
is a secret, ``Webhook-Signature``. ``Content-Digest`` (RFC 9530) is the body's checksum.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
import os
import random
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import uuid4

from engine.errors import InputError
from processes.delivery import deliver_document
from processes.errors import (
    NoSuchJobError,
    OutgoingError,
    RefusedAddressError,
    StoreUnavailableError,
)
from processes.jobs.model import CallbackKind
from processes.outgoing import Outgoing
from processes.service import public_address
from processes.status import status_info

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import JsonValue

    from processes.jobs.model import Callback, Job
    from processes.jobs.protocol import JobStore
    from processes.settings import Settings

LOGGER = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Time between two looks into the outbox."""
LEAD_SECONDS = 30.0
"""How long one of several web servers is the one that delivers."""
AT_ONCE = 32
"""Callbacks that are sent at the same time."""
_SECRET_PREFIX = "whsec_"  # noqa: S105  (says that a secret follows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a callback is tried, and how long after each failure."""

    tries: int = 12
    """Tries before it is given up: some two hours and a half."""
    first: float = 5
    """Longest pause after the first failure, seconds; it doubles with each."""
    longest: float = 3600
    """Longest pause at all, seconds."""

    def pause(self, failures: int, draw: Callable[[], float] = random.random) -> float:
        """Return the pause after so many failures, drawn from its upper half, seconds.

        >>> [Patience().pause(failures, lambda: 1.0) for failures in (1, 2, 3, 20)]
        [5.0, 10.0, 20.0, 3600.0]
        """
        longest = min(self.first * 2.0 ** (failures - 1), self.longest)
        return longest * (0.5 + 0.5 * draw())


@dataclass(frozen=True, slots=True)
class Signer:
    """Writes the headers by which a subscriber knows a callback."""

    secret: bytes | None = None
    """What the service and the subscriber share; None leaves callbacks unsigned."""

    @classmethod
    def of(cls, settings: Settings) -> Signer:
        """Return the signer of some settings.

        Raises
        ------
        InputError
            Where the secret says that it is base64, and is not.
        """
        if settings.callback_secret is None:
            return cls()
        text = settings.callback_secret.get_secret_value()
        if not text.startswith(_SECRET_PREFIX):
            return cls(text.encode())
        try:
            return cls(base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True))
        except binascii.Error:
            name, allowed = "VADOSE_CALLBACK_SECRET", f"{_SECRET_PREFIX} and base64, or any text"
            raise InputError(name, "it is no base64", allowed) from None

    def headers(self, name: str, time: datetime, content: bytes) -> dict[str, str]:
        """Return the headers of a callback.

        Parameters
        ----------
        name
            Its identifier, the same at every try.
        time
            When it is sent.
        content
            Its body.
        """
        timestamp = str(int(time.timestamp()))
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        headers = {
            "Content-Type": "application/json",
            "Content-Digest": f"sha-256=:{digest}:",
            "Webhook-Id": name,
            "Webhook-Timestamp": timestamp,
        }
        if self.secret is not None:
            signed = f"{name}.{timestamp}.".encode() + content
            signature = hmac.digest(self.secret, signed, "sha256")
            headers["Webhook-Signature"] = f"v1,{base64.b64encode(signature).decode()}"
        return headers


class Courier:
    """A thread that delivers callbacks; of several web servers, one does at a time.

    Parameters
    ----------
    store
        Where the news lie.
    settings
        The service's address, the secret, and where it may go.
    patience
        How often a callback is tried.
    """

    def __init__(
        self, store: JobStore, settings: Settings, patience: Patience | None = None
    ) -> None:
        self._store = store
        self._patience = patience or Patience()
        self._outgoing = Outgoing.of(settings)
        self._signer = Signer.of(settings)
        self._base = public_address(settings)
        self._name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self._waiting = False
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._end: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to deliver."""
        loop = asyncio.new_event_loop()
        work = loop.create_task(self._deliver_for_ever())
        thread = threading.Thread(target=_run, args=(loop, work), name="courier", daemon=True)
        thread.start()

        def end() -> None:
            loop.call_soon_threadsafe(work.cancel)
            thread.join()

        self._end = end

    def stop(self) -> None:
        """Deliver no more; what is not there yet is sent after the next start."""
        if self._end is not None:
            self._end()
            self._end = None

    async def _deliver_for_ever(self) -> None:
        try:
            while True:
                self._begin()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._let_go()
            self.resign()

    async def round(self) -> None:
        """Send what is due now, all at the same time, and wait for how that ends."""
        self._begin()
        await asyncio.gather(*self._under_way.values())

    def resign(self) -> None:
        """Let another courier deliver."""
        with suppress(StoreUnavailableError):
            self._store.resign("callbacks", self._name)

    def _begin(self) -> None:
        """Begin to send what is due, without waiting for what is still under way."""
        try:
            due = self._store.due_callbacks(limit=AT_ONCE)
            if due and self._store.lead("callbacks", self._name, LEAD_SECONDS):
                for callback in due:
                    self._send_off(callback)
        except StoreUnavailableError:
            self._wait_for_database()
        except Exception:
            LOGGER.exception("the courier stumbled")

    def _send_off(self, callback: Callback) -> None:
        """Begin to send news, unless that was begun before and has not ended."""
        if callback.id in self._under_way:
            return
        delivery = asyncio.get_running_loop().create_task(self._deliver(callback))
        self._under_way[callback.id] = delivery
        delivery.add_done_callback(lambda _: self._under_way.pop(callback.id))

    async def _let_go(self) -> None:
        """Break off what is under way; it is sent again by whoever delivers next."""
        deliveries = list(self._under_way.values())
        for delivery in deliveries:
            delivery.cancel()
        await asyncio.gather(*deliveries, return_exceptions=True)

    async def _deliver(self, callback: Callback) -> None:
        try:
            wrong, again = await self._try(callback)
            self._note(callback, wrong, again)
        except StoreUnavailableError:
            self._wait_for_database()
        except Exception:
            LOGGER.exception("the courier stumbled")
        else:
            self._waiting = False

    def _wait_for_database(self) -> None:
        if not self._waiting:
            LOGGER.warning("callbacks wait: the database of the jobs does not answer")
        self._waiting = True

    async def _try(self, callback: Callback) -> tuple[str, bool]:
        """Send news; whatever goes wrong with them is no other's trouble."""
        try:
            return await self._send(callback)
        except StoreUnavailableError:
            raise
        except Exception:
            LOGGER.exception("job %s: callback (%s) failed", callback.job_id, callback.kind)
            return "the service failed to send it", True

    async def _send(self, callback: Callback) -> tuple[str, bool]:
        """Send news; return what went wrong, empty for nothing, and whether to try again."""
        content = self._content(callback)
        if content is None:
            return "it is true no longer", False
        name = f"{callback.job_id}-{callback.id}"
        headers = self._signer.headers(name, datetime.now(UTC), content)
        try:
            status = await self._outgoing.post(callback.url, content, headers)
        except OutgoingError as error:
            return error.wrong, not isinstance(error, RefusedAddressError)
        if 200 <= status < 300:
            return "", False
        return f"it answered with status {status}", status != HTTPStatus.GONE

    def _note(self, callback: Callback, wrong: str, again: bool) -> None:
        if not wrong:
            self._store.callback_delivered(callback.id)
            return
        failures = callback.tries + 1
        pause = self._patience.pause(failures)
        again = again and failures < self._patience.tries
        next_at = datetime.now(UTC) + timedelta(seconds=pause) if again else None
        self._store.callback_failed(callback.id, wrong, next_at)
        then = f"again in {pause:.0f} s" if again else "given up"
        told = (callback.job_id, callback.kind, failures, wrong, then)
        LOGGER.warning("job %s: callback (%s), try %d: %s; %s", *told)

    def _content(self, callback: Callback) -> bytes | None:
        """Return the body: results, or status; None where it would not be true any more."""
        try:
            document = self._document(callback.kind, self._store.get(callback.job_id))
        except NoSuchJobError:
            return None
        return None if document is None else json.dumps(document, allow_nan=False).encode()

    def _document(self, kind: CallbackKind, job: Job) -> dict[str, JsonValue] | None:
        if kind is CallbackKind.SUCCESS:
            outputs = self._store.results(job.id)
            return None if outputs is None else deliver_document(job, outputs, self._base)
        if kind is CallbackKind.IN_PROGRESS and job.status.terminal:
            return None
        return status_info(job, self._base)


def _run(loop: asyncio.AbstractEventLoop, work: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(work)
    loop.close()
