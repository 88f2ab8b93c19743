"""``stocker alerts`` against servers of this machine."""

import json

import pytest

from stocker_pipeline.risk.alerts import Alert, Severity
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline_tests.gateways.alerts.servers import web_server


def put(*alerts: Alert) -> None:
    settings = Settings()
    with Venue(settings.env, settings.ledger, settings.accounts).ledger() as ledger:
        ledger.write(None, lambda w: [w.put_alert(alert) for alert in alerts])


def test_an_alert_is_delivered_listed_and_acknowledged(stocker, monkeypatch):
    put(Alert(Severity.WARNING, "order_refused", "TSLA: no", subject="TSLA"))
    with web_server() as web:
        monkeypatch.setenv("STOCKER_ALERT_SLACK_URL", f"{web.url}/slack")
        code, said, _ = stocker("alerts", "deliver", "--json")
        assert code == 0
        (sent,) = json.loads(said)["sent"]
        assert sent["channel"] == "slack"
        assert len(web.bodies("/slack")) == 1
        _, listed, _ = stocker("alerts", "list", "--open", "--json")
    (row,) = json.loads(listed)["alerts"]
    assert (row["told"], row["end"]) == ("slack", "delivered: taken by slack")
    code, said, _ = stocker("alerts", "ack", row["alert"], "--reason", "seen")
    assert code == 0
    assert "1 alert acknowledged" in said
    _, listed, _ = stocker("alerts", "list", "--open", "--json")
    assert json.loads(listed)["alerts"] == []
    assert stocker("alerts", "ack", 99, "--reason", "seen")[0] == 5
    assert stocker("alerts", "ack", row["alert"], "--reason", " ")[0] == 3


def test_without_a_channel_delivery_says_so_and_keeps_everything(stocker):
    put(Alert(Severity.CRITICAL, "break_cash", "less cash"))
    code, said, _ = stocker("alerts", "deliver")
    assert code == 0
    assert "no channel is configured" in said
    assert "not configured" in stocker("alerts", "list")[1]
    assert "told to nobody yet: 1" in stocker("doctor")[1]


@pytest.mark.parametrize(("status", "wanted"), [(200, 0), (404, 7)])
def test_a_test_says_what_the_channel_answered(stocker, monkeypatch, status, wanted):
    with web_server() as web:
        web.status = {"/slack": status}
        monkeypatch.setenv("STOCKER_ALERT_SLACK_URL", f"{web.url}/slack")
        code, said, _ = stocker("alerts", "test", "--channel", "slack", "--json")
    assert code == wanted
    (row,) = json.loads(said)["channels"]
    assert row["detail"].startswith(str(status))


def test_a_test_without_a_channel_fails(stocker):
    code, _, said = stocker("alerts", "test")
    assert code == 7
    assert "nothing was sent" in said
    assert stocker("alerts", "test", "--channel", "pigeon")[0] == 3


def test_a_wrong_variable_is_named_and_not_shown(stocker, monkeypatch):
    monkeypatch.setenv("STOCKER_ALERT_SLACK_URL", "http://example.com/a-secret-path")
    stocker("alerts", "deliver")  # makes the ledger
    _, said, _ = stocker("doctor")
    assert "STOCKER_ALERT_SLACK_URL" in said
    assert "a-secret-path" not in said
