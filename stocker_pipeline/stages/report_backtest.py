"""The report of one session of a backtest, read from the lake: the same page as a paper book's.

A backtest has no broker, no alerts and no control state, and its limits stop nothing; what it has
is shown the same way. Stays out: the tear sheet (``report``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow.compute as pc

from stocker_pipeline.analytics.day_values import (
    DayAction,
    DayBook,
    DayFill,
    DayOrder,
    DayReport,
    DayTicket,
    Decided,
    Holding,
    Traded,
)
from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.engine.day import before_open, reference_prices
from stocker_pipeline.engine.day import decide as decide_session
from stocker_pipeline.engine.fills import fill_commission
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.simulate import rules_of
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import (
    CORPORATE_ACTION_ENTRIES,
    DATASETS,
    DECISIONS,
    FILLS,
    ORDERS,
    POSITIONS,
    SIGNALS,
    SNAPSHOTS,
    TARGETS,
    Dataset,
)
from stocker_pipeline.stages.books import Opening, opening_book
from stocker_pipeline.stages.forecast import forecast_rows
from stocker_pipeline.stages.market import read_panel
from stocker_pipeline.stages.overview import meaning_of
from stocker_pipeline.stages.report_day import CURVE_SESSIONS
from stocker_pipeline.stages.report_guards import guards_of, limit_guards
from stocker_pipeline.stages.report_market import findings_of, opens_on
from stocker_pipeline.strategies.portfolio import Portfolio

Row = Mapping[str, Any]

_CHAIN = (SIGNALS, TARGETS, ORDERS, DECISIONS)
_SIGNAL = ("momentum", "direction", "vol", "weight")
_TARGET = ("sigma_p", "k", "single_capped", "gross_factor", "breaker_factor", "target")


def day_of_backtest(
    lake: Lake, name: str, portfolio: Portfolio, session: date | None = None
) -> DayReport:
    """A session of a backtest that is done.

    Args:
        portfolio: With the overrides that the run had.
        session: None = the last one.

    Raises:
        BookRefused: The session is not done.
    """
    known = lake.read(SNAPSHOTS, portfolio=name, columns=["session"])["session"].to_pylist()
    if not known or (session is not None and session not in known):
        raise BookRefused(
            "a session that is done",
            "none" if not known else f"{session}; done are {known[0]} to {known[-1]}",
            where=f"portfolio {name}",
            remedy=f"Run stocker backtest {name}, or name another session.",
        )
    (found,) = days_of_backtest(lake, name, portfolio, [session or known[-1]])
    return found


def done_between(lake: Lake, name: str, first: date, last: date) -> list[date]:
    """Sessions of a range that a backtest has done, in order."""
    rows = lake.read(SNAPSHOTS, portfolio=name, first=first, last=last, columns=["session"])
    found: list[date] = rows["session"].to_pylist()
    return found


def days_of_backtest(
    lake: Lake, name: str, portfolio: Portfolio, sessions: Sequence[date]
) -> list[DayReport]:
    """Sessions that are done, in order, on one look at the market."""
    snapshots = lake.read(SNAPSHOTS, portfolio=name).to_pylist()
    at = {row["session"]: number for number, row in enumerate(snapshots)}
    calendar = SessionCalendar.between(min(sessions), max(sessions))
    coming = calendar.next_session(max(sessions))
    held = lake.read(POSITIONS, portfolio=name, first=min(sessions), last=max(sessions))["symbol"]
    panel = read_panel(lake, portfolio, coming, also=pc.unique(held).to_pylist()).panel
    return [
        _Day(
            lake,
            name,
            portfolio,
            day,
            calendar.next_session(day),
            panel,
            snapshots[: at[day] + 1],
        ).report()
        for day in sessions
    ]


@dataclass(frozen=True)
class _Day:
    """One session of one backtest; ``rows`` are its snapshots up to this session."""

    lake: Lake
    name: str
    portfolio: Portfolio
    session: date
    coming: date
    panel: Panel
    rows: list[dict[str, Any]]

    def report(self) -> DayReport:
        """The whole of it."""
        session, book = self.session, self._book()
        decisions, held = self._decisions(session), self._holdings(session)
        ticket = self._ticket(book)
        findings, unjudged = findings_of(self.lake, self.portfolio.universe, session, session)
        limits = limit_guards(
            self.portfolio,
            self.panel,
            self.coming,
            nav_usd=book.nav_e4 / 1e4,
            cash_usd=book.cash_e4 / 1e4,
            rows=ticket.rows,
        )
        before = self.rows[-2]["session"] if len(self.rows) > 1 else None
        fills = self._fills(session, decisions)
        return DayReport(
            self.name,
            session,
            "backtest",
            book,
            holdings_before=[] if before is None else self._holdings(before),
            holdings=held,
            fills=fills,
            traded_before=None if fills else self._traded_before(),
            actions=self._actions(),
            decisions=decisions,
            orders=[
                DayOrder(row["symbol"], row["quantity"], row["filled"], row["status"])
                for row in self._read(ORDERS)
            ],
            guards=[*guards_of(self.portfolio, book, held, (), watched=False), *limits],
            ticket=ticket,
            findings=findings,
            findings_missing=unjudged,
            curve=[(row["session"], _e4(row["nav"])) for row in self.rows[-CURVE_SESSIONS:]],
            facts={
                "portfolio": self.name,
                "strategy": self.portfolio.strategy,
                "session": session,
                "environment": "backtest: simulated fills, no broker; limits stop nothing here",
                "book since": self.rows[0]["session"],
                "data versions": self.lake.versions(DATASETS),
            },
        )

    def _read(self, dataset: Dataset, session: date | None = None) -> list[dict[str, Any]]:
        day = session or self.session
        return self.lake.read(dataset, portfolio=self.name, first=day, last=day).to_pylist()

    def _book(self) -> DayBook:
        last = self.rows[-1]
        before = self.rows[-2] if len(self.rows) > 1 else None
        return DayBook(
            _e4(last["nav"]),
            _e4(last["cash"]),
            _e4(last["peak_nav"]),
            last["drawdown"],
            last["gross_exposure"],
            last["net_exposure"],
            last["tripped"],
            _e4(before["nav"] if before else last["initial_capital"]),
            _e4(last["flows"]) - (_e4(before["flows"]) if before else 0),
            _e4(last["initial_capital"]),
        )

    def _holdings(self, session: date) -> list[Holding]:
        return [
            Holding(
                row["symbol"], row["quantity"], _e4(row["market_value"]), row["mark_age_sessions"]
            )
            for row in self._read(POSITIONS, session)
        ]

    def _fills(self, session: date, decisions: Sequence[Decided]) -> list[DayFill]:
        references = {row.symbol: row.reference_price for row in decisions}
        opens = opens_on(self.panel, session)
        return [
            DayFill(
                row["symbol"],
                row["quantity"],
                _e4(row["price"]),
                _e4(row["commission"]),
                references.get(row["symbol"]),
                opens.get(row["symbol"]),
            )
            for row in self._read(FILLS, session)
        ]

    def _traded_before(self) -> Traded | None:
        found = self.lake.read(FILLS, portfolio=self.name, last=self.session, columns=["session"])
        if not found.num_rows:
            return None
        session: date = pc.max(found["session"]).as_py()
        decisions = self._decisions(session)
        return Traded(session, self._fills(session, decisions), decisions)

    def _actions(self) -> list[DayAction]:
        return [
            DayAction(
                row["symbol"],
                row["split_new"],
                row["split_old"],
                row["dividend"],
                _e4(row["cash"]),
            )
            for row in self._read(CORPORATE_ACTION_ENTRIES)
        ]

    def _decisions(self, session: date) -> list[Decided]:
        """The chain of each symbol, joined from the tables of signals, targets and orders."""
        tables = {dataset.name: self._read(dataset, session) for dataset in _CHAIN}
        return self._joined(tables, session)

    def _joined(self, tables: Mapping[str, list[dict[str, Any]]], session: date) -> list[Decided]:
        prices = reference_prices(self.panel.market, self.panel.row_of(session)).tolist()
        known = {
            symbol: price
            for symbol, price in zip(self.panel.symbols, prices, strict=True)
            if price == price
        }
        signals, targets, orders = (
            {row["symbol"]: row for row in tables[name]}
            for name in ("signals", "targets", "orders")
        )
        none: Row = {}
        return [
            _decided(
                row,
                signals.get(row["symbol"], none),
                targets.get(row["symbol"], none),
                orders.get(row["symbol"], none),
                known.get(row["symbol"]),
            )
            for row in tables["decisions"]
        ]

    def _ticket(self, book: DayBook) -> DayTicket:
        """The next session as it would be decided, or as the backtest decided it."""
        done = self._decisions(self.coming)
        if done:
            return DayTicket(
                self.coming, "decided", done, book.nav_e4, *_gross(done, book.nav_e4 / 1e4)
            )
        start: date = self.rows[0]["session"]
        opening = opening_book(
            self.lake, self.name, self.portfolio, Opening(start, self.session, self.coming)
        )
        row = self.panel.row_of(self.coming)
        known, rule = before_open(self.panel, row), self.portfolio.rule()
        forecast, table = forecast_rows(
            rule, known, first=row, last=row, book_start=known.row_of(start)
        )
        rules = rules_of(self.portfolio.parameters, rule.window_bars)
        decided = decide_session(known, forecast.weights, rules, opening, row)
        tables = decided.tables(rule.required_bars)
        tables["signals"] = table
        rows = self._joined({key: found.to_pylist() for key, found in tables.items()}, self.coming)
        paid = sum(fill_commission(found.ordered, rules) for found in rows if found.ordered)
        return DayTicket(
            self.coming,
            "preview",
            rows,
            book.nav_e4,
            *_gross(rows, book.nav_e4 / 1e4),
            paid / 1e4,
        )


def _decided(
    decision: Row, signal: Row, target: Row, order: Row, reference: float | None
) -> Decided:
    return Decided(
        symbol=decision["symbol"],
        decision=decision["decision"],
        why=meaning_of(decision["decision"]),
        held=decision["held"],
        desired=decision["desired"],
        ordered=order.get("quantity", 0),
        signal_reason=signal.get("reason"),
        reference_price=reference,
        **{name: signal.get(name) for name in _SIGNAL},
        **{name: target.get(name) for name in _TARGET},
    )


def _gross(rows: list[Decided], nav: float) -> tuple[float | None, float | None]:
    """Exposure before and after; None where a price of what is held is not known."""
    if nav <= 0 or any(row.held and row.reference_price is None for row in rows):
        return None, None
    before = sum(abs(row.held) * (row.reference_price or 0.0) for row in rows)
    after = sum(abs(row.held + row.ordered) * (row.reference_price or 0.0) for row in rows)
    return before / nav, after / nav


def _e4(value: Any) -> int:
    """A decimal(18,4) as 1/10,000 dollar."""
    return int(value * 10_000)
