"""Alpaca's list of assets as instruments."""

from datetime import UTC, datetime

import pytest

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.market_data.alpaca_assets import fetch_alpaca_instruments
from stocker_pipeline.gateways.market_data.asking import Backoff
from stocker_pipeline.gateways.market_data.instruments import (
    INSTRUMENTS_SCHEMA,
    validated_instruments,
)
from stocker_pipeline_tests.gateways.market_data.alpaca_server import (
    KEY_ID,
    SECRET_KEY,
    AlpacaServer,
)
from stocker_pipeline_tests.gateways.market_data.http_faults import (
    Cut,
    Drop,
    Hang,
    Reply,
    timeouts_for,
)

NOW = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)


def asset(symbol="AAPL", **changed):
    row = {
        "id": f"id-{symbol}",
        "class": "us_equity",
        "exchange": "NASDAQ",
        "symbol": symbol,
        "name": f"{symbol} Inc.",
        "status": "active",
        "tradable": True,
        "marginable": True,
        "shortable": True,
        "borrow_status": "easy_to_borrow",
        "fractionable": True,
        "attributes": ["an attribute of next year"],
        **changed,
    }
    return {name: value for name, value in row.items() if value != "absent"}


@pytest.fixture
def server():
    with AlpacaServer(FixedClock(NOW)) as server:
        yield server


@pytest.fixture
def fetch(server):
    def fetch(*rows, symbols=None, fault=None):
        server.assets = list(rows)
        return fetch_alpaca_instruments(
            KEY_ID,
            SECRET_KEY,
            server.clock,
            symbols=symbols,
            trading_url=server.url,
            backoff=Backoff(pause=lambda _: None),
            timeouts=timeouts_for(fault),
        )

    return fetch


def test_rows_become_instruments_in_the_schema_sorted_by_symbol(fetch, server):
    answer = fetch(asset("MSFT"), asset("BRK.B", exchange="NYSE", name=""))
    assert answer.instruments.schema.equals(INSTRUMENTS_SCHEMA)
    assert validated_instruments(answer.instruments, where="x").equals(answer.instruments)
    assert [tuple(row.values()) for row in answer.instruments.to_pylist()] == [
        ("BRK.B", None, "us_equity", "NYSE", "USD", *[None] * 3, True, True, "alpaca", NOW),
        ("MSFT", "MSFT Inc.", "us_equity", "NASDAQ", "USD", *[None] * 3, True, True, "alpaca", NOW),
    ]
    assert server.requests[0].query == {"asset_class": "us_equity"}


def test_words_that_the_sdk_does_not_know_are_taken_as_they_are(fetch):
    row = asset(exchange="TXSE", status="ipo_pending", **{"class": "treasury"})
    (instrument,) = fetch(row).instruments.to_pylist()
    assert instrument["exchange"] == "TXSE"
    assert instrument["asset_class"] == "treasury"
    assert instrument["tradable"] is False


@pytest.mark.parametrize(
    ("changed", "tradable", "shortable"),
    [
        ({}, True, True),
        ({"borrow_status": "absent", "easy_to_borrow": True}, True, True),
        ({"borrow_status": "absent"}, True, False),
        ({"borrow_status": "hard_to_borrow"}, True, False),
        ({"borrow_status": "hard_to_borrow", "easy_to_borrow": True}, True, False),
        ({"borrow_status": "a new word"}, True, False),
        ({"shortable": False}, True, False),
        ({"tradable": False}, False, False),
        ({"status": "inactive"}, False, False),
    ],
)
def test_tradable_needs_active_and_shortable_needs_easy_to_borrow(
    fetch, changed, tradable, shortable
):
    (instrument,) = fetch(asset(**changed)).instruments.to_pylist()
    assert (instrument["tradable"], instrument["shortable"]) == (tradable, shortable)


def test_of_a_symbol_that_is_there_twice_the_active_one_is_kept(fetch):
    for rows in [
        (asset("S", name="Sprint", status="inactive"), asset("S", name="SentinelOne")),
        (asset("S", name="SentinelOne"), asset("S", name="Sprint", status="inactive")),
    ]:
        answer = fetch(*rows)
        assert answer.instruments["name"].to_pylist() == ["SentinelOne"]
        assert answer.refused_rows["reason"].to_pylist() == ["duplicate"]
        assert "inactive 'Sprint'" in answer.refused_rows["evidence"][0].as_py()


@pytest.mark.parametrize(
    "row",
    [
        asset(tradable="yes"),
        asset(shortable="absent"),
        asset(exchange=None),
        asset(status="absent"),
        asset("037833100"),
        asset(symbol=None),
        "a text",
        None,
    ],
)
def test_a_row_that_is_no_instrument_is_refused_and_the_others_stay(fetch, row):
    answer = fetch(asset("GOOD"), row)
    assert answer.instruments["symbol"].to_pylist() == ["GOOD"]
    assert answer.refused_rows["reason"].to_pylist() == ["unreadable"]
    assert answer.failed is None


def test_symbols_asked_for_and_not_there_are_missing(fetch):
    answer = fetch(asset("AAPL"), asset("037833100"), asset("MSFT"), symbols=["AAPL", "NONE"])
    assert answer.instruments["symbol"].to_pylist() == ["AAPL"]
    assert set(answer.missing) == {"NONE"}
    assert answer.refused_rows.num_rows == 0


@pytest.mark.parametrize(
    "fault",
    [Hang(), Drop(), Cut(), Reply("", 500), Reply({"message": "no"}, 403), Reply({"a": 1})],
    ids=lambda fault: type(fault).__name__,
)
def test_a_list_that_does_not_come_is_a_failure_with_its_reason_not_an_empty_list(
    fetch, server, fault
):
    server.fault(fault, times=99)
    answer = fetch(asset(), symbols=["AAPL"], fault=fault)
    assert answer.failed
    assert answer.instruments.equals(INSTRUMENTS_SCHEMA.empty_table())
    assert dict(answer.missing) == {}


def test_an_empty_list_is_not_believed(fetch):
    assert "without any instrument" in fetch().failed


def test_a_key_that_is_not_set_is_refused_by_its_variable():
    with pytest.raises(ConfigurationRefused, match="APCA_API_SECRET_KEY"):
        fetch_alpaca_instruments(KEY_ID, None, FixedClock(NOW))
