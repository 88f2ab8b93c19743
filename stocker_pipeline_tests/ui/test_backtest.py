"""A backtest by clicking: a range of sessions is one run, with the numbers of ``simulate``."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import SNAPSHOTS
from stocker_pipeline.orchestration.runs import instance, portfolio_assets
from stocker_pipeline.settings import Settings
from stocker_pipeline_tests.ui.dagster_dev import served, stocker

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PORTFOLIO = "trend_backtest"
FIRST, LAST = date(2004, 1, 2), date(2009, 12, 31)
SESSIONS = SessionCalendar.between(FIRST, LAST).sessions(FIRST, LAST).tolist()
RUN_TIMEOUT_MS = 600_000
MARGIN = 24


@dataclass(frozen=True)
class Clicked:
    """What the UI said about the backtest that was launched in it."""

    backfill: str
    status: str
    overview: str


def around(shown: Any) -> dict[str, float]:
    """The part of the page that shows all of these, with a margin."""
    boxes = [locator.bounding_box() for locator in shown.all()]
    left, top = (min(box[side] for box in boxes) - MARGIN for side in ("x", "y"))
    right, bottom = (
        max(box[side] + box[size] for box in boxes) + MARGIN
        for side, size in (("x", "width"), ("y", "height"))
    )
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


@pytest.fixture(scope="module")
def backtest(page: Any, picture: Callable[..., None]) -> Clicked:
    """Open the portfolio's group, choose the range, launch, and wait until it has ended."""
    from playwright.sync_api import expect

    page.goto("/")
    page.get_by_role("link", name="Lineage").first.click()
    page.get_by_text(PORTFOLIO).first.wait_for()  # a search before that finds nothing
    page.get_by_role("button", name="Search").first.click()
    page.get_by_placeholder("Search assets").fill(PORTFOLIO)
    page.get_by_role("link", name=f"asset_group {PORTFOLIO} Asset group").first.click()
    page.get_by_text("portfolio_snapshot").last.wait_for()
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Show all partitions").click()
    chosen = dialog.get_by_placeholder("ex: 2000-01-03")
    chosen.fill(f"[{FIRST}...{LAST}]")
    chosen.press("Enter")
    dialog.get_by_text(f"{len(SESSIONS):,} partitions").wait_for()
    picture("launch", clip=dialog.bounding_box())
    dialog.get_by_role("button", name="Launch backfill").click()
    told = page.get_by_text(re.compile("Created backfill"))
    backfill = told.inner_text().split("Created backfill")[1].split()[0]
    page.get_by_role("link", name="View", exact=True).click()
    page.wait_for_url(f"**/{backfill}")
    status = page.get_by_text("Status", exact=True).locator("xpath=following-sibling::div")
    expect(status).to_have_text(re.compile("Succeeded|Fail|Cancel"), timeout=RUN_TIMEOUT_MS)
    picture("backfill")
    return Clicked(backfill, status.inner_text(), page.locator("body").inner_text())


def test_the_page_says_that_every_session_of_every_asset_succeeded(backtest):
    assert backtest.status == "Succeeded"
    assert f"{FIRST}...{LAST}" in backtest.overview
    for asset in portfolio_assets(PORTFOLIO):
        assert " / ".join(asset.path) in backtest.overview
    assert backtest.overview.count("100% completed") == len(portfolio_assets(PORTFOLIO))


def test_a_range_chosen_by_clicking_is_one_run_over_exactly_its_sessions(
    backtest, home, monkeypatch
):
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    with instance(Settings(home=home)) as opened:
        runs = opened.get_runs(dg.RunsFilter(tags={"dagster/backfill": backtest.backfill}))
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS]
        expected = {day.isoformat() for day in SESSIONS}
        for asset in portfolio_assets(PORTFOLIO):
            assert opened.get_materialized_partitions(asset) == expected


def test_simulate_over_the_same_sessions_gives_the_same_nav_to_a_hundredth_of_a_cent(
    backtest, home, tmp_path
):
    bars, actions = tmp_path / "bars.parquet", tmp_path / "actions.parquet"
    stocker(home, "bars", "export", "--bars", bars, "--actions", actions)
    stocker(
        home,
        *("simulate", "--portfolio", PORTFOLIO, "--bars", bars, "--actions", actions),
        *("--start", FIRST, "--end", LAST, "--out", tmp_path / "out"),
    )
    simulated = pq.read_table(tmp_path / "out" / "snapshots.parquet")
    clicked = Lake(Settings(home=home).lake_root).read(SNAPSHOTS, portfolio=PORTFOLIO)
    for column in ("session", "nav", "cash", "positions_value"):
        assert clicked[column].to_pylist() == simulated[column].to_pylist(), column
    assert clicked["session"].to_pylist() == SESSIONS
    assert len(set(clicked["nav"].to_pylist())) > 1_000, "the book did trade"


def test_the_snapshot_shows_the_equity_curve(backtest, page, picture):
    page.goto(f"/assets/{PORTFOLIO}/portfolio_snapshot")
    page.get_by_text("[Show Markdown]").click()
    curve = page.get_by_role("dialog").locator("img")
    curve.wait_for()
    assert curve.evaluate("image => image.decode().then(() => image.naturalWidth)") == 900
    picture("equity", clip=page.get_by_role("dialog").bounding_box())


def test_the_numbers_of_each_session_are_plotted(backtest, page, picture):
    page.goto(f"/assets/{PORTFOLIO}/portfolio_snapshot")
    page.get_by_text("Plots", exact=True).click()
    # By partition it plots the newest 120 that there are, which end today and not in 2009.
    page.get_by_text("Events", exact=True).last.click()
    for number in ("nav", "drawdown", "gross_exposure", "orders"):
        page.get_by_text(number, exact=True).last.wait_for()
    page.locator("canvas").nth(3).wait_for()
    page.locator("canvas").first.scroll_into_view_if_needed()
    picture("plots")


def test_a_table_of_the_lake_says_what_its_columns_mean(backtest, page, picture):
    page.goto(f"/assets/{PORTFOLIO}/portfolio_snapshot")
    page.get_by_text("Net asset value at the close, dollars.").first.wait_for()
    assert page.get_by_text("team:trading").count() or page.get_by_text("trading").count()
    picture("columns")


def test_the_page_of_thousands_of_answers_of_a_check_opens(backtest, page, picture):
    page.goto("/assets/raw_bars?view=checks")
    page.get_by_text("Is every bar of this session traded on").last.wait_for()
    page.get_by_text("Passed", exact=True).first.wait_for()
    picture("check")


def test_the_report_is_served_to_this_machine_and_opens(backtest, page, home, picture_of):
    stocker(home, "report", PORTFOLIO)
    with served(home) as address:
        pages = page.context.browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
        pages.goto(address)
        pages.get_by_text(PORTFOLIO).first.wait_for()
        pages.get_by_role("link", name=re.compile(str(LAST))).first.click()
        pages.get_by_role("heading", name="What traded, and why").wait_for()
        assert pages.get_by_text(str(LAST)).count()
        picture_of(pages, "report", full_page=False)
        pages.context.close()


def test_the_lineage_runs_from_the_bars_to_the_marts(backtest, page, picture):
    from playwright.sync_api import expect

    page.goto(f"/locations/stocker_pipeline/asset-groups/{PORTFOLIO}/lineage")
    chain = ["raw_bars", *(key.path[-1] for key in portfolio_assets(PORTFOLIO))]
    chain.append("stg_lake__snapshots")
    boxes = [page.get_by_text(name, exact=True).last.bounding_box() for name in chain]
    assert [box["x"] for box in boxes] == sorted(box["x"] for box in boxes)
    expect(page.get_by_text("Loading", exact=False)).to_have_count(0)
    picture("lineage", clip=around(page.locator("foreignObject")))


def test_the_ui_asks_no_other_machine_than_this_one(backtest, asked_elsewhere):
    assert asked_elsewhere == []
