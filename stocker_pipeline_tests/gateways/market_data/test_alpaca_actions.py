"""Splits and dividends from Alpaca's corporate actions."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.market_data.alpaca import AlpacaMarket
from stocker_pipeline.gateways.market_data.alpaca_actions import Rename, Tenure, tenures
from stocker_pipeline.gateways.market_data.asking import Backoff
from stocker_pipeline_tests.gateways.market_data.alpaca_server import (
    KEY_ID,
    SECRET_KEY,
    AlpacaServer,
    Listing,
    bar_row,
)
from stocker_pipeline_tests.gateways.market_data.http_faults import Reply

NOW = datetime(2024, 2, 15, 22, 30, tzinfo=UTC)
SPAN = date(2024, 1, 2), date(2024, 1, 31)
ACTIONS = "/v1/corporate-actions"


@pytest.fixture
def server():
    with AlpacaServer(FixedClock(NOW)) as server:
        for symbol in ("AAA", "BBB"):
            server.list_company(symbol, [bar_row("2024-01-03"), bar_row("2024-01-30")])
        yield server


@pytest.fixture
def fetch(server):
    def fetch(*symbols, span=SPAN):
        market = AlpacaMarket(
            KEY_ID,
            SECRET_KEY,
            server.clock,
            data_url=server.url,
            backoff=Backoff(pause=lambda _: None),
        )
        return market.fetch(symbols or ["AAA"], *span)

    return fetch


def actions(answer):
    return [
        (row["symbol"], str(row["session"]), row["split"], row["dividend"])
        for row in answer.actions.to_pylist()
    ]


def evidence(answer):
    return [row["evidence"] for row in answer.refused_rows.to_pylist()]


def split(symbol="AAA", day="2024-01-10", new: object = 2, old: object = 1, **more):
    dates = {"ex_date": day, "process_date": day}
    return {"symbol": symbol, "new_rate": new, "old_rate": old, **dates, **more}


def dividend(symbol="AAA", day="2024-01-10", rate: object = 0.25, **more):
    dates = {"ex_date": day, "process_date": day}
    return {"symbol": symbol, "rate": rate, "special": False, "foreign": False, **dates, **more}


def rename(old, new, day):
    return {"old_symbol": old, "new_symbol": new, "old_cusip": "1", "new_cusip": "1"} | {
        "process_date": day
    }


# ---- what an action is ----


@pytest.mark.parametrize(
    ("group", "row", "expected"),
    [
        ("forward_splits", split(new=3, old=2), (1.5, 0.0)),
        ("forward_splits", split(new="4", old="1"), (4.0, 0.0)),
        ("forward_splits", split(new=3.000003, old=1), (3.0, 0.0)),
        ("reverse_splits", split(new=1, old=50, new_symbol="AAAD"), (0.02, 0.0)),
        ("reverse_splits", split(new=0.1, old=1), (0.1, 0.0)),
        ("stock_dividends", dividend(rate=0.05), (1.05, 0.0)),
        ("cash_dividends", dividend(rate=0.125, currency="USD"), (1.0, 0.125)),
        ("cash_dividends", dividend(rate="0.086928", foreign=True), (1.0, 0.086928)),
    ],
)
def test_splits_and_dividends_by_ex_date(fetch, server, group, row, expected):
    server.action(group, **row)
    answer = fetch()
    assert actions(answer) == [("AAA", "2024-01-10", *expected)]
    assert answer.refused_rows.num_rows == 0


def test_what_happens_on_one_ex_date_is_one_row(fetch, server):
    server.action("cash_dividends", **dividend(rate=0.1))
    server.action("cash_dividends", **dividend(rate=0.2, special=True))
    server.action("forward_splits", **split(new=3, old=1))
    server.action("stock_dividends", **dividend(rate=0.5))
    assert actions(fetch()) == [("AAA", "2024-01-10", 4.5, 0.3)]


def test_splits_that_undo_each_other_are_no_action(fetch, server):
    server.action("reverse_splits", **split(new=1, old=100))
    server.action("forward_splits", **split(new=100, old=1))
    assert actions(fetch()) == []


def test_an_action_of_a_symbol_without_a_bar_is_kept(fetch, server):
    server.action("forward_splits", **split("HALT"))
    answer = fetch("HALT")
    assert set(answer.missing) == {"HALT"}
    assert actions(answer) == [("HALT", "2024-01-10", 2.0, 0.0)]


@pytest.mark.parametrize(
    ("group", "row"),
    [
        ("forward_splits", split(new=0, old=1)),
        ("forward_splits", split(new=2, old=0)),
        ("forward_splits", split(new=-2, old=1)),
        ("forward_splits", split(new="two", old=1)),
        ("forward_splits", split(new=None, old=1)),
        ("forward_splits", {"symbol": "AAA", "process_date": "2024-01-10", "new_rate": 2}),
        ("reverse_splits", split(new=1, old=1500)),
        ("forward_splits", split(new=1001, old=1)),
        ("forward_splits", split(ex_date="soon")),
        ("stock_dividends", dividend(rate=0)),
        ("stock_dividends", dividend(rate=-0.5)),
        ("cash_dividends", dividend(rate=-0.1)),
        ("cash_dividends", dividend(rate=0)),
        ("cash_dividends", dividend(rate=None)),
        ("cash_dividends", dividend(rate="1.0 USD")),
        ("cash_dividends", dividend(currency="GBP")),
    ],
)
def test_an_action_that_cannot_be_read_is_refused_and_bars_and_other_actions_stay(
    fetch, server, group, row
):
    server.action(group, **row)
    server.action("cash_dividends", **dividend(day="2024-01-11", rate=1))
    answer = fetch()
    assert answer.bars.num_rows == 2
    assert answer.refused_rows["reason"].to_pylist() == ["unreadable"]
    assert evidence(answer)[0].startswith(group)
    assert actions(answer) == [("AAA", "2024-01-11", 1.0, 1.0)]


@pytest.mark.parametrize("rows", [["a text"], [None], [7], "a text", [{"rate": 1}]])
def test_rows_that_name_no_symbol_are_refused_not_dropped(fetch, server, rows):
    server.fault(
        Reply({"corporate_actions": {"cash_dividends": rows}, "next_page_token": None}),
        where=lambda r: r.path == ACTIONS and "types" not in r.query,
    )
    assert evidence(fetch())[0].startswith("cash_dividends, without a symbol")


@pytest.mark.parametrize(
    ("group", "row"),
    [
        (
            "spin_offs",
            {
                "source_symbol": "AAA",
                "source_rate": 19.35,
                "new_symbol": "SRM",
                "new_rate": 1,
                "ex_date": "2024-01-10",
                "process_date": "2024-01-10",
            },
        ),
        (
            "cash_mergers",
            {
                "acquiree_symbol": "AAA",
                "rate": 5.37,
                "effective_date": "2024-01-10",
                "process_date": "2024-01-12",
            },
        ),
        ("name_changes", rename("AAA", "ZZZ", "2024-01-10")),
        ("worthless_removals", {"symbol": "AAA", "process_date": "2024-01-10"}),
        ("partial_calls", {"symbol": "AAA", "process_date": "2024-01-10", "price": 15}),
        ("something_new", {"symbol": "AAA", "process_date": "2024-01-10", "what": "?"}),
    ],
)
def test_what_is_neither_a_split_nor_a_dividend_is_named_among_the_refused_rows(
    fetch, server, group, row
):
    server.action(group, **row)
    answer = fetch()
    (refused,) = answer.refused_rows.to_pylist()
    assert (refused["symbol"], str(refused["session"])) == ("AAA", "2024-01-10")
    assert refused["reason"] == "other_action"
    assert refused["evidence"].startswith(f"{group}, neither a split nor a dividend:")
    assert "AAA" in refused["evidence"]
    assert answer.bars.num_rows == 2


def test_a_row_that_two_pages_repeat_counts_once(fetch, server):
    server.page_rows = 1
    server.action("cash_dividends", id="same", **dividend(rate=1))
    server.action("cash_dividends", id="same", **dividend(rate=1))
    answer = fetch()
    assert actions(answer) == [("AAA", "2024-01-10", 1.0, 1.0)]
    assert answer.refused_rows.num_rows == 0


def test_a_split_is_not_also_one_of_the_new_symbol_that_it_names(fetch, server):
    server.action("reverse_splits", **split(new=1, old=50, new_symbol="BBB"))
    assert actions(fetch("AAA", "BBB")) == [("AAA", "2024-01-10", 0.02, 0.0)]


def test_one_dividend_under_two_ids_counts_once_and_is_reported(fetch, server):
    server.action("cash_dividends", **dividend(rate=1))
    server.action("cash_dividends", **dividend(rate=1))
    answer = fetch()
    assert actions(answer) == [("AAA", "2024-01-10", 1.0, 1.0)]
    assert [row["reason"] for row in answer.refused_rows.to_pylist()] == ["duplicate"]


# ---- which are asked for ----


def test_dates_of_processing_are_asked_for_widely_and_ex_dates_choose(fetch, server):
    for day, processed in [
        ("2024-01-01", "2024-01-05"),
        ("2024-01-02", "2023-12-20"),
        ("2024-01-31", "2024-04-10"),
        ("2024-02-01", "2024-02-01"),
    ]:
        server.action("cash_dividends", **dividend(day=day) | {"process_date": processed})
    assert [day for _, day, _, _ in actions(fetch())] == ["2024-01-02", "2024-01-31"]
    request = server.asked(ACTIONS)[-1]
    assert request.query["start"] == "2023-12-02"
    assert request.query["end"] == "2024-05-02"
    assert "types" not in request.query


def test_where_the_future_may_not_be_asked_about_today_is_the_end(fetch, server):
    server.future_allowed = False
    server.action("cash_dividends", **dividend())
    assert len(actions(fetch())) == 1
    assert server.asked(ACTIONS)[-1].query["end"] == "2024-02-15"


def test_more_actions_than_one_page_holds_are_all_there(fetch, server):
    server.page_rows = 7
    for day in range(2, 32):
        server.action("cash_dividends", **dividend(day=f"2024-01-{day:02}", rate=day))
    assert [amount for *_, amount in actions(fetch())] == [float(day) for day in range(2, 32)]


def test_without_its_actions_a_symbol_has_failed(fetch, server):
    server.fault(Reply("", 500), times=99, where=ACTIONS)
    answer = fetch("AAA", "BBB")
    assert set(answer.failed) == {"AAA", "BBB"}
    assert "corporate actions are not known: HTTP 500" in answer.failed["AAA"]
    assert answer.bars.num_rows == 0


# ---- whose they are ----


@pytest.fixture
def renamed(server):
    """FB became META on 2024-01-16; before, META was a fund."""
    changed = date(2024, 1, 16)
    server.bars |= {
        "meta": [bar_row("2024-01-03", 100), bar_row("2024-01-30", 100)],
        "ball": [bar_row("2024-01-03", 1)],
    }
    server.listings += [
        Listing("meta", "FB", until=changed),
        Listing("meta", "META", since=changed),
        Listing("ball", "META", until=date(2024, 1, 11)),
    ]
    server.action("name_changes", **rename("FB", "META", "2024-01-16"))
    server.action("name_changes", **rename("META", "METV", "2024-01-11"))
    server.action("cash_dividends", **dividend("META", "2024-01-05", rate=9))
    server.action("cash_dividends", **dividend("FB", "2024-01-08", rate=1))
    server.action("cash_dividends", **dividend("META", "2024-01-29", rate=2))
    server.action("cash_dividends", **dividend("FB", "2024-01-30", rate=9))
    return server


def test_actions_of_a_renamed_company_come_from_both_symbols_and_of_no_other(fetch, renamed):
    answer = fetch("META")
    assert actions(answer) == [
        ("META", "2024-01-08", 1.0, 1.0),
        ("META", "2024-01-29", 1.0, 2.0),
    ]
    assert sorted(text.split(":")[0] for text in evidence(answer)) == [
        "cash_dividends, of the earlier bearer of the symbol",
        "name_changes, neither a split nor a dividend",
        "name_changes, of the earlier bearer of the symbol",
    ]


def test_a_range_that_ends_before_the_renaming_has_the_same_actions(fetch, renamed):
    early = fetch("META", span=(date(2024, 1, 2), date(2024, 1, 12)))
    assert actions(early) == [("META", "2024-01-08", 1.0, 1.0)]
    assert set(early.bars["close"].to_pylist()) == {100}


def test_the_old_symbol_asked_for_as_it_stands_has_its_own_actions(fetch, renamed):
    assert [day for _, day, _, _ in actions(fetch("FB"))] == ["2024-01-08", "2024-01-30"]


def test_where_actions_of_the_old_symbol_are_not_known_the_new_one_has_failed(fetch, renamed):
    renamed.fault(
        Reply({"message": "invalid symbol: FB"}, 400),
        times=99,
        where=lambda r: "types" not in r.query and "FB" in r.query.get("symbols", ""),
    )
    answer = fetch("META", "AAA")
    assert set(answer.failed) == {"META"}
    assert "as FB are not known: HTTP 400: invalid symbol: FB" in answer.failed["META"]
    assert set(answer.bars["symbol"].to_pylist()) == {"AAA"}


def test_the_symbols_of_a_company_follow_its_renamings_back_in_time():
    d = [date(2020, month, 1) for month in range(1, 13)]
    renames = [
        Rename("A", "B", d[1]),
        Rename("B", "C", d[3]),
        Rename("X", "B", d[5]),
        Rename("Y", "A", d[2]),
    ]
    assert tenures("C", renames) == [
        Tenure("C", since=d[3]),
        Tenure("B", d[1], d[3]),
        Tenure("A", until=d[1]),
    ]
    assert tenures("B", renames) == [Tenure("B", since=d[5]), Tenure("X", until=d[5])]
    assert tenures("Q", renames) == [Tenure("Q")]


SYMBOLS = st.sampled_from("ABCD")
DAYS = st.dates(date(2020, 1, 1), date(2020, 1, 20))


@given(st.lists(st.builds(Rename, SYMBOLS, SYMBOLS, DAYS), max_size=12), SYMBOLS, DAYS)
def test_on_every_day_a_company_has_exactly_one_symbol(renames, symbol, day):
    history = tenures(symbol, renames)
    assert history[0].symbol == symbol
    assert sum(tenure.covers(day) for tenure in history) == 1
