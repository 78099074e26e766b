"""The page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.validation.assessment import Assessment


def report_page(assessment: Assessment) -> str:
    """Return the report as a self-contained HTML page."""
    return f"<title>{len(assessment.months)}</title>"
