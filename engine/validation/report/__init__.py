"""The report for people: one HTML page that needs nothing beside it."""

from __future__ import annotations

from engine.validation.report.page import report_page

__all__ = ["report_page"]
