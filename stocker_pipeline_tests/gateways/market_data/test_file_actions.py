"""Splits and dividends of files: added, refused, or the reason why a symbol fails."""

from datetime import date

import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.gateways.market_data.file_market import FileMarket

SPAN = date(2000, 1, 1), date(2030, 1, 1)


@pytest.fixture
def events(tmp_path):
    """The answer to a list of events beside a bar of each symbol."""

    def read(*rows, mapping=None):
        (tmp_path / "prices.csv").write_text(
            "symbol,date,open,high,low,close,volume,adj_close\n"
            "AAA,2024-01-02,1,1,1,1,1,1\nBBB,2024-01-02,1,1,1,1,1,1\n"
        )
        lines = ["symbol,date,action,value,note", *(f"{row},vendor" for row in rows)]
        (tmp_path / "corporate_actions.csv").write_text("\n".join(lines) + "\n")
        if mapping:
            (tmp_path / "mapping.yaml").write_text("like: prices\n" + mapping)
        return FileMarket(tmp_path).fetch(["AAA", "BBB"], *SPAN)

    return read


@pytest.fixture
def table(tmp_path):
    """The answer to a table of actions beside a bar of each symbol."""

    def read(*rows):
        (tmp_path / "bars.csv").write_text(
            "symbol,session,open,high,low,close,volume\n"
            "AAA,2024-01-02,1,1,1,1,1\nBBB,2024-01-02,1,1,1,1,1\n"
        )
        (tmp_path / "actions.csv").write_text(
            "\n".join(["symbol,session,split,dividend", *rows]) + "\n"
        )
        return FileMarket(tmp_path).fetch(["AAA", "BBB"], *SPAN)

    return read


def found(answer):
    return [
        (row["symbol"], str(row["session"]), row["split"], row["dividend"])
        for row in answer.actions.to_pylist()
    ]


def refused(answer):
    return [tuple(row.values()) for row in answer.refused_rows.to_pylist()]


def test_a_split_and_a_dividend_of_one_day_are_one_row(events):
    answer = events("BBB,2024-01-02,split,0.125", "BBB,2024-01-02,dividend,0.5")
    assert found(answer) == [("BBB", "2024-01-02", 0.125, 0.5)]


def test_different_dividends_of_one_day_are_added(events):
    answer = events("AAA,2024-01-02,dividend,0.5", "AAA,2024-01-02,dividend,0.25")
    assert found(answer) == [("AAA", "2024-01-02", 1.0, 0.75)]
    assert refused(answer) == []


def test_the_same_event_again_is_a_duplicate(events):
    answer = events("AAA,2024-01-02,dividend,0.5", "AAA,2024-01-02,dividend,0.50")
    assert found(answer) == [("AAA", "2024-01-02", 1.0, 0.5)]
    assert refused(answer) == [
        (
            "AAA",
            date(2024, 1, 2),
            "duplicate",
            "corporate_actions.csv, row 3: dividend 0.5, 0.5 in corporate_actions.csv, row 2",
        )
    ]
    assert dict(answer.failed) == {}


def test_two_different_splits_of_one_day_fail_their_symbol(events):
    answer = events("AAA,2024-01-02,split,2", "AAA,2024-01-02,split,3", "BBB,2024-01-02,dividend,1")
    assert list(answer.failed) == ["AAA"]
    assert "split 3.0, 2.0 in corporate_actions.csv, row 2" in answer.failed["AAA"]
    assert found(answer) == [("BBB", "2024-01-02", 1.0, 1.0)]
    assert set(answer.bars["symbol"].to_pylist()) == {"BBB"}


BAD = [
    "AAA,2024-01-02,split,0",
    "AAA,2024-01-02,split,-2",
    "AAA,2024-01-02,split,1001",
    "AAA,2024-01-02,dividend,-0.01",
    "AAA,2024-01-02,dividend,1e10",
    "AAA,2024-01-02,dividend,",
    "AAA,2024-01-02,dividend,half",
    "AAA,someday,dividend,0.5",
    "AAA,,dividend,0.5",
]


@pytest.mark.parametrize("row", BAD)
def test_an_action_that_cannot_be_used_fails_its_symbol(events, row):
    answer = events("AAA,2023-12-01,dividend,0.5", row, "BBB,2024-01-02,dividend,1")
    assert list(answer.failed) == ["AAA"]
    assert "corporate_actions.csv, row 3: " in answer.failed["AAA"]
    assert [(one[0], one[2]) for one in refused(answer)] == [("AAA", "unreadable")]
    assert found(answer) == [("BBB", "2024-01-02", 1.0, 1.0)]


def test_an_event_of_an_unknown_kind_is_refused_by_row(events):
    with pytest.raises(InputRefused) as refusal:
        events("AAA,2024-01-02,spinoff,1")
    assert refusal.value.where == "corporate_actions.csv, row 2, column action"
    assert refusal.value.received == "'spinoff'"


def test_kinds_of_events_have_the_names_of_the_mapping(events):
    answer = events(
        "AAA,2024-01-02,spinoff,1",
        "AAA,2024-01-02,DIV,0.5",
        mapping="actions: {form: events, file: corporate_actions, dividend: DIV, "
        "ignored: [spinoff]}",
    )
    assert found(answer) == [("AAA", "2024-01-02", 1.0, 0.5)]


def test_events_that_do_nothing_are_left_out(events):
    answer = events("AAA,2024-01-02,dividend,0", "AAA,2024-01-02,split,1")
    assert found(answer) == refused(answer) == []


def test_an_ex_date_on_no_session_is_kept(events):
    assert found(events("AAA,2024-01-06,dividend,1")) == [("AAA", "2024-01-06", 1.0, 1.0)]


def test_in_a_table_empty_cells_and_zeros_are_none(table):
    answer = table(
        "AAA,2024-01-02,,0.5", "AAA,2024-01-03,2,", "AAA,2024-01-04,0,0", "BBB,nonsense,1,0"
    )
    assert found(answer) == [("AAA", "2024-01-02", 1.0, 0.5), ("AAA", "2024-01-03", 2.0, 0.0)]
    assert list(answer.failed) == []


def test_in_a_table_a_second_row_of_a_day_is_a_duplicate_or_a_contradiction(table):
    answer = table("AAA,2024-01-02,1,0.5", "AAA,2024-01-02,1,0.5")
    assert found(answer) == [("AAA", "2024-01-02", 1.0, 0.5)]
    assert [row[2] for row in refused(answer)] == ["duplicate"]
    answer = table("AAA,2024-01-02,1,0.5", "AAA,2024-01-02,1,0.75")
    assert "two different actions on 2024-01-02" in answer.failed["AAA"]
    assert [row[2] for row in refused(answer)] == ["duplicate"]


@pytest.mark.parametrize("row", ["AAA,2024-01-02,two,0", "AAA,never,1,0.5", "AAA,2024-01-02,1,-1"])
def test_in_a_table_a_row_that_may_do_something_and_cannot_be_read_fails_its_symbol(table, row):
    answer = table(row, "BBB,2024-01-02,1,0.5")
    assert list(answer.failed) == ["AAA"]
    assert [one[2] for one in refused(answer)] == ["unreadable"]
    assert found(answer) == [("BBB", "2024-01-02", 1.0, 0.5)]
