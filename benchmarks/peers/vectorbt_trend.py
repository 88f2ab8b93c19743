"""``trend_literal`` in vectorbt: one order-function simulation over all symbols as one group.

Written for speed, the way vectorbt's documentation advises for rules that depend on the portfolio's
value: ``Portfolio.from_order_func`` in flexible row-wise mode, cash sharing, Numba callbacks. The
signals advance by one row inside the callback before each row, so no matrix of targets is written
and read again; only symbols that need an order enter vectorbt's order processing. Records of open
positions are switched off, logs too.

vectorbt neither lends cash nor lets it fall below zero inside a row, so the account starts with a
loan that is taken out of every value again.
"""

import protocol  # isort: skip  (first, it starts the clock)

import time
from typing import Any, NamedTuple

import numpy as np
import vectorbt as vbt
from numba import njit
from vectorbt.portfolio import nb

LOOKBACK, WINDOW, LAMBDA = 126, 252, 0.94
SINGLE_CAP, GROSS_CAP = 0.35, 1.5
DRAWDOWN_TRIP, DRAWDOWN_SCALE = 0.10, 0.5
SLIPPAGE, COMMISSION_USD, MIN_NOTIONAL_USD = 5.0 / 1e4, 1.0, 50.0
# Of the initial capital. A power of two, so that adding it costs the value as few bits as it can.
LOAN_MULTIPLE = 8.0


class State(NamedTuple):
    """Arrays that live through one simulation."""

    squares: np.ndarray  # ring of the last squared log returns, (WINDOW - 1, symbols)
    ewma: np.ndarray  # their weighted sum, newest weight 1
    nonzero: np.ndarray  # how many of them are not zero
    targets: np.ndarray  # fractions of NAV for the session at hand
    cursor: np.ndarray  # the next symbol to look at
    peak: np.ndarray  # highest NAV so far
    nav: np.ndarray  # NAV at each close


@njit(error_model="numpy", fastmath={"reassoc", "contract", "arcp"})
def update_signals_nb(i, state, adjusted):
    # Row i - 1 is the newest one that session i may see.
    symbols = adjusted.shape[1]
    if i >= 2:
        slot = (i - 2) % (WINDOW - 1)
        leaving_weight = LAMBDA ** (WINDOW - 1)
        for col in range(symbols):
            ret = np.log(adjusted[i - 1, col] / adjusted[i - 2, col])
            square = ret * ret
            old = state.squares[slot, col]
            state.ewma[col] = LAMBDA * state.ewma[col] + square - leaving_weight * old
            state.nonzero[col] += (square > 0.0) - (old > 0.0)
            state.squares[slot, col] = square
    if i <= LOOKBACK:
        return
    terms = min(i - 1, WINDOW - 1)
    annual = 252.0 * (1.0 - LAMBDA) / (1.0 - LAMBDA**terms)
    total = 0.0
    for col in range(symbols):
        inverse = 0.0
        if state.nonzero[col] > 0:
            vol = np.sqrt(annual * max(state.ewma[col], 0.0))
            if vol > 1e-8:
                inverse = 1.0 / vol
        state.targets[col] = inverse
        total += inverse
    scale = 1.0 / total if total > 0.0 else 0.0
    gross = 0.0
    for col in range(symbols):
        size = min(state.targets[col] * scale, SINGLE_CAP)
        gross += size
        momentum = adjusted[i - 1, col] / adjusted[i - 1 - LOOKBACK, col] - 1.0
        state.targets[col] = size if momentum > 1e-12 else -size
    if gross > GROSS_CAP:
        for col in range(symbols):
            state.targets[col] *= GROSS_CAP / gross


@njit(error_model="numpy")
def pre_segment_nb(c, state, adjusted, first, loan):
    i = c.i
    update_signals_nb(i, state, adjusted)
    state.cursor[0] = 0
    if i < first or i <= LOOKBACK:
        state.cursor[0] = c.target_shape[1]
        return (0.0,)
    # vectorbt refreshes last_value after the callback; until then it is that of the last close.
    nav = c.last_value[c.group] - loan
    peak = state.peak[0]
    if peak - nav > DRAWDOWN_TRIP * peak:
        for col in range(c.target_shape[1]):
            state.targets[col] *= DRAWDOWN_SCALE
    return (max(nav, 0.0),)


@njit(error_model="numpy")
def order_nb(c, nav, state, adjusted, adjusted_open):
    i = c.i
    for col in range(state.cursor[0], c.to_col):
        reference = adjusted[i - 1, col]
        delta = np.trunc(state.targets[col] * nav / reference) - c.last_position[col]
        if delta != 0.0 and abs(delta * reference) >= MIN_NOTIONAL_USD:
            state.cursor[0] = col + 1
            side = 1.0 + SLIPPAGE if delta > 0.0 else 1.0 - SLIPPAGE
            price = adjusted_open[i, col] * side
            price = np.rint(price * 1e4) / 1e4
            return col, nb.order_nb(size=delta, price=price, fixed_fees=COMMISSION_USD)
    return -1, nb.order_nothing_nb()


@njit(error_model="numpy")
def post_segment_nb(c, state, loan):
    nav = c.last_value[c.group] - loan
    state.nav[c.i] = nav
    state.peak[0] = max(state.peak[0], nav)


def prepare(bars: dict[str, Any]) -> dict[str, Any]:
    return bars


def run(bars: dict[str, Any]) -> protocol.Outcome:
    started = time.perf_counter()
    sessions, symbols = bars["adj_close"].shape
    capital = bars["initial_capital"]
    loan = LOAN_MULTIPLE * capital
    adjusted = bars["adj_close"]
    state = State(
        squares=np.zeros((WINDOW - 1, symbols)),
        ewma=np.zeros(symbols),
        nonzero=np.zeros(symbols, dtype=np.int64),
        targets=np.zeros(symbols),
        cursor=np.zeros(1, dtype=np.int64),
        peak=np.full(1, capital),
        nav=np.full(sessions, capital),
    )
    portfolio = vbt.Portfolio.from_order_func(
        bars["mark"],
        order_nb,
        state,
        adjusted,
        bars["adj_open"],
        flexible=True,
        row_wise=True,
        group_by=True,
        cash_sharing=True,
        init_cash=capital + loan,
        pre_segment_func_nb=pre_segment_nb,
        pre_segment_args=(state, adjusted, bars["first"], loan),
        post_segment_func_nb=post_segment_nb,
        post_segment_args=(state, loan),
        fill_pos_record=False,
        max_logs=0,
    )
    stages = {"orders and NAV": time.perf_counter() - started}
    # Realised profit of each fill; vectorbt takes the average entry price where FIFO takes lots.
    realised = portfolio.exit_trades.values["pnl"].sum()
    stages["+ realised P&L (`exit_trades`)"] = time.perf_counter() - started
    value = portfolio.value().to_numpy() - loan
    stages["+ `value()`"] = time.perf_counter() - started
    if not np.allclose(value, state.nav, rtol=0.0, atol=1e-3) or not np.isfinite(realised):
        raise RuntimeError("vectorbt's own value() differs from the NAV its callback recorded.")
    return protocol.Outcome(state.nav[bars["first"] :], len(portfolio.order_records), stages)


if __name__ == "__main__":
    protocol.serve(
        prepare,
        run,
        packages=("vectorbt", "vectorbt-rust", "numba", "numpy", "pandas"),
        cannot_express=("FIFO lots (realised P&L is at average cost)",),
    )
