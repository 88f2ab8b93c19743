"""The sample market: real prices, and the actions recovered from them."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stocker_pipeline.domain.bars import (
    ACTIONS_SCHEMA,
    BARS_SCHEMA,
    validated_actions,
    validated_bars,
)
from stocker_pipeline.domain.session import FixedClock, SessionCalendar
from stocker_pipeline.gateways.market_data.sample import (
    FIRST_SESSION,
    LAST_SESSION,
    SYMBOLS,
    SampleMarket,
)
from stocker_pipeline_tests.gateways.market_data.contract import ProviderContract

WHOLE = (FIRST_SESSION, LAST_SESSION)


class TestSampleMarketAsProvider(ProviderContract):
    @pytest.fixture
    def provider(self):
        return SampleMarket()

    @pytest.fixture
    def span(self):
        return date(2004, 1, 1), date(2006, 12, 31)


def test_rows_are_the_samples_and_known_since_they_were_asked_for():
    clock = FixedClock(datetime(2026, 11, 21, 7, 0, tzinfo=UTC))
    market = SampleMarket(clock)
    for at in (clock.now(), clock.now() + timedelta(hours=1)):
        clock.advance(at - clock.now())
        answer = market.fetch(["AAPL"], *WHOLE)
        for table in (answer.bars, answer.actions):
            assert set(table["source"].to_pylist()) == {"sample"}
            assert set(table["known_at"].to_pylist()) == {at}


def test_its_bars_and_actions_pass_the_rules_unchanged(market):
    bars, actions = (
        market.bars.select(BARS_SCHEMA.names),
        market.actions.select(ACTIONS_SCHEMA.names),
    )
    assert validated_bars(bars, where="bars").equals(bars)
    assert validated_actions(actions, where="actions").equals(actions)
    assert (dict(market.failed), market.refused_rows.num_rows) == ({}, 0)


@pytest.fixture(scope="module")
def market():
    return SampleMarket().fetch(SYMBOLS, *WHOLE)


def of(table, symbol):
    return table.filter(pc.equal(table["symbol"], symbol))


def actions_of(market, symbol):
    return [
        (str(row["session"]), row["split"], row["dividend"])
        for row in of(market.actions, symbol).to_pylist()
    ]


@pytest.mark.parametrize(
    ("symbol", "first", "bars"),
    [
        ("AAPL", "2000-03-01", 3270),
        ("FB", "2012-05-18", 196),
        ("GOOG", "2004-08-19", 2148),
        ("IBM", "2000-03-01", 3270),
        ("MSFT", "2000-03-01", 3270),
    ],
)
def test_every_symbol_has_a_bar_on_every_session_from_its_first(market, symbol, first, bars):
    sessions = of(market.bars, symbol)["session"].to_pylist()
    expected = SessionCalendar.between(*WHOLE).sessions(date.fromisoformat(first), LAST_SESSION)
    assert sessions == expected.tolist()
    assert len(sessions) == bars


def test_prices_are_as_traded(market):
    row = of(market.bars, "AAPL").to_pylist()[0]
    prices = {name: row[name] for name in ("open", "high", "low", "close", "volume")}
    assert prices == {
        "open": 118.56,
        "high": 132.06,
        "low": 118.5,
        "close": 130.31,
        "volume": 9616100.0,
    }


def test_apple_split_twice_and_paid_three_dividends(market):
    assert actions_of(market, "AAPL") == [
        ("2000-06-21", 2.0, 0.0),
        ("2005-02-28", 2.0, 0.0),
        ("2012-08-09", 1.0, 2.65),
        ("2012-11-07", 1.0, 2.65),
        ("2013-02-07", 1.0, 2.65),
    ]


def test_facebook_and_google_did_neither(market):
    assert actions_of(market, "FB") == actions_of(market, "GOOG") == []


def test_microsoft_split_once_and_paid_its_special_dividend(market):
    found = actions_of(market, "MSFT")
    assert found[:6] == [
        ("2003-02-18", 2.0, 0.0),
        ("2003-02-19", 1.0, 0.08),
        ("2003-10-15", 1.0, 0.16),
        ("2004-08-23", 1.0, 0.08),
        ("2004-11-15", 1.0, 3.08),
        ("2005-02-15", 1.0, 0.08),
    ]
    assert found[-1] == ("2013-02-19", 1.0, 0.23)
    assert len(found) == 38


def test_ibm_paid_every_quarter(market):
    found = actions_of(market, "IBM")
    assert len(found) == 52
    assert [dividend for _, _, dividend in found[:4]] == [0.13] * 4
    assert found[-1] == ("2013-02-06", 1.0, 0.85)
    assert {split for _, split, _ in found} == {1.0}


def test_a_dividend_that_is_none_is_written_as_plus_zero(market):
    assert not np.signbit(market.actions["dividend"].to_numpy()).any()


def test_a_symbol_before_its_first_bar_is_missing_with_its_span():
    answer = SampleMarket().fetch(["FB", "IBM"], date(2000, 3, 1), date(2010, 3, 1))
    assert dict(answer.missing) == {
        "FB": "no bar in the range asked for; its bars run from 2012-05-18 to 2013-03-01"
    }


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_raw_prices_and_actions_give_the_adjusted_close_back(market, symbol):
    """The growth of ENGINE E4, from one session to the next, is that of the adjusted close."""
    bars = of(market.bars, symbol)
    close, adjusted = bars["close"].to_numpy(), bars["adj_close"].to_numpy()
    split, dividend = np.ones(len(close)), np.zeros(len(close))
    for action in of(market.actions, symbol).to_pylist():
        row = bars["session"].to_pylist().index(action["session"])
        split[row], dividend[row] = action["split"], action["dividend"]
    growth = split[1:] * (close[1:] + dividend[1:]) / close[:-1]
    np.testing.assert_allclose(growth, adjusted[1:] / adjusted[:-1], rtol=1e-12)


def test_actions_agree_with_an_independent_source(market, shared_dir):
    path = shared_dir / "data" / "dev_lean_astraded" / "corporate_actions.parquet"
    listed = {
        (row["symbol"], row["date"], row["action"]): row["value"]
        for row in pq.read_table(path).to_pylist()
        if row["symbol"] in ("AAPL", "FB", "GOOG", "IBM")
        and FIRST_SESSION < row["date"] <= LAST_SESSION
    }
    found = {
        (row["symbol"], row["session"], kind): row[kind]
        for row in market.actions.to_pylist()
        for kind, none in (("split", 1.0), ("dividend", 0.0))
        if row["symbol"] != "MSFT" and row[kind] != none
    }
    assert found.keys() == listed.keys()
    assert len(found) == 57
    assert max(abs(found[key] - listed[key]) for key in found) < 1e-4
