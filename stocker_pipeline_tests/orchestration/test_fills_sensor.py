"""When fills are collected, and what is said when they are not."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from stocker_pipeline.domain.orders import OrderIntent, OrderKey, OrderState
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.ledger.records import OrderRecord
from stocker_pipeline.orchestration.fills_sensor import fills_sensor, to_collect

pytestmark = pytest.mark.usefixtures("home")

SESSION = date(2026, 11, 23)
NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-23T{text}").replace(tzinfo=NEW_YORK)


def order(session: date = SESSION) -> OrderRecord:
    key = OrderKey("paper", "SIM-p", "p", session, "AAPL")
    intent = OrderIntent(key, 5, 100.0, "OPEN")
    return OrderRecord(intent, OrderState.ACKED, "", "", 1, datetime(2026, 11, 23, tzinfo=UTC))


def test_without_a_working_order_there_is_nothing_to_collect():
    assert to_collect([], at("10:00")) == "no order is working"


@pytest.mark.parametrize("time", ["08:10:00", "09:30:00", "09:30:59"])
def test_before_the_open_and_in_its_first_minute_orders_wait(time):
    assert str(to_collect([order()], at(time))).startswith("1 orders wait for the open of Mon")


def test_a_minute_after_the_open_the_earliest_order_is_asked_for():
    earlier = order(date(2026, 11, 20))
    assert to_collect([order(), earlier], at("09:31:00")) is earlier


def ticked(sensor: dg.SensorDefinition) -> str | None:
    """What a tick without a run says."""
    fills = dg.Definitions(assets=[dg.AssetSpec(["p", "fills"])])
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, definitions=fills)
        return sensor.evaluate_tick(context).skip_message


def test_a_tick_in_dev_says_where_the_sensor_runs():
    sensor = fills_sensor("p", clock=FixedClock(at("10:00")))
    assert ticked(sensor) == "runs in paper, live; STOCKER_ENV is dev"


def test_a_tick_on_paper_says_why_it_does_nothing(monkeypatch):
    monkeypatch.setenv("STOCKER_ENV", "paper")
    sensor = fills_sensor("p", clock=FixedClock(at("10:00")))
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert ticked(sensor) == "no order is working"
