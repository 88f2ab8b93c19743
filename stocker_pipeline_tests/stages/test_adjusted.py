"""Adjusted closes fetched day by day grow like those fetched in one piece."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.lake.schemas import BARS, CORPORATE_ACTIONS, FINDINGS
from stocker_pipeline.stages.adjusted import on_one_basis
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.market import current_bars
from stocker_pipeline_tests.stages.scripted_market import ScriptedMarket, numbers

DAYS: list[date] = (
    SessionCalendar.between(date(2023, 1, 3), date(2023, 12, 29))
    .sessions(date(2023, 1, 3), date(2023, 12, 29))
    .tolist()
)
CLOSES = np.round(100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, len(DAYS)))), 2)
DIVIDENDS = {DAYS[40]: 0.8, DAYS[103]: 0.8, DAYS[166]: 0.9}
SPLITS = {DAYS[120]: 2.0}
CLOSES[120:] = np.round(CLOSES[120:] / 2, 2)
AT = datetime(2024, 1, 15, 12, tzinfo=UTC)


def adjusted(up_to: date) -> np.ndarray:
    """What a vendor says on a day: closes divided by every action so far."""
    factor = np.ones(len(DAYS))
    for row, day in enumerate(DAYS):
        if row and day <= up_to:
            split, paid = SPLITS.get(day, 1.0), DIVIDENDS.get(day, 0.0)
            factor[:row] *= (1 - paid * split / CLOSES[row - 1]) / split
    return CLOSES * factor


def table(cuts: list[int], scale: float = 1.0) -> pa.Table:
    """A year fetched in pieces that end before these rows, each adjusted on its last day."""
    rows = []
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(DAYS)], strict=True)):
        known = adjusted(DAYS[end - 1]) if start < end else CLOSES
        for row in range(start, end):
            bar = numbers(CLOSES[row], adj_close=known[row] * scale)
            at = AT + timedelta(days=number)
            rows.append(
                {"symbol": "AAA", "session": DAYS[row], **bar, "source": "v", "known_at": at}
            )
    return pa.Table.from_pylist(rows, schema=BARS.schema)


ACTIONS = pa.Table.from_pylist(
    [
        {
            "symbol": "AAA",
            "session": day,
            "split": SPLITS.get(day, 1.0),
            "dividend": DIVIDENDS.get(day, 0.0),
            "source": "v",
            "known_at": AT,
        }
        for day in sorted({*SPLITS, *DIVIDENDS})
    ],
    schema=CORPORATE_ACTIONS.schema,
)
WHOLE = np.diff(np.log(adjusted(DAYS[-1])))


def growth(bars: pa.Table) -> np.ndarray:
    return np.diff(np.log(bars["adj_close"].to_numpy()))


@given(st.lists(st.integers(1, len(DAYS) - 1), max_size=30, unique=True).map(sorted))
def test_however_it_was_cut_it_grows_as_in_one_piece(cuts):
    assert growth(on_one_basis(table(cuts), ACTIONS)) == pytest.approx(WHOLE, abs=2e-5)


def test_fetched_day_by_day_without_this_the_dividends_and_the_split_are_wrong():
    daily = table(list(range(1, len(DAYS))))
    assert np.abs(growth(daily) - WHOLE).max() > 0.6
    assert growth(on_one_basis(daily, ACTIONS)) == pytest.approx(WHOLE, abs=1e-9)


def test_one_retrieval_is_handed_on_as_it_is():
    bars = table([])
    assert on_one_basis(bars, ACTIONS) is bars
    assert on_one_basis(bars, ACTIONS.slice(0, 0)) is bars


def test_retrievals_on_the_same_basis_are_handed_on_as_they_are():
    bars = table([200, 220])
    assert on_one_basis(bars, ACTIONS) is bars


def test_what_was_there_does_not_move_when_bars_are_added():
    bars = table([60, 130, 180])
    before = on_one_basis(bars.slice(0, 150), ACTIONS)
    after = on_one_basis(bars, ACTIONS)
    assert after.slice(0, 150).equals(before)
    assert after.slice(0, 60).equals(bars.slice(0, 60))


def test_another_symbol_and_unknown_closes_are_left_alone():
    one = table([100])
    other = one.set_column(0, "symbol", pa.array(["BBB"] * one.num_rows))
    place = BARS.schema.get_field_index("adj_close")
    unknown = other.set_column(place, BARS.schema.field(place), pa.nulls(len(DAYS), pa.float64()))
    found = on_one_basis(pa.concat_tables([one, unknown]), ACTIONS)
    assert found.slice(len(DAYS)).equals(unknown)
    assert growth(found.slice(0, len(DAYS))) == pytest.approx(WHOLE, abs=2e-5)


def test_a_lake_that_is_filled_day_by_day_has_one_basis_and_no_findings_of_it(lake, clock):
    clock.advance(datetime(2024, 1, 16, tzinfo=UTC) - clock.now())
    market = ScriptedMarket(clock)
    market.actions = {
        ("AAA", day): (SPLITS.get(day, 1.0), DIVIDENDS.get(day, 0.0))
        for day in {*SPLITS, *DIVIDENDS}
    }
    for start, end in ((0, 30), (30, 60), (60, 110), (110, 200)):
        known = adjusted(DAYS[end - 1])
        for row in range(start, end):
            market.bars["AAA", DAYS[row]] = numbers(CLOSES[row], adj_close=known[row])
        clock.advance(timedelta(hours=1))
        ingest(market, lake, ["AAA"], DAYS[start], DAYS[end - 1], clock=clock)
    bars = current_bars(lake, ["AAA"]).bars
    assert growth(bars) == pytest.approx(WHOLE[:199], abs=2e-5)
    rules = set(lake.read(FINDINGS)["rule"].to_pylist())
    assert rules.isdisjoint({"adjusted_step", "action_not_adjusted"})
