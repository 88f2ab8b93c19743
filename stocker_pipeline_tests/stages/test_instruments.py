"""Instruments in the lake: what a source says, what bars say where none does, and every version."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import FixedClock, SessionCalendar
from stocker_pipeline.gateways.market_data.instruments import INSTRUMENTS_SCHEMA, read_instruments
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import INSTRUMENTS
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.instruments import (
    STILL_TRADED_SESSIONS,
    instruments_of,
    store_instruments,
)
from stocker_pipeline_tests.stages.fake_gate import find_nothing, judge
from stocker_pipeline_tests.stages.scripted_market import (
    DAYS,
    FIRST,
    LAST,
    NOON,
    ScriptedMarket,
    numbers,
    quiet_market,
)

HOUR = timedelta(hours=1)
NOTHING = INSTRUMENTS_SCHEMA.empty_table()


@pytest.fixture
def with_bars(lake: Lake, clock: FixedClock) -> Lake:
    """AAA and BBB on every day."""
    market = quiet_market(clock)
    ingest(market, lake, market.symbols(), FIRST, LAST, clock=clock, judge=judge)
    return lake


def row(symbol: str, **others: object) -> dict[str, object]:
    return {
        "symbol": symbol,
        "name": f"{symbol} Inc.",
        "asset_class": "us_equity",
        "exchange": "NYSE",
        "currency": "USD",
        "sector": None,
        "first_session": None,
        "last_session": None,
        "tradable": True,
        "shortable": False,
        "source": "vendor",
        "known_at": NOON,
        **others,
    }


def rows(*found: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(found), schema=INSTRUMENTS_SCHEMA)


def stored(lake: Lake, table: pa.Table, clock: FixedClock):
    clock.advance(HOUR)
    return store_instruments(lake, table, clock, judge=judge)


def test_the_lake_keeps_the_columns_that_sources_send():
    assert INSTRUMENTS.schema.names == INSTRUMENTS_SCHEMA.names
    assert INSTRUMENTS.schema.types == INSTRUMENTS_SCHEMA.types


def test_what_a_source_says_is_read_back_as_it_was_said(lake, clock):
    result = stored(lake, rows(row("AAA"), row("BBB", shortable=True)), clock)
    assert (result.received, result.new, result.changed, result.derived) == (2, 2, 0, 0)
    assert instruments_of(lake, ["BBB"]).to_pylist() == [row("BBB", shortable=True)]
    assert instruments_of(lake)["symbol"].to_pylist() == ["AAA", "BBB"]
    assert instruments_of(lake, ["CCC"]).num_rows == 0


def test_the_same_rows_again_write_nothing(with_bars, clock):
    first = stored(with_bars, rows(row("AAA")), clock)
    again = stored(with_bars, rows(row("AAA", known_at=clock.now())), clock)
    assert (again.new, again.changed, again.derived) == (0, 0, 0)
    assert again.version == first.version


def test_only_what_differs_is_a_new_version_and_the_past_stays_readable(lake, clock):
    stored(lake, rows(row("AAA"), row("BBB")), clock)
    before = clock.now()
    later = {"known_at": before + HOUR}
    result = stored(lake, rows(row("AAA", **later), row("BBB", tradable=False, **later)), clock)
    assert (result.new, result.changed) == (0, 1)
    assert [found["tradable"] for found in instruments_of(lake).to_pylist()] == [True, False]
    assert instruments_of(lake, ["BBB"], before).to_pylist() == [row("BBB")]
    assert instruments_of(lake, as_of=NOON - HOUR).num_rows == 0


def test_a_symbol_that_the_source_does_not_name_any_more_keeps_its_row(lake, clock):
    stored(lake, rows(row("AAA"), row("BBB")), clock)
    stored(lake, rows(row("AAA")), clock)
    assert instruments_of(lake)["symbol"].to_pylist() == ["AAA", "BBB"]


def test_a_symbol_twice_is_refused_and_nothing_is_written(lake, clock):
    with pytest.raises(InputRefused, match="each symbol once"):
        stored(lake, rows(row("AAA"), row("AAA", tradable=False)), clock)
    assert instruments_of(lake).num_rows == 0


def test_of_a_symbol_that_no_source_names_the_bars_say_the_least(with_bars, clock):
    result = stored(with_bars, rows(row("BBB")), clock)
    assert (result.new, result.derived, result.unknown) == (1, 1, ("AAA",))
    found = instruments_of(with_bars).to_pylist()
    assert found[0] == {
        **dict.fromkeys(INSTRUMENTS.schema.names),
        "symbol": "AAA",
        "first_session": FIRST,
        "source": "bars",
        "known_at": clock.now(),
    }
    assert found[1] == row("BBB")


def test_a_new_bar_is_no_new_version_of_what_bars_say(with_bars, clock):
    stored(with_bars, NOTHING, clock)
    market = quiet_market(clock)
    monday = date(2024, 1, 16)
    market.bars["AAA", monday] = numbers(20.0)
    clock.advance(timedelta(days=1))
    ingest(market, with_bars, ["AAA"], monday, monday, clock=clock, judge=judge)
    assert stored(with_bars, NOTHING, clock).derived == 0


def test_a_source_that_names_the_symbol_later_takes_the_place_of_the_bars(with_bars, clock):
    stored(with_bars, NOTHING, clock)
    result = stored(with_bars, rows(row("AAA")), clock)
    assert (result.changed, result.derived, result.unknown) == (1, 0, ("BBB",))
    (found,) = instruments_of(with_bars, ["AAA"]).to_pylist()
    assert {**found, "known_at": NOON} == row("AAA")
    assert found["known_at"] == clock.now(), "it is known since it was stored, not before the bars"
    assert stored(with_bars, rows(row("AAA")), clock).derived == 0


@pytest.mark.parametrize(("sessions_later", "ended"), [(0, False), (1, True)])
def test_a_symbol_has_a_last_session_once_the_others_went_on_for_a_month(
    lake, clock, sessions_later, ended
):
    calendar = SessionCalendar.between(FIRST, date(2024, 3, 28))
    days = calendar.sessions(FIRST, date(2024, 3, 28)).tolist()
    last = days[5]
    market = ScriptedMarket(clock)
    for day in days[: 6 + STILL_TRADED_SESSIONS + sessions_later]:
        market.bars["ON", day] = numbers(10.0)
        if day <= last:
            market.bars["OFF", day] = numbers(10.0)
    how = {"clock": clock, "judge": find_nothing}
    ingest(market, lake, ["ON", "OFF"], FIRST, days[-1], **how)
    store_instruments(lake, NOTHING, clock, judge=find_nothing)
    off, on = instruments_of(lake).to_pylist()
    assert (off["symbol"], off["last_session"]) == ("OFF", last if ended else None)
    assert (on["symbol"], on["last_session"]) == ("ON", None)


def test_bars_that_are_left_out_say_nothing(lake, clock):
    market = quiet_market(clock)
    market.bars["AAA", DAYS[0]] = numbers(5_000.0)
    ingest(market, lake, ["AAA"], FIRST, LAST, clock=clock, judge=judge)
    stored(lake, NOTHING, clock)
    assert instruments_of(lake)["first_session"].to_pylist() == [DAYS[1]]


def test_an_empty_lake_without_rows_stays_empty(lake, clock):
    result = stored(lake, NOTHING, clock)
    assert (result.received, result.new, result.derived, result.unknown) == (0, 0, 0, ())
    assert instruments_of(lake).num_rows == 0


def test_a_file_of_instruments_goes_into_the_lake(lake, clock, tmp_path):
    path = tmp_path / "instruments.csv"
    path.write_text(
        "symbol,asset_class,exchange,currency,tradable,shortable\nSPY,etf,ARCA,USD,true,true\n"
    )
    stored(lake, read_instruments(path, known_at=NOON), clock)
    (found,) = instruments_of(lake).to_pylist()
    assert (found["symbol"], found["shortable"], found["name"]) == ("SPY", True, None)
