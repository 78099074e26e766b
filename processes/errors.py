"""What can go wrong at the service's door; ``problems.py`` holds the one table to HTTP.

::

    VadoseError
    ├── InvalidInputsError (ValueError)        the inputs of a process break its description
    ├── InputError
    │   └── InvalidSettingsError               settings are wrong; all of them are named
    └── ServiceError
        ├── InvalidRequestError (ValueError)   the request around the inputs is malformed
        ├── RequestTooLargeError (ValueError)  its body is beyond the limit
        ├── UnsupportedMediaTypeError (ValueError)
        ├── NoSuchProcessError (LookupError)
        ├── NoSuchJobError (LookupError)
        ├── NoSuchOutputError (LookupError)
        ├── AlreadyDismissedError (LookupError)
        ├── ResultsNotReadyError (LookupError) the job is queued or runs
        ├── NoResultsError (LookupError)       the job failed or was dismissed
        ├── UnauthenticatedError (PermissionError) nobody knows who asks
        ├── ForbiddenError (PermissionError)   who asks may not do this
        ├── IdentityUnavailableError (RuntimeError) nobody can say at present who asks
        ├── TooManyRequestsError (RuntimeError) who asks does so too often, or for too much
        ├── QueueFullError (RuntimeError)      too many jobs wait
        ├── StoreUnavailableError (RuntimeError) the database of the jobs does not answer
        ├── OutgoingError                      an address of a client's is of no use
        │   ├── RefusedAddressError (ValueError) the guard refuses it
        │   └── UnreachableError (OSError)     it does not answer as it should
        └── DismissedError (RuntimeError)      a running job learns that nobody wants it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InputError, VadoseError

if TYPE_CHECKING:
    from collections.abc import Sequence


class InvalidInputsError(VadoseError, ValueError):
    """Inputs of a process break its description.

    Parameters
    ----------
    problems
        One per input at fault, each naming the input, what was wrong and what is allowed.
    """

    def __init__(self, problems: Sequence[InputError]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class InvalidSettingsError(InputError):
    """Settings are wrong.

    Parameters
    ----------
    problems
        One per setting at fault, at least one.
    """

    def __init__(self, problems: Sequence[InputError]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(first.field, first.wrong, first.allowed)

    def __str__(self) -> str:
        """Say the one, or list them all."""
        if len(self.problems) == 1:
            return str(self.problems[0])
        listed = "".join(f"\n  {problem}" for problem in self.problems)
        return f"{len(self.problems)} settings are wrong{listed}"


class ServiceError(VadoseError):
    """Base of the errors that only the service knows."""


class InvalidRequestError(ServiceError, ValueError):
    """The request around the inputs is malformed."""


class RequestTooLargeError(ServiceError, ValueError):
    """The request's body is beyond the limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"the request's body is too large; allowed: {limit} bytes")


class UnsupportedMediaTypeError(ServiceError, ValueError):
    """The request's body is of a kind that is not read."""

    def __init__(self, media_type: str) -> None:
        self.media_type = media_type
        super().__init__(f"Content-Type {media_type:.80}; allowed: application/json")


class NoSuchProcessError(ServiceError, LookupError):
    """No process has this identifier."""

    def __init__(self, process_id: str, known: Sequence[str]) -> None:
        self.process_id, self.known = process_id, tuple(known)
        super().__init__(f"there is no process {process_id!r:.60}; allowed: {', '.join(known)}")


class NoSuchJobError(ServiceError, LookupError):
    """No job has this identifier."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"there is no job {job_id!r:.60}")


class NoSuchOutputError(ServiceError, LookupError):
    """The job's results have no such output."""

    def __init__(self, job_id: str, output: str, known: Sequence[str]) -> None:
        self.job_id, self.output, self.known = job_id, output, tuple(known)
        there = ", ".join(known) or "none"
        super().__init__(f"job {job_id} has no output {output!r:.60}; allowed: {there}")


class AlreadyDismissedError(ServiceError, LookupError):
    """The job was dismissed before."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"job {job_id} was dismissed before; nothing of it is left to remove")


class ResultsNotReadyError(ServiceError, LookupError):
    """The job has not ended yet."""

    def __init__(self, job_id: str, status: str) -> None:
        self.job_id, self.status = job_id, status
        super().__init__(f"job {job_id} is {status}; its results are not ready")


class NoResultsError(ServiceError, LookupError):
    """The job ended without results.

    Parameters
    ----------
    job_id, status
        The job and how it ended.
    reason
        The job's last message.
    by_client
        Whether the request was at fault rather than the service.
    """

    def __init__(self, job_id: str, status: str, reason: str, *, by_client: bool) -> None:
        self.job_id, self.status, self.reason, self.by_client = job_id, status, reason, by_client
        super().__init__(f"job {job_id} {status}: {reason}" if reason else f"job {job_id} {status}")


class UnauthenticatedError(ServiceError, PermissionError):
    """It is not known who asks, and that has to be known.

    Parameters
    ----------
    wrong
        What was wrong with what the caller said.
    """

    def __init__(self, wrong: str) -> None:
        self.wrong = wrong
        allowed = "Authorization: Bearer and an API key or a token, or X-API-Key"
        super().__init__(f"{wrong}; allowed: {allowed}")


class ForbiddenError(ServiceError, PermissionError):
    """The caller is known, and may not do this.

    Parameters
    ----------
    role
        The role that it needs.
    """

    def __init__(self, role: str) -> None:
        self.role = role
        super().__init__(f"this needs the role {role}; whoever runs the service can give it")


class IdentityUnavailableError(ServiceError, RuntimeError):
    """Who asks cannot be found out at present."""


class TooManyRequestsError(ServiceError, RuntimeError):
    """A caller asks too often, or for too much.

    Parameters
    ----------
    limit
        What was exceeded, in words.
    seconds
        After how long it is worth trying again.
    """

    def __init__(self, limit: str, seconds: int) -> None:
        self.limit, self.seconds = limit, seconds
        super().__init__(f"{limit}; try again in {seconds} s")


class QueueFullError(ServiceError, RuntimeError):
    """Too many jobs wait already."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"{limit} jobs wait already; try again later")


class StoreUnavailableError(ServiceError, RuntimeError):
    """The database of the jobs does not answer; what was asked of it may be asked again.

    Parameters
    ----------
    reason
        What the database's driver says, for the log; the message keeps it to itself, since it
        may name hosts and files.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("the database of the jobs does not answer; try again later")


class OutgoingError(ServiceError):
    """A request that leaves the service was not made, or not answered.

    Parameters
    ----------
    wrong
        What was wrong with the address or the answer.
    allowed
        What would be accepted.
    """

    def __init__(self, wrong: str, allowed: str) -> None:
        self.wrong, self.allowed = wrong, allowed
        super().__init__(f"{wrong}; allowed: {allowed}")


class RefusedAddressError(OutgoingError, ValueError):
    """The service does not go to this address."""


class UnreachableError(OutgoingError, OSError):
    """What lies at an address cannot be had."""

    def __init__(self, wrong: str) -> None:
        super().__init__(wrong, "an address that answers in time, with what it is asked for")


class DismissedError(ServiceError, RuntimeError):
    """A running job learns that it was dismissed, or that another attempt replaced it."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"job {job_id} was dismissed")
