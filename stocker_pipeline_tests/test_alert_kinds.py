"""Every kind of alert, raised where it is raised and received where a person would receive it.

Slack, PagerDuty and the mail server are of this machine. The codes that the source can write, the
sections of the runbook and the lives in which they come up are the same set.
"""

import ast
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.alerts.channel import Channel
from stocker_pipeline.gateways.alerts.email import EmailChannel
from stocker_pipeline.gateways.alerts.pagerduty import PagerDutyChannel
from stocker_pipeline.gateways.alerts.slack import SlackChannel
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.orchestration.alert_sensors import deliver_sensor
from stocker_pipeline.risk.alert_policy import CHANNELS, ROUTES
from stocker_pipeline.risk.alerts import Alert, Delivery
from stocker_pipeline.risk.reconciliation import BreakKind
from stocker_pipeline.stages.alerts import deliver
from stocker_pipeline.stages.control import _UNTIL_ARMED
from stocker_pipeline.stages.monitor_facts import MONITORS
from stocker_pipeline_tests.alert_lives import LIVES, Life, lived
from stocker_pipeline_tests.gateways.alerts.servers import (
    ROUTING_KEY,
    Post,
    Web,
    mail_server,
    web_server,
)
from stocker_pipeline_tests.ledger.conftest import sqlite_template  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
EACH_LIFE = pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
IN_EVERY_RUN = {"answers", "alerting_itself", "idle", "tampered"}
EACH_LIFE_QUICK_OR_SLOW = pytest.mark.parametrize(
    "life",
    [
        pytest.param(life, marks=[] if life.__name__ in IN_EVERY_RUN else pytest.mark.slow)
        for life in LIVES
    ],
    ids=lambda life: life.__name__,
)
LONGEST_S = 300.0
"""From an alert's row to a person, at the most."""
TICK_S = float(deliver_sensor().minimum_interval_seconds or 0)


Kept = dict[Life, tuple[Path, datetime]]


@pytest.fixture(scope="module")
def homes() -> Kept:
    """Lives that were lived already."""
    return {}


@pytest.fixture
def left(
    life: Life,
    homes: Kept,
    sqlite_template: Path,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Ledger, FixedClock]]:
    """A copy of the ledger that a life leaves, when it was over."""
    if life not in homes:
        folder = tmp_path_factory.mktemp("alerts") / "life"
        homes[life] = lived(life, sqlite_template, folder, monkeypatch)
    kept, at = homes[life]
    (tmp_path / "ledger.db").write_bytes(kept.read_bytes())
    clock = FixedClock(at)
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", clock=clock) as ledger:
        yield ledger, clock


@pytest.fixture
def street() -> Iterator[tuple[Web, Post, list[Channel]]]:
    """The servers, and the channels that lead to them."""
    with web_server() as web, mail_server() as post:
        channels: list[Channel] = [
            SlackChannel(f"{web.url}/slack"),
            EmailChannel(post.url),
            PagerDutyChannel(ROUTING_KEY, url=f"{web.url}/pagerduty"),
        ]
        yield web, post, channels


def told(ledger: Ledger) -> list[tuple[Alert, set[str]]]:
    """Alerts that were to be told, with the channels that took them."""
    taken: dict[int, set[str]] = {}
    deliveries: list[Delivery] = list(ledger.read(lambda r: r.alert_deliveries()))
    for item in deliveries:
        if item.delivered:
            taken.setdefault(item.alert_id, set()).add(item.channel)
    ends = ledger.read(lambda r: r.alert_ends())
    folded = {end.alert_id for end in ends if end.how == "folded"}
    alerts = ledger.read(lambda r: r.alerts())
    return [
        (alert, taken.get(alert.alert_id, set()))
        for alert in alerts
        if alert.alert_id not in folded and not alert.recovers
    ]


@EACH_LIFE
def test_each_kind_is_received_where_its_loudness_sends_it_and_soon(
    life: Life,
    left: tuple[Ledger, FixedClock],
    street: tuple[Web, Post, list[Channel]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    ledger, clock = left
    web, post, channels = street
    begun = time.monotonic()
    report = deliver(ledger, channels, clock)
    assert report.failed == []
    last = max([at for _, _, at in web.received] + [at for _, at in post.received])
    found = told(ledger)
    assert {alert.code for alert, _ in found} >= LIVES[life]
    for alert, taken in found:
        wanted = CHANNELS if alert.code == "canary" else ROUTES[alert.severity]
        assert taken >= set(wanted), alert
    titles = " ".join(str(mail["Subject"]) for mail, _ in post.received)
    bodies = " ".join(str(body) for _, body, _ in web.received)
    for code in LIVES[life]:
        assert code.replace("_", " ") in bodies + titles
    took = last - begun
    assert TICK_S + took < LONGEST_S
    with capsys.disabled():
        print(f"\n{took:6.2f} s after the tick: {', '.join(sorted(LIVES[life]))}", end="")


@EACH_LIFE_QUICK_OR_SLOW
def test_with_every_channel_dead_each_kind_is_kept_and_received_afterwards(
    life: Life,
    left: tuple[Ledger, FixedClock],
    street: tuple[Web, Post, list[Channel]],
) -> None:
    ledger, clock = left
    web, post, channels = street
    web.status, post.refuses = {"/slack": 503, "/pagerduty": 503}, "451 not now"
    for minutes in (0, 2, 4):
        clock.advance(timedelta(minutes=minutes))
        assert deliver(ledger, channels, clock).sent == []
    assert (web.received, post.received) == ([], [])
    waiting = {alert.code for alert in ledger.read(lambda r: r.undelivered_alerts())}
    # The lives of the outbox itself have a story before this one.
    assert waiting >= LIVES[life] - {"canary"}
    web.status, post.refuses = {}, ""
    clock.advance(timedelta(minutes=61))
    deliver(ledger, channels, clock)
    assert ledger.read(lambda r: r.undelivered_alerts()) == []
    received = {alert.code for alert, taken in told(ledger) if taken}
    assert received >= LIVES[life]


def test_source_runbook_and_lives_know_the_same_kinds() -> None:
    sections = runbook_codes()
    assert len(sections) == len(set(sections)), "a section stands twice"
    assert sections == sorted(sections)
    assert set(sections) == codes_of_the_source()
    assert frozenset().union(*LIVES.values()) == set(sections)


def runbook_codes() -> list[str]:
    """Codes of the alerts' sections; a heading may name several."""
    text = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    alerts = text.partition("## Alerts\n")[2].partition("\n## ")[0]
    return [
        code
        for heading in re.findall(r"^### (.+)$", alerts, re.MULTILINE)
        for code in heading.split(", ")
    ]


MANY = {
    'f"break_{broken.kind}"': {f"break_{kind}" for kind in BreakKind},
    'f"break_{found.kind}"': {f"break_{kind}" for kind in BreakKind},
    # A monitor's alert has its name, or one of two others that are constants of that module.
    "stages/monitor.py: code": {*MONITORS, "monitor_failed", "monitor_not_judged"},
    "stages/control.py: found.code": {"killed", "reduce_only", *_UNTIL_ARMED},
    "stages/alerts.py: alert.code": set(),
}
"""Codes that are made at run time, as the source spells them."""


def codes_of_the_source() -> set[str]:
    """The second argument of every ``Alert(…)`` in the product."""
    found: set[str] = set()
    package = ROOT / "stocker_pipeline"
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "Alert(" not in text:
            continue
        tree = ast.parse(text)
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }
        constants["CANARY"] = "canary"
        for call in ast.walk(tree):
            if not (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Name)
                and call.func.id == "Alert"
                and len(call.args) > 1
            ):
                continue
            code = call.args[1]
            words = ast.unparse(code).replace("'", '"')
            where = f"{path.relative_to(package)}: {words}"
            if isinstance(code, ast.Constant):
                found.add(str(code.value))
            elif words in constants:
                found.add(str(constants[words]))
            elif words in MANY or where in MANY:
                found |= MANY.get(words, set()) | MANY.get(where, set())
            else:
                raise AssertionError(f"{where} is a code that this test cannot read: name it")
    return found
