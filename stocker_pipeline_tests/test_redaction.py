"""Twelve planted secrets are searched for in everything that a process leaves behind."""

import base64
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from stocker_pipeline import redaction
from stocker_pipeline.domain.orders import SessionOutcome
from stocker_pipeline.gateways.brokers.misbehaviour import Fault, FaultKind
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger.audits import verify
from stocker_pipeline.ledger.control_records import BreakKind, Discrepancy, ReconciliationRecord
from stocker_pipeline.ledger.records import OrderEvent, OutcomeRecord
from stocker_pipeline.risk.alerts import Delivery
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.alerts import acknowledge, put_canary
from stocker_pipeline.stages.control import Target, kill, reduce
from stocker_pipeline.stages.monitor import monitor
from stocker_pipeline.stages.monitor_facts import MONITORS
from stocker_pipeline_tests.stages.faults.faulty_day import FIRST, Day
from stocker_pipeline_tests.stages.paper_day import BOOK
from stocker_pipeline_tests.stages.paper_homes import sqlite_home, sqlite_template  # noqa: F401
from stocker_pipeline_tests.stages.paper_scripts import MARKET, order_id

CANARIES = {
    "STOCKER_LEDGER_URL": 'led"ger/c4nary+1',
    "APCA_API_KEY_ID": "PKC4NARY2TWO",
    "APCA_API_SECRET_KEY": "alpaca/c4nary+3==",
    "TIINGO_API_KEY": "c4nary4tiingo0123456789",
    "STOCKER_ALERT_SLACK_URL": "XC4nary5slackXXXXXXXXXXX",
    "STOCKER_ALERT_EMAIL_URL": "sm:tp c4nary6&é",
    "STOCKER_ALERT_PAGERDUTY_KEY": "c4nary7pagerduty",
    "STOCKER_ALERT_PAGERDUTY_URL": "c4nary8-proxy-key",
    "STOCKER_ALERT_DEADMAN_URL": "c4nary9-dead-man-0000",
    "DAGSTER_POSTGRES_PASSWORD": "c4nary10<dagster>",
    "AWS_SECRET_ACCESS_KEY": "c4nary11/aws/secret",
    "AWS_SESSION_TOKEN": "c4nary12aws\\session",
}
"""Variable → what of it is secret."""

_ADDRESSES = {
    "STOCKER_LEDGER_URL": "postgresql://stocker:{}@127.0.0.1:1/book",
    "STOCKER_ALERT_SLACK_URL": "http://127.0.0.1:1/services/T0/B0/{}",
    "STOCKER_ALERT_EMAIL_URL": "smtp://anna:{}@127.0.0.1:1/?from=a@b.example&to=c@b.example",
    "STOCKER_ALERT_PAGERDUTY_URL": "http://127.0.0.1:1/v2/{}",
    "STOCKER_ALERT_DEADMAN_URL": "http://127.0.0.1:1/ping/{}",
}


def environment() -> dict[str, str]:
    """Every canary in the variable where it belongs."""
    return {
        name: _ADDRESSES.get(name, "{}").format(quote(value, safe="") if "://" in
        _ADDRESSES.get(name, "") else value)
        for name, value in CANARIES.items()
    }  # fmt: skip


def escaped(text: str) -> set[str]:
    """A secret as it could stand in a file: plain, URL, JSON, and base64 at any offset."""
    found = {text, quote(text, safe=""), json.dumps(text)[1:-1]}
    for offset in range(3):
        coded = base64.b64encode(b"x" * offset + text.encode() + b"xxx")
        # Three bytes are four characters: without both ends nothing of a neighbour is left.
        found.add(coded[4:-8].decode())
    return found


def leaks(content: bytes) -> set[str]:
    """Which canaries are in some bytes, in any spelling."""
    return {
        name
        for name, value in CANARIES.items()
        if any(form.encode() in content for form in escaped(value))
    }


@pytest.fixture
def learnt(monkeypatch):
    """The canaries as the secrets of this process, and hooks as they were afterwards."""
    monkeypatch.setattr(redaction, "_known", frozenset())
    monkeypatch.setattr(redaction, "_spellings", ())
    factory, hook = logging.getLogRecordFactory(), sys.excepthook
    redaction.learn_environment(environment())
    redaction.install()
    yield
    logging.setLogRecordFactory(factory)
    sys.excepthook = hook


@pytest.mark.parametrize("name", CANARIES)
def test_every_spelling_of_a_secret_is_found(learnt, name):
    secret = CANARIES[name]
    basic = base64.b64encode(f"user:{secret}".encode()).decode()
    spelled = [
        secret,
        quote(secret),
        quote(secret, safe=""),
        re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quote(secret, safe="")),
        json.dumps({"a": secret}),
        json.dumps({"a": secret}, ensure_ascii=False),
        json.dumps(json.dumps(secret)),
        repr(secret),
        f"Authorization: Basic {basic}",
        base64.urlsafe_b64encode(secret.encode()).decode(),
        secret.encode().hex(),
    ]
    for text in spelled:
        assert redaction.holds_secret(text), text
        assert not leaks(redaction.redacted(text).encode()), text
    assert redaction.redacted("bars of SPY, services, stocker") == "bars of SPY, services, stocker"


def test_a_record_is_clean_for_every_handler_with_its_arguments_and_its_traceback(learnt, caplog):
    secret = CANARIES["TIINGO_API_KEY"]
    for name in ("stocker_pipeline.x", "dagster", "sqlalchemy.engine.Engine"):
        try:
            raise ValueError(f"bad token {secret}")
        except ValueError:
            logging.getLogger(name).warning("GET %s", {"token": secret}, exc_info=True)
    assert caplog.text.count(redaction.REPLACEMENT) >= 6
    assert "ValueError: bad token ***" in caplog.text
    assert not leaks(caplog.text.encode())
    assert all(record.exc_info is None for record in caplog.records)


def test_a_record_without_a_secret_keeps_its_arguments_and_its_error(learnt, caplog):
    try:
        raise ValueError("plain")
    except ValueError:
        logging.getLogger("plain").warning("%d bars", 7, exc_info=True)
    (record,) = caplog.records
    assert record.args == (7,)
    assert record.exc_info is not None


def test_a_traceback_that_ends_the_process_is_clean(learnt, capsys):
    error = RuntimeError(CANARIES["APCA_API_SECRET_KEY"])
    sys.excepthook(type(error), error, None)
    told = capsys.readouterr().err
    assert "RuntimeError: ***" in told
    assert not leaks(told.encode())


def test_settings_that_were_given_values_are_learnt_too(learnt, tmp_path):
    url = SecretStr("postgresql://stocker:elsewhere-77@db/book")
    Settings(home=tmp_path, ledger_url=url, tiingo_api_key=SecretStr("given-by-hand-8"))
    assert redaction.redacted("elsewhere-77 given-by-hand-8 book") == "*** *** book"


@pytest.mark.parametrize(
    "name", [name for name, f in Settings.model_fields.items() if "SecretStr" in str(f.annotation)]
)
def test_every_secret_setting_is_learnt_from_the_environment(name):
    field = Settings.model_fields[name]
    variable = str(field.validation_alias or f"STOCKER_{name.upper()}")
    assert variable.startswith(redaction._OWNERS)
    assert redaction.secrets_of(variable, "http://user:pass-word-1@host/some/long-key-123")


LEAVES = """
import logging, sys
from stocker_pipeline import redaction
if sys.argv[1] == "blind":
    redaction.learn = lambda values: None
import json
import dagster as dg
from stocker_pipeline.orchestration import runs
from stocker_pipeline.redaction import clean_streams, install
from stocker_pipeline.settings import Settings

secrets = json.loads(sys.argv[2])

@dg.asset(check_specs=[dg.AssetCheckSpec("seen", asset="told")])
def told(context):
    for name, value in secrets.items():
        context.log.info(f"asked with {value}")
        logging.getLogger("sqlalchemy.engine").warning("connect(%s)", value)
    yield dg.MaterializeResult(metadata={"asked": dg.MetadataValue.json(secrets),
                                         "md": dg.MetadataValue.md("; ".join(secrets.values()))},
                               check_results=[dg.AssetCheckResult(
                                   check_name="seen", passed=False, metadata=secrets)])

@dg.asset(deps=[told])
def failed():
    raise RuntimeError(json.dumps(secrets))

install()
with runs.instance(Settings()) as instance:
    done = dg.materialize([told, failed], instance=instance, raise_on_error=False)
    assert not done.success
    records = instance.all_logs(done.run_id)
    assert any(e.dagster_event and e.dagster_event.is_failure for e in records)
    print(len(records))
raise SystemExit(0)
"""


def run(home: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(redaction._OWNERS)}
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=inherited | environment() | {"STOCKER_HOME": str(home)},
        capture_output=True,
        check=False,
    )


def left_in(home: Path, done: subprocess.CompletedProcess[bytes]) -> dict[str, set[str]]:
    """Place → canaries found there."""
    places = {"stdout": done.stdout, "stderr": done.stderr}
    places |= {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.is_file()}
    return {place: found for place, content in places.items() if (found := leaks(content))}


@pytest.mark.parametrize("mode", ["clean", "blind"])
def test_a_run_leaves_no_secret_in_logs_metadata_checks_or_errors(tmp_path, mode):
    home = tmp_path / "home"
    home.mkdir()
    done = run(home, LEAVES, mode, json.dumps(CANARIES))
    assert done.returncode == 0, redaction.redacted(done.stderr.decode()[-3000:])
    found = left_in(home, done)
    if mode == "clean":
        assert found == {}
        assert b"***" in done.stderr
        return
    # Without the filter all of them are everywhere: the search itself can see.
    assert set().union(*found.values()) == set(CANARIES)
    assert {"stderr"} < set(found)
    assert any("dagster" in place for place in found)


COMMANDS = """
import sys
from stocker_pipeline import redaction
if sys.argv[1] == "blind":
    redaction.learn = lambda values: None
from stocker_pipeline.cli import main
for command in (["status", "trend_paper", "--json"], ["doctor", "--json"], ["db", "check"],
                ["db", "upgrade", "--json"], ["orders", "trend_paper"], ["audit", "verify"],
                ["alerts", "list", "--json"], ["alerts", "test", "--json"],
                ["sessions", "2010-01-04", "2010-01-05", "--json"]):
    sys.argv = ["stocker", *command]
    try:
        main()
    except SystemExit:
        pass
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
from stocker_pipeline.commands.output import print_json, say
from stocker_pipeline.settings import Settings
import os
with redaction.clean_streams():
    print_json(dict(os.environ))
    say(repr({name: value for name, value in os.environ.items()}).replace("[", "("))
    print(Settings().ledger)
raise RuntimeError(Settings().ledger)
"""


@pytest.mark.parametrize("mode", ["clean", "blind"])
def test_answers_and_errors_of_commands_hold_no_secret(tmp_path, mode):
    home = tmp_path / "home"
    home.mkdir()
    done = run(home, COMMANDS, mode)
    assert b"127.0.0.1" in done.stderr + done.stdout
    found = left_in(home, done)
    if mode == "clean":
        assert found == {}
    else:
        assert found["stdout"] == set(CANARIES)
        assert "STOCKER_LEDGER_URL" in found["stderr"]


@pytest.mark.parametrize("mode", ["clean", "blind"])
def test_the_ledger_holds_no_secret_whoever_wrote_it(
    sqlite_template,  # noqa: F811
    tmp_path,
    monkeypatch,
    mode,
):
    monkeypatch.setattr(redaction, "_known", frozenset())
    monkeypatch.setattr(redaction, "_spellings", ())
    if mode == "clean":
        redaction.learn(CANARIES.values())
    said = list(CANARIES.values())
    whole = " and ".join(said)

    def broken(look):
        raise ValueError(f"no answer to {whole}")

    with sqlite_home(sqlite_template, tmp_path / "book", MARKET) as home:
        day = Day.begin(home)
        refused = Fault(FaultKind.REFUSED, "submit", client_order_id=order_id(FIRST, "IBM"))
        day.open(FIRST, refused)
        with day.home.ledger(day.clock) as ledger:
            # A person, a monitor, a session's end, a vendor's words in an order and in a delivery.
            reduce(ledger, Target(BOOK), author="anna", reason=whole)
            monkeypatch.setitem(MONITORS, "integrity", broken)
            lake = Lake(str(tmp_path / "lake"))
            portfolio = MARKET.portfolio
            monitor(ledger, lake, BOOK, portfolio, day.clock.now(), monitors=("integrity",))
            kill(ledger, Target(), author="anna", reason=whole)
            number = put_canary(ledger, day.clock)
            taken = Delivery(number, "slack", "alert", 0, 1, "m", False, whole)
            ledger.write(None, lambda w: w.put_alert_delivery(taken))
            acknowledge(ledger, [number], author="anna", reason=whole)
            outcome = OutcomeRecord(BOOK, FIRST, SessionOutcome.HALTED, "KILLED", whole)
            ledger.write(None, lambda w: w.put_outcome(outcome))
            ledger.write(None, lambda w: w.put_outcome(outcome))
            with ledger.lease(BOOK, FIRST, "open") as lease:
                difference = Discrepancy(BreakKind.CASH, "", whole, said[0])
                record = ReconciliationRecord(BOOK, FIRST, "open", 1, 1, (difference,))
                ledger.write(lease, lambda w: w.put_reconciliation(record))
                (name,) = [o for s, o in day.orders(FIRST).items() if s == "AAPL"]
                event = OrderEvent(
                    name.client_order_id, "lookup", name.state, reason=whole, raw=whole
                )
                ledger.write(lease, lambda w: w.put_event(event))
            assert ledger.read(verify) == []
        left = b"".join(path.read_bytes() for path in (tmp_path / "book").glob("ledger.db*"))
    assert leaks(left) == (set() if mode == "clean" else set(CANARIES))
