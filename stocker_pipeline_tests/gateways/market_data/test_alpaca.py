"""Alpaca as a source of market data, through the real SDK against a local server."""

from datetime import UTC, date, datetime, timedelta

import pytest

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.market_data.alpaca import AlpacaMarket
from stocker_pipeline_tests.gateways.market_data.alpaca_server import (
    DAYS,
    KEY_ID,
    SECRET_KEY,
    SPAN,
    AlpacaServer,
    Listing,
    bar_row,
)
from stocker_pipeline_tests.gateways.market_data.contract import ProviderContract
from stocker_pipeline_tests.gateways.market_data.http_faults import Reply

NOW = datetime(2024, 2, 15, 22, 30, tzinfo=UTC)
BARS = "/v2/stocks/bars"


@pytest.fixture
def clock():
    return FixedClock(NOW)


@pytest.fixture
def server(clock):
    with AlpacaServer(clock) as server:
        server.list_two_companies()
        yield server


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def market(server, pauses):
    return server.market(pauses)


def sessions(answer, symbol):
    return [str(row["session"]) for row in answer.bars.to_pylist() if row["symbol"] == symbol]


def refused(answer, reason=None):
    rows = answer.refused_rows.to_pylist()
    return [row for row in rows if reason in (None, row["reason"])]


class TestAlpacaMarketAsProvider(ProviderContract):
    @pytest.fixture
    def provider(self, market):
        return market

    @pytest.fixture
    def span(self):
        return SPAN

    @pytest.fixture
    def symbols(self):
        return ["AAA", "BRK.B"]


class TestAlpacaMarketInSmallPagesAsProvider(TestAlpacaMarketAsProvider):
    @pytest.fixture
    def provider(self, market, server):
        server.page_rows, server.empty_first_page = 1, True
        return market


# ---- what is asked ----


def test_raw_bars_of_the_consolidated_tape_of_todays_bearer_with_both_ends(market, server):
    market.fetch(["AAA"], *SPAN)
    (request,) = server.asked(BARS)
    assert request.query["adjustment"] == "raw"
    assert request.query["feed"] == "sip"
    assert request.query["asof"] == "2024-02-15"
    assert request.query["start"] == "2024-01-02T00:00:00-05:00"
    assert request.query["end"] == "2024-01-12T23:59:59-05:00"
    assert request.query["limit"] == "10000"


def test_the_end_is_never_within_the_15_minutes_that_a_basic_plan_may_not_read(market, server):
    answer = market.fetch(["AAA"], date(2024, 1, 2), date(2024, 12, 31))
    (request,) = server.asked(BARS)
    assert datetime.fromisoformat(request.query["end"]) <= NOW - timedelta(minutes=15)
    assert len(sessions(answer, "AAA")) == len(DAYS)


def test_a_range_that_has_not_begun_is_missing_and_no_bars_are_asked_for(market, server):
    answer = market.fetch(["AAA"], date(2024, 2, 16), date(2024, 2, 20))
    assert "not over" in answer.missing["AAA"]
    assert server.asked(BARS) == []


def test_many_symbols_are_asked_for_a_hundred_at_a_time(market, server):
    symbols = [f"S{i:03}" for i in range(250)]
    for symbol in symbols:
        server.list_company(symbol, [bar_row("2024-01-03")])
    answer = market.fetch(symbols, *SPAN)
    assert answer.bars["symbol"].to_pylist() == symbols
    assert [len(r.query["symbols"].split(",")) for r in server.asked(BARS)] == [100, 100, 50]


def test_the_feed_is_part_of_the_source(server, clock, pauses):
    market = server.market(pauses, feed="iex")
    answer = market.fetch(["AAA"], *SPAN)
    assert market.name == "alpaca:iex"
    assert set(answer.bars["source"].to_pylist()) == {"alpaca:iex"}
    assert server.asked(BARS)[0].query["feed"] == "iex"


@pytest.mark.parametrize(
    "span", [(date.min, date.max), (date.min, date.min), (date.max, date.max)], ids=str
)
def test_the_first_and_last_days_that_there_are_can_be_asked_for(market, span):
    answer = market.fetch(["AAA"], *span)
    assert dict(answer.failed) == {}
    assert len(sessions(answer, "AAA")) == (len(DAYS) if span[0] < span[1] else 0)


# ---- sessions ----


def test_a_bar_stamped_midnight_new_york_is_of_that_date_in_winter_and_summer(market, server):
    server.list_company("DST", [bar_row("2023-03-10"), bar_row("2023-03-13")])
    assert [row["t"] for row in server.bars["DST"]] == [
        "2023-03-10T05:00:00Z",
        "2023-03-13T04:00:00Z",
    ]
    answer = market.fetch(["DST"], date(2023, 3, 1), date(2023, 3, 31))
    assert sessions(answer, "DST") == ["2023-03-10", "2023-03-13"]


@pytest.mark.parametrize(
    ("now", "kept"),
    [
        (datetime(2024, 1, 12, 20, 59, tzinfo=UTC), False),
        (datetime(2024, 1, 12, 21, 59, tzinfo=UTC), False),
        (datetime(2024, 1, 12, 22, 0, tzinfo=UTC), True),
    ],
)
def test_todays_bar_is_kept_an_hour_after_the_close_and_not_before(server, pauses, now, kept):
    server.clock = FixedClock(now)
    answer = server.market(pauses).fetch(["AAA"], *SPAN)
    assert ("2024-01-12" in sessions(answer, "AAA")) is kept
    assert [str(row["session"]) for row in refused(answer, "live_row")] == (
        [] if kept else ["2024-01-12"]
    )


def test_a_symbol_whose_only_bar_is_still_changing_is_missing_not_failed(server, pauses):
    server.clock = FixedClock(datetime(2024, 1, 12, 20, 30, tzinfo=UTC))
    market = server.market(pauses)
    answer = market.fetch(["AAA"], date(2024, 1, 12), date(2024, 1, 12))
    assert "live_row" in answer.missing["AAA"]


# ---- which company ----


def test_with_a_renamed_company_come_its_bars_under_the_old_symbol(market, server):
    changed = date(2024, 1, 5)
    server.bars |= {
        "meta": [bar_row(day, 100) for day in DAYS],
        "ball": [bar_row(day, 1) for day in DAYS],
    }
    server.listings += [
        Listing("meta", "FB", until=changed),
        Listing("meta", "META", since=changed),
        Listing("ball", "META", until=changed),
    ]
    answer = market.fetch(["META"], *SPAN)
    assert sessions(answer, "META") == DAYS
    assert min(answer.bars["close"].to_pylist()) == 100


def test_a_reused_symbol_has_no_bars_of_the_company_before_in_any_part_of_the_range(market, server):
    new = date(2024, 1, 5)
    server.bars |= {
        "sprint": [bar_row(day, 5) for day in DAYS],
        "sentinel": [bar_row(day, 40) for day in DAYS],
    }
    server.listings += [Listing("sprint", "S", until=new), Listing("sentinel", "S", since=new)]
    whole = market.fetch(["S"], *SPAN)
    early = market.fetch(["S"], date(2024, 1, 2), date(2024, 1, 4))
    assert set(whole.bars["close"].to_pylist()) == {40}
    assert set(early.missing) == {"S"}


def test_a_range_before_alpacas_history_says_so(market):
    answer = market.fetch(["AAA"], date(2010, 1, 4), date(2010, 12, 31))
    assert "history begins in 2016" in answer.missing["AAA"]


# ---- symbols that are refused ----


def test_one_malformed_symbol_fails_alone_and_the_others_are_asked_for_again(market, server):
    answer = market.fetch(["AAA", "BRK-B", "BRK.B", "aaa"], *SPAN)
    assert set(answer.failed) == {"BRK-B", "aaa"}
    assert "invalid symbol: BRK-B" in answer.failed["BRK-B"]
    assert set(answer.bars["symbol"].to_pylist()) == {"AAA", "BRK.B"}


def test_what_is_no_symbol_fails_without_being_asked_for(market, server):
    answer = market.fetch(["AAA,BRK.B", "", "AAA"], *SPAN)
    assert set(answer.failed) == {"AAA,BRK.B", ""}
    assert [r.query["symbols"] for r in server.requests] == ["AAA"] * 3
    assert set(answer.bars["symbol"].to_pylist()) == {"AAA"}


def test_a_malformed_symbol_that_is_not_named_is_found_by_halves(market, server):
    names_nobody = Reply({"message": "a symbol is invalid"}, 400)
    server.fault(names_nobody, times=99, where=lambda r: "BAD" in r.query.get("symbols", ""))
    symbols = ["AAA", "BAD", "BRK.B", *[f"S{i}" for i in range(60)]]
    answer = market.fetch(symbols, *SPAN)
    assert dict(answer.failed) == {"BAD": "HTTP 400: a symbol is invalid"}
    assert set(answer.bars["symbol"].to_pylist()) == {"AAA", "BRK.B"}
    assert len(server.asked(BARS)) < 20


def test_a_400_about_something_else_is_asked_once_and_fails_all(market, server, pauses):
    server.fault(Reply({"message": "end should not be before start"}, 400), times=99, where=BARS)
    answer = market.fetch(["AAA", "BRK.B"], *SPAN)
    assert set(answer.failed) == {"AAA", "BRK.B"}
    assert "end should not be before start" in answer.failed["AAA"]
    assert (len(server.asked(BARS)), pauses) == (1, [])


# ---- configuration and secrets ----


@pytest.mark.parametrize(
    ("key_id", "secret_key", "variable"),
    [
        (None, SECRET_KEY, "APCA_API_KEY_ID"),
        ("  ", SECRET_KEY, "APCA_API_KEY_ID"),
        (KEY_ID, None, "APCA_API_SECRET_KEY"),
        (KEY_ID, "", "APCA_API_SECRET_KEY"),
    ],
)
def test_a_key_that_is_not_set_is_refused_by_its_variable(clock, key_id, secret_key, variable):
    with pytest.raises(ConfigurationRefused) as refusal:
        AlpacaMarket(key_id, secret_key, clock)
    assert variable in refusal.value.where
    assert KEY_ID not in str(refusal.value)
    assert SECRET_KEY not in str(refusal.value)


def test_keys_are_not_sent_over_an_open_line(clock):
    with pytest.raises(ConfigurationRefused, match="https"):
        AlpacaMarket(KEY_ID, SECRET_KEY, clock, data_url="http://example.com")


def test_white_space_around_keys_is_not_sent(server, clock, pauses):
    market = server.market(pauses, key_id=f" {KEY_ID}\n", secret_key=f"{SECRET_KEY}\n")
    assert dict(market.fetch(["AAA"], *SPAN).failed) == {}
