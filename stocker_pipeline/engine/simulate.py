"""Run a strategy's weights over a range of sessions, from an opening book to a closing one.

The only caller of the kernel, and the whole of what backtest, paper and live share. Knows arrays
and values; does not know where they come from or where they go.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numba import njit

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.portfolio import PortfolioParameters
from stocker_pipeline.engine.book import (
    CASH,
    CASH_IN_LIEU,
    COMMISSIONS,
    DIVIDENDS,
    FLOWS,
    NAV,
    PEAK,
    REALISED,
    TOTALS,
    TRIPPED,
    Book,
)
from stocker_pipeline.engine.compiling import INLINE, NO_COUNTING
from stocker_pipeline.engine.kernel import (
    STATUS_FINE,
    STATUS_TOO_MANY_SHARES,
    STATUS_WITHDRAWAL,
    run_sessions,
)
from stocker_pipeline.engine.log import Log
from stocker_pipeline.engine.market import open_book
from stocker_pipeline.engine.outage import RESTRAINTS, outages
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.rebalance import Restraint
from stocker_pipeline.engine.record import Record
from stocker_pipeline.engine.rules import Rules

_KINDS = tuple(Rules.__annotations__.values())
_LOTS_PER_SYMBOL = 64
"""Room to begin with; the pool doubles when it is full."""


@dataclass(frozen=True)
class Lot:
    """Shares bought together; negative quantity and cost for a short. Cost in 1/10,000 dollar."""

    symbol: str
    quantity: int
    cost_e4: int


@dataclass(frozen=True)
class OpeningBook:
    """What a range of sessions starts from: totals in 1/10,000 dollar, and lots oldest first."""

    initial_e4: int
    cash_e4: int
    nav_e4: int
    peak_e4: int
    realised_e4: int = 0
    dividends_e4: int = 0
    cash_in_lieu_e4: int = 0
    commissions_e4: int = 0
    flows_e4: int = 0
    tripped: bool = False
    lots: tuple[Lot, ...] = ()

    @classmethod
    def of_cash(cls, initial_e4: int) -> "OpeningBook":
        """E29: cash only."""
        return cls(initial_e4, initial_e4, initial_e4, initial_e4)


@dataclass(frozen=True)
class Run:
    """What a range of sessions left behind, as the kernels wrote it.

    Attributes:
        first, last: Rows of the panel, both included.
        record: Numbers of every session.
        fills, orders, entries: Logs; see ``engine.log`` for their columns.
        book: The closing book.
    """

    panel: Panel
    first: int
    last: int
    opening: OpeningBook
    record: Record
    fills: Log
    orders: Log
    entries: Log
    book: Book = field(repr=False)


def rules_of(parameters: PortfolioParameters, window: int) -> Rules:
    """Parameters as the kernels want them: null becomes NaN."""

    def number(value: float | None) -> float:
        return float("nan") if value is None else float(value)

    return Rules(
        window=window,
        target_vol=number(parameters.target_vol),
        portfolio_lambda=number(parameters.portfolio_lambda),
        max_leverage=number(parameters.max_leverage),
        single_cap=parameters.single_cap,
        gross_cap=parameters.gross_cap,
        drawdown_trip=parameters.drawdown_trip,
        drawdown_recover=number(parameters.drawdown_recover),
        drawdown_scale=parameters.drawdown_scale,
        buffer=parameters.buffer,
        min_notional=parameters.min_notional,
        slippage_bps=parameters.slippage_bps,
        commission_per_order=parameters.commission_per_order,
        commission_per_share=parameters.commission_per_share,
        max_participation=number(parameters.max_participation),
        two_step=parameters.flips == "two_step",
        outage_restraint=RESTRAINTS[parameters.data_outage],
        outage_tolerance=parameters.data_outage_tolerance,
    )


def simulate(
    panel: Panel,
    weights: np.ndarray | Iterable[np.ndarray],
    rules: Rules,
    opening: OpeningBook,
    *,
    first: int,
    last: int,
    flows_e4: Mapping[int, int] | None = None,
    detail: bool = True,
) -> Run:
    """Run rows ``first`` … ``last`` of a panel.

    Args:
        weights: ``[sessions, symbols]``, the strategy's weights of each row, NaN = no signal; or
            those of rows ``first`` … ``last`` in parts that follow each other.
        flows_e4: Deposits (+) and withdrawals (−) by row.
        detail: Whether to keep every symbol's numbers of every session, and the orders.

    Raises:
        ConfigurationRefused: A withdrawal takes all there is, or sizes no longer fit the book.
    """
    flows = np.zeros(len(panel.sessions), np.int64)
    for row, amount in (flows_e4 or {}).items():
        flows[row] += amount
    parts = [weights[first : last + 1]] if isinstance(weights, np.ndarray) else weights
    book = opened_book(panel, opening, first)
    restraint = _restraints(panel, rules, first, last)
    closing, record, fills, orders, entries, status, row = run_sessions(
        panel.market, parts, typed(rules), book, first, last, flows, restraint, detail
    )
    if status != STATUS_FINE:
        raise refusal_of(status, str(panel.sessions[row]), int(flows[row]))
    run = Run(panel, first, last, opening, record, fills, orders, entries, closing)
    assert_identity(run)
    return run


def assert_identity(run: Run) -> None:
    """E28, in integers, after every session: what there is equals where it came from."""
    record, initial = run.record, run.opening.initial_e4
    row = _first_imbalance(record.totals, record.positions_value, record.positions_cost, initial)
    if row < len(record.totals):
        session, nav = run.panel.sessions[run.first + row], record.totals[row, NAV]
        sources = _sources_of(
            record.totals[row], record.positions_value[row], record.positions_cost[row], initial
        )
        raise RuntimeError(
            f"the book of {session} does not balance: NAV {nav} is not {sources} "
            "(1/10,000 dollar), the sum of where it came from"
        )


@njit(cache=True, **INLINE)
def _sources_of(totals: np.ndarray, value: int, cost: int, initial: int) -> int:
    earned = totals[REALISED] + totals[DIVIDENDS] + totals[CASH_IN_LIEU] - totals[COMMISSIONS]
    return initial + totals[FLOWS] + earned + value - cost


@njit(cache=True, **NO_COUNTING)
def _first_imbalance(totals: np.ndarray, value: np.ndarray, cost: np.ndarray, initial: int) -> int:
    """The first session of E28's identity not held; their number where it is always."""
    for i in range(totals.shape[0]):
        if totals[i, NAV] != _sources_of(totals[i], value[i], cost[i], initial):
            return i
    return totals.shape[0]


def _restraints(panel: Panel, rules: Rules, first: int, last: int) -> np.ndarray:
    """The ``Restraint`` of every row of the panel, int8."""
    restraint = np.zeros(len(panel.sessions), np.int8)
    policy = Restraint(rules.outage_restraint)
    if policy is not Restraint.NONE:
        for outage in outages(panel, first, last, rules.outage_tolerance, policy):
            restraint[panel.row_of(outage.session)] = policy
    return restraint


def typed(rules: Rules) -> Rules:
    """The same rules with one type per field, so that the kernel is compiled once."""
    return Rules(*[kind(value) for kind, value in zip(_KINDS, rules, strict=True)])


def opened_book(panel: Panel, opening: OpeningBook, first: int) -> Book:
    """The arrays of an opening book, marked at the close before row ``first``."""
    totals = [0] * TOTALS
    totals[CASH], totals[NAV], totals[PEAK] = opening.cash_e4, opening.nav_e4, opening.peak_e4
    totals[REALISED], totals[DIVIDENDS] = opening.realised_e4, opening.dividends_e4
    totals[CASH_IN_LIEU], totals[COMMISSIONS] = opening.cash_in_lieu_e4, opening.commissions_e4
    totals[FLOWS], totals[TRIPPED] = opening.flows_e4, int(opening.tripped)
    lots, slots = opening.lots, 2 * len(opening.lots) + _LOTS_PER_SYMBOL * len(panel.symbols)
    columns = panel.columns_of([lot.symbol for lot in lots])
    quantity = np.array([lot.quantity for lot in lots], np.int64)
    cost = np.array([lot.cost_e4 for lot in lots], np.int64)
    return open_book(
        panel.market, np.array(totals, np.int64), columns, quantity, cost, slots, first
    )


def refusal_of(status: int, session: str, flow: int) -> ConfigurationRefused:
    """Why the kernel stopped at a session, for a status other than ``STATUS_FINE``."""
    if status == STATUS_WITHDRAWAL:
        return ConfigurationRefused(
            "a withdrawal that leaves a net asset value above 0",
            f"{-flow / 1e4:,.4f} dollars at the close of {session}",
            where="flows",
            remedy="Withdraw less.",
        )
    what = "shares in one position" if status == STATUS_TOO_MANY_SHARES else "dollars in the book"
    return ConfigurationRefused(
        "fewer than 1e12 shares in one position and 4e14 dollars in the book",
        f"more {what} at {session}",
        where="the engine",
        remedy="Check the prices of that session, lower initial_capital or the leverage caps.",
    )
