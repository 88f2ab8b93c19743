"""Breadth against its definition, written out slowly, and what must not count as a decline."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.analytics.breadth import market_breadth
from stocker_pipeline.domain.bars import ACTIONS_SCHEMA
from stocker_pipeline.lake.schemas import BREADTH
from stocker_pipeline_tests.engine.builders import sessions_from

FIRST_DAY = date(2020, 1, 2)


def bars_of(closes: dict[str, list[float | None]], first: date = FIRST_DAY) -> pa.Table:
    """Bars of consecutive sessions, ``None`` = no bar."""
    count = max(len(values) for values in closes.values())
    sessions = sessions_from(first, count).tolist()
    rows = [
        {"symbol": symbol, "session": day, "close": float(value)}
        for symbol, values in closes.items()
        for day, value in zip(sessions, values, strict=False)
        if value is not None
    ]
    kinds = [("symbol", pa.string()), ("session", pa.date32()), ("close", pa.float64())]
    return pa.Table.from_pylist(rows, schema=pa.schema(kinds))


def actions_of(*rows: tuple[str, date, float, float]) -> pa.Table:
    names = ACTIONS_SCHEMA.names
    made = [dict(zip(names, row, strict=True)) for row in rows]
    return pa.Table.from_pylist(made, schema=ACTIONS_SCHEMA)


def breadth_of(closes: dict[str, list[float | None]], actions: pa.Table | None = None):
    """Rows of every session of the bars, as dictionaries."""
    bars = bars_of(closes)
    first, last = (pc.min_max(bars["session"])[name].as_py() for name in ("min", "max"))
    return market_breadth(bars, actions, first, last).to_pylist()


def moves(row: dict) -> tuple[int, int, int, int]:
    return row["advancing"], row["declining"], row["unchanged"], row["symbols"]


def test_the_rows_are_those_of_the_lakes_table():
    rows = market_breadth(bars_of({"A": [1, 2]}), None, FIRST_DAY, FIRST_DAY)
    assert rows.schema.equals(BREADTH.schema)


def test_a_symbol_rises_falls_or_stands_against_its_own_bar_before():
    rows = breadth_of({"A": [10, 11, 11], "B": [10, 9, 8], "C": [None, 5, 6], "D": [4, None, 5]})
    assert [moves(row) for row in rows] == [(0, 0, 0, 3), (1, 1, 0, 3), (2, 1, 1, 4)]


def test_a_split_and_a_dividend_are_no_decline():
    day = sessions_from(FIRST_DAY, 2).tolist()[1]
    closes = {"A": [30.3, 10.1], "B": [10.0, 9.5], "C": [7.0, 3.5], "D": [0.3, 0.1]}
    actions = actions_of(("A", day, 3.0, 0.0), ("B", day, 1.0, 0.5), ("D", day, 3.0, 0.0))
    assert 3 * 10.1 < 30.3
    assert 3 * 0.1 > 0.3, "rounding goes either way and is no move"
    rows = breadth_of(closes, actions)
    assert moves(rows[1]) == (0, 1, 3, 4), "C fell without an action"


def test_extremes_need_252_bars_and_are_strictly_beyond_the_251_before():
    base = [10.0 + (step % 7) for step in range(251)]
    rows = breadth_of(
        {
            "HIGH": [*base, 16.5, 16.5, 17.0],
            "LOW": [*base, 9.0, 9.0, 8.0],
            "SAME": [*base, 16.0, 10.0, 12.0],
            "YOUNG": [None, *base, 90.0, 0.1],
        }
    )
    found = [(row["new_highs_252"], row["new_lows_252"]) for row in rows[250:]]
    assert found == [(0, 0), (1, 1), (1, 0), (1, 2)], "YOUNG has its 252nd bar one session later"


def test_an_extreme_of_more_than_251_bars_ago_is_forgotten():
    rows = breadth_of({"A": [99.0, *[10.0] * 251, 11.0, 12.0]})
    assert [row["new_highs_252"] for row in rows[-3:]] == [0, 1, 1]
    rows = breadth_of({"A": [99.0, *[10.0] * 250, 11.0]})
    assert rows[-1]["new_highs_252"] == 0, "the first bar is the 251st before the last"


def test_the_share_above_the_average_counts_symbols_with_200_bars_and_is_null_without_one():
    up, down = [float(value) for value in range(1, 203)], [500.0 - value for value in range(202)]
    rows = breadth_of({"UP": up, "DOWN": [None, *down[:201]], "FLAT": [None] * 2 + [7.7] * 200})
    assert [row["above_200_share"] for row in rows[198:]] == [None, 1.0, 0.5, 1 / 3]


def test_a_symbol_without_a_bar_is_not_counted_and_a_session_without_any_has_zeros():
    bars = bars_of({"A": [1, 2, None, 3]})
    rows = market_breadth(bars, None, date(2019, 12, 31), sessions_from(FIRST_DAY, 5).tolist()[4])
    counted = [(str(row["session"]), moves(row)) for row in rows.to_pylist()]
    assert counted == [
        ("2019-12-31", (0, 0, 0, 0)),
        ("2020-01-02", (0, 0, 0, 1)),
        ("2020-01-03", (1, 0, 0, 1)),
        ("2020-01-06", (0, 0, 0, 0)),
        ("2020-01-07", (1, 0, 0, 1)),
        ("2020-01-08", (0, 0, 0, 0)),
    ]
    assert rows["above_200_share"].null_count == 6


@st.composite
def markets(draw: st.DrawFn):
    """Closes that repeat often, with gaps, splits that leave the price alone, and dividends."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    closes = generator.integers(90, 110, (300, 3)).astype(float)
    closes[generator.random(closes.shape) < draw(st.sampled_from([0.0, 0.1]))] = np.nan
    sessions = sessions_from(FIRST_DAY, 300)
    factor = np.where(np.arange(300) >= generator.integers(20, 280), 2.0, 1.0)
    traded = closes.copy()
    traded[:, 0] /= factor
    day = sessions[int(np.argmax(factor == 2.0))].item()
    table = {
        name: [None if np.isnan(value) else value for value in traded[:, j]]
        for j, name in enumerate("ABC")
    }
    return bars_of(table), actions_of(("A", day, 2.0, 0.0)), closes, sessions


def slow_row(closes: np.ndarray, t: int) -> tuple:
    """One row by its definition, from closes on one share basis."""
    row, above, averaged = [0] * 6, 0, 0
    for j in range(closes.shape[1]):
        own = [value for value in closes[: t + 1, j] if not np.isnan(value)]
        if np.isnan(closes[t, j]):
            continue
        row[5] += 1
        if len(own) > 1:
            row[0] += own[-1] > own[-2]
            row[1] += own[-1] < own[-2]
            row[2] += own[-1] == own[-2]
        if len(own) >= 252:
            row[3] += own[-1] > max(own[-252:-1])
            row[4] += own[-1] < min(own[-252:-1])
        if len(own) >= 200:
            averaged += 1
            above += own[-1] * 200 > sum(own[-200:])
    return (*row[:5], above / averaged if averaged else None, row[5])


@settings(max_examples=12)
@given(markets())
def test_breadth_equals_its_definition_and_a_split_changes_nothing(world):
    bars, actions, closes, sessions = world
    first, last = sessions[150].item(), sessions[-1].item()
    rows = market_breadth(bars, actions, first, last).to_pylist()
    assert len(rows) == 150
    for step, row in enumerate(rows):
        assert tuple(row.values())[1:] == slow_row(closes, 150 + step)


@settings(max_examples=25)
@given(markets(), st.integers(150, 298))
def test_a_row_is_the_same_without_the_bars_after_it_and_in_any_range(world, t):
    bars, actions, _, sessions = world
    day = sessions[t].item()
    known = bars.filter(pc.less_equal(bars["session"], pa.scalar(day, pa.date32())))
    whole = market_breadth(bars, actions, sessions[0].item(), sessions[-1].item())
    assert market_breadth(known, actions, day, day).equals(whole.slice(t, 1))


def test_without_any_bar_every_session_has_zeros():
    nothing = bars_of({"A": [1]}).slice(0, 0)
    rows = market_breadth(nothing, None, FIRST_DAY, FIRST_DAY).to_pylist()
    assert [moves(row) for row in rows] == [(0, 0, 0, 0)]
