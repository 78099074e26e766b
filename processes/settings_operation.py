"""Settings of who may do what, of what is told of the service, and of what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AnyHttpUrl, ByteSize, Field, field_validator
from pydantic_settings import BaseSettings

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""Levels of the log, least severe first."""


class OperationSettings(BaseSettings):
    """The part of the settings that an operator cares for."""

    access: bool = False
    """Whether callers must say who they are, by an API key or a token."""
    public_without_access: bool = False
    """Whether the service may listen beyond loopback although anybody may do anything."""
    public_reading: bool = False
    """Whether, with access control, anybody may read what is published."""
    keys: Path | None = None
    """File of the API keys, hashed; ``keys.json`` below ``data`` by default."""
    oidc_issuer: AnyHttpUrl | None = None
    """Who issues tokens, as their ``iss`` says it; without one only API keys are taken."""
    oidc_audience: str | None = None
    """What tokens for this service say as ``aud``; required with an issuer."""
    oidc_jwks: AnyHttpUrl | None = None
    """Where the issuer's public keys are; by default as its discovery document says."""
    oidc_roles_claim: str = "roles"
    """The claim that lists roles; dots lead into it, as in ``realm_access.roles``."""
    oidc_role_prefix: str = "vadose-"
    """What precedes ``reader``, ``executor`` and ``admin`` among the roles of a token."""
    requests_per_minute: Annotated[int, Field(ge=1)] = 600
    """Requests that one caller may make, with access control."""
    jobs_per_caller: Annotated[int, Field(ge=1)] = 20
    """Jobs of one caller that may wait or run at a time, with access control."""
    cells_per_day: Annotated[int, Field(ge=1)] = 1_000_000_000
    """Cells of 1 km times months that one caller may ask for in 24 hours, with access control."""
    log_level: str = "INFO"
    """Least severe level that is logged."""
    log_format: Literal["text", "json"] = "text"
    """Whether a line of the log is for people, or JSON for programs."""
    traces: AnyHttpUrl | None = None
    """Where traces are sent by OTLP over HTTP, such as ``http://localhost:4318/v1/traces``; needs
    the extra ``traces``."""
    keep_jobs_days: Annotated[float, Field(gt=0)] | None = None
    """How long a job is kept after its end, with the maps that stayed with it; for ever by
    default. Published maps are not touched."""
    least_free: ByteSize = ByteSize(2**30)
    """Free space of the data folder's disk below which the service says that it is full."""

    @field_validator("log_level")
    @classmethod
    def _check_level(cls, value: str) -> str:
        if value.upper() not in LEVELS:
            raise ValueError(f"allowed: {', '.join(LEVELS)}")
        return value.upper()
