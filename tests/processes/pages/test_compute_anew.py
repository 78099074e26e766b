"""The box "Compute anew" of a process's form, in a real browser and in the jobs that it makes."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from processes.jobs.store import open_store

if TYPE_CHECKING:
    import httpx
    from playwright.sync_api import Page

    from processes.settings import Settings


def execute(page: Page, client: httpx.Client, *, anew: bool) -> str:
    """Fill the form in, execute, and return the job that the browser is led to."""
    page.goto(f"{str(client.base_url).rstrip('/')}/processes/echo")
    page.locator("#input-stringInput").fill("once more?")
    page.get_by_label("Compute anew").set_checked(anew)
    shown = page.locator("#curl")
    if anew:
        expect(shown).to_contain_text("-H 'Cache-Control: no-cache'")
    else:
        expect(shown).not_to_contain_text("Cache-Control")
    page.get_by_role("button", name="Execute").click()
    page.wait_for_url(re.compile("/jobs/"))
    return page.url.rpartition("/jobs/")[2].partition("?")[0]


def test_the_box_decides_whether_work_is_done_again(
    client: httpx.Client, page: Page, settings: Settings
) -> None:
    """Without it the same form leads to the same job; with it to another that redoes the work."""
    first = execute(page, client, anew=False)
    assert execute(page, client, anew=False) == first
    again = execute(page, client, anew=True)
    assert again != first
    with closing(open_store(settings.job_database)) as store:
        assert [store.get(job).force for job in (first, again)] == [False, True]
        assert store.get(again).inputs == store.get(first).inputs
