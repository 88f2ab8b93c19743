"""Nothing is sent in live while nobody would be told of what goes wrong."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from stocker_pipeline.domain.orders import OrderState
from stocker_pipeline.stages import submit
from stocker_pipeline.stages.alerts import deliver, put_canary
from stocker_pipeline.stages.permission import CANARY_WITHIN, FLATTEN, why_unheard
from stocker_pipeline_tests.stages.alert_town import Fake
from stocker_pipeline_tests.stages.faults.faulty_day import FIRST, Day
from stocker_pipeline_tests.stages.paper_homes import sqlite_home, sqlite_template  # noqa: F401
from stocker_pipeline_tests.stages.paper_scripts import MARKET


@pytest.fixture
def day(sqlite_template, tmp_path) -> Iterator[Day]:  # noqa: F811
    with sqlite_home(sqlite_template, tmp_path / "book", MARKET) as home:
        yield Day.begin(home)


def test_a_canary_has_to_arrive_each_day_before_orders_of_live_leave(day: Day):
    day.open(FIRST)
    order = next(iter(day.orders(FIRST).values()))
    channel = Fake("slack", alive=False)
    with day.desk() as desk:
        live = replace(desk, environment="live")

        def why() -> str | None:
            return desk.ledger.read(lambda r: why_unheard(r, live, order))

        assert "no canary was delivered ever" in str(why())
        assert desk.ledger.read(lambda r: why_unheard(r, desk, order)) is None
        put_canary(desk.ledger, day.clock)
        deliver(desk.ledger, [channel], day.clock)
        assert "stocker alerts test" in str(why()), "one that was not taken proves nothing"
        channel.alive = True
        day.clock.advance(timedelta(minutes=2))
        deliver(desk.ledger, [channel], day.clock)
        assert why() is None
        day.clock.advance(CANARY_WITHIN)
        assert why() is None
        day.clock.advance(timedelta(seconds=1))
        assert "no canary was delivered since 2005-02-24" in str(why())
        key = replace(order.intent.key, leg=FLATTEN)
        closing = replace(order, intent=replace(order.intent, key=key))
        assert desk.ledger.read(lambda r: why_unheard(r, live, closing)) is None


def test_what_waits_for_a_canary_leaves_once_it_came(day: Day, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr(submit, "why_unheard", lambda *_: "nobody would be told")
        day.open(FIRST)
    assert set(day.states(FIRST).values()) == {OrderState.INTENT}
    assert day.intended_orders() == 0
    day.open(FIRST)
    assert set(day.states(FIRST).values()) == {OrderState.ACKED}
