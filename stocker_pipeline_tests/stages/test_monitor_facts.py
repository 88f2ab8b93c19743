"""What each monitor reads from the rows of a ledger, on both databases, and what then follows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stocker_pipeline.domain.orders import SessionOutcome
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Ledger, Writer
from stocker_pipeline.ledger.control_records import (
    BreakKind,
    ControlState,
    Discrepancy,
    Severity,
)
from stocker_pipeline.ledger.records import OutcomeRecord, SessionKind
from stocker_pipeline.stages.monitor import Judged, monitor
from stocker_pipeline.strategies.portfolio import portfolio_from
from stocker_pipeline_tests.ledger.builders import (
    ACCOUNT,
    BOOK,
    BROKER,
    CAPITAL_E4,
    CONFIG,
    MONDAY,
    MORNING,
    TUESDAY,
    WEDNESDAY,
    closing,
    decide,
    execution,
    fill,
    intent,
    open_book,
    reconcile,
    send,
    settle,
    trade_monday,
)
from stocker_pipeline_tests.ledger.conftest import (  # noqa: F401
    dialect,
    ledger,
    ledger_url,
    postgres_template,
    sqlite_template,
)
from stocker_pipeline_tests.stages.market_day import small_portfolio

Watch = Callable[..., Judged]
OPENS_AT = datetime(2010, 1, 4, 14, 30, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MORNING)


@pytest.fixture
def watch(ledger: Ledger, tmp_path: Path) -> Watch:  # noqa: F811
    """Run one monitor on the book; ``bounds`` are those of the portfolio's YAML."""
    open_book(ledger)

    def watched(name: str, now: datetime = OPENS_AT, **bounds: float) -> Judged:
        data = {**small_portfolio().model_dump(), "monitors": bounds}
        portfolio, lake = portfolio_from(data, where="test"), Lake(str(tmp_path / "lake"))
        (found,) = monitor(ledger, lake, BOOK, portfolio, now, monitors=(name,))
        return found

    return watched


def state(ledger: Ledger) -> ControlState:  # noqa: F811
    return ledger.read(lambda r: r.control(BOOK)).state


def codes(ledger: Ledger) -> list[tuple[str, Severity]]:  # noqa: F811
    return [(alert.code, alert.severity) for alert in ledger.read(lambda r: r.alerts(BOOK))]


def test_a_rule_that_does_not_hold_kills_once_and_stays_killed(ledger, watch, clock):  # noqa: F811
    trade_monday(ledger)
    clock.advance(timedelta(days=2))
    assert not watch("integrity").raised

    def skip_tuesday(writer: Writer) -> None:
        outcome = OutcomeRecord(BOOK, WEDNESDAY, SessionOutcome.SKIPPED, "LATE", "late")
        writer.put_outcome(outcome)

    with ledger.lease(BOOK, WEDNESDAY, "open") as lease:
        decide(ledger, lease, session=WEDNESDAY, kind=SessionKind.SKIPPED)
        ledger.write(lease, skip_tuesday)
    found = watch("integrity", MORNING + timedelta(days=2))
    assert "inv_47" in found.verdict.sentence
    assert found.done == "the portfolio is KILLED until a person arms it"
    assert watch("integrity", MORNING + timedelta(days=2)).done == ""
    assert state(ledger) is ControlState.KILLED
    assert codes(ledger) == [("integrity", Severity.CRITICAL)]


def differences(*items: tuple[BreakKind, str]) -> list[Discrepancy]:
    return [Discrepancy(kind, symbol, "5 shares", "6 shares") for kind, symbol in items]


@pytest.mark.parametrize(
    ("items", "times", "killed"),
    [
        ([], 7, False),
        ([(BreakKind.QUANTITY, "AAPL")], 1, False),
        ([(BreakKind.QUANTITY, symbol) for symbol in "ABC"], 1, False),
        ([(BreakKind.QUANTITY, symbol) for symbol in "ABCD"], 1, True),
        ([(BreakKind.CASH, "")], 1, True),
        ([(BreakKind.QUANTITY, "AAPL")], 5, False),
        ([(BreakKind.QUANTITY, "AAPL")], 6, True),
    ],
)
def test_reconciliation_kills_beyond_what_locks_a_symbol(ledger, watch, items, times, killed):  # noqa: F811
    found = differences(*items)
    for _ in range(times):
        with ledger.lease(BOOK, MONDAY, "open") as lease:
            reconcile(ledger, lease, *found)
    assert watch("reconciliation").raised is killed
    assert state(ledger) is (ControlState.KILLED if killed else ControlState.ARMED)


def test_a_clean_reconciliation_between_begins_the_count_again(ledger, watch):  # noqa: F811
    broken = differences((BreakKind.QUANTITY, "AAPL"))
    for number in range(7):
        with ledger.lease(BOOK, MONDAY, "open") as lease:
            reconcile(ledger, lease, *([] if number == 3 else broken))
    assert not watch("reconciliation").raised


def test_a_settled_book_that_was_never_compared_is_killed(ledger, watch):  # noqa: F811
    with ledger.lease(BOOK, MONDAY, "close") as lease:
        decide(ledger, lease, kind=SessionKind.CAUGHT_UP)
        settle(ledger, lease, closing(MONDAY, CAPITAL_E4), traded=False)
    assert "never compared" in watch("reconciliation").verdict.sentence
    assert state(ledger) is ControlState.KILLED


def test_a_fill_in_suspense_only_reduces_and_is_over_when_a_person_judged_it(ledger, watch):  # noqa: F811
    stray = execution(intent("MSFT", 5), 5, 250_000, client_order_id=None)
    ledger.write(None, lambda w: w.suspend_execution(BROKER, ACCOUNT, stray, why="not ours"))
    found = watch("foreign_activity")
    assert stray.execution_id in found.verdict.sentence
    assert state(ledger) is ControlState.REDUCE_ONLY
    ledger.write(
        None,
        lambda w: w.end_suspense(
            BROKER,
            ACCOUNT,
            stray.execution_id,
            resolution="ignored",
            author="anna",
            reason="a test of mine",
        ),
    )
    assert watch("foreign_activity").done == "recovered"
    assert state(ledger) is ControlState.REDUCE_ONLY
    # In the same session, after it was over: that is news, and acts again.
    other = execution(intent("MSFT", 6), 6, 250_000, client_order_id=None)
    ledger.write(None, lambda w: w.suspend_execution(BROKER, ACCOUNT, other, why="not ours"))
    assert watch("foreign_activity").done == "the portfolio is REDUCE_ONLY already, by stocker"


@pytest.mark.parametrize(("minutes", "raised"), [(59, False), (60, True)])
def test_an_order_without_an_end_is_told_of_after_its_deadline(ledger, watch, minutes, raised):  # noqa: F811
    order = intent("AAPL", 100)
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        decide(ledger, lease, [order])
        reconcile(ledger, lease)
        send(ledger, lease, order)
    now = OPENS_AT + timedelta(minutes=minutes)
    assert watch("unfilled_orders", now).raised is raised
    assert codes(ledger) == ([("unfilled_orders", Severity.ERROR)] if raised else [])
    assert state(ledger) is ControlState.ARMED
    with ledger.lease(BOOK, MONDAY, "close") as lease:
        fill(ledger, lease, order, 1_012_500)
    assert watch("unfilled_orders", now).done == ("recovered" if raised else "")


def test_an_order_that_nobody_decided_kills(ledger, watch):  # noqa: F811
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        decide(ledger, lease, [intent("AAPL", 100)])
        assert not watch("orders_without_targets").raised
        stray = [intent("MSFT", 5)]
        ledger.write(lease, lambda w: w.put_intents(stray, config_hash=CONFIG))
    assert "MSFT (+5, decided +0)" in watch("orders_without_targets").verdict.sentence
    assert state(ledger) is ControlState.KILLED


@pytest.mark.parametrize(("bound", "raised"), [(0.24, True), (0.25, False)])
def test_a_green_session_without_a_fill_though_targets_moved_is_told_of(
    ledger,  # noqa: F811
    watch,
    bound,
    raised,
):
    order = intent("AAPL", 100)
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        decide(ledger, lease, [order])
    with ledger.lease(BOOK, MONDAY, "close") as lease:
        settle(ledger, lease, closing(MONDAY, CAPITAL_E4), traded=False)
    # The builder's target of AAPL is 0.25, and the book began with nothing.
    assert watch("idle_targets", idle_target_change=bound).raised is raised


def test_after_a_fill_targets_are_measured_from_its_session(ledger, watch):  # noqa: F811
    trade_monday(ledger)
    assert not watch("idle_targets", idle_target_change=0.01).raised
    with ledger.lease(BOOK, TUESDAY, "open") as lease:
        decide(ledger, lease, [intent("AAPL", 7, session=TUESDAY)], session=TUESDAY)
    with ledger.lease(BOOK, TUESDAY, "close") as lease:
        before = ledger.read(lambda r: r.settlement(BOOK, MONDAY))
        cash, lots = before.snapshot.cash_e4, before.lots
        same = closing(TUESDAY, cash, lots, {"AAPL": 102.0}, commissions=10_000)
        settle(ledger, lease, same, traded=False)
    found = watch("idle_targets", idle_target_change=0.01)
    assert found.verdict.measured == 0.0
    assert "in 1 sessions" in found.verdict.sentence


@pytest.mark.parametrize(("bound", "raised"), [(0.14, True), (0.15, False)])
def test_a_position_away_from_its_target_is_told_of(ledger, watch, bound, raised):  # noqa: F811
    trade_monday(ledger)  # 100 shares at 102 of 100,074 dollars, where 25 % were aimed at
    found = watch("target_drift", drift=bound, drift_sessions=1)
    assert found.raised is raised
    assert found.verdict.measured == pytest.approx(0.25 - 10_200 / 100_074)


def test_fewer_sessions_than_asked_for_are_too_early(ledger, watch):  # noqa: F811
    trade_monday(ledger)
    assert watch("target_drift").word == "not_judged"
    assert watch("volatility_spike").word == "not_judged"
    assert codes(ledger) == []


def test_the_first_session_is_compared_with_the_capital(ledger, watch):  # noqa: F811
    trade_monday(ledger)
    assert watch("daily_loss").verdict.measured == pytest.approx(74 / 100_000)
