"""The report of one session of a paper or live book, read from its ledger and the lake.

Read, never written: what the book did stands in the ledger, and the ticket is a dry run. What
cannot be had (no bars, no settled session before) is said on the page instead of left out. Stays
out: a backtest (``report_backtest``), and how any of it looks (``analytics.day_page``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from stocker_pipeline.analytics.day_values import (
    DayAction,
    DayAlert,
    DayBook,
    DayBreak,
    DayFill,
    DayOrder,
    DayReport,
    DayTicket,
    Decided,
    Holding,
    Traded,
)
from stocker_pipeline.domain.errors import BookRefused, StockerError
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.engine.fills import fill_commission
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Reader
from stocker_pipeline.ledger.records import DecisionRow, OrderRecord, SnapshotRow
from stocker_pipeline.stages.decide import in_force, ticket
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.overview import begun, meaning_of
from stocker_pipeline.stages.report_guards import guards_of, limit_guards
from stocker_pipeline.stages.report_market import findings_of, opens_on
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline.strategies.portfolio import Portfolio

CURVE_SESSIONS = 126
"""Closes in the small picture of a page: half a year."""


def day_of_book(
    venue: Venue, lake: Lake, name: str, portfolio: Portfolio, session: date | None = None
) -> DayReport:
    """A settled session of a paper book.

    Args:
        session: None = the last settled one.

    Raises:
        BookRefused: The book has not begun, or the session is not settled.
    """
    with venue.ledger() as ledger:
        chosen = ledger.read(lambda r: _settled(r, name, session)).session
    (found,) = days_of_book(venue, lake, name, portfolio, [chosen])
    return found


def settled_between(venue: Venue, name: str, first: date, last: date) -> list[date]:
    """Settled sessions of a range, in order.

    Raises:
        BookRefused: The book has not begun.
    """

    def fn(reader: Reader) -> list[date]:
        begun(reader, name)
        return [row.session for row in reader.snapshots(name, first, last)]

    with venue.ledger() as ledger:
        return ledger.read(fn)


def days_of_book(
    venue: Venue, lake: Lake, name: str, portfolio: Portfolio, sessions: Sequence[date]
) -> list[DayReport]:
    """Settled sessions of a paper book, in order, on one look at the market."""
    last = max(sessions)
    calendar = SessionCalendar.between(min(sessions), last)

    def fn(reader: Reader, desk: Desk | None, why: str) -> list[DayReport]:
        return [
            _Day(reader, name, portfolio, lake, day, calendar.next_session(day)).report(desk, why)
            for day in sessions
        ]

    coming = calendar.next_session(last)
    try:
        with venue.desk(name, portfolio, lake, venue.clock(coming), coming) as desk:
            return desk.ledger.read(lambda r: fn(r, desk, ""))
    except StockerError as error:
        # The book is reported without a market too: its past does not depend on bars.
        why = str(error)
        with venue.ledger() as ledger:
            return ledger.read(lambda r: fn(r, None, why))


def _settled(reader: Reader, name: str, session: date | None) -> SnapshotRow:
    begun(reader, name)
    last = reader.latest_snapshot(name)
    found = last if session is None else reader.snapshot(name, session)
    if found is None:
        raise BookRefused(
            "a session that is settled",
            "no settled session" if last is None else f"{session}; settled up to {last.session}",
            where=f"portfolio {name}",
            remedy=f"Run `stocker day {name} --session YYYY-MM-DD`, or name another session.",
        )
    return found


@dataclass(frozen=True)
class _Day:
    """One session of one book, read in one transaction."""

    reader: Reader
    name: str
    portfolio: Portfolio
    lake: Lake
    session: date
    coming: date

    def report(self, desk: Desk | None, why_no_desk: str = "") -> DayReport:
        """The whole of it."""
        reader, name, session = self.reader, self.name, self.session
        rows = reader.snapshots(name, last=session)[-CURVE_SESSIONS - 1 :]
        book, panel = self._book(rows), desk.panel if desk else None
        decisions = [_decided(row) for row in reader.decisions(name, session)]
        ticket = self._ticket(desk, why_no_desk, book)
        symbols = sorted({*self.portfolio.universe, *(row.symbol for row in decisions)})
        findings, unjudged = findings_of(self.lake, symbols, session, session)
        ended, control = reader.outcome(name, session), reader.control(name)
        held = self._holdings(session)
        guards = guards_of(self.portfolio, book, held, returns_of(rows), watched=True)
        if panel is not None:
            guards += limit_guards(
                self.portfolio,
                panel,
                self.coming,
                nav_usd=book.nav_e4 / 1e4,
                cash_usd=book.cash_e4 / 1e4,
                rows=ticket.rows,
            )
        began = begun(reader, name)
        suspended = reader.open_suspense(began.broker, began.account) if self._is_last else []
        return DayReport(
            name,
            session,
            began.environment,
            book,
            outcome=ended.outcome.value if ended else "",
            outcome_reason=ended.reason if ended else "",
            state=control.state.value if self._is_last else "",
            state_reason=f"{control.author}: {control.reason}",
            holdings_before=self._holdings(rows[-2].session if len(rows) > 1 else None),
            holdings=held,
            fills=self._fills(session, decisions, panel),
            actions=self._actions(),
            decisions=decisions,
            decisions_missing="" if decisions else "This session was not decided.",
            traded_before=self._traded_before(panel),
            orders=[self._order(order) for order in reader.orders(name, session=session)],
            stopped=[
                (f.symbol, f.limit, f"limit {f.limit}: {f.sentence}")
                for f in reader.limit_rejections(name, session)
            ],
            breaks=self._breaks(),
            suspense=[
                f"{found.execution.quantity:+,d} {found.execution.symbol}, {found.why}"
                for found in suspended
            ],
            alerts=self._alerts(),
            guards=guards,
            ticket=ticket,
            findings=findings,
            findings_missing=unjudged,
            flows=[
                f"{flow.kind.value.capitalize()} of {flow.amount_e4 / 1e4:,.2f} dollars by "
                f"{flow.author}: {flow.reason}"
                for flow in reader.flows(name, session)
            ],
            curve=[(row.session, row.nav_e4) for row in rows[-CURVE_SESSIONS:]],
            facts=self._facts(),
        )

    @property
    def _is_last(self) -> bool:
        """Whether nothing is settled after it: only then is the state of now its own."""
        last = self.reader.latest_snapshot(self.name)
        return last is not None and last.session == self.session

    def _book(self, rows: Sequence[SnapshotRow]) -> DayBook:
        last = rows[-1]
        before = rows[-2].nav_e4 if len(rows) > 1 else last.initial_capital_e4
        return DayBook(
            last.nav_e4,
            last.cash_e4,
            last.peak_nav_e4,
            last.drawdown,
            last.gross_exposure,
            last.net_exposure,
            last.tripped,
            before,
            self.reader.flows_e4(self.name, self.session),
            last.initial_capital_e4,
        )

    def _holdings(self, session: date | None) -> list[Holding]:
        rows = [] if session is None else self.reader.positions(self.name, session)
        return [
            Holding(row.symbol, row.quantity, row.market_value_e4, row.mark_age_sessions)
            for row in rows
        ]

    def _fills(
        self, session: date, decisions: Sequence[Decided], panel: Panel | None
    ) -> list[DayFill]:
        booked = self.reader.executions(self.name, session=session)
        references = {row.symbol: row.reference_price for row in decisions}
        opens = opens_on(panel, session)
        return [
            DayFill(
                fill.symbol,
                fill.quantity,
                fill.price_e4,
                fill.commission_e4,
                references.get(fill.symbol),
                opens.get(fill.symbol),
            )
            for fill in (found.execution for found in booked)
        ]

    def _traded_before(self, panel: Panel | None) -> Traded | None:
        session = self.reader.traded_before(self.name, self.session)
        if session is None or self.reader.executions(self.name, session=self.session):
            return None
        decisions = [_decided(row) for row in self.reader.decisions(self.name, session)]
        return Traded(session, self._fills(session, decisions, panel), decisions)

    def _actions(self) -> list[DayAction]:
        return [
            DayAction(row.symbol, row.split_new, row.split_old, row.dividend, row.cash_e4)
            for row in self.reader.corporate_actions(self.name, self.session)
        ]

    def _order(self, order: OrderRecord) -> DayOrder:
        reason = ""
        if order.filled_quantity != order.intent.quantity:
            events = self.reader.order_events(order.client_order_id)
            reason = next((event.reason for event in reversed(events) if event.reason), "")
        key = order.intent.key
        return DayOrder(
            key.symbol, order.intent.quantity, order.filled_quantity, order.state.value, reason
        )

    def _breaks(self) -> list[DayBreak]:
        """Those of now on the page of the last session, those of the comparison on an older one."""
        if self._is_last:
            return [
                DayBreak(
                    found.kind.meaning,
                    found.symbol or "cash",
                    found.expected,
                    found.observed,
                    f"{found.opened_at:%Y-%m-%d}",
                )
                for found in self.reader.open_breaks(self.name)
            ]
        compared = self.reader.latest_reconciliation(self.name, self.session)
        return [
            DayBreak(found.kind.meaning, found.symbol or "cash", found.expected, found.observed)
            for found in (compared.discrepancies if compared else ())
        ]

    def _alerts(self) -> list[DayAlert]:
        """Of this session; on the page of the last one also those that nobody took note of."""
        found = [one for one in self.reader.alerts(self.name) if one.session == self.session]
        seen = {one.alert_id for one in found}
        if self._is_last:
            left = self.reader.open_alerts(self.name)
            found += [one for one in left if one.alert_id not in seen]
        found.sort(key=lambda one: (-one.severity.rank, one.alert_id))
        return [
            DayAlert(one.severity.value, one.code, one.text, one.session, one.recovers)
            for one in found
        ]

    def _ticket(self, desk: Desk | None, why_not: str, book: DayBook) -> DayTicket:
        decided = [_decided(row) for row in self.reader.decisions(self.name, self.coming)]
        if decided:
            return DayTicket(self.coming, "decided", decided, book.nav_e4, *_gross(decided, book))
        if not self._is_last:
            why = f"{self.coming} was not decided; it is settled already."
            return DayTicket(self.coming, missing=why)
        if desk is None:
            return DayTicket(self.coming, missing=why_not)
        made = ticket(self.reader, desk, self.coming)
        rows = [_decided(row) for row in made.rows]
        sent = [fill_commission(row.ordered, desk.rules) for row in rows if row.ordered]
        return DayTicket(
            self.coming,
            "preview",
            rows,
            book.nav_e4,
            *_gross(rows, book),
            sum(sent) / 1e4,
            [
                (found.order.symbol, judged.limit, judged.sentence)
                for found in made.limited.suppressed
                for judged in found.judgements
            ],
            [
                f"{found.kind.value} {found.symbol or 'all'}: {found.reason}"
                for found in in_force(self.reader, desk, self.coming)
            ],
        )

    def _facts(self) -> dict[str, Any]:
        record = self.reader.session(self.name, self.session)
        began = begun(self.reader, self.name)
        facts: dict[str, Any] = {
            "portfolio": self.name,
            "strategy": self.portfolio.strategy,
            "session": self.session,
            "environment": began.environment,
            "broker and account": f"{began.broker}, {began.account}",
            "book since": began.book_start,
        }
        if record is not None:
            facts |= {
                "how it came to be": record.kind.value,
                "configuration": record.config_hash,
                "program": record.code_version,
                "data versions": dict(record.data_versions),
            }
        return facts


def returns_of(rows: Sequence[SnapshotRow]) -> list[float]:
    """Time-weighted returns of consecutive closes, the first one left out."""
    return [
        (after.nav_e4 - (after.flows_e4 - before.flows_e4)) / before.nav_e4 - 1
        for before, after in pairwise(rows)
        if before.nav_e4 > 0
    ]


def _gross(rows: Sequence[Decided], book: DayBook) -> tuple[float | None, float | None]:
    nav = book.nav_e4 / 1e4
    if nav <= 0:
        return None, None
    before = sum(abs(row.held) * (row.reference_price or 0.0) for row in rows)
    after = sum(abs(row.held + row.ordered) * (row.reference_price or 0.0) for row in rows)
    return before / nav, after / nav


def _decided(row: DecisionRow) -> Decided:
    return Decided(
        row.symbol,
        row.decision,
        meaning_of(row.decision),
        row.held,
        row.desired,
        row.ordered,
        row.signal_reason,
        row.momentum,
        row.direction,
        row.vol,
        row.weight,
        row.sigma_p,
        row.k,
        row.single_capped,
        row.gross_factor,
        row.breaker_factor,
        row.target,
        row.reference_price,
        row.overridden_by,
    )
