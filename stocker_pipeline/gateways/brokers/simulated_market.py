"""What the simulated broker sees of the world: bars and corporate actions, one session at a time.

Its market may differ from the one the portfolio decided on, as a real broker's does. Stays out: who
holds what, and what an order is filled at (``simulated_session``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Protocol

import numpy as np

from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.domain.session import Clock
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.gateways.brokers.order_window import calendar_around


class Bar(NamedTuple):
    """One symbol's session: prices in dollars, volume in shares, NaN where it is not known."""

    open: float
    close: float
    volume: float


@dataclass(frozen=True)
class CorporateAction:
    """What takes effect before the open of a session (ENGINE E3, E15, E16).

    Attributes:
        new, old: A split of ``new`` for ``old`` shares; 1, 1 = none.
        dividend: Dollars per post-split share; 0 = none.
    """

    symbol: str
    new: int = 1
    old: int = 1
    dividend: float = 0.0


@dataclass(frozen=True)
class SessionBars:
    """One session as it was: a symbol without a bar is not in ``bars``.

    Attributes:
        actions: In the order in which they take effect.
    """

    bars: Mapping[str, Bar] = field(default_factory=dict)
    actions: Sequence[CorporateAction] = ()


class SessionMarket(Protocol):
    """The market behind a simulated account."""

    def session(self, day: date) -> SessionBars | None:
        """The session; None while its bars are not known. Later sessions then wait as well."""

    def announced(self, day: date) -> Sequence[CorporateAction]:
        """The actions of a session as far as they are known before its open.

        An order of an ex-date is in shares after the split, before the split has happened.
        """


@dataclass(frozen=True)
class Costs:
    """What an order costs (ENGINE E21–E23).

    Attributes:
        commission_per_order, commission_per_share: Dollars.
        max_participation: Part of the session's volume that an order gets at most; None = filled
            in full.
    """

    slippage_bps: float = 0.0
    commission_per_order: float = 0.0
    commission_per_share: float = 0.0
    max_participation: float | None = None

    @classmethod
    def of(cls, parameters: PortfolioParameters) -> "Costs":
        """The costs that a portfolio's backtest reckons with."""
        return cls(
            slippage_bps=parameters.slippage_bps,
            commission_per_order=parameters.commission_per_order,
            commission_per_share=parameters.commission_per_share,
            max_participation=parameters.max_participation,
        )


class PanelMarket:
    """The market that the engine reads, one row at a time.

    Args:
        clock: Bars are known from the session's close on; None = always.
    """

    def __init__(self, panel: Panel, clock: Clock | None = None) -> None:
        self._panel = panel
        self._clock = clock
        self._row = {day: row for row, day in enumerate(panel.sessions.tolist())}

    def session(self, day: date) -> SessionBars | None:
        """See ``SessionMarket.session``; None for a session after the panel's last one."""
        row = self._row.get(day)
        if row is None or not self._closed(day):
            return None
        market = self._panel.market
        columns = np.flatnonzero(~np.isnan(market.open[row])).tolist()
        prices = zip(
            market.open[row, columns].tolist(),
            market.close[row, columns].tolist(),
            market.volume[row, columns].tolist(),
            strict=True,
        )
        symbols = self._panel.symbols
        bars = {symbols[j]: Bar(*price) for j, price in zip(columns, prices, strict=True)}
        return SessionBars(bars, self.announced(day))

    def announced(self, day: date) -> Sequence[CorporateAction]:
        """See ``SessionMarket.announced``."""
        row = self._row.get(day)
        if row is None:
            return ()
        market, symbols = self._panel.market, self._panel.symbols
        return [
            CorporateAction(
                symbols[int(market.event_symbol[e])],
                int(market.event_new[e]),
                int(market.event_old[e]),
                float(market.event_dividend[e]),
            )
            for e in range(int(market.event_start[row]), int(market.event_start[row + 1]))
        ]

    def _closed(self, day: date) -> bool:
        return self._clock is None or calendar_around(day).closes_at(day) <= self._clock.now()
