"""What every session of a run leaves behind, as arrays that the kernels write."""

from typing import NamedTuple

import numpy as np

from stocker_pipeline.engine.book import TOTALS

SIGMA, LEVERAGE, GROSS_FACTOR, BREAKER_FACTOR = range(4)


class Record(NamedTuple):
    """Numbers of every session; symbol matrices have one scratch row without detail.

    Attributes:
        totals: The book's totals, ``[sessions, 9]``.
        positions_value, positions_cost, gross_value: Sums over positions (1/10,000 dollar).
        factors: SIGMA … BREAKER_FACTOR, ``[sessions, 4]``.
        x_single, single_capped, target: E11's weights, where its cap changed them, E13's targets.
        desired, decision: Shares wanted (E17) and the Decision code.
        quantity, cost, mark, mark_age: Positions after the close.
    """

    totals: np.ndarray
    positions_value: np.ndarray
    positions_cost: np.ndarray
    gross_value: np.ndarray
    factors: np.ndarray
    x_single: np.ndarray
    single_capped: np.ndarray
    target: np.ndarray
    desired: np.ndarray
    decision: np.ndarray
    quantity: np.ndarray
    cost: np.ndarray
    mark: np.ndarray
    mark_age: np.ndarray


def empty_record(sessions: int, symbols: int, detail: bool) -> Record:
    """Room for a run of ``sessions``; with ``detail`` also for every symbol of every session.

    The kernels write each number once, so nothing is set beforehand. Allocated by NumPy, which
    asks for huge pages: the first touch of 60 MB then takes 7 ms, not 31.
    """
    shape = (sessions if detail else 1, symbols)
    return Record(
        np.empty((sessions, TOTALS), np.int64),
        np.empty(sessions, np.int64),
        np.empty(sessions, np.int64),
        np.empty(sessions, np.int64),
        np.empty((sessions, 4)),
        np.empty(shape),
        np.empty(shape, np.bool_),
        np.empty(shape),
        np.empty(shape, np.int64),
        np.empty(shape, np.int8),
        np.empty(shape, np.int64),
        np.empty(shape, np.int64),
        np.empty(shape),
        np.empty(shape, np.int64),
    )
