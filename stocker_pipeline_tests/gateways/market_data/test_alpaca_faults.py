"""What becomes of Alpaca's failures, and of rows that are no bars."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.market_data.alpaca_client import SIP_TOO_RECENT
from stocker_pipeline_tests.gateways.market_data.alpaca_server import (
    DAYS,
    KEY_ID,
    SECRET_KEY,
    SPAN,
    AlpacaServer,
    bar_row,
)
from stocker_pipeline_tests.gateways.market_data.http_faults import Cut, Drip, Drop, Hang, Reply

NOW = datetime(2024, 2, 15, 22, 30, tzinfo=UTC)
BARS, ACTIONS = "/v2/stocks/bars", "/v1/corporate-actions"


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


# ---- failures of the source ----

PASSING = {
    "a rate limit": Reply({"message": "too many requests."}, 429),
    "an HTML page of a proxy": Reply("<html>502 Bad Gateway</html>", 502),
    "a gateway time-out": Reply({"message": "timeout"}, 504),
    "an error without a body": Reply("", 500),
    "an empty body": Reply(""),
    "a body that is not JSON": Reply("Error: try later"),
    "JSON without bars": Reply({}),
    "JSON without a token": Reply({"bars": {}}),
    "a list": Reply([]),
    "bars as a list": Reply({"bars": [1], "next_page_token": None}),
    "no answer": Hang(),
    "a closed connection": Drop(),
    "half a body": Cut(),
    "a body that never ends": Drip(),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_passing_failure_is_asked_again_and_the_answer_is_whole(server, clock, pauses, fault):
    market = server.market(pauses, fault)
    expected = market.fetch(["AAA", "BRK.B"], *SPAN)
    server.fault(fault, times=2, where=BARS)
    answer = market.fetch(["AAA", "BRK.B"], *SPAN)
    assert answer.bars.equals(expected.bars)
    assert dict(answer.failed) == {}
    assert pauses == [2.0, 8.0]


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
@pytest.mark.parametrize("where", [BARS, ACTIONS])
def test_a_lasting_silence_fails_after_four_tries_and_nothing_of_it_is_kept(
    server, clock, pauses, fault, where
):
    market = server.market(pauses, fault)
    server.fault(fault, times=99, where=where)
    answer = market.fetch(["AAA", "NONE"], *SPAN)
    assert set(answer.failed) == {"AAA", "NONE"}
    assert answer.bars.num_rows == answer.actions.num_rows == 0
    assert len(server.asked(where)) == 4
    assert pauses == [2.0, 8.0, 32.0]
    assert "asked 4 times" in answer.failed["AAA"]


def test_a_time_out_says_so_with_its_limits(server, clock, pauses):
    market = server.market(pauses, Hang())
    server.fault(Hang(), times=99)
    answer = market.fetch(["AAA"], *SPAN)
    assert "timed out" in answer.failed["AAA"]
    assert "0.3 s between pieces" in answer.failed["AAA"]


def test_a_failing_page_is_asked_again_alone_and_fails_all_symbols_if_it_stays_away(market, server):
    server.page_rows = 4
    server.fault(Drop(), where="page_token=8")
    assert dict(market.fetch(["AAA", "BRK.B"], *SPAN).failed) == {}
    assert len(server.asked(BARS)) == 3 + 1
    server.fault(Drop(), times=99, where="page_token=8")
    answer = market.fetch(["AAA", "BRK.B"], *SPAN)
    # All of AAA came before the page that did not; it is not taken for the whole.
    assert set(answer.failed) == {"AAA", "BRK.B"}
    assert answer.bars.num_rows == 0


def test_pages_that_go_in_a_circle_are_given_up(market, server):
    circle = {"bars": {"AAA": [bar_row(DAYS[0])]}, "next_page_token": "again"}
    server.fault(Reply(circle), times=99, where=BARS)
    answer = market.fetch(["AAA"], *SPAN)
    assert "go in a circle" in answer.failed["AAA"]


def test_bars_of_null_are_an_answer_without_bars(market, server):
    server.fault(Reply({"bars": None, "next_page_token": None}), where=BARS)
    assert set(market.fetch(["AAA"], *SPAN).missing) == {"AAA"}


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({"Retry-After": "20"}, 20.0),
        ({"Retry-After": "Thu, 15 Feb 2024 22:30:30 GMT"}, 30.0),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 45)}, 45.0),
        ({"X-RateLimit-Reset": "soon"}, 2.0),
        ({"Retry-After": "0"}, 2.0),
    ],
)
def test_the_wait_that_a_rate_limit_asks_for_is_kept(market, server, pauses, headers, pause_s):
    server.fault(Reply({"message": "too many requests."}, 429, headers), where=BARS)
    assert dict(market.fetch(["AAA"], *SPAN).failed) == {}
    assert pauses == [pause_s]


def test_a_wait_longer_than_a_minute_is_not_waited_for(market, server, pauses):
    server.fault(Reply("", 429, {"Retry-After": "3600"}), times=99)
    answer = market.fetch(["AAA"], *SPAN)
    assert "3,600 s" in answer.failed["AAA"]
    assert (len(server.requests), pauses) == (1, [])


def test_after_three_silent_questions_the_rest_is_not_asked(market, server):
    server.fault(Drop(), times=999)
    answer = market.fetch([f"S{i:03}" for i in range(1000)], *SPAN)
    assert len(answer.failed) == 1000
    assert len(server.requests) == 3 * 4
    assert "not asked any more" in answer.failed["S999"]


def test_recent_sip_data_is_no_matter_of_keys(market, server, clock):
    server.clock = FixedClock(NOW - timedelta(hours=1))  # The machine's clock is ahead.
    answer = market.fetch(["AAA"], date(2024, 2, 1), date(2024, 2, 15))
    assert answer.failed["AAA"] == SIP_TOO_RECENT
    assert "APCA" not in answer.failed["AAA"]
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_refused_keys_are_named_by_their_variables_and_asked_once(server, clock, pauses, status):
    server.fault(Reply({"message": f"forbidden for {SECRET_KEY}."}, status), times=99)
    answer = server.market(pauses).fetch(["AAA", "BRK.B"], *SPAN)
    assert set(answer.failed) == {"AAA", "BRK.B"}
    assert "APCA_API_KEY_ID and APCA_API_SECRET_KEY" in answer.failed["AAA"]
    assert "forbidden for ***." in answer.failed["AAA"]
    assert (len(server.requests), pauses) == (1, [])


# ---- rows that are no bars ----


def rows_of(market, server, *rows, asked="AAA", key="AAA"):
    content = {"bars": {key: list(rows)}, "next_page_token": None}
    server.fault(Reply(content), where=BARS)
    return market.fetch([asked], *SPAN)


GOOD = bar_row("2024-01-03")


@pytest.mark.parametrize(
    ("row", "reason", "session"),
    [
        (bar_row("2024-01-06"), "not_a_session", "2024-01-06"),
        (GOOD | {"o": None, "h": None, "l": None, "c": None}, "no_numbers", "2024-01-03"),
        (GOOD | {"c": "ten"}, "unreadable", "2024-01-03"),
        (GOOD | {"c": True}, "unreadable", "2024-01-03"),
        (GOOD | {"v": [1]}, "unreadable", "2024-01-03"),
        (GOOD | {"c": 10**400}, "unreadable", "2024-01-03"),
        (GOOD | {"t": "2024-01-03T14:30:00Z"}, "unreadable", None),
        (GOOD | {"t": "2024-01-03"}, "unreadable", None),
        (GOOD | {"t": None}, "unreadable", None),
        ({k: v for k, v in GOOD.items() if k != "h"}, "unreadable", None),
        (bar_row("2024-01-16"), "unreadable", "2024-01-16"),
        ("a text", "unreadable", None),
        (None, "unreadable", None),
    ],
)
def test_a_row_that_is_no_bar_is_refused_with_its_reason_and_the_others_stay(
    market, server, row, reason, session
):
    answer = rows_of(market, server, bar_row("2024-01-04"), row)
    assert sessions(answer, "AAA") == ["2024-01-04"]
    (bad,) = refused(answer, reason)
    assert bad["symbol"] == "AAA"
    assert bad["session"] == (date.fromisoformat(session) if session else None)


@pytest.mark.parametrize("row", [GOOD | {"c": "ten"}, {"t": 1}, 7])
def test_a_symbol_without_a_readable_row_has_failed(market, server, row):
    answer = rows_of(market, server, row)
    assert "unreadable" in answer.failed["AAA"]


def test_a_symbol_with_rows_on_holidays_alone_is_missing(market, server):
    answer = rows_of(market, server, bar_row("2024-01-06"))
    assert "not_a_session" in answer.missing["AAA"]


def test_rows_sent_twice_count_once_if_alike_and_not_at_all_if_they_differ(market, server):
    alike, one, other = bar_row("2024-01-03"), bar_row("2024-01-04", 5), bar_row("2024-01-04", 6)
    answer = rows_of(market, server, alike, alike, one, other, one, bar_row("2024-01-05"))
    assert sessions(answer, "AAA") == ["2024-01-03", "2024-01-05"]
    assert [str(row["session"]) for row in refused(answer, "duplicate")] == [
        "2024-01-03",
        "2024-01-04",
        "2024-01-04",
        "2024-01-04",
    ]


def test_bars_of_a_symbol_that_was_not_asked_for_are_refused(market, server):
    answer = rows_of(market, server, GOOD, key="FB")
    assert set(answer.missing) == {"AAA"}
    assert refused(answer)[0]["symbol"] == "FB"


def test_wrong_prices_are_handed_on_and_unknown_ones_are_null(market, server):
    row = GOOD | {"o": 0, "h": 1, "l": 2, "c": float("inf"), "v": None}
    answer = rows_of(market, server, row)
    (bar,) = answer.bars.to_pylist()
    assert [bar[k] for k in ("open", "high", "low", "close", "volume", "adj_close")] == [
        0.0,
        1.0,
        2.0,
        None,
        None,
        None,
    ]


def test_the_time_of_receipt_is_when_the_answer_was_complete(market, server, clock):
    answer = market.fetch(["AAA"], *SPAN)
    assert set(answer.bars["known_at"].to_pylist()) == {NOW}


def test_no_secret_is_shown_by_the_provider_or_by_any_failure(server, clock, pauses):
    market = server.market(pauses, secret_key="s3cr3t\nwith a line break")
    shown = [
        repr(market),
        repr(vars(market)),
        json.dumps(dict(market.fetch(["AAA"], *SPAN).failed)),
    ]
    assert "InvalidHeader" in shown[-1]
    market = server.market(pauses, *PASSING.values())
    for fault in PASSING.values():
        server.fault(fault, times=4, where=BARS)
        shown.append(json.dumps(dict(market.fetch(["AAA"], *SPAN).failed)))
    for text in shown:
        assert SECRET_KEY not in text
        assert KEY_ID not in text
        assert "s3cr3t" not in text
