"""A backtest run again by the engine: at other costs, and begun on other days.

First it is run as it was. Only where that gives the same NAV on every session do the other runs say
anything about this book, so otherwise there are none, and the page says since when it differs.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stocker_pipeline.analytics.record import days_of, floats_of
from stocker_pipeline.analytics.sensitivity import Rerun, Sensitivity
from stocker_pipeline.domain.errors import StockerError
from stocker_pipeline.engine.book import COMMISSIONS, NAV
from stocker_pipeline.engine.history import PriceHistory
from stocker_pipeline.engine.money import to_e4
from stocker_pipeline.engine.panel import Panel
from stocker_pipeline.engine.rules import Rules
from stocker_pipeline.engine.simulate import OpeningBook, rules_of, simulate
from stocker_pipeline.engine.tables import e4_array
from stocker_pipeline.stages.market import panel_of
from stocker_pipeline.strategies.portfolio import Portfolio

COST_MULTIPLES = (1, 2, 3)
_SAME = "run again on the bars known now, every session has the same NAV"
START_STEP_SESSIONS, STARTS = 42, 6
COMMON_SESSIONS_MIN = 252
"""Of fewer sessions that all starts have, a return a year says nothing."""


def sensitivity_of(
    portfolio: Portfolio, bars: pa.Table, actions: pa.Table | None, snapshots: pa.Table
) -> Sensitivity:
    """Run a backtest again.

    Args:
        portfolio: With the overrides that the run had.
        bars, actions: What the run saw, as far as it is known now.
        snapshots: The book.
    """
    begun = _begun(portfolio, bars, actions, snapshots)
    if isinstance(begun, str):
        return Sensitivity(missing=begun, reproduced=begun)
    again, itself, weights, first = begun
    costs = [itself] + [
        again.run(f"× {multiple}", _dearer(again.rules, multiple), weights, first)
        for multiple in COST_MULTIPLES[1:]
    ]
    starts, starts_missing = _starts(again, itself, first)
    return Sensitivity(
        costs,
        starts,
        starts_missing=starts_missing,
        start_step_sessions=START_STEP_SESSIONS,
        reproduced=_SAME,
    )


def reproduction_of(
    portfolio: Portfolio, bars: pa.Table, actions: pa.Table | None, snapshots: pa.Table
) -> str:
    """Whether a backtest run again with these numbers gives the same book; why not, where not."""
    begun = _begun(portfolio, bars, actions, snapshots)
    return begun if isinstance(begun, str) else _SAME


def _begun(
    portfolio: Portfolio, bars: pa.Table, actions: pa.Table | None, snapshots: pa.Table
) -> "tuple[_Again, Rerun, np.ndarray, int] | str":
    """The backtest as it was, run again, with its weights and first row; or why it cannot be."""
    days = days_of(snapshots)
    if not len(days):
        return "There is no session to run again."
    try:
        panel = panel_of(bars, actions, portfolio, days[-1].item(), where="the bars of this book")
        again = _Again(portfolio, panel, float(floats_of(snapshots, "initial_capital")[0]))
        first = panel.row_of(days[0].item())
        weights = again.weights(first)
        itself = again.run("× 1, as it was", again.rules, weights, first)
    except (StockerError, KeyError) as error:
        return f"The backtest cannot be run again: {error}"
    return _difference(itself, days, snapshots) or (again, itself, weights, first)


class _Again:
    """One portfolio on one panel."""

    def __init__(self, portfolio: Portfolio, panel: Panel, initial_capital: float) -> None:
        self.panel = panel
        self.last = len(panel.sessions) - 1
        self._capital = initial_capital
        self._rule = portfolio.rule()
        self.rules = rules_of(portfolio.parameters, self._rule.window_bars)

    def weights(self, first: int) -> np.ndarray:
        """What the strategy wants in a book that begins at row ``first``."""
        panel = self.panel
        history = PriceHistory(
            panel.symbols, panel.index, panel.market.member, first, self.last, first
        )
        return self._rule.weights_range(history)

    def run(self, label: str, rules: Rules, weights: np.ndarray, first: int) -> Rerun:
        """The engine, from cash at row ``first`` to the end."""
        book = OpeningBook.of_cash(to_e4(self._capital))
        run = simulate(self.panel, weights, rules, book, first=first, last=self.last, detail=False)
        totals = run.record.totals
        return Rerun(
            label,
            self.panel.sessions[first:],
            totals[:, NAV] / 1e4,
            self._capital,
            float(totals[-1, COMMISSIONS]) / 1e4,
        )


def _dearer(rules: Rules, multiple: int) -> Rules:
    return rules._replace(
        slippage_bps=rules.slippage_bps * multiple,
        commission_per_order=rules.commission_per_order * multiple,
        commission_per_share=rules.commission_per_share * multiple,
    )


def _starts(again: _Again, itself: Rerun, first: int) -> tuple[Sequence[Rerun], str]:
    count = len(itself.sessions)
    steps = min(STARTS, (count - COMMON_SESSIONS_MIN) // START_STEP_SESSIONS)
    if steps < 1:
        needed = COMMON_SESSIONS_MIN + START_STEP_SESSIONS
        return (), f"Other first days need {needed} sessions; the record has {count}."
    runs = [itself]
    for step in range(1, steps + 1):
        row = first + step * START_STEP_SESSIONS
        runs.append(again.run("", again.rules, again.weights(row), row))
    return [
        Rerun(str(run.sessions[0]), run.sessions, run.nav, run.initial_capital, run.commissions_usd)
        for run in runs
    ], ""


def _difference(itself: Rerun, days: np.ndarray, snapshots: pa.Table) -> str:
    """Since when the run differs from the book; empty where it does not."""
    if not np.array_equal(itself.sessions, days):
        return "The bars known now have other sessions than the book."
    booked = e4_array(snapshots["nav"]) / 1e4
    other = np.flatnonzero(itself.nav != booked)
    if not len(other):
        return ""
    row = int(other[0])
    return (
        f"The book cannot be made again with the numbers given: from {days[row]} on NAV would be "
        f"{itself.nav[row]:,.4f} dollars and not {booked[row]:,.4f}. It was run with other "
        "parameters, or bars were restated or judged since: run the backtest again."
    )
