"""What a scrape measures of a book that was traded for two days, on both databases."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.metrics import Measure, exposition
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.control_records import (
    Alert,
    BreakKind,
    Discrepancy,
    Severity,
)
from stocker_pipeline.stages.metrics import measures
from stocker_pipeline.stages.monitor import monitor
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline_tests.gateways.test_metrics import parsed
from stocker_pipeline_tests.ledger.builders import (
    BOOK,
    TUESDAY,
    open_book,
    reconcile,
    trade_monday,
    trade_tuesday,
)
from stocker_pipeline_tests.ledger.conftest import (  # noqa: F401
    dialect,
    ledger,
    ledger_url,
    postgres_template,
    sqlite_template,
)
from stocker_pipeline_tests.stages.market_day import small_portfolio

FRIDAY_NOON = datetime(2010, 1, 8, 17, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2010, 1, 4, 13, 0, tzinfo=UTC))


@pytest.fixture
def traded(ledger: Ledger, clock: FixedClock) -> Ledger:  # noqa: F811
    open_book(ledger)
    trade_monday(ledger)
    trade_tuesday(ledger)
    return ledger


def scraped(url: str, folder: Path) -> dict[str, dict[tuple[str, ...], float]]:
    venue = Venue("paper", url, folder / "accounts")
    lake, clock = Lake(str(folder / "lake")), FixedClock(FRIDAY_NOON)
    return parsed(exposition(lambda: measures(venue, lake, clock)))


def test_the_numbers_of_the_last_close_are_those_of_the_ledger(traded, ledger_url, tmp_path):  # noqa: F811
    found = scraped(ledger_url, tmp_path)
    row = traded.read(lambda r: r.snapshot(BOOK, TUESDAY))
    assert row is not None
    assert found["stocker_ledger_up"] == {(): 1.0}
    assert found["stocker_nav_usd"] == {(BOOK,): row.nav_e4 / 1e4}
    assert found["stocker_cash_usd"] == {(BOOK,): row.cash_e4 / 1e4}
    assert found["stocker_drawdown_ratio"] == {(BOOK,): row.drawdown}
    assert found["stocker_gross_exposure_ratio"] == {(BOOK,): row.gross_exposure}
    assert found["stocker_net_exposure_ratio"] == {(BOOK,): row.net_exposure}
    assert found["stocker_breaker_tripped"] == {(BOOK,): 0.0}


def test_sessions_orders_and_states_are_counted(traded, ledger_url, tmp_path):  # noqa: F811
    found = scraped(ledger_url, tmp_path)
    assert found["stocker_sessions_total"][BOOK, "TRADED"] == 2
    assert found["stocker_sessions_total"][BOOK, "HALTED"] == 0
    assert found["stocker_orders"][BOOK, "FILLED"] == 2
    assert found["stocker_orders"][BOOK, "UNKNOWN"] == 0
    assert found["stocker_control_state"] == {
        (BOOK, "ARMED"): 1.0,
        (BOOK, "REDUCE_ONLY"): 0.0,
        (BOOK, "KILLED"): 0.0,
    }


def test_ages_are_counted_in_sessions_that_are_due_and_in_seconds(traded, ledger_url, tmp_path):  # noqa: F811
    found = scraped(ledger_url, tmp_path)
    # On Friday at noon Thursday's bars are due; the book is settled up to Tuesday.
    assert found["stocker_last_close_age_sessions"] == {(BOOK,): 2.0}
    assert found["stocker_last_reconciliation_age_seconds"] == {(BOOK,): 4 * 86_400 + 4 * 3_600}
    assert "stocker_last_bar_age_sessions" not in found  # the lake has no bar


def test_what_is_wrong_is_counted_too(traded, ledger_url, tmp_path):  # noqa: F811
    orphan = Discrepancy(BreakKind.ORPHAN_ORDER, "AAPL", "no such order", "working: x")
    with traded.lease(BOOK, TUESDAY, "close") as lease:
        reconcile(traded, lease, orphan)
    later = datetime(2010, 1, 5, 13, 30, tzinfo=UTC)
    watched = ("foreign_activity",)
    monitor(traded, Lake(str(tmp_path)), BOOK, small_portfolio(), later, monitors=watched)
    stray = Alert(Severity.INFO, "canary", "hello")
    traded.write(None, lambda w: w.put_alert(stray))
    found = scraped(ledger_url, tmp_path)
    assert found["stocker_open_breaks"][BOOK, "orphan_order"] == 1
    assert found["stocker_open_breaks"][BOOK, "cash"] == 0
    assert found["stocker_open_suspense"] == {(BOOK,): 0.0}
    assert found["stocker_control_state"][BOOK, "REDUCE_ONLY"] == 1
    assert found["stocker_monitor_raised"][BOOK, "foreign_activity"] == 1
    assert found["stocker_monitor_raised"][BOOK, "daily_loss"] == 0
    for name in ("total", "undelivered", "unacknowledged"):
        assert found[f"stocker_alerts_{name}"][BOOK, "error"] == 1
    assert found["stocker_alerts_undelivered"]["", "info"] == 1
    assert found["stocker_alerts_unacknowledged"]["", "info"] == 0


def test_a_ledger_that_is_not_there_is_said_to_be_down_and_is_not_made(tmp_path):
    found = scraped(f"sqlite:///{tmp_path / 'none.db'}", tmp_path)
    assert found == {"stocker_ledger_up": {(): 0.0}}
    assert not (tmp_path / "none.db").exists()


def test_every_measure_names_its_unit_and_says_what_it_is(traded, ledger_url, tmp_path):  # noqa: F811
    venue = Venue("paper", ledger_url, tmp_path)
    units: Mapping[str, str] = {"dollars": "_usd", "fraction": "_ratio", "Seconds": "_seconds"}
    found: list[Measure] = list(measures(venue, Lake(str(tmp_path)), FixedClock(FRIDAY_NOON)))
    assert len({measure.name for measure in found}) == len(found) > 15
    for measure in found:
        assert measure.name.startswith("stocker_")
        assert measure.help.endswith(".")
        for word, ending in units.items():
            assert measure.name.endswith(ending) or word not in measure.help
