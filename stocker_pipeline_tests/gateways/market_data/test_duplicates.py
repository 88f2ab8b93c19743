"""Rows that are sent again: one policy, held by every provider that reads rows of a source."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time

import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.market_data.duplicates import settled
from stocker_pipeline.gateways.market_data.file_market import FileMarket
from stocker_pipeline.gateways.market_data.tiingo import TiingoMarket
from stocker_pipeline.gateways.market_data.yahoo_rows import Question, answered
from stocker_pipeline_tests.gateways.market_data.alpaca_server import AlpacaServer, bar_row
from stocker_pipeline_tests.gateways.market_data.http_faults import Reply
from stocker_pipeline_tests.gateways.market_data.test_yahoo_rows import chart_of
from stocker_pipeline_tests.gateways.market_data.tiingo_server import TOKEN, TiingoServer, row
from stocker_pipeline_tests.gateways.market_data.yahoo_server import clock_at

NOW = datetime(2024, 2, 15, 22, 30, tzinfo=UTC)
DAY, NEXT = date(2024, 1, 3), date(2024, 1, 4)
Told = tuple[list[tuple[date, float]], list[tuple[date | None, str]]]


def from_files(tmp_path, closes) -> Told:
    rows = [(DAY, close) for close in closes] + [(NEXT, 10.0)]
    lines = [f"AAA,{day},10,99,1,{close},100" for day, close in rows]
    (tmp_path / "bars.csv").write_text(
        "\n".join(["symbol,session,open,high,low,close,volume", *lines])
    )
    return told_by(FileMarket(tmp_path))


def from_alpaca(tmp_path, closes) -> Told:
    clock = FixedClock(NOW)
    with AlpacaServer(clock) as server:
        bars = [bar_row(str(DAY), close) for close in closes] + [bar_row(str(NEXT), 10)]
        content = {"bars": {"AAA": bars}, "next_page_token": None}
        server.fault(Reply(content), where="/v2/stocks/bars")
        return told_by(server.market([]))


def from_tiingo(tmp_path, closes) -> Told:
    with TiingoServer() as server:
        server.prices["AAA"] = [row(str(DAY), close) for close in closes] + [row(str(NEXT), 10)]
        return told_by(TiingoMarket(TOKEN, FixedClock(NOW), base_url=server.url))


def from_yahoo(tmp_path, closes) -> Told:
    prices = [(DAY, float(close)) for close in closes] + [(NEXT, 10.0)]
    chart = chart_of(
        [(day, time(9, 30), {"close": price, "adj_close": price}) for day, price in prices]
    )
    answer = answered(chart, "AAA", Question.at(clock_at(date(2024, 1, 9)), DAY, NEXT))
    kept = [(bar["session"], bar["close"]) for bar in answer.bars.to_pylist()]
    return kept, [(day, reason) for day, reason, _ in answer.refused]


def told_by(market) -> Told:
    answer = market.fetch(["AAA"], DAY, NEXT)
    kept = [(bar["session"], bar["close"]) for bar in answer.bars.to_pylist()]
    return kept, [(row["session"], row["reason"]) for row in answer.refused_rows.to_pylist()]


@pytest.fixture(params=[from_files, from_alpaca, from_tiingo, from_yahoo])
def told(request, tmp_path) -> Callable[..., Told]:
    """What a provider says of a day that is sent once for each close, and of the day after."""
    return lambda *closes: request.param(tmp_path, closes)


def test_a_day_that_is_sent_once_is_a_bar(told):
    assert told(12) == ([(DAY, 12.0), (NEXT, 10.0)], [])


@pytest.mark.parametrize("times", [2, 3])
def test_the_same_row_again_is_one_bar_and_noted(told, times):
    kept, refused = told(*[12] * times)
    assert kept == [(DAY, 12.0), (NEXT, 10.0)]
    assert refused == [(DAY, "duplicate")] * (times - 1)


@pytest.mark.parametrize("closes", [(12, 13), (12, 13, 12), (12, 12, 13)])
def test_rows_that_differ_are_no_bar_and_all_are_refused(told, closes):
    kept, refused = told(*closes)
    assert kept == [(NEXT, 10.0)]
    assert refused == [(DAY, "duplicate")] * len(closes)


def test_unknown_numbers_are_alike_and_unlike_known_ones():
    nan = float("nan")
    assert settled([(1.0, nan), (1.0, None)], ["a", "b"]).kept == 0
    assert settled([(1.0, nan), (1.0, 2.0)], ["a", "b"]).kept is None


def test_each_row_that_is_refused_says_what_stands_against_it():
    assert settled([(1.0,), (2.0,), (1.0,)], ["a", "b", "c"]).refused == [
        (0, "a; neither kept: b"),
        (1, "b; neither kept: a"),
        (2, "c; neither kept: b"),
    ]
