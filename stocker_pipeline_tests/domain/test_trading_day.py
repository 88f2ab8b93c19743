"""The instants of a session's day, and when an order may leave."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.domain.trading_day import TradingDay, shown

NEW_YORK = ZoneInfo("America/New_York")
CALENDAR = SessionCalendar.between(date(2018, 1, 2), date(2026, 12, 31))


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def day(session: str) -> TradingDay:
    return TradingDay.of(date.fromisoformat(session), CALENDAR)


def test_a_full_day_is_decided_at_eight_and_settled_at_half_past_five():
    monday = day("2026-11-23")
    assert monday.open_stage_at == new_york("2026-11-23T08:00")
    assert monday.opens_at == new_york("2026-11-23T09:30")
    assert monday.close_stage_at == new_york("2026-11-23T17:30")


def test_a_half_day_is_settled_ninety_minutes_after_its_early_close():
    assert day("2026-11-27").close_stage_at == new_york("2026-11-27T14:30")


@pytest.mark.parametrize(
    ("session", "at", "taken"),
    [
        ("2026-11-23", "2026-11-22T18:59:59", False),
        ("2026-11-23", "2026-11-22T19:00:00", True),
        ("2026-11-23", "2026-11-23T09:19:59", True),
        ("2026-11-23", "2026-11-23T09:20:00", False),
        ("2026-11-23", "2026-11-23T10:05:00", False),
        # Clocks go back on 2026-11-01 and forward on 2026-03-08: the window follows New York.
        ("2026-11-02", "2026-11-01T19:00:00", True),
        ("2026-03-09", "2026-03-08T18:59:59", False),
    ],
)
def test_the_window_is_from_the_evening_before_to_ten_minutes_before_the_open(session, at, taken):
    assert day(session).takes_orders(new_york(at)) is taken


def test_the_window_is_as_long_in_every_week_of_the_year():
    sessions = CALENDAR.sessions(date(2018, 1, 2), date(2026, 12, 31)).tolist()
    lengths = {
        day(str(session)).window_closes_at - day(str(session)).window_opens_at
        for session in sessions
    }
    assert lengths == {timedelta(hours=14, minutes=20)}


def test_a_date_without_a_session_has_no_day():
    with pytest.raises(InputRefused, match="2026-11-26"):
        day("2026-11-26")


def test_an_instant_is_shown_as_a_person_in_new_york_reads_it():
    assert shown(new_york("2026-11-23T08:00").astimezone(ZoneInfo("UTC"))) == "Mon 2026-11-23 08:00"
