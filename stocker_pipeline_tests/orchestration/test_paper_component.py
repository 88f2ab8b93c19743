"""A paper portfolio as Dagster assets: stages by selection, and a book that repeats nothing."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from stocker_pipeline.domain.session import SessionCalendar, SystemClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import PARITY
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.digests import digest
from stocker_pipeline.orchestration.paper_component import at_the_close, paper_definitions
from stocker_pipeline.orchestration.report_asset import week_ends_with
from stocker_pipeline.orchestration.resources import LakeResource, VenueResource
from stocker_pipeline.orchestration.runs import run_assets
from stocker_pipeline.orchestration.schedules import Tick
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline_tests.stages.market_day import (
    CALENDAR,
    FIRST,
    LAST,
    SYMBOLS,
    TwoSymbolMarket,
    small_portfolio,
)

pytestmark = pytest.mark.usefixtures("home")

START, END, AFTER = date(2020, 3, 2), date(2020, 3, 13), date(2020, 3, 16)
DAY = ("targets", "orders", "fills", "portfolio_snapshot")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(str(tmp_path / "lake"))
    ingest(TwoSymbolMarket(), made, SYMBOLS, FIRST, LAST)
    return made


def definitions_on(lake_root: str) -> dg.Definitions:
    """The paper portfolio ``p`` on a lake."""
    return dg.Definitions.merge(
        paper_definitions("p", small_portfolio()),
        dg.Definitions(
            assets=[dg.AssetSpec("raw_bars"), dg.AssetSpec("corporate_actions")],
            resources={"lake": LakeResource(root=lake_root), "venue": VenueResource()},
            executor=dg.in_process_executor,
        ),
    )


@pytest.fixture
def run(lake: Lake):
    """Run assets of the paper portfolio ``p`` over a range; returns instance and outcome."""
    definitions = definitions_on(lake.root)
    with dg.DagsterInstance.ephemeral() as instance:

        def over(assets: Sequence[str], first: date, last: date):
            keys = [dg.AssetKey(["p", asset]) for asset in assets]
            return instance, run_assets(definitions, instance, keys, sessions=(first, last))

        yield over


def ledger() -> Ledger:
    return Ledger.open(Settings().ledger, clock=SystemClock())


def metadata_of(instance: dg.DagsterInstance, asset: str, session: date) -> dict[str, object]:
    events = instance.fetch_materializations(
        dg.AssetRecordsFilter(
            asset_key=dg.AssetKey(["p", asset]), asset_partitions=[session.isoformat()]
        ),
        limit=1,
    )
    found = events.records[0].asset_materialization
    assert found is not None
    return {name: value.value for name, value in found.metadata.items()}


def test_a_range_of_past_sessions_is_replayed_and_shown_per_partition(run):
    instance, outcome = run(DAY, START, END)
    assert outcome.success, outcome.error
    expected = {str(day) for day in CALENDAR.sessions(START, END)}
    for asset in DAY:
        assert instance.get_materialized_partitions(dg.AssetKey(["p", asset])) == expected
    with ledger() as book:
        snapshots = book.read(lambda r: r.snapshots("p"))
        orders = book.read(lambda r: r.orders("p"))
    assert [str(row.session) for row in snapshots] == sorted(expected)
    assert orders
    shown = metadata_of(instance, "portfolio_snapshot", END)
    assert shown["nav"] == snapshots[-1].nav_e4 / 1e4
    assert shown["outcome"] in {"TRADED", "NO_TRADES"}
    traded = orders[-1]
    table = str(metadata_of(instance, "orders", traded.intent.key.session)["table"])
    assert f"| {traded.intent.key.symbol} | {traded.intent.quantity} |" in table


def test_running_a_range_again_changes_nothing(run):
    run(DAY, START, END)
    with ledger() as book:
        before = digest(book, "p")
    _, outcome = run(DAY, START, END)
    assert outcome.success, outcome.error
    with ledger() as book:
        assert digest(book, "p") == before


def test_the_morning_decides_and_the_evening_settles(run):
    run(DAY, START, END)
    _, morning = run(("signals", "targets", "orders"), AFTER, AFTER)
    assert morning.success, morning.error
    with ledger() as book:
        assert book.read(lambda r: r.session("p", AFTER)) is not None
        assert book.read(lambda r: r.snapshot("p", AFTER)) is None
    instance, evening = run(("fills", "portfolio_snapshot"), AFTER, AFTER)
    assert evening.success, evening.error
    with ledger() as book:
        assert book.read(lambda r: r.snapshot("p", AFTER)) is not None
    assert "decisions" in metadata_of(instance, "targets", AFTER)
    preview = metadata_of(instance, "portfolio_snapshot", AFTER)
    assert preview["next_session"] == "2020-03-17"
    assert "next_orders" in preview
    with ledger() as book:
        assert book.read(lambda r: r.session("p", date(2020, 3, 17))) is None


def test_parity_finds_no_gap_where_nothing_went_another_way(run, lake):
    run(DAY, START, END)
    instance, outcome = run(("parity",), START, END)
    assert outcome.success, outcome.error
    shown = metadata_of(instance, "parity", END)
    assert (shown["sessions"], shown["sessions_with_a_gap"], shown["gap"]) == (10, 0, 0.0)
    stored = lake.read(PARITY, portfolio="p")
    assert stored.num_rows == 10
    assert stored["nav"].to_pylist() == stored["backtest_nav"].to_pylist()


ALL_IN_A_PROCESS = """
import sys
from datetime import date
import dagster as dg
from stocker_pipeline.orchestration.runs import run_assets
from stocker_pipeline_tests.orchestration.test_paper_component import DAY, definitions_on
definitions = definitions_on(sys.argv[1])
with dg.DagsterInstance.ephemeral() as instance:
    for assets in (["signals", *DAY], ["parity"]):
        keys = [dg.AssetKey(["p", asset]) for asset in assets]
        sessions = (date(2020, 3, 2), date(2020, 3, 6))
        found = run_assets(definitions, instance, keys, sessions=sessions)
        print("done" if found.success else found.error)
print(*sorted({"pandas", "scipy.linalg"} & set(sys.modules)))
"""


def test_the_process_of_a_run_loads_neither_pandas_nor_scipy(lake):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALL_IN_A_PROCESS, lake.root],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["done", "done"]


NEW_YORK = ZoneInfo("America/New_York")


def tick(at: str) -> Tick:
    instant = datetime.fromisoformat(at).replace(tzinfo=NEW_YORK)
    calendar = SessionCalendar.between(date(2026, 1, 2), date(2026, 12, 31))
    return Tick(instant, instant, calendar)


@pytest.mark.parametrize(
    ("at", "decided"),
    [
        ("2026-11-23T17:30", (date(2026, 11, 23),)),
        ("2026-11-23T14:30", "2026-11-23 is settled at 17:30; this is the tick of 14:30"),
        ("2026-11-27T14:30", (date(2026, 11, 27),)),
        ("2026-11-27T17:30", "2026-11-27 is settled at 14:30; this is the tick of 17:30"),
        ("2026-11-26T17:30", "2026-11-26 (Thursday) is no session"),
    ],
)
def test_a_session_is_settled_at_the_hour_of_its_own_close(at, decided):
    found = at_the_close(tick(at))
    assert found == decided or str(found).startswith(str(decided))


def test_schedules_and_sensors_of_the_book_do_not_run_in_dev():
    made = paper_definitions("p", small_portfolio())
    schedules = {schedule.name: schedule for schedule in made.schedules or ()}
    assert set(schedules) == {"p__open_session", "p__close_session"}
    assert all(
        schedule.default_status is dg.DefaultScheduleStatus.STOPPED
        for schedule in schedules.values()
    )
    sensors = made.sensors or ()
    assert "p__fills" in {sensor.name for sensor in sensors}
    assert all(sensor.default_status is dg.DefaultSensorStatus.STOPPED for sensor in sensors)


def test_the_report_of_a_session_is_a_page_with_its_link_on_the_partition(run):
    run(DAY, START, END)
    instance, outcome = run(("daily_report",), START, END)
    assert outcome.success, outcome.error
    shown = metadata_of(instance, "daily_report", END)
    page = Path(str(shown["report"]))
    assert page == Settings().reports / "daily" / "p" / f"{END}.html"
    assert f"{END}" in page.read_text()
    assert str(shown["report_while_stocker_open_runs"]).endswith(f"/reports/daily/p/{END}.html")
    assert shown["to_look_at"] == 0
    with ledger() as book:
        rows = book.read(lambda r: r.snapshots("p"))
    assert shown["profit"] == pytest.approx((rows[-1].nav_e4 - rows[-2].nav_e4) / 1e4)
    assert len(list(page.parent.iterdir())) == 10
    (week,) = (Settings().reports / "weekly" / "p").iterdir()
    assert week.name == "2020-W11.html", "the range ends on a Friday"


@pytest.mark.parametrize(
    ("session", "ends"),
    [
        (date(2020, 4, 8), False),
        (date(2020, 4, 9), True),  # the day after is Good Friday
        (date(2020, 4, 13), False),
        (date(2020, 12, 31), True),  # and New Year's Day a Friday
    ],
)
def test_a_week_ends_with_its_last_session_on_holidays_too(session, ends):
    assert week_ends_with(SessionCalendar.between(session, session), session) is ends
