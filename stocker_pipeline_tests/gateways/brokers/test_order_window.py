"""When an order is taken and for which session: evenings, weekends, holidays, clock changes."""

from datetime import UTC, date, datetime, timedelta

import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.gateways.brokers.order_window import (
    last_open,
    next_window,
    opens_at,
    window_of,
)
from stocker_pipeline_tests.gateways.brokers.desk import new_york

TUESDAY = date(2020, 1, 7)
A_MOMENT = timedelta(microseconds=1)


def test_a_window_is_from_19_00_of_the_evening_before_to_9_28():
    window = window_of(TUESDAY)
    assert window.since == new_york(date(2020, 1, 6), 19)
    assert window.until == new_york(TUESDAY, 9, 28)
    assert [window.takes(at) for at in (window.since - A_MOMENT, window.since)] == [False, True]
    assert [window.takes(at) for at in (window.until - A_MOMENT, window.until)] == [True, False]


def test_the_window_of_a_monday_opens_on_sunday():
    assert window_of(date(2020, 1, 6)).since == new_york(date(2020, 1, 5), 19)
    assert not next_window(new_york(date(2020, 1, 3), 19, 30)).takes(
        new_york(date(2020, 1, 3), 19, 30)
    )


def test_the_window_keeps_the_time_of_new_york_when_the_clocks_change():
    """2020-03-08: New York goes from five to four hours behind UTC."""
    assert window_of(date(2020, 3, 6)).until == datetime(2020, 3, 6, 14, 28, tzinfo=UTC)
    assert window_of(date(2020, 3, 9)).since == datetime(2020, 3, 8, 23, 0, tzinfo=UTC)
    assert window_of(date(2020, 3, 9)).until == datetime(2020, 3, 9, 13, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "session"),
    [
        (new_york(TUESDAY, 9, 27), TUESDAY),
        (new_york(TUESDAY, 9, 28), date(2020, 1, 8)),
        (new_york(date(2020, 1, 4), 12), date(2020, 1, 6)),
        (new_york(date(2020, 1, 17), 12), date(2020, 1, 21)),
        (new_york(date(2019, 12, 31), 23), date(2020, 1, 2)),
        # 00:30 of the 7th in UTC is still the 6th in New York.
        (datetime(2020, 1, 7, 0, 30, tzinfo=UTC), TUESDAY),
    ],
)
def test_the_next_session_is_the_first_one_that_an_order_is_not_too_late_for(at, session):
    assert next_window(at).session == session


def test_the_last_open_is_the_one_that_has_passed():
    opening = opens_at(TUESDAY)
    assert opening == new_york(TUESDAY, 9, 30)
    assert last_open(opening - A_MOMENT) == date(2020, 1, 6)
    assert last_open(opening) == TUESDAY
    assert last_open(new_york(date(2020, 1, 12), 12)) == date(2020, 1, 10)


def test_a_day_without_a_session_has_no_window():
    with pytest.raises(InputRefused, match="2020-01-04"):
        window_of(date(2020, 1, 4))
