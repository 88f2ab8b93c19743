"""Everything that one book's day needs at hand: its portfolio, ledger, broker, market and clock.

Belongs here: what the stages of the day share, and the questions about the book that several of
them ask. Stays out: what any stage does, and where these things come from.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.domain.session import Clock, SessionCalendar
from stocker_pipeline.domain.trading_day import TradingDay
from stocker_pipeline.engine.money import to_e4
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.rules import Rules
from stocker_pipeline.engine.simulate import OpeningBook, rules_of
from stocker_pipeline.gateways.brokers.broker import Broker
from stocker_pipeline.ledger import Ledger, Reader
from stocker_pipeline.ledger.records import PortfolioRecord
from stocker_pipeline.strategies.portfolio import Portfolio


@dataclass(frozen=True)
class Desk:
    """One book and the world it trades in.

    Attributes:
        account: The broker's number of the account; part of every order's identity.
        panel: The market as far as it is known, with a row for every session up to the last one
            that is traded or settled here.
        data_versions: Which versions of the lake's tables the panel was made from.
        kill_file: Where the file that stops everything would be; None = nobody looks for one.
    """

    name: str
    portfolio: Portfolio
    environment: str
    account: str
    ledger: Ledger
    broker: Broker
    clock: Clock
    calendar: SessionCalendar
    panel: Panel
    data_versions: Mapping[str, str]
    kill_file: Path | None = None

    @cached_property
    def rules(self) -> Rules:
        """The portfolio's parameters as the engine wants them."""
        return rules_of(self.portfolio.parameters, self.portfolio.rule().window_bars)

    @cached_property
    def config(self) -> str:
        """The effective configuration, as text with one form."""
        limits = {name: bound.value for name, bound in self.portfolio.limit_bounds.items()}
        dumped = self.portfolio.model_dump(mode="json") | {"limits_in_force": limits}
        return json.dumps(dumped, sort_keys=True)

    @cached_property
    def config_hash(self) -> str:
        """Sixteen hex digits that change when the configuration does."""
        return hashlib.sha256(self.config.encode()).hexdigest()[:16]

    @cached_property
    def code_version(self) -> str:
        """Of the program that decides."""
        return version("stocker-pipeline")

    @cached_property
    def initial_capital_e4(self) -> int:
        """Cash at the book's first session."""
        return to_e4(self.portfolio.initial_capital)

    def day(self, session: date) -> TradingDay:
        """The instants of a session."""
        return TradingDay.of(session, self.calendar)

    def record(self, book_start: date) -> PortfolioRecord:
        """The book as the ledger opens it."""
        return PortfolioRecord(
            self.name,
            self.environment,
            self.broker.name,
            self.account,
            self.initial_capital_e4,
            book_start,
        )


def opening_of(reader: Reader, desk: Desk, session: date) -> OpeningBook:
    """The book at the close before ``session``, or cash at the book's first session.

    Raises:
        BookRefused: The session before is not settled, or the book begins later.
    """
    before = desk.calendar.previous_session(session)
    found = reader.opening_book(desk.name, through=before)
    if found is not None and found[0] == before:
        return found[1]
    book = reader.portfolio(desk.name)
    if found is None and book is not None and book.book_start == session:
        return OpeningBook.of_cash(book.initial_capital_e4)
    last = f"settled up to {found[0]}" if found else "without a settled session"
    raise BookRefused(
        f"a book that is settled up to {before}",
        f"one {last}" + (f", begun at {book.book_start}" if book else ", not begun"),
        where=f"portfolio {desk.name}, session {session}",
        remedy=f"Run `stocker day {desk.name} --session {session}`: it catches up in order.",
    )
