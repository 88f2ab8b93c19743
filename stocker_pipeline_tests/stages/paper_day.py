"""A paper book that lives in a folder and a database, and days that are traded in it.

What is kept between two processes is the folder and the database alone: a desk is opened, works,
and is closed or killed, and the next one finds what is written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from stocker_pipeline.domain.session import Clock, FixedClock, SessionCalendar
from stocker_pipeline.domain.trading_day import TradingDay
from stocker_pipeline.engine.money import to_e4
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.gateways.brokers.misbehaving import Misbehaving
from stocker_pipeline.gateways.brokers.misbehaviour import Plan
from stocker_pipeline.gateways.brokers.simulated import SimulatedBroker
from stocker_pipeline.gateways.brokers.simulated_control import Truth
from stocker_pipeline.gateways.brokers.simulated_market import Costs, PanelMarket
from stocker_pipeline.gateways.market_data.sample import SYMBOLS, SampleMarket
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.market import panel_of
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from

BOOK = "trend_paper"
ENVIRONMENT = "dev"


@dataclass(frozen=True)
class Market:
    """A portfolio and the bars that it is traded on."""

    portfolio: Portfolio
    panel: Panel

    def sessions(self, first: date, count: int) -> list[date]:
        """``count`` sessions from ``first`` on."""
        row = self.panel.row_of(first)
        found: list[date] = self.panel.sessions[row : row + count].tolist()
        assert len(found) == count
        return found


@cache
def sample_market(last: date, **parameters: float) -> Market:
    """Trend following on the five stocks of the sample, with costs, up to ``last``."""
    portfolio = portfolio_from(
        {
            "mode": "paper",
            "strategy": "trend",
            "universe": list(SYMBOLS),
            "parameters": {"slippage_bps": 5.0, "commission_per_order": 1.0, **parameters},
        },
        where="test",
    )
    sample = SampleMarket().fetch(SYMBOLS, date(2000, 3, 1), last)
    return Market(portfolio, panel_of(sample.bars, sample.actions, portfolio, last, where="sample"))


@dataclass(frozen=True)
class PaperHome:
    """Where a paper book is at home: the ledger's URL, and the folder of the broker's account."""

    market: Market
    ledger_url: str
    folder: Path

    @property
    def account(self) -> str:
        """The number of the simulated account."""
        return f"SIM-{BOOK}"

    @contextmanager
    def ledger(self, clock: Clock) -> Iterator[Ledger]:
        """The ledger alone."""
        with Ledger.open(self.ledger_url, clock=clock, environment=ENVIRONMENT) as ledger:
            yield ledger

    @contextmanager
    def broker(self, clock: Clock) -> Iterator[SimulatedBroker]:
        """The account alone."""
        panel, portfolio = self.market.panel, self.market.portfolio
        with SimulatedBroker(
            self.folder / "account.sqlite",
            self.account,
            clock,
            PanelMarket(panel, clock),
            Costs.of(portfolio.parameters),
            initial_cash_e4=to_e4(portfolio.initial_capital),
            page_size=3,
        ) as broker:
            yield broker

    @contextmanager
    def desk(self, clock: Clock, plan: Plan | None = None) -> Iterator[Desk]:
        """Everything that a stage needs; ``plan`` says how the broker misbehaves."""
        panel = self.market.panel
        with self.ledger(clock) as ledger, self.broker(clock) as broker:
            yield Desk(
                name=BOOK,
                portfolio=self.market.portfolio,
                environment=ENVIRONMENT,
                account=self.account,
                ledger=ledger,
                broker=broker if plan is None else Misbehaving(broker, plan),
                clock=clock,
                calendar=SessionCalendar.between(
                    panel.sessions[0].item(), panel.sessions[-1].item()
                ),
                panel=panel,
                data_versions={"bars": "1"},
            )

    def truth(self) -> Truth:
        """What the broker's file says, without a call that could change it."""
        with self.broker(FixedClock(_LONG_AGO)) as broker:
            return broker.control.truth()


_LONG_AGO = TradingDay.of(
    date(2000, 3, 1), SessionCalendar.between(date(2000, 3, 1), date(2000, 3, 1))
).opens_at


def morning(session: date) -> FixedClock:
    """A clock that stands where the open stage of a session begins."""
    calendar = SessionCalendar.between(session, session)
    return FixedClock(TradingDay.of(session, calendar).open_stage_at)


def evening(session: date) -> FixedClock:
    """A clock that stands well after everything of a session is done."""
    clock = morning(session)
    clock.advance(timedelta(hours=15))
    return clock
