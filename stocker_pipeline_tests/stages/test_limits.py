"""Limits at work on a paper book: after sizing, at the last gate, and what a person reads."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from stocker_pipeline.analytics.parity import GapCause
from stocker_pipeline.domain.orders import OrderIntent, OrderState
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.control_records import Severity
from stocker_pipeline.ledger.digests import digest
from stocker_pipeline.ledger.invariants import run_invariants
from stocker_pipeline.ledger.limit_records import LimitRejection, LimitStage
from stocker_pipeline.ledger.records import OrderRecord
from stocker_pipeline.orchestration.paper_metadata import session_metadata
from stocker_pipeline.stages import day as days
from stocker_pipeline.stages import parity
from stocker_pipeline.stages.day import open_session
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.limits import quotes, stopped_at_gate
from stocker_pipeline.stages.market import ReadPanel
from stocker_pipeline.stages.overview import explain, ticket_of
from stocker_pipeline.stages.walk import walk, whole_day
from stocker_pipeline.strategies.portfolio import Portfolio
from stocker_pipeline_tests.stages.paper_day import BOOK, Market, PaperHome, morning, sample_market
from stocker_pipeline_tests.stages.paper_homes import (  # noqa: F401
    Homes,
    dialect,
    new_home,
    postgres_template,
    sqlite_template,
)

SAMPLE = sample_market(date(2005, 4, 1))
FIRST = date(2005, 2, 14)


def market(**limits: Any) -> Market:
    """The sample under other limits."""
    data = {**SAMPLE.portfolio.model_dump(), "limits": limits}
    return Market(Portfolio.model_validate(data), SAMPLE.panel)


def rejections(ledger: Ledger, stage: LimitStage) -> list[LimitRejection]:
    found = ledger.read(lambda r: r.limit_rejections(BOOK))
    return [row for row in found if row.stage is stage]


def orders(ledger: Ledger, session: date = FIRST) -> dict[str, OrderRecord]:
    found = ledger.read(lambda r: r.orders(BOOK, session=session))
    return {order.intent.key.symbol: order for order in found}


def free_orders(homes: Homes) -> dict[str, int]:
    """What the first session orders where no limit is in the way."""
    clock = morning(FIRST)
    with homes(SAMPLE).desk(clock) as desk:
        open_session(desk, FIRST)
        return {symbol: order.intent.quantity for symbol, order in orders(desk.ledger).items()}


def decided(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first session, decided and not sent."""
    with monkeypatch.context() as patch:
        patch.setattr(days, "submit", lambda *_: None)
        open_session(desk, FIRST)
    assert {order.state for order in orders(desk.ledger).values()} == {OrderState.INTENT}


def tight(desk: Desk, **limits: Any) -> Desk:
    return replace(desk, portfolio=market(**limits).portfolio)


def test_an_order_that_breaks_a_limit_is_not_made_and_its_row_says_which(new_home: Homes):  # noqa: F811
    free = free_orders(new_home)
    assert len(free) > 1
    bound = 15_000.0
    clock = morning(FIRST)
    with new_home(market(order_notional_usd=bound)).desk(clock) as desk:
        open_session(desk, FIRST)
        stopped = rejections(desk.ledger, LimitStage.SIZING)
        named = {row.symbol for row in stopped}
        assert set(orders(desk.ledger)) == set(free) - named
        assert 0 < len(named) <= len(free)
        for row in stopped:
            decision = desk.ledger.read(lambda r: r.decision(BOOK, FIRST, row.symbol))  # noqa: B023
            assert decision is not None
            assert (decision.decision, decision.ordered) == ("LIMIT_ORDER_NOTIONAL_USD", 0)
            assert row.sentence in (decision.overridden_by or "")
            assert (row.limit, row.unit, row.bound) == ("order_notional_usd", "dollars", bound)
            assert row.measured == pytest.approx(
                abs(free[row.symbol]) * (decision.reference_price or 0)
            )
        (alert,) = desk.ledger.read(lambda r: r.alerts(BOOK))
        assert (alert.severity, alert.code) == (Severity.WARNING, "limit_sizing")
        assert all(symbol in alert.text for symbol in named)


def test_a_session_that_is_run_again_writes_no_rejection_twice(new_home: Homes):  # noqa: F811
    home = new_home(market(order_notional_usd=1.0))
    for _ in range(3):
        clock = morning(FIRST)
        with home.desk(clock) as desk:
            open_session(desk, FIRST)
            stopped = rejections(desk.ledger, LimitStage.SIZING)
            alerts = desk.ledger.read(lambda r: r.alerts(BOOK))
            book = digest(desk.ledger, BOOK)
    assert len(stopped) == len({(row.symbol, row.limit) for row in stopped}) > 1
    assert len(alerts) == 1
    clock = morning(FIRST)
    with home.desk(clock) as desk:
        assert digest(desk.ledger, BOOK) == book
        report = whole_day(desk, clock, FIRST)
        assert f"limits stopped {len(stopped)} before they were made" in report.reason
        ended = desk.ledger.read(lambda r: r.outcome(BOOK, FIRST))
        assert ended is not None
        assert ended.reason_code == "ALL_WITHHELD"
        assert run_invariants(desk.ledger, BOOK) == []


def test_a_batch_that_breaks_a_limit_keeps_what_reduces_and_loses_the_rest(new_home: Homes):  # noqa: F811
    home, clock = new_home(SAMPLE), morning(FIRST)
    sessions = SAMPLE.sessions(FIRST, 16)
    with home.desk(clock) as desk:
        whole_day(desk, clock, sessions[0])
        held = {lot.symbol for lot in desk.ledger.read(lambda r: r.lots(BOOK))}
        assert held
        limited = tight(desk, turnover=0.0)
        list(walk(limited, clock, sessions[1:]))
        made = [
            (order, desk.ledger.read(lambda r: r.decision(BOOK, key.session, key.symbol)))  # noqa: B023
            for session in sessions[1:]
            for order in orders(desk.ledger, session).values()
            for key in [order.intent.key]
        ]
        assert made
        for order, decision in made:
            assert decision is not None
            assert decision.held * order.intent.quantity < 0
            assert abs(order.intent.quantity) <= abs(decision.held)
            assert order.state is OrderState.FILLED
        assert {row.limit for row in rejections(desk.ledger, LimitStage.SIZING)} == {"turnover"}
        assert rejections(desk.ledger, LimitStage.GATE) == []
        assert run_invariants(desk.ledger, BOOK) == []


def test_the_last_gate_withholds_what_breaks_a_limit_by_then(
    new_home: Homes,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
):
    home, clock = new_home(SAMPLE), morning(FIRST)
    with home.desk(clock) as desk:
        decided(desk, monkeypatch)
        open_session(tight(desk, order_notional_usd=15_000.0), FIRST)
        found = orders(desk.ledger)
        stopped = {row.symbol: row for row in rejections(desk.ledger, LimitStage.GATE)}
        assert 0 < len(stopped) <= len(found)
        for symbol, order in found.items():
            assert (order.attempts == 0) == (symbol in stopped)
            if symbol in stopped:
                last = desk.ledger.read(lambda r: r.last_event(order.client_order_id))  # noqa: B023
                assert last is not None
                assert order.state is OrderState.CANCELLED
                assert last.reason == f"limit_order_notional_usd: {stopped[symbol].sentence}"
        alerts = desk.ledger.read(lambda r: r.alerts(BOOK))
        assert [(a.severity, a.code) for a in alerts] == [(Severity.ERROR, "limit_gate")] * len(
            stopped
        )
        before = digest(desk.ledger, BOOK)
        open_session(tight(desk, order_notional_usd=1.0), FIRST)
        assert digest(desk.ledger, BOOK) == before
        whole_day(desk, clock, FIRST)
        assert run_invariants(desk.ledger, BOOK) == []


def test_what_was_sent_counts_at_the_gate_for_what_follows(
    new_home: Homes,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
):
    home, clock = new_home(SAMPLE), morning(FIRST)
    with home.desk(clock) as desk:
        decided(desk, monkeypatch)
        count = len(orders(desk.ledger))
        open_session(tight(desk, order_count=1), FIRST)
        sent = [order for order in orders(desk.ledger).values() if order.attempts]
        assert len(sent) == 1
        stopped = rejections(desk.ledger, LimitStage.GATE)
        assert [row.measured for row in stopped] != []
        assert {row.limit for row in stopped} == {"order_count"}
        assert len(stopped) == count - 1


def test_a_price_restated_after_the_decision_is_found_at_the_gate(
    new_home: Homes,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
):
    home, clock = new_home(SAMPLE), morning(FIRST)
    with home.desk(clock) as desk:
        decided(desk, monkeypatch)
        symbol = sorted(orders(desk.ledger))[0]
        panel = desk.panel
        close = panel.market.close.copy()
        close[panel.row_of(FIRST) - 1, panel.symbols.index(symbol)] *= 1.05
        restated = replace(panel, market=panel.market._replace(close=close))
        open_session(replace(desk, panel=restated), FIRST)
        assert [(row.symbol, row.limit) for row in rejections(desk.ledger, LimitStage.GATE)] == [
            (symbol, "price_collar")
        ]


def test_shares_beyond_the_decision_and_a_second_order_page(
    new_home: Homes,  # noqa: F811
):
    home, clock = new_home(SAMPLE), morning(FIRST)
    with home.desk(clock) as desk:
        open_session(desk, FIRST)
        order = next(iter(orders(desk.ledger).values()))
        key = replace(order.intent.key, revision=1)
        second = replace(order, intent=OrderIntent(key, order.intent.quantity, 1.0, "OPEN"))
        second = replace(second, attempts=0, state=OrderState.INTENT)
        with desk.ledger.lease(BOOK, FIRST, "open") as lease:
            desk.ledger.write(lease, lambda w: stopped_at_gate(w, desk, second))
        named = {row.limit for row in rejections(desk.ledger, LimitStage.GATE)}
        assert {"children_within_parent", "duplicate_order"} <= named
        (alert,) = desk.ledger.read(lambda r: r.alerts(BOOK))
        assert alert.severity is Severity.CRITICAL


def test_an_order_that_flattens_passes_the_gate_whatever_bounds_exposure(
    new_home: Homes,  # noqa: F811
):
    home, clock = new_home(SAMPLE), morning(FIRST)
    following = SAMPLE.sessions(FIRST, 2)[1]
    with home.desk(clock) as desk:
        whole_day(desk, clock, FIRST)
        snapshot = desk.ledger.read(lambda r: r.positions(BOOK, FIRST))
        made = next(iter(orders(desk.ledger).values()))
        strict = tight(
            desk,
            **dict.fromkeys(("turnover", "order_notional_usd", "single_name", "cash_floor"), 0.0),
            order_count=0,
        )
        with desk.ledger.lease(BOOK, following, "open") as lease:
            for row in snapshot:
                key = replace(made.intent.key, session=following, symbol=row.symbol, leg="flatten")
                intent = OrderIntent(key, -row.quantity, row.mark, "CLOSE")
                order = replace(made, intent=intent, attempts=0, filled_quantity=0)
                found = desk.ledger.write(
                    lease,
                    lambda w: stopped_at_gate(w, strict, order),  # noqa: B023
                )
                assert found is None


def test_a_ticket_an_explanation_and_the_ui_say_what_was_suppressed(new_home: Homes):  # noqa: F811
    home, clock = new_home(market(order_notional_usd=1.0)), morning(FIRST)
    with home.desk(clock) as desk:
        desk.ledger.write(None, lambda w: w.open_portfolio(desk.record(FIRST)))
        asked = desk.ledger.read(lambda r: ticket_of(r, desk, FIRST))
        assert asked["orders"] == []
        assert rejections(desk.ledger, LimitStage.SIZING) == []
        (first, *_) = asked["suppressed"]
        assert first["wanted"] != 0
        assert (first["ordered"], first["limit"], first["bound"]) == (0, "order_notional_usd", 1.0)
        assert first["measured"] > 1.0
        why = {row["symbol"]: row["why"] for row in asked["without_order"]}
        assert why[first["symbol"]] == "the limit on order notional stopped the order"
        open_session(desk, FIRST)
        told = desk.ledger.read(lambda r: explain(r, BOOK, FIRST, first["symbol"]))
        assert [row["sentence"] for row in told["limits"]] == [first["sentence"]]
    assert _shown(home, morning(FIRST), first["symbol"])


def _shown(home: PaperHome, clock: Any, symbol: str) -> bool:
    class At:
        def ledger(self) -> Any:
            return home.ledger(clock)

    found = session_metadata(At(), BOOK, SAMPLE.portfolio, [FIRST])  # type: ignore[arg-type]
    return symbol in str(found["orders"][FIRST]["stopped_by_limits"].value)


def test_what_limits_stopped_is_a_cause_of_its_gap_to_the_backtest(
    new_home: Homes,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
):
    home, clock = new_home(SAMPLE), morning(FIRST)
    with home.desk(clock) as desk:
        decided(desk, monkeypatch)
        list(walk(tight(desk, order_notional_usd=15_000.0), clock, SAMPLE.sessions(FIRST, 1)))
        assert rejections(desk.ledger, LimitStage.GATE)
        monkeypatch.setattr(parity, "read_panel", lambda *_, **__: ReadPanel(SAMPLE.panel, {}))
        found = parity.compare(
            desk.ledger, Lake(str(tmp_path / "lake")), BOOK, SAMPLE.portfolio
        ).gaps[-1]
        assert found.gap_e4 != 0
        assert found.causes[GapCause.OVERRIDES] != 0
        assert found.causes[GapCause.MISSED_TRADES] == 0
        assert found.causes[GapCause.DATA] == 0


def test_quotes_are_of_the_share_basis_of_the_session_and_know_nothing_after_it():
    split = date(2005, 2, 28)
    panel, symbols = SAMPLE.panel, SAMPLE.panel.symbols
    row, j = panel.row_of(split), symbols.index("AAPL")
    found = quotes(panel, split, symbols)["AAPL"]
    assert found.reference == found.mark == pytest.approx(panel.market.close[row - 1, j] / 2)
    assert abs(found.jump or 1) < 0.05
    assert found.age_sessions == 1
    assert found.adv_usd == pytest.approx(
        np.mean(panel.market.close[row - 20 : row, j] * panel.market.volume[row - 20 : row, j])
    )
    poisoned = {
        name: np.where(np.arange(len(matrix))[:, None] >= row, 1e9, matrix)
        for name, matrix in (("close", panel.market.close), ("volume", panel.market.volume))
    }
    index = np.where(np.arange(len(panel.index))[:, None] >= row, 1e9, panel.index)
    other = replace(panel, index=index, market=panel.market._replace(**poisoned))
    assert quotes(other, split, symbols) == quotes(panel, split, symbols)


def test_a_symbol_that_is_no_longer_traded_has_an_old_mark_and_no_reference():
    split = date(2005, 2, 28)
    panel = SAMPLE.panel
    row, j = panel.row_of(split), panel.symbols.index("AAPL")
    close = panel.market.close.copy()
    close[row - 3 : row, j] = np.nan
    found = quotes(replace(panel, market=panel.market._replace(close=close)), split, ["AAPL"])
    assert (found["AAPL"].reference, found["AAPL"].age_sessions) == (None, 4)
    assert found["AAPL"].mark == pytest.approx(panel.market.close[row - 4, j] / 2)
    assert quotes(panel, split, ["AAPL", "NOPE"]).keys() == {"AAPL"}
    assert quotes(panel, panel.sessions[0].item(), ["FB"])["FB"].mark is None
