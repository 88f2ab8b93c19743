"""A sample market in a home of its own, the UI over it, and a browser that is installed anyway."""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stocker_pipeline_tests.ui.dagster_dev import dagster_dev, stocker

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
CLICK_TIMEOUT_MS = 60_000


@pytest.fixture(scope="module")
def browser_path() -> str:
    """An installed browser; Playwright's own are not downloaded."""
    pytest.importorskip("playwright.sync_api", reason="needs the extra: browser")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs a browser: one of {', '.join(BROWSERS)} on the PATH")
    return found


@pytest.fixture(scope="module")
def home(browser_path: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A STOCKER_HOME with the sample market and nothing else."""
    made = tmp_path_factory.mktemp("home")
    stocker(made, "ingest", "--provider", "sample")
    return made


@pytest.fixture(scope="module")
def ui(home: Path) -> Iterator[str]:
    """The address of a running UI."""
    with dagster_dev(home) as address:
        yield address


@pytest.fixture(scope="module")
def asked_elsewhere() -> list[str]:
    """What the page asked of other machines than this one; it got no answer."""
    return []


@pytest.fixture(scope="module")
def page(browser_path: str, ui: str, asked_elsewhere: list[str]) -> Iterator[Any]:
    """A page in the browser, wide enough for the assets to show their details."""
    from playwright.sync_api import Route, expect, sync_playwright

    def refuse(route: Route) -> None:
        asked_elsewhere.append(route.request.url)
        route.abort()

    expect.set_options(timeout=CLICK_TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=[*FLAGS])
        context = browser.new_context(
            base_url=ui, viewport={"width": 1920, "height": 900}, timezone_id="America/New_York"
        )
        context.set_default_timeout(CLICK_TIMEOUT_MS)
        context.route(lambda url: not url.startswith((ui, "data:", "blob:")), refuse)
        yield context.new_page()
        browser.close()


@pytest.fixture(scope="module")
def picture_of() -> Callable[..., None]:
    """Take a picture where STOCKER_SCREENSHOTS names a folder; docs/images come from there."""
    folder = os.environ.get("STOCKER_SCREENSHOTS")

    def take(page: Any, name: str, **options: Any) -> None:
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png", **options)

    return take


@pytest.fixture(scope="module")
def picture(page: Any, picture_of: Callable[..., None]) -> Callable[..., None]:
    """The same, of the Dagster UI."""
    return partial(picture_of, page)
