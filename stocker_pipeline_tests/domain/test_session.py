"""Sessions, their hours, and clocks."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import (
    FixedClock,
    Session,
    SessionCalendar,
    SystemClock,
    parsed_date,
)

CALENDAR = SessionCalendar.between(date(1970, 1, 1), date(2060, 12, 31))
DAYS = st.dates(date(1971, 1, 1), date(2060, 1, 1))


def day(text: str) -> date:
    return date.fromisoformat(text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_sample_market_years_have_3270_sessions():
    sessions = CALENDAR.sessions(day("2000-03-01"), day("2013-03-01"))
    assert (len(sessions), sessions.dtype) == (3270, np.dtype("datetime64[D]"))


def test_sessions_include_both_ends_and_skip_the_weekend():
    sessions = CALENDAR.sessions(day("2024-01-05"), day("2024-01-08"))
    assert sessions.tolist() == [day("2024-01-05"), day("2024-01-08")]


@pytest.mark.parametrize(
    "closed",
    ["2001-09-11", "2012-10-29", "2018-12-05", "2022-06-20", "2025-01-09", "1994-04-27"],
)
def test_a_day_on_which_the_exchange_stayed_closed_is_no_session(closed):
    assert not CALENDAR.is_session(day(closed))


@given(DAYS)
def test_neighbours_are_sessions_with_none_between(chosen):
    before, after = CALENDAR.previous_session(chosen), CALENDAR.next_session(chosen)
    between = CALENDAR.sessions(before, after).tolist()
    assert before < chosen < after
    assert between == ([before, chosen, after] if CALENDAR.is_session(chosen) else [before, after])


@given(DAYS)
def test_on_or_after_and_on_or_before_are_the_day_itself_on_a_session(chosen):
    is_session = CALENDAR.is_session(chosen)
    after = chosen if is_session else CALENDAR.next_session(chosen)
    before = chosen if is_session else CALENDAR.previous_session(chosen)
    assert CALENDAR.session_on_or_after(chosen) == after
    assert CALENDAR.session_on_or_before(chosen) == before


@given(DAYS, st.integers(0, 380))
def test_every_weekday_is_a_session_or_a_holiday(first, length):
    last = first + timedelta(days=length)
    weekdays = [
        first + timedelta(days=n)
        for n in range(length + 1)
        if (first + timedelta(days=n)).weekday() < 5
    ]
    found = CALENDAR.sessions(first, last).tolist() + CALENDAR.holidays(first, last)
    assert sorted(found) == weekdays


def test_holidays_of_a_year_are_those_the_exchange_announced():
    assert CALENDAR.holidays(day("2024-01-01"), day("2024-12-31")) == [
        day(text)
        for text in (
            "2024-01-01",
            "2024-01-15",
            "2024-02-19",
            "2024-03-29",
            "2024-05-27",
            "2024-06-19",
            "2024-07-04",
            "2024-09-02",
            "2024-11-28",
            "2024-12-25",
        )
    ]


@pytest.mark.parametrize(
    ("session", "opens", "closes", "half"),
    [
        ("2024-01-02", "2024-01-02T14:30", "2024-01-02T21:00", False),
        ("2024-07-02", "2024-07-02T13:30", "2024-07-02T20:00", False),
        ("2024-07-03", "2024-07-03T13:30", "2024-07-03T17:00", True),
        ("2024-11-29", "2024-11-29T14:30", "2024-11-29T18:00", True),
        ("1990-12-24", "1990-12-24T14:30", "1990-12-24T19:00", True),
    ],
)
def test_hours_are_utc_instants_that_follow_new_york(session, opens, closes, half):
    assert CALENDAR.opens_at(day(session)) == utc(opens)
    assert CALENDAR.closes_at(day(session)) == utc(closes)
    assert CALENDAR.is_half_day(day(session)) is half


@pytest.mark.parametrize("question", ["opens_at", "closes_at", "is_half_day"])
def test_hours_of_a_day_without_trading_are_refused(question):
    with pytest.raises(InputRefused, match=r"2024-07-03, 2024-07-05.*2024-07-04 \(Thursday\)"):
        getattr(CALENDAR, question)(day("2024-07-04"))


@pytest.mark.parametrize(
    ("instant", "closed", "current"),
    [
        ("2024-07-03T16:59:59", "2024-07-02", "2024-07-03"),
        ("2024-07-03T17:00:00", "2024-07-03", "2024-07-03"),
        ("2024-07-04T12:00:00", "2024-07-03", "2024-07-05"),
        ("2024-07-08T03:59:00", "2024-07-05", "2024-07-08"),
        ("2024-07-09T03:59:00", "2024-07-08", "2024-07-08"),
        ("2024-07-09T04:00:00", "2024-07-08", "2024-07-09"),
    ],
)
def test_an_instant_belongs_to_the_date_in_new_york(instant, closed, current):
    assert CALENDAR.last_closed_session(utc(instant)) == day(closed)
    assert CALENDAR.current_session(utc(instant)) == day(current)


def test_an_instant_means_the_same_in_every_time_zone():
    instant = utc("2024-07-03T17:00:00")
    elsewhere = instant.astimezone(timezone(timedelta(hours=9)))
    assert CALENDAR.last_closed_session(elsewhere) == day("2024-07-03")


@pytest.mark.parametrize("question", ["last_closed_session", "current_session"])
def test_an_instant_without_time_zone_is_refused(question):
    with pytest.raises(ValueError, match="time zone"):
        getattr(CALENDAR, question)(datetime(2024, 7, 3, 17))


@pytest.mark.parametrize("question", ["is_session", "next_session", "previous_session"])
def test_a_date_that_the_calendar_does_not_cover_is_refused_not_denied(question):
    narrow = SessionCalendar.between(day("2020-01-02"), day("2020-12-31"))
    with pytest.raises(InputRefused, match=r"2019-12-13 and 2021-01-20.*2022-01-03"):
        getattr(narrow, question)(day("2022-01-03"))


@pytest.mark.parametrize("question", ["sessions", "holidays"])
def test_a_range_that_the_calendar_does_not_cover_is_refused_not_cut(question):
    narrow = SessionCalendar.between(day("2020-01-02"), day("2020-12-31"))
    for first, last in (("2015-01-02", "2020-06-01"), ("2020-06-01", "2025-01-02")):
        with pytest.raises(InputRefused, match="calendar that covers"):
            getattr(narrow, question)(day(first), day(last))


def test_many_dates_are_judged_like_single_ones():
    days = np.arange("2024-06-28", "2024-07-08", dtype="datetime64[D]")
    assert CALENDAR.are_sessions(days).tolist() == [CALENDAR.is_session(d) for d in days.tolist()]


def test_many_dates_of_which_one_is_not_covered_are_refused():
    narrow = SessionCalendar.between(day("2020-01-02"), day("2020-12-31"))
    with pytest.raises(InputRefused, match="2019-01-02"):
        narrow.are_sessions(np.array(["2020-01-02", "2019-01-02"], dtype="datetime64[D]"))


@pytest.mark.parametrize(
    ("first", "last"),
    [("1969-12-31", "1980-01-01"), ("2020-01-01", "2101-01-01"), ("2020-01-02", "2020-01-01")],
)
def test_a_span_the_exchange_calendar_cannot_know_is_refused(first, last):
    with pytest.raises(InputRefused, match="1970-01-01 to 2100-12-31"):
        SessionCalendar.between(day(first), day(last))


def test_a_calendar_is_made_once():
    first, last = day("2003-01-02"), day("2004-01-02")
    assert SessionCalendar.between(first, last) is SessionCalendar.between(first, last)


def test_the_sessions_handed_out_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        CALENDAR.sessions(day("2024-01-02"), day("2024-01-05"))[0] = np.datetime64("2000-01-01")


def test_a_session_is_its_text_and_sorts_by_date():
    early, late = Session.parse("2024-07-03"), Session.parse("2024-07-05", CALENDAR)
    assert (str(early), early.day) == ("2024-07-03", day("2024-07-03"))
    assert sorted([late, early]) == [early, late]


def test_a_date_that_is_no_session_is_refused_with_its_neighbours():
    with pytest.raises(InputRefused) as refusal:
        Session.parse("2024-07-06")
    assert "2024-07-05, 2024-07-08" in refusal.value.wanted
    assert refusal.value.received == "2024-07-06 (Saturday)"


@pytest.mark.parametrize(
    "text", ["20240703", "2024-W27-3", "2024-7-3", "2024-02-30", "03.07.2024", "", "２０２４-07-03"]
)
def test_a_date_in_another_form_is_refused(text):
    with pytest.raises(InputRefused, match="YYYY-MM-DD") as refusal:
        parsed_date(text, where="--start")
    assert refusal.value.received == repr(text)
    assert refusal.value.where == "--start"


def test_a_fixed_clock_stands_still_until_it_is_moved_forward():
    clock = FixedClock(datetime(2024, 7, 3, 9, 30, tzinfo=timezone(timedelta(hours=-4))))
    assert clock.now() == clock.now() == utc("2024-07-03T13:30")
    clock.advance(timedelta(hours=2))
    assert clock.now() == utc("2024-07-03T15:30")
    with pytest.raises(ValueError, match="forward"):
        clock.advance(timedelta(seconds=-1))


def test_a_fixed_clock_needs_a_time_zone():
    with pytest.raises(ValueError, match="time zone"):
        FixedClock(datetime(2024, 7, 3))


def test_the_system_clock_tells_utc():
    assert SystemClock().now().tzinfo is UTC


def test_asking_for_sessions_does_not_import_pandas():
    code = (
        "import sys; from datetime import date;"
        "from stocker_pipeline.domain.session import SessionCalendar;"
        "c = SessionCalendar.between(date(2000, 3, 1), date(2013, 3, 1));"
        "c.sessions(date(2000, 3, 1), date(2013, 3, 1)); sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
