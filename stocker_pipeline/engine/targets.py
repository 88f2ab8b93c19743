"""Targets before the breaker (ENGINE E10–E12), made ahead of the book.

They hang on weights and market alone, so a second core can make them, and the strategy's weights
with them, while the first one runs the book through the sessions before. Stays out: the breaker
(E13) and everything after it, which need the book.
"""

from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import NamedTuple

import numpy as np
from numba import njit

from stocker_pipeline.engine.ahead import PARTS_AHEAD, ahead
from stocker_pipeline.engine.compiling import NO_COUNTING, machine_code
from stocker_pipeline.engine.market import Market, history_start
from stocker_pipeline.engine.record import GROSS_FACTOR, LEVERAGE, SIGMA, Record
from stocker_pipeline.engine.rules import Rules
from stocker_pipeline.engine.sizing import (
    cap_singles,
    gross_factor,
    leverage_factor,
    portfolio_volatility,
)
from stocker_pipeline.engine.sums import ordered_gross

_CELLS_OF_A_PART = 2**17
"""Sessions × symbols whose weights are made at once: 3,000 symbols took 6% longer with half as
many, 8% with twice as many."""
_CELLS_FOR_A_THREAD = 2**20
"""From here on a thread is used: it gains an eighth of a run of 500 symbols over ten years. With
fewer cells all that it could do takes a few milliseconds."""
_RETURNS_PER_CELL = 16
"""So many returns of a portfolio's volatility take as long as all else that is made of a cell."""


def rows_of_a_part(symbols: int) -> int:
    """How many sessions of a market of that size are made at once."""
    return max(_CELLS_OF_A_PART // max(symbols, 1), 1)


class Targets(NamedTuple):
    """A part of a run: some sessions that follow each other.

    Attributes:
        weights: The strategy's signed weights, NaN = no signal, ``[sessions, symbols]``.
        target: The same after E12, 0 without a signal; the weights themselves where no rule changes
            any of them.
        silent: How many symbols of each session have no signal, int64.
    """

    weights: np.ndarray
    target: np.ndarray
    silent: np.ndarray


def targets_in_parts(
    market: Market,
    weights: Iterable[np.ndarray],
    rules: Rules,
    first: int,
    last: int,
    record: Record,
    detail: bool,
) -> Iterator[Targets]:
    """Weights and targets of rows ``first`` … ``last`` in parts that follow each other.

    Every symbol of a session is in the same part, so that a part is the same to the last bit
    whoever makes it: in a large market a thread does, some parts ahead. A part is good until the
    next one is asked for.

    Args:
        weights: The strategy's signed weights of those rows in any parts, NaN = no signal.
        record: Takes the factors, and with ``detail`` what lies between weights and targets.
    """
    sessions, symbols = last - first + 1, market.close.shape[1]
    rows = min(rows_of_a_part(symbols), max(sessions, 1))
    # For the part in use and those ahead of it: no part asks for new memory.
    rooms = np.empty((0 if detail else PARTS_AHEAD + 1, rows, symbols))
    parts = _sized(market, _of_some_sessions(weights, rows), rules, first, record, rooms)
    cells = sessions * symbols
    if not np.isnan(rules.target_vol):
        cells += cells * rules.window // _RETURNS_PER_CELL
    return ahead(parts) if cells >= _CELLS_FOR_A_THREAD else parts


def _sized(
    market: Market,
    parts: Iterable[np.ndarray],
    rules: Rules,
    first: int,
    record: Record,
    rooms: np.ndarray,
) -> Iterator[Targets]:
    """Targets unlike their weights go into ``rooms`` in turns; with detail all into the record."""
    detail, room = len(rooms) == 0, cycle(rooms)
    t, size_sessions = first, _size_sessions
    for part in parts:
        begin, end = t - first, t - first + len(part)
        target = record.target[begin:end] if detail else next(room)[: len(part)]
        silent, factors = np.zeros(len(part), np.int64), record.factors[begin:end]
        single, capped = record.x_single[begin:end], record.single_capped[begin:end]
        if begin > 0 and size_sessions is _size_sessions:
            size_sessions = machine_code(_size_sessions)
        same = size_sessions(
            market, part, rules, t, target, silent, factors, single, capped, detail
        )
        t += len(part)
        yield Targets(part, part if same else target, silent)


def _of_some_sessions(weights: Iterable[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    for given in weights:
        # Never read-only, which to Numba is another type: each kernel is compiled for one.
        part = np.require(given, np.float64, ("C", "W"))
        for row in range(0, len(part), rows):
            yield part[row : row + rows]


@njit(cache=True, error_model="numpy", **NO_COUNTING)
def _stay_as_they_are(weights: np.ndarray, rules: Rules) -> bool:
    """Whether E10–E12 change no weight of some sessions."""
    if not np.isnan(rules.target_vol):
        return False
    for i in range(weights.shape[0]):
        # Not at most the cap, also where a weight and with it the sum is NaN.
        if not ordered_gross(weights[i]) <= rules.gross_cap:
            return False
        beyond = 0
        for j in range(weights.shape[1]):
            beyond += 1 if abs(weights[i, j]) > rules.single_cap else 0
        if beyond > 0:
            return False
    return True


@njit(cache=True, error_model="numpy", nogil=True, **NO_COUNTING)
def _size_sessions(
    market: Market,
    weights: np.ndarray,
    rules: Rules,
    begin: int,
    target: np.ndarray,
    silent: np.ndarray,
    factors: np.ndarray,
    x_single: np.ndarray,
    single_capped: np.ndarray,
    detail: bool,
) -> bool:
    """Targets of sessions ``begin`` … from their weights; each factor is recorded.

    Returns whether they are the weights and, without ``detail``, were not written: to read is
    cheaper than to write the same once more.
    """
    sessions, symbols = weights.shape
    if not detail and _stay_as_they_are(weights, rules):
        factors[:, SIGMA] = np.nan
        factors[:, LEVERAGE] = factors[:, GROSS_FACTOR] = 1.0
        return True
    start = history_start(market, begin)
    for i in range(sessions):
        if i > 0 and market.member.shape[0] > 1:
            start = history_start(market, begin + i)
        weight, x = weights[i], target[i]
        sigma = np.nan
        if not np.isnan(rules.target_vol):
            for j in range(symbols):
                x[j] = 0.0 if np.isnan(weight[j]) else weight[j]
            sigma = portfolio_volatility(
                x, market.returns, begin + i, start, rules.window, rules.portfolio_lambda
            )
        leverage = leverage_factor(sigma, rules)
        gross, silent[i] = cap_singles(weight, leverage, rules.single_cap, x)
        by_gross = gross_factor(gross, rules.gross_cap)
        if detail:
            for j in range(symbols):
                x_single[i, j] = x[j]
                scaled = 0.0 if np.isnan(weight[j]) else leverage * weight[j]
                single_capped[i, j] = x[j] != scaled
        if by_gross != 1.0:
            for j in range(symbols):
                x[j] = x[j] * by_gross
        factors[i, SIGMA], factors[i, LEVERAGE], factors[i, GROSS_FACTOR] = (
            sigma,
            leverage,
            by_gross,
        )
    return False
