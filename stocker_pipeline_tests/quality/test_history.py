from dataclasses import replace
from datetime import date

import pytest

from stocker_pipeline.quality.findings import history_starts
from stocker_pipeline_tests.quality.builders import day, quiet, scaled, sessions, without
from stocker_pipeline_tests.quality.verdicts import judged, keys, rows


def test_a_hole_is_one_finding_on_its_first_session_with_its_length():
    market = without(quiet("AAA", "BBB"), "AAA", 100, 103)
    (row,) = rows(judged(market), "missing_session")
    assert (row["symbol"], str(row["session"])) == ("AAA", day(100))
    assert row["evidence"] == f"4 sessions without a bar, {day(100)} to {day(103)}"
    assert (row["severity"], row["treatment"]) == ("warning", "flagged")


def test_holidays_are_no_holes_and_neither_are_the_days_before_the_first_bar():
    market = without(quiet("AAA", "BBB", bars=420), "AAA", 0, 29)
    assert rows(judged(market)) == []


@pytest.mark.parametrize(
    ("length", "rule"), [(59, "missing_session"), (60, "other_security_before")]
)
def test_a_long_hole_means_that_the_bars_before_may_be_another_security_s(length, rule):
    market = without(quiet("AAA", bars=420), "AAA", 100, 99 + length)
    findings = judged(market)
    assert keys(findings) == {("AAA", day(100 if rule == "missing_session" else 160))}
    assert {row["rule"] for row in rows(findings)} == {rule}


def test_a_level_that_breaks_over_a_long_hole_is_told_and_refuses_no_bar():
    market = without(quiet("AAA", bars=420), "AAA", 100, 169)
    market = scaled(market, "AAA", 100, 349, 9.0, "open", "high", "low", "close", "adj_close")
    (row,) = rows(judged(market))
    assert (row["rule"], row["severity"], row["treatment"]) == (
        "other_security_before",
        "error",
        "flagged",
    )
    assert "70 sessions without a bar" in row["evidence"]
    assert "close 84.584997 before, open 673.473176 after (+696.21%)" in row["evidence"]
    assert history_starts(judged(market)) == {"AAA": date.fromisoformat(day(170))}


def test_history_starts_after_the_last_of_several_holes():
    market = without(without(quiet("AAA", bars=620), "AAA", 60, 129), "AAA", 200, 299)
    assert history_starts(judged(market)) == {"AAA": date.fromisoformat(day(300))}


@pytest.mark.parametrize(("bars", "short"), [(199, True), (200, False)])
def test_fewer_than_two_hundred_sessions_in_a_row_are_told_on_the_last_bar(bars, short):
    found = rows(judged(quiet("AAA", bars=bars)), "short_history")
    assert [str(row["session"]) for row in found] == ([day(bars - 1)] if short else [])
    assert all(row["severity"] == "info" for row in found)


def test_a_hole_starts_the_count_of_sessions_anew():
    market = without(quiet("AAA", bars=300), "AAA", 200, 200)
    assert "99 sessions in a row" in rows(judged(market), "short_history")[0]["evidence"]


def test_a_symbol_whose_bars_stopped_is_told_on_the_first_session_without_one():
    market = without(quiet("AAA", "BBB", bars=300), "AAA", 280, 299)
    (row,) = rows(judged(market), "no_recent_bar")
    assert (row["symbol"], str(row["session"])) == ("AAA", day(280))
    assert row["evidence"].startswith(f"the last bar is of {day(279)}; 20 sessions without one")


def test_the_calendar_goes_on_when_every_symbol_stopped():
    market = replace(quiet("AAA", bars=300), calendar_last=sessions(310)[-1].item())
    (row,) = rows(judged(market))
    assert (row["rule"], str(row["session"])) == ("no_recent_bar", day(300))
