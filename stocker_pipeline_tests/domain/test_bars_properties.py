"""What holds for any table of bars: it passes unchanged or is refused, and is never repaired."""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stocker_pipeline.domain.bars import validated_bars
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline_tests.domain.bar_tables import bars, with_cell, with_column
from stocker_pipeline_tests.effort import examples

CALENDAR = SessionCalendar.between(date(2023, 1, 1), date(2025, 1, 1))
CENTS = st.integers(1, 10_000_000)
SYMBOLS = ["A", "AAPL", "BRK.B", "BF-A", "ZZZZZZZZZ9"]
SESSIONS = CALENDAR.sessions(date(2024, 1, 2), date(2024, 2, 2)).tolist()


@st.composite
def bar_tables(draw) -> pa.Table:
    """Valid bars: any sorted choice of symbols and sessions, prices in cents."""
    keys = draw(st.sets(st.tuples(st.sampled_from(SYMBOLS), st.sampled_from(SESSIONS)), min_size=1))
    rows = []
    for symbol, session in sorted(keys):
        low, a, b, high = sorted(draw(CENTS) / 100 for _ in range(4))
        opened, closed = draw(st.permutations([a, b]))
        volume = draw(st.none() | st.integers(0, 10**10).map(float))
        adjusted = draw(st.none() | st.floats(1e-6, 1e9))
        rows.append((symbol, str(session), opened, high, low, closed, volume, adjusted))
    return bars(rows)


@settings(max_examples=examples(40, 100))
@given(bar_tables())
def test_any_valid_bars_pass_unchanged_in_either_order(table):
    by_session = table.sort_by([("session", "ascending"), ("symbol", "ascending")])
    assert validated_bars(table, where="x").equals(table)
    assert validated_bars(by_session, where="x").equals(table)


@settings(max_examples=examples(40, 100))
@given(bar_tables(), st.randoms())
def test_any_other_order_is_refused(table, random):
    order = list(range(table.num_rows))
    random.shuffle(order)
    shuffled = table.take(pa.array(order))
    by_session = table.sort_by([("session", "ascending"), ("symbol", "ascending")])
    assume(not shuffled.equals(table) and not shuffled.equals(by_session))
    with pytest.raises(InputRefused, match="sorted by symbol then session"):
        validated_bars(shuffled, where="x")


CORRUPT = {
    "symbol": st.none() | st.text(max_size=12) | st.sampled_from(SYMBOLS),
    "session": st.none() | st.dates() | st.sampled_from(SESSIONS),
}


@settings(max_examples=examples(40, 100))
@given(bar_tables(), st.data())
def test_a_changed_cell_is_refused_or_kept_as_it_is_but_never_repaired(table, data):
    column = data.draw(st.sampled_from(table.column_names))
    row = data.draw(st.integers(0, table.num_rows - 1))
    value = data.draw(CORRUPT.get(column, st.none() | st.floats() | CENTS.map(lambda c: c / 100)))
    changed = with_cell(table, row, column, value)
    try:
        made = validated_bars(changed, where="x")
    except InputRefused as refusal:
        made = refusal
    if isinstance(made, InputRefused):
        assert made.where.startswith("x, row ")
        return
    order = [("symbol", "ascending"), ("session", "ascending")]
    expected = changed.sort_by(order)
    for name in ("volume", "adj_close"):
        known = pc.if_else(pc.is_nan(expected[name]), None, expected[name])
        expected = with_column(expected, name, known)
    assert made.equals(expected)
    prices = made.select(["open", "high", "low", "close"])
    assert all(0.0001 <= price <= 1e9 for row in prices.to_pylist() for price in row.values())
