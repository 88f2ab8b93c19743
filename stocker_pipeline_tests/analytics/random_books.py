"""Hypothesis strategies: whole books that are consistent, however wild."""

from datetime import date

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline_tests.analytics.builders import MONEY, sessions_from

SYMBOLS = ("AAA", "BBB", "CCC")

_cents = st.integers(1, 10_000_000)


@st.composite
def books(draw: st.DrawFn, max_sessions: int = 30) -> TrackRecord:
    """A record with random navs (zero and below too), flows, exposures, fills and bars.

    Positions are what the fills add up to; navs have nothing to do with them, so that every number
    meets every other.
    """
    count = draw(st.integers(0, max_sessions))
    days = sessions_from(date(2021, 12, 20), count)
    navs = draw(st.lists(st.integers(-10_000, 50_000_000), min_size=count, max_size=count))
    flows = draw(st.lists(st.integers(-50_000, 50_000), min_size=count, max_size=count))
    exposure = st.one_of(st.floats(-5, 5), st.just(float("nan")), st.just(float("inf")))
    exposures = draw(st.lists(exposure, min_size=count, max_size=count))
    snapshots = pa.table(
        {
            "session": pa.array(days, pa.date32()),
            "nav": _money(navs),
            "initial_capital": _money([1_000_000] * count),
            "flows": _money(np.cumsum(np.array(flows, np.int64))),
            "commissions": _money(range(count)),
            "gross_exposure": pa.array(exposures, pa.float64()),
            "net_exposure": pa.array(exposures, pa.float64()),
        }
    )
    fill = st.tuples(
        st.integers(0, max(count - 1, 0)),
        st.sampled_from(SYMBOLS),
        st.integers(-500, 500).filter(bool),
        _cents,
    )
    fills = draw(st.lists(fill, max_size=25 if count else 0))
    has_bars = draw(st.booleans())
    return TrackRecord(
        snapshots,
        fills_table(days, fills),
        _final_positions(days, fills),
        bars=_bars(days) if has_bars and count else None,
        target_vol=draw(st.one_of(st.none(), st.floats(0.01, 1.0))),
    )


def fills_table(days: list[date], fills: list[tuple[int, str, int, int]]) -> pa.Table:
    """Fills from (row of the session, symbol, quantity, price in 1/100 dollar)."""
    return pa.table(
        {
            "session": pa.array([days[row] for row, *_ in fills], pa.date32()),
            "symbol": pa.array([symbol for _, symbol, _, _ in fills], pa.string()),
            "quantity": pa.array([quantity for _, _, quantity, _ in fills], pa.int64()),
            "price": _money([price for *_, price in fills]),
            "commission": _money([100] * len(fills)),
        }
    )


def _final_positions(days: list[date], fills: list[tuple[int, str, int, int]]) -> pa.Table:
    held = {name: sum(q for _, symbol, q, _ in fills if symbol == name) for name in SYMBOLS}
    held = {name: quantity for name, quantity in held.items() if quantity}
    return pa.table(
        {
            "session": pa.array(days[-1:] * len(held), pa.date32()),
            "symbol": pa.array(list(held), pa.string()),
            "quantity": pa.array(list(held.values()), pa.int64()),
            "cost": _money([10_000] * len(held)),
            "market_value": _money([12_345] * len(held)),
        }
    )


def _bars(days: list[date]) -> pa.Table:
    rows = [(symbol, day) for symbol in SYMBOLS for day in days]
    prices = [10.0 + 0.1 * row for row in range(len(rows))]
    return pa.table(
        {
            "symbol": [symbol for symbol, _ in rows],
            "session": pa.array([day for _, day in rows], pa.date32()),
            "open": prices,
            "close": prices,
        }
    )


def _money(cents: object) -> pa.Array:
    values = np.array(list(cents), np.int64)  # type: ignore[call-overload]
    return pa.array(values / 100.0, pa.float64()).cast(MONEY)
