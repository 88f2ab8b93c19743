"""Tiingo as a source of market data, against a local server."""

from datetime import UTC, date, datetime

import pyarrow.parquet as pq
import pytest

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.market_data.asking import Backoff
from stocker_pipeline.gateways.market_data.tiingo import TiingoMarket
from stocker_pipeline_tests.gateways.market_data.contract import ProviderContract
from stocker_pipeline_tests.gateways.market_data.http_faults import (
    Cut,
    Drip,
    Drop,
    Hang,
    Reply,
    timeouts_for,
)
from stocker_pipeline_tests.gateways.market_data.tiingo_server import (
    TOKEN,
    USED_UP,
    TiingoServer,
    row,
)

NOW = datetime(2024, 2, 15, 22, 30, tzinfo=UTC)
SPAN = date(2024, 1, 2), date(2024, 1, 12)
DAYS = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08", "2024-01-12"]


@pytest.fixture
def server():
    with TiingoServer() as server:
        server.prices["AAA"] = [row(day, 10 + i) for i, day in enumerate(DAYS)]
        server.prices["AAA"][4] |= {"splitFactor": 2.0, "divCash": 0.1}
        server.prices["BRK-B"] = [row(day, 300 + i) for i, day in enumerate(DAYS)]
        yield server


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def market(server, pauses):
    return market_at(server, pauses)


def market_at(server, pauses, now=NOW, *faults):
    return TiingoMarket(
        TOKEN,
        FixedClock(now),
        base_url=server.url,
        backoff=Backoff(pause=pauses.append),
        timeouts=timeouts_for(*faults),
    )


def sessions(answer, symbol="AAA"):
    return [str(r["session"]) for r in answer.bars.to_pylist() if r["symbol"] == symbol]


class TestTiingoMarketAsProvider(ProviderContract):
    @pytest.fixture
    def provider(self, market):
        return market

    @pytest.fixture
    def span(self):
        return SPAN

    @pytest.fixture
    def symbols(self):
        return ["AAA", "BRK.B"]


def test_raw_prices_and_the_adjusted_close_are_taken_and_not_mixed(market):
    (bar,) = market.fetch(["AAA"], date(2024, 1, 3), date(2024, 1, 3)).bars.to_pylist()
    assert {name: bar[name] for name in bar if name not in ("symbol", "session")} == {
        "open": 10.5,
        "high": 12.0,
        "low": 10.0,
        "close": 11.0,
        "volume": 1000.0,
        "adj_close": 5.5,
        "source": "tiingo",
        "known_at": NOW,
    }


def test_the_dividend_and_the_split_of_a_row_are_its_action(market):
    (action,) = market.fetch(["AAA"], *SPAN).actions.to_pylist()
    assert (str(action["session"]), action["split"], action["dividend"]) == ("2024-01-08", 2.0, 0.1)


@pytest.mark.parametrize(
    ("sent", "split"), [(3.000003, 3.0), (0.125, 0.125), (1.5, 1.5), (0.0500001, 0.05), (7, 7.0)]
)
def test_a_split_is_the_nearest_fraction(market, server, sent, split):
    server.prices["S"] = [row("2024-01-03", splitFactor=sent)]
    assert market.fetch(["S"], *SPAN).actions["split"].to_pylist() == [split]


def test_a_factor_that_is_one_but_for_its_last_digits_is_no_action(market, server):
    server.prices["S"] = [row("2024-01-03", splitFactor=1.0000001)]
    assert market.fetch(["S"], *SPAN).actions.num_rows == 0


def test_share_classes_are_asked_for_with_a_dash_and_answered_with_a_dot(market, server):
    answer = market.fetch(["BRK.B"], *SPAN)
    assert sessions(answer, "BRK.B") == DAYS
    (request,) = server.requests
    assert request.path == "/tiingo/daily/BRK-B/prices"
    assert request.query["startDate"] == "2024-01-02"
    assert request.query["endDate"] == "2024-01-12"


def test_the_token_is_a_header_and_never_part_of_the_url(market, server):
    market.fetch(["AAA"], *SPAN)
    assert server.requests[0].headers["authorization"] == f"Token {TOKEN}"
    assert TOKEN not in server.requests[0].target


@pytest.mark.parametrize("symbol", ["../AAA", "AAA?x=1", "AAA/BBB", "AAA#", "", "aaa"])
def test_what_is_no_symbol_cannot_lead_to_another_address(market, server, symbol):
    answer = market.fetch([symbol], *SPAN)
    assert "no symbol" in answer.failed[symbol]
    assert server.requests == []


def test_real_rows_of_tiingo_are_read_to_the_digit(market, server, shared_dir):
    folder = shared_dir / "data" / "dev_etf_tiingo_astraded"
    if not folder.is_dir():
        pytest.skip(f"needs {folder.name} of the reference data")
    prices = pq.read_table(folder / "prices.parquet").to_pylist()
    happened = pq.read_table(folder / "corporate_actions.parquet").to_pylist()
    first, last = date(2005, 6, 1), date(2005, 12, 31)
    sent = {}
    for r in prices:
        if r["symbol"] == "EFA" and first <= (day := date.fromisoformat(str(r["date"]))) <= last:
            numbers = {k: r[k] for k in ("open", "high", "low", "close", "volume")}
            sent[day] = row(day, adjClose=r["adj_close"], **numbers)
    for r in happened:
        day = date.fromisoformat(str(r["date"]))
        if r["symbol"] == "EFA" and day in sent:
            sent[day]["splitFactor" if r["action"] == "split" else "divCash"] = r["value"]
    server.prices["EFA"] = list(sent.values())
    answer = market.fetch(["EFA"], first, last)
    assert answer.bars["close"].to_pylist() == [r["close"] for r in sent.values()]
    assert answer.refused_rows.num_rows == 0
    assert [(str(r["session"]), r["split"], r["dividend"]) for r in answer.actions.to_pylist()] == [
        ("2005-06-09", 3.0, 0.0),
        ("2005-12-23", 1.0, 1.109693),
    ]


# ---- no data and no answer ----


def test_an_unknown_ticker_is_missing(market, server, pauses):
    answer = market.fetch(["NONE", "AAA"], *SPAN)
    assert "Ticker 'NONE' not found" in answer.missing["NONE"]
    assert sessions(answer) == DAYS
    assert pauses == []


def test_no_rows_are_missing(market):
    answer = market.fetch(["AAA"], date(2023, 1, 3), date(2023, 1, 6))
    assert answer.missing["AAA"] == "Tiingo has no bar of AAA from 2023-01-03 to 2023-01-06"


def test_not_found_with_a_status_of_200_is_missing(market, server):
    server.fault(Reply({"detail": "Error: Ticker 'AAA' not found"}, 200))
    assert set(market.fetch(["AAA"], *SPAN).missing) == {"AAA"}


PASSING = {
    "a rate limit without words": Reply("", 429),
    "a server error": Reply({"detail": "Internal Server Error"}, 500),
    "an HTML page of a proxy": Reply("<html>502 Bad Gateway</html>", 502),
    "an error with status 200": Reply({"detail": "Error: please try again"}),
    "a text with status 200": Reply("Error: please try again"),
    "an empty body": Reply(""),
    "null": Reply("null"),
    "half of the JSON": Reply('[{"date": "2024-01-'),
    "no answer": Hang(),
    "a closed connection": Drop(),
    "half a body": Cut(),
    "a body that never ends": Drip(),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_passing_failure_is_asked_again(server, pauses, fault):
    market = market_at(server, pauses, NOW, fault)
    server.fault(fault, times=2)
    answer = market.fetch(["AAA"], *SPAN)
    assert sessions(answer) == DAYS
    assert pauses == [2.0, 8.0]


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_lasting_silence_is_a_failure_never_no_data(server, pauses, fault):
    market = market_at(server, pauses, NOW, fault)
    server.fault(fault, times=99, where="/AAA/")
    answer = market.fetch(["AAA", "BRK.B"], *SPAN)
    assert set(answer.failed) == {"AAA"}
    assert "asked 4 times" in answer.failed["AAA"]
    assert sessions(answer, "BRK.B") == DAYS
    assert pauses == [2.0, 8.0, 32.0]


@pytest.mark.parametrize(
    "reply",
    [
        Reply({"detail": USED_UP}, 429),
        Reply({"detail": USED_UP}, 200),
        Reply(USED_UP, 200),
        Reply("Error: You have run over your daily request allocation.", 429),
    ],
)
def test_a_used_up_allowance_is_not_asked_again_for_any_symbol(market, server, pauses, reply):
    server.fault(reply, times=99)
    answer = market.fetch(["AAA", "BRK.B", "NONE"], *SPAN)
    assert set(answer.failed) == {"AAA", "BRK.B", "NONE"}
    assert "You have run over your" in answer.failed["AAA"]
    assert "not asked any more" in answer.failed["NONE"]
    assert (len(server.requests), pauses) == (1, [])


def test_a_used_up_allowance_of_symbols_fails_the_new_symbol_alone(market, server):
    text = "Error: You have run over your 500 symbol look up for this month."
    server.fault(Reply({"detail": text}, 429), where="/AAA/")
    answer = market.fetch(["AAA", "BRK.B"], *SPAN)
    assert text in answer.failed["AAA"]
    assert sessions(answer, "BRK.B") == DAYS


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_named_by_its_variable_and_asked_once(market, server, status):
    server.fault(Reply({"detail": f"Invalid token {TOKEN}."}, status), times=99)
    answer = market.fetch(["AAA", "BRK.B"], *SPAN)
    assert set(answer.failed) == {"AAA", "BRK.B"}
    assert "TIINGO_API_KEY" in answer.failed["AAA"]
    assert "Invalid token ***." in answer.failed["AAA"]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply("<html>404 no such page</html>", 404),
        Reply({"detail": "startDate is wrong"}, 400),
        Reply("", 302, {"Location": "https://example.com/"}),
    ],
)
def test_an_unexplained_refusal_is_a_failure_and_not_asked_again(market, server, pauses, reply):
    server.fault(reply, times=99)
    answer = market.fetch(["AAA"], *SPAN)
    assert f"HTTP {reply.status}" in answer.failed["AAA"]
    assert (len(server.requests), pauses) == (1, [])


def test_after_three_silent_symbols_the_rest_is_not_asked(market, server):
    server.fault(Drop(), times=999)
    answer = market.fetch([f"S{i}" for i in range(100)], *SPAN)
    assert len(answer.failed) == 100
    assert len(server.requests) == 3 * 4


def test_symbols_that_fail_now_and_then_do_not_end_the_conversation(market, server):
    for i in range(20):
        server.prices[f"S{i}"] = [row(DAYS[0])]
    server.fault(Reply("", 500), times=999, where=lambda r: int(r.path[15:].split("/")[0]) % 2)
    answer = market.fetch([f"S{i}" for i in range(20)], *SPAN)
    assert len(answer.failed) == 10
    assert answer.bars.num_rows == 10


# ---- rows ----


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row("2024-01-06"), "not_a_session"),
        (row("2024-01-03") | dict.fromkeys(("open", "high", "low", "close")), "no_numbers"),
        (row("2024-01-03") | {"close": "ten"}, "unreadable"),
        (row("2024-01-03", splitFactor=0), "unreadable"),
        (row("2024-01-03", splitFactor=None), "unreadable"),
        (row("2024-01-03", splitFactor="nan"), "unreadable"),
        (row("2024-01-03", divCash=None), "unreadable"),
        (row("2024-01-03", divCash=-1), "unreadable"),
        ({k: v for k, v in row("2024-01-03").items() if k != "divCash"}, "unreadable"),
        (row("2024-01-03") | {"date": "2024-01-03T16:00:00.000Z"}, "unreadable"),
        (row("2024-01-03") | {"date": "2024-13-03T00:00:00.000Z"}, "unreadable"),
        (row("2024-01-03") | {"date": None}, "unreadable"),
        ("a text", "unreadable"),
        (None, "unreadable"),
    ],
)
def test_a_row_that_is_no_bar_is_refused_and_the_others_stay(market, server, bad, reason):
    server.fault(Reply([row("2024-01-02"), bad]))
    answer = market.fetch(["AAA"], *SPAN)
    assert sessions(answer) == ["2024-01-02"]
    assert answer.refused_rows["reason"].to_pylist() == [reason]
    assert answer.actions.num_rows == 0


def test_rows_that_cannot_be_read_at_all_are_a_failure(market, server):
    server.fault(Reply([{"unexpected": 1}]))
    assert "unreadable" in market.fetch(["AAA"], *SPAN).failed["AAA"]


def test_of_a_symbol_that_failed_no_action_is_kept(market, server):
    server.fault(Reply([row("2024-01-03", splitFactor=2) | {"close": "ten"}]))
    answer = market.fetch(["AAA"], *SPAN)
    assert set(answer.failed) == {"AAA"}
    assert answer.actions.num_rows == 0


def test_todays_bar_is_not_kept_before_it_is_settled(server, pauses):
    early = market_at(server, pauses, now=datetime(2024, 1, 12, 21, 30, tzinfo=UTC))
    answer = early.fetch(["AAA"], *SPAN)
    assert sessions(answer) == DAYS[:-1]
    assert answer.refused_rows["reason"].to_pylist() == ["live_row"]
    late = market_at(server, pauses, now=datetime(2024, 1, 12, 22, 30, tzinfo=UTC))
    assert sessions(late.fetch(["AAA"], *SPAN)) == DAYS


def test_numbers_that_are_not_finite_are_unknown(market, server):
    server.fault(
        Reply(
            '[{"date": "2024-01-03", "open": NaN, "high": Infinity, "low": 1, "close":'
            ' 1, "volume": null, "adjClose": null, "divCash": 0, "splitFactor": 1}]'
        )
    )
    (bar,) = market.fetch(["AAA"], *SPAN).bars.to_pylist()
    assert [bar[name] for name in ("open", "high", "low", "volume")] == [None, None, 1.0, None]


# ---- configuration ----


@pytest.mark.parametrize("token", [None, "", " \n"])
def test_a_token_that_is_not_set_is_refused_by_its_variable(token):
    with pytest.raises(ConfigurationRefused, match="TIINGO_API_KEY"):
        TiingoMarket(token, FixedClock(NOW))


@pytest.mark.parametrize("url", ["http://api.tiingo.com", "api.tiingo.com", "ftp://x", ""])
def test_the_token_is_not_sent_over_an_open_line(url):
    with pytest.raises(ConfigurationRefused, match="https"):
        TiingoMarket(TOKEN, FixedClock(NOW), base_url=url)


def test_the_token_is_not_shown(server, pauses):
    market = market_at(server, pauses, NOW, *PASSING.values())
    shown = [repr(market), str(market)]
    for fault in PASSING.values():
        server.fault(fault, times=4)
        shown.append(str(dict(market.fetch(["AAA"], *SPAN).failed)))
    assert all(TOKEN not in text for text in shown)
