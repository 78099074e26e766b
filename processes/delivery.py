"""The forms in which results are handed over: document, raw, several parts, references.

==========  ==========  =======================================================
response    outputs     answer
==========  ==========  =======================================================
document    any         200, a JSON object: a value or a link per output
raw         one         200, the value as it is
raw         several     200, ``multipart/related``, a part per output
raw         references  204, a ``Link`` header per output
==========  ==========  =======================================================
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.responses import JSONResponse, Response

from processes.definitions import JSON, TEXT, find_process
from processes.errors import NoSuchOutputError
from processes.results import address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import JsonValue

    from processes.definitions import Output
    from processes.jobs.model import Delivery, Job

_PLAIN_HEADERS = {"X-Content-Type-Options": "nosniff"}
"""A browser shall not guess that a text is a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One output, ready to be handed over."""

    name: str
    """Its identifier."""
    output: Output
    """Its description."""
    value: JsonValue
    """Its value; hrefs are absolute."""
    href: str
    """Where the value lies."""
    by_reference: bool
    """Whether the address is handed over instead of the value."""

    @property
    def media_type(self) -> str:
        """Media type of the value as it is."""
        if self.output.media_type is not None:
            return self.output.media_type
        return TEXT if isinstance(self.value, str) else JSON

    def content(self) -> bytes:
        """Return the value as it is."""
        if isinstance(self.value, str):
            return base64.b64decode(self.value) if self.output.binary else self.value.encode()
        return json.dumps(self.value, ensure_ascii=False, allow_nan=False).encode()

    def member(self) -> JsonValue:
        """Return the output as a member of a results document."""
        if self.by_reference:
            return {"href": self.href, "type": self.media_type, "title": self.output.title}
        if self.output.binary:
            encoded: dict[str, JsonValue] = {"encoding": "base64", "mediaType": self.media_type}
            return {"value": self.value, **encoded}
        if isinstance(self.value, dict) and self.output.media_type is not None:
            return {"value": self.value, "mediaType": self.media_type}
        return self.value


def deliver(job: Job, outputs: Mapping[str, JsonValue], base: str) -> Response:
    """Answer with the results of a job in the form that its request wanted.

    Parameters
    ----------
    job
        A successful job.
    outputs
        Its outputs, hrefs relative to the service.
    base
        Address of the service, without a slash at its end.
    """
    if job.delivery.response == "document":
        return JSONResponse(deliver_document(job, outputs, base))
    parts = _parts(job, outputs, base)
    if all(part.by_reference for part in parts):
        return _links(parts)
    wanted = job.delivery.outputs or find_process(job.process_id).outputs
    return _raw(parts[0]) if len(wanted) == 1 else _multipart(parts)


def deliver_document(job: Job, outputs: Mapping[str, JsonValue], base: str) -> dict[str, JsonValue]:
    """Return the outputs that a request asked for as a results document; see :func:`deliver`."""
    return {part.name: part.member() for part in _parts(job, outputs, base)}


def deliver_one(job: Job, outputs: Mapping[str, JsonValue], base: str, name: str) -> Response:
    """Answer with one output as it is, or with where it lies.

    Raises
    ------
    NoSuchOutputError
        Where the job has no such output.
    """
    if name not in outputs:
        raise NoSuchOutputError(job.id, name, tuple(outputs))
    part = _part(job, name, outputs[name], base, by_reference=False)
    return _links([part]) if part.by_reference else _raw(part)


def results_document(
    process_id: str, outputs: Mapping[str, JsonValue], locate: Callable[[str], str]
) -> dict[str, JsonValue]:
    """Return all outputs by value, files that lie elsewhere as links, as a results document.

    Parameters
    ----------
    process_id
        The process, which knows the media types.
    outputs
        Values by output.
    locate
        Turns an address relative to the service into one for the reader.
    """
    described = find_process(process_id).outputs
    parts = []
    for name, value in outputs.items():
        located = _located(described[name], value, locate)
        elsewhere = _elsewhere(described[name], located)
        parts.append(
            Part(
                name=name,
                output=described[name],
                value=located,
                href=elsewhere or "",
                by_reference=elsewhere is not None,
            )
        )
    return {part.name: part.member() for part in parts}


def only_values(delivery: Delivery) -> bool:
    """Whether an answer in this form is complete without its job."""
    return "reference" not in delivery.outputs.values()


def _parts(job: Job, outputs: Mapping[str, JsonValue], base: str) -> list[Part]:
    asked = job.delivery.outputs or dict.fromkeys(outputs, "value")
    return [
        _part(job, name, outputs[name], base, by_reference=mode == "reference")
        for name, mode in asked.items()
        if name in outputs
    ]


def _part(job: Job, name: str, value: JsonValue, base: str, *, by_reference: bool) -> Part:
    output = find_process(job.process_id).outputs[name]
    located = _located(output, value, lambda path: f"{base}/{path}")
    href = f"{base}/jobs/{job.id}/results/{name}"
    elsewhere = _elsewhere(output, located)
    if elsewhere is not None:
        href, by_reference = elsewhere, True
    return Part(name=name, output=output, value=located, href=href, by_reference=by_reference)


def _elsewhere(output: Output, value: JsonValue) -> str | None:
    """Return where a file lies that is not kept with the results; None where it is."""
    return str(value["href"]) if output.binary and isinstance(value, dict) else None


def _located(output: Output, value: JsonValue, locate: Callable[[str], str]) -> JsonValue:
    """Return a value whose addresses are absolute; what is not ours stays as it came."""
    return address(value, locate) if output.has_addresses else value


def _raw(part: Part) -> Response:
    return Response(part.content(), media_type=part.media_type, headers=_PLAIN_HEADERS)


def _links(parts: Sequence[Part]) -> Response:
    response = Response(status_code=204)
    for part in parts:
        link = f'<{_header_text(part.href)}>; rel="item"; type="{part.media_type}"'
        response.headers.append("Link", f'{link}; title="{part.name}"')
    return response


def _multipart(parts: Sequence[Part]) -> Response:
    boundary = uuid4().hex
    pieces = [_piece(part) for part in parts]
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + piece + b"\r\n" for piece in pieces)
    media_type = f'multipart/related; boundary="{boundary}"'
    if parts:
        media_type += f'; type="{parts[0].media_type}"'
    body += b"--" + boundary.encode() + b"--\r\n"
    return Response(body, media_type=media_type, headers=_PLAIN_HEADERS)


def _piece(part: Part) -> bytes:
    """Return one part: its head, an empty line, and its body, which a reference has not."""
    charset = "; charset=utf-8" if part.media_type == TEXT else ""
    head = [f"Content-Type: {part.media_type}{charset}", f"Content-ID: <{part.name}>"]
    if part.by_reference:
        head.append(f"Content-Location: {_header_text(part.href)}")
    content = b"" if part.by_reference else part.content()
    return "\r\n".join([*head, "", ""]).encode() + content


def _header_text(href: str) -> str:
    """Return an address that cannot end its header: other bytes than those of URIs are escaped."""
    return "".join(c if "!" <= c <= "~" and c not in '<>"' else _escaped(c) for c in href)


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())
