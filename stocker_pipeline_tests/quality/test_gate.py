from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.quality.findings import (
    FINDINGS_SCHEMA,
    findings_table,
    history_starts,
    quarantined_bars,
)
from stocker_pipeline.quality.gate import judge
from stocker_pipeline.quality.thresholds import Thresholds
from stocker_pipeline_tests.quality.builders import FIRST, acting, day, quiet, spoilt
from stocker_pipeline_tests.quality.clean_market import clean_market
from stocker_pipeline_tests.quality.verdicts import judged, keys, rows

REFUSED_ROWS_SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("session", pa.date32()),
        ("reason", pa.string()),
        ("evidence", pa.string()),
    ]
)


def again(market, place, **cells):
    """The market with one more row for a session."""
    row = market.bars.to_pylist()[place] | cells
    extra = pa.Table.from_pylist([row], schema=market.bars.schema)
    return replace(market, bars=pa.concat_tables([market.bars, extra]))


def test_nothing_is_found_in_nothing():
    empty = quiet("AAA").bars.slice(0, 0)
    actions = quiet("AAA").actions
    findings = judge(empty, actions, calendar_last=FIRST)
    assert findings.schema == FINDINGS_SCHEMA
    assert findings.num_rows == 0
    assert quarantined_bars(findings).num_rows == 0
    assert history_starts(findings) == {}


def test_a_single_bar_has_a_short_history_and_nothing_else():
    assert {row["rule"] for row in rows(judged(quiet("AAA", bars=1)))} == {"short_history"}


def test_findings_are_sorted_and_say_everything():
    market = clean_market(3, symbols=4, sessions=260)
    for place in (20, 120, 200):
        market = spoilt(market, "S02", place, close=None)
        market = spoilt(market, "S00", place, volume=0.0, open=-1.0)
    found = rows(judged(market))
    order = [(row["symbol"], row["session"], row["rule"]) for row in found]
    assert order == sorted(order)
    assert {row["severity"] for row in found} <= {"info", "warning", "error"}
    assert {row["treatment"] for row in found} <= {"quarantined", "flagged"}
    assert all(row["evidence"] and row["threshold"] for row in found)


def test_the_bars_to_leave_out_are_listed_once_each():
    market = spoilt(quiet("AAA", "BBB"), "BBB", 10, close=None, open=-1.0)
    market = spoilt(market, "AAA", 30, high=1.0)
    assert quarantined_bars(judged(market)).to_pylist() == [
        {"symbol": "AAA", "session": date.fromisoformat(day(30))},
        {"symbol": "BBB", "session": date.fromisoformat(day(10))},
    ]


def test_a_session_that_is_there_twice_is_flagged_if_equal_and_refused_if_not():
    market = quiet("AAA")
    (row,) = rows(judged(again(market, 40)))
    assert (row["rule"], row["treatment"]) == ("duplicate_row", "flagged")
    (row,) = rows(judged(again(market, 40, close=1.5)))
    assert (row["rule"], row["treatment"]) == ("duplicate_row", "quarantined")
    assert "close" in row["evidence"]
    assert "and 1.50" in row["evidence"]


@pytest.mark.parametrize("closed", ["2024-01-06", "2024-07-04", "1969-12-31", "2150-01-05"])
def test_a_bar_on_a_day_without_trading_is_refused(closed):
    market = again(quiet("AAA"), 40, session=date.fromisoformat(closed))
    (row,) = rows(judged(market))
    assert (row["rule"], str(row["session"])) == ("not_a_session", closed)
    assert row["treatment"] == "quarantined"


def test_a_bar_after_the_last_session_that_is_over_is_refused():
    market = quiet("AAA")
    early = replace(market, calendar_last=market.calendar_last - timedelta(days=7))
    found = rows(judged(early), "not_a_session")
    assert len(found) == 5
    assert "the last session that is over" in found[0]["evidence"]


def test_what_the_provider_refused_is_a_finding_under_its_reason():
    refused = pa.Table.from_pylist(
        [
            {"symbol": "AAA", "session": FIRST, "reason": "duplicate", "evidence": "twice"},
            {"symbol": "AAA", "session": FIRST, "reason": "live_row", "evidence": "not over"},
            {"symbol": "BBB", "session": None, "reason": "unreadable", "evidence": "no date"},
            {"symbol": "CCC", "session": FIRST, "reason": "no_numbers", "evidence": "empty"},
            {"symbol": "DDD", "session": date(2024, 1, 6), "reason": "not_a_session"},
        ],
        schema=REFUSED_ROWS_SCHEMA,
    )
    found = rows(judged(quiet("ZZZ"), refused_rows=refused))
    assert [(row["symbol"], row["rule"], row["severity"]) for row in found] == [
        ("AAA", "duplicate_row", "warning"),
        ("AAA", "live_row", "info"),
        ("BBB", "unreadable", "warning"),
        ("CCC", "no_numbers", "warning"),
        ("DDD", "not_a_session", "warning"),
    ]
    assert {row["treatment"] for row in found} == {"flagged"}
    assert "twice" in found[0]["evidence"]


def test_a_row_without_symbol_or_session_is_a_finding():
    market = again(again(quiet("AAA"), 40, symbol=None), 41, session=None)
    found = rows(judged(market), "unreadable")
    assert [(row["symbol"], row["session"]) for row in found] == [
        ("", date.fromisoformat(day(40))),
        ("AAA", None),
    ]


@pytest.mark.parametrize(
    ("split", "dividend"),
    [(0.0, 0.0), (-2.0, 0.0), (float("nan"), 0.0), (5000.0, 0.0), (1.0, -1.0)],
)
def test_an_impossible_action_is_found_and_not_used(split, dividend):
    market = quiet("AAA")
    actions = pa.Table.from_pylist(
        [{"symbol": "AAA", "session": FIRST, "split": split, "dividend": dividend}],
        schema=market.actions.schema,
    )
    assert {row["rule"] for row in rows(judged(replace(market, actions=actions)))} == {
        "impossible_action"
    }


def test_an_action_on_a_symbol_s_first_bar_is_in_its_price_already():
    assert rows(judged(acting(quiet("AAA"), ("AAA", 0, 2.0, 0.0)))) == []


def test_an_action_after_the_last_session_and_one_of_another_symbol_are_not_used():
    market = acting(quiet("AAA"), ("AAA", 230, 2.0, 0.0), ("ZZZ", 100, 2.0, 0.0))
    assert rows(judged(market)) == []


def test_other_columns_and_other_number_types_are_taken():
    market = quiet("AAA")
    bars = market.bars.append_column("source", pa.array(["x"] * market.bars.num_rows))
    bars = bars.set_column(
        bars.column_names.index("volume"), "volume", bars["volume"].cast(pa.int64())
    )
    assert rows(judged(replace(market, bars=bars))) == []


def test_a_missing_column_and_a_column_of_text_are_refused_by_name():
    market = quiet("AAA")
    with pytest.raises(InputRefused, match="without close"):
        judged(replace(market, bars=market.bars.drop_columns(["close"])))
    with pytest.raises(InputRefused, match="without split"):
        judged(replace(market, actions=market.actions.drop_columns(["split"])))
    words = market.bars.set_column(2, "open", pa.array(["many"] * market.bars.num_rows))
    with pytest.raises(InputRefused, match="column open"):
        judged(replace(market, bars=words))


def test_thresholds_are_read_and_refuse_what_is_out_of_bounds():
    market = spoilt(quiet("AAA"), "AAA", 150, high=lambda price: price * 1.05)
    assert keys(judged(market))
    assert not keys(judged(market, thresholds=Thresholds(wick_sigmas=50.0)))
    for wrong in ({"gap_max": 2.0}, {"close_sigmas": float("nan")}, {"vendor_min": 0.5}):
        with pytest.raises(ValueError):
            Thresholds(**wrong)
    assert set(Thresholds.model_fields) == {
        name for name, field in Thresholds.model_fields.items() if field.description
    }


def test_the_table_of_no_findings_has_the_schema():
    assert findings_table([]).schema == FINDINGS_SCHEMA
