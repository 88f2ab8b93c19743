"""Hypothesis strategies: markets with every trouble a market has, and rules to trade them by."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from stocker_pipeline.engine.panel import Panel, panel_from_tables
from stocker_pipeline.engine.rules import Rules
from stocker_pipeline.engine.simulate import rules_of
from stocker_pipeline_tests.engine.builders import FIRST_DAY, free_of_charge, sessions_from

SYMBOLS = ("A", "B", "C", "D")
RATIOS = np.array([1.0, 1.0, 2.0, 1.5, 0.125, 0.1, 3.0, 1 / 3, 7.0])


@dataclass(frozen=True)
class World:
    """A market and what a portfolio would do in it.

    Attributes:
        weights: Signed, NaN = no signal, ``[sessions, symbols]``.
        flows: Deposits and withdrawals by row, 1/10,000 dollar.
    """

    panel: Panel
    weights: np.ndarray
    rules: Rules
    flows: dict[int, int]

    @property
    def last(self) -> int:
        return len(self.panel.sessions) - 1


@st.composite
def worlds(draw: st.DrawFn, max_rows: int = 30) -> World:
    """Gaps, late listings, splits and dividends (several on one date too), shorts, leavers."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = draw(st.integers(4, max_rows))
    basis = draw(st.sampled_from(["raw", "raw", "raw", "adjusted"]))
    sessions, shape = sessions_from(FIRST_DAY, rows), (rows, len(SYMBOLS))
    bars, seen = _bars(draw, generator, sessions)
    panel = panel_from_tables(
        bars,
        _actions(generator, sessions),
        sessions=sessions,
        universe=SYMBOLS,
        price_basis=basis,
        with_returns=True,
        member=generator.random(shape) > 0.2 if draw(st.booleans()) else None,
    )
    weights = generator.normal(0, draw(st.sampled_from([0.1, 0.5])), shape)
    weights[generator.random(shape) < 0.1] = np.nan
    weights[1:][~seen[:-1]] = np.nan
    weights[0] = np.nan
    weights[~np.broadcast_to(panel.market.member, shape)] = np.nan
    return World(panel, weights, draw(_rules(basis)), _flows(generator, rows))


def _bars(
    draw: st.DrawFn, generator: np.random.Generator, sessions: np.ndarray
) -> tuple[pa.Table, np.ndarray]:
    shape = (len(sessions), len(SYMBOLS))
    moves = generator.normal(0, draw(st.sampled_from([0.02, 0.2])), shape)
    close = np.round(20 * np.exp(np.cumsum(moves, axis=0)), 2) + 0.01
    seen = generator.random(shape) > draw(st.sampled_from([0.0, 0.1, 0.5]))
    seen[: draw(st.integers(0, 8)), 3] = False
    seen[0, 0] = True
    at, column = np.nonzero(seen)
    bars = pa.table(
        {
            "symbol": np.array(SYMBOLS)[column],
            "session": sessions[at],
            "open": (close * generator.uniform(0.8, 1.2, shape)).round(2)[at, column] + 0.01,
            "close": close[at, column],
            "volume": generator.integers(0, 20_000, len(at)).astype(float),
            "adj_close": (close * 0.87)[at, column],
        }
    )
    return bars, seen


def _actions(generator: np.random.Generator, sessions: np.ndarray) -> pa.Table:
    happens = np.argwhere(generator.random((len(sessions), len(SYMBOLS))) < 0.15)
    happens = np.repeat(happens, generator.choice([1, 1, 2], len(happens)), axis=0)
    return pa.table(
        {
            "symbol": np.array(SYMBOLS)[happens[:, 1]],
            "session": sessions[happens[:, 0]],
            "split": generator.choice(RATIOS, len(happens)),
            "dividend": np.where(generator.random(len(happens)) < 0.5, 0.0, 0.1234567),
        }
    )


@st.composite
def _rules(draw: st.DrawFn, basis: str) -> Rules:
    costly = draw(st.booleans())
    trip = draw(st.sampled_from([0.02, 0.1]))
    parameters = free_of_charge(
        target_vol=draw(st.sampled_from([None, 0.1])),
        single_cap=draw(st.sampled_from([0.2, 10.0])),
        gross_cap=draw(st.sampled_from([0.5, 10.0])),
        drawdown_trip=trip,
        drawdown_recover=draw(st.sampled_from([None, trip / 2])),
        buffer=draw(st.sampled_from([0.0, 0.1])),
        min_notional=draw(st.sampled_from([0.0, 50.0])),
        slippage_bps=5.0 if costly else 0.0,
        commission_per_order=1.0 if costly else 0.0,
        commission_per_share=0.0035 if costly else 0.0,
        max_participation=draw(st.sampled_from([None, 0.05])) if basis == "raw" else None,
        price_basis=basis,
        flips=draw(st.sampled_from(["single", "two_step"])),
        data_outage=draw(st.sampled_from(["hold", "hold", "reduce", "halt"])),
    )
    return rules_of(parameters, 20)


def _flows(generator: np.random.Generator, rows: int) -> dict[int, int]:
    return {row: int(generator.integers(-(10**6), 10**7)) for row in range(1, rows, 4)}
