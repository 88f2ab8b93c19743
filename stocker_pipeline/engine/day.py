"""One session, decided before its open: the same kernel as a range, over a market cut there.

Belongs here: what a market looks like before the open of a session, and what the engine decides on
it. Stays out: what happens to the book afterwards (``settlement``), whether an order may be sent,
and where anything is written.
"""

from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

import numpy as np
import pyarrow as pa

from stocker_pipeline.engine.book import TRIPPED
from stocker_pipeline.engine.market import Market
from stocker_pipeline.engine.outage import outages
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.rebalance import Decision, Restraint
from stocker_pipeline.engine.rules import Rules
from stocker_pipeline.engine.simulate import OpeningBook, Run, simulate
from stocker_pipeline.engine.tables import decisions_table, orders_table, targets_table


@dataclass(frozen=True)
class DecidedOrder:
    """One order as the engine wants it.

    Attributes:
        quantity: Signed shares, never 0.
        reference: Previous close in today's share basis, dollars (E17).
        desired, held: Shares wanted, and held after the session's corporate actions.
    """

    symbol: str
    quantity: int
    reference: float
    decision: Decision
    desired: int
    held: int


@dataclass(frozen=True)
class Decided:
    """What the engine wants at the open of one session.

    Attributes:
        panel: The market before the open.
        row: The session's row.
        weights: The strategy's, ``[row + 1, symbols]``; only row ``row`` has a meaning.
        run: The session without a fill; its closing book is the one after corporate actions.
        reference: Previous close in today's share basis, dollars; NaN = no bar at the previous
            session, ``[symbols]``.
        rules: What it was decided by.
    """

    panel: Panel
    row: int
    weights: np.ndarray
    run: Run
    reference: np.ndarray
    rules: Rules

    @property
    def session(self) -> date:
        """The session decided."""
        return as_session(self.panel, self.row)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.panel.symbols

    @property
    def nav_e4(self) -> int:
        """Net asset value that targets are a fraction of: the previous close's."""
        return self.run.opening.nav_e4

    @property
    def held(self) -> np.ndarray:
        """Shares after the session's corporate actions, int64 ``[symbols]``."""
        return self.run.record.quantity[0]

    @property
    def target(self) -> np.ndarray:
        """Signed fractions of NAV after E13, ``[symbols]``."""
        return self.run.record.target[0]

    @property
    def desired(self) -> np.ndarray:
        """Shares wanted (E17); those held where there is no signal, int64 ``[symbols]``."""
        return self.run.record.desired[0]

    @property
    def decision(self) -> np.ndarray:
        """``Decision`` codes, int8 ``[symbols]``."""
        return self.run.record.decision[0]

    @property
    def factors(self) -> np.ndarray:
        """SIGMA … BREAKER_FACTOR of ``engine.record``."""
        return self.run.record.factors[0]

    @property
    def tripped(self) -> bool:
        """Whether the drawdown breaker is tripped in this session (E13)."""
        return bool(self.run.record.totals[0, TRIPPED])

    @property
    def restraint(self) -> Restraint:
        """How far the session's orders may go: a data outage may hold them back."""
        policy = Restraint(self.rules.outage_restraint)
        if policy is Restraint.NONE:
            return policy
        found = outages(self.panel, self.row, self.row, self.rules.outage_tolerance, policy)
        return found[0].restraint if found else Restraint.NONE

    def orders(self) -> list[DecidedOrder]:
        """What is ordered after E19, by column."""
        rows, references = self.run.orders.used()
        return [
            DecidedOrder(
                symbol=self.symbols[column],
                quantity=quantity,
                reference=reference,
                decision=Decision(code),
                desired=desired,
                held=held,
            )
            for (_, column, quantity, desired, held, _, code), reference in zip(
                rows.tolist(), references.tolist(), strict=True
            )
        ]

    def tables(self, required_bars: int) -> dict[str, pa.Table]:
        """Targets, decisions and orders by name; orders without what is known after the open."""
        return {
            "targets": targets_table(self.run, self.weights),
            "decisions": decisions_table(self.run, required_bars),
            "orders": orders_table(self.run).drop_columns(["filled", "status"]),
        }


def before_open(panel: Panel, row: int) -> Panel:
    """The market as it is known before the open of a session (E2).

    Rows 0 … ``row``; the last one has no bar, but its corporate actions and its membership. Opens
    and volumes of earlier sessions are left out as well (NaN): nothing that is decided before an
    open reads them. ``returns`` ends at the row before. A symbol whose first bar lies at or after
    ``row`` has none yet.
    """
    market = panel.market
    if row == len(panel.sessions) - 1 and _is_empty(panel, row):
        return panel
    events = int(market.event_start[row + 1])
    known = Market(
        open=_no_numbers(market.open.shape)[: row + 1],
        close=_cut(market.close, row),
        volume=_no_numbers(market.open.shape)[: row + 1],
        returns=market.returns[:row],
        event_start=market.event_start[: row + 2],
        event_symbol=market.event_symbol[:events],
        event_new=market.event_new[:events],
        event_old=market.event_old[:events],
        event_dividend=market.event_dividend[:events],
        member=market.member[: row + 1],
        first_bar=np.where(market.first_bar < row, market.first_bar, row + 1),
    )
    return replace(
        panel, sessions=panel.sessions[: row + 1], index=_cut(panel.index, row), market=known
    )


def decide(
    panel: Panel, weights: np.ndarray, rules: Rules, opening: OpeningBook, row: int
) -> Decided:
    """E10–E20 for one session, by the kernel of a backtest over a market without its bar.

    Args:
        panel: The market; whatever it has at or after ``row`` is not read.
        weights: The strategy's weights of the session, NaN = no signal: ``[symbols]``, or a matrix
            of which row ``row`` is read.
        opening: The book at the close of the session before.

    Raises:
        ConfigurationRefused: Sizes do not fit the book.
        BookRefused: A symbol that is held is not in the panel.
    """
    known = before_open(panel, row)
    today = weights if weights.ndim == 1 else weights[row]
    # Only one row is read; the others are never touched, so they cost nothing.
    matrix = np.empty(known.index.shape)
    matrix[row] = today
    run = simulate(known, matrix, rules, opening, first=row, last=row)
    return Decided(known, row, matrix, run, reference_prices(known.market, row), rules)


def reference_prices(market: Market, row: int) -> np.ndarray:
    """E17: the previous close in the share basis of ``row``, dollars, NaN = no bar there."""
    reference = np.full(market.close.shape[1], np.nan)
    if row == 0:
        return reference
    reference[:] = market.close[row - 1]
    split = np.ones(len(reference))
    for event in range(int(market.event_start[row]), int(market.event_start[row + 1])):
        # The product first, one division after it, as the kernel does it.
        split[market.event_symbol[event]] *= market.event_new[event] / market.event_old[event]
    return reference / split


def as_session(panel: Panel, row: int) -> date:
    """The date of a row."""
    session = panel.sessions[row].astype("datetime64[D]").item()
    assert isinstance(session, date)
    return session


def _is_empty(panel: Panel, row: int) -> bool:
    market = panel.market
    numbers = (market.open, market.close, market.volume, panel.index)
    return all(bool(np.isnan(matrix[row]).all()) for matrix in numbers)


def _cut(matrix: np.ndarray, row: int) -> np.ndarray:
    cut = matrix[: row + 1].copy()
    cut[row] = np.nan
    return cut


@lru_cache(maxsize=1)
def _no_numbers(shape: tuple[int, int]) -> np.ndarray:
    """A matrix of NaN that every session of one market shares; no one writes to a market."""
    return np.full(shape, np.nan)
