"""Each way to change a ledger past its rules, and what the check of the audit log says of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import text

from stocker_pipeline.domain.orders import OrderState
from stocker_pipeline.ledger import Ledger, Writer
from stocker_pipeline.ledger.audits import AuditFault, Head, head_of, verify
from stocker_pipeline.ledger.backups import backup, restore
from stocker_pipeline.ledger.control_records import (
    ControlState,
    OverrideKind,
    OverrideRecord,
)
from stocker_pipeline.ledger.hashes import audit_hash
from stocker_pipeline.ledger.records import OrderEvent
from stocker_pipeline.ledger.types import canonical_json
from stocker_pipeline_tests.ledger.builders import (
    ACCOUNT,
    BOOK,
    BROKER,
    CAPITAL_E4,
    MONDAY,
    TUESDAY,
    closing,
    decide,
    execution,
    intent,
    open_book,
    reconcile,
    send,
    settle,
    trade_monday,
    trade_tuesday,
)


@pytest.fixture
def told(ledger: Ledger) -> Ledger:
    """Two traded days, a person's override, and a fill that nobody ordered."""
    open_book(ledger)
    trade_monday(ledger)
    trade_tuesday(ledger)
    halt = OverrideRecord(BOOK, OverrideKind.NO_TRADE, "anna", "until the merger", TUESDAY, "AAPL")
    ledger.write(None, lambda writer: writer.put_override(halt))
    ghost = replace(execution(intent("IBM", 5), 5, 1_000_000), execution_id="ghost")
    ledger.write(None, lambda w: w.suspend_execution(BROKER, ACCOUNT, ghost, why="not ours"))
    return ledger


def tamper(ledger: Ledger, *statements: str) -> None:
    """Run SQL with every trigger and foreign key out of the way."""

    def fn(writer: Writer) -> None:
        run = writer.connection.exec_driver_sql
        if ledger.dialect == "postgresql":
            run("SET LOCAL session_replication_role = replica")
        else:
            names = run("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
            for name in names:
                run(f"DROP TRIGGER {name}")
            run("PRAGMA defer_foreign_keys = on")
        for statement in statements:
            assert writer.connection.execute(text(statement)).rowcount != 0, statement

    ledger.write(None, fn)


def faults_of(ledger: Ledger, heads: Sequence[Head] = ()) -> list[AuditFault]:
    return ledger.read(lambda reader: verify(reader, heads))


@dataclass(frozen=True)
class Tampering:
    """What is done, which kind of fault it is, and what the fault says."""

    name: str
    statement: str
    kind: str
    says: str
    sequence: int | None = None


_LAST = "(SELECT max(sequence) FROM audit_log)"
_ORDER = "(SELECT min(client_order_id) FROM order_intents)"
_COPY = "SELECT sequence + 100, at, actor, action, subject, content, previous_hash, hash"
TAMPERINGS = [
    Tampering("an actor", "UPDATE audit_log SET actor = 'bob' WHERE sequence = 2", "entry_changed",
              "by bob", 2),
    Tampering("a reason", "UPDATE audit_log SET content = '{}' WHERE sequence = 3", "entry_changed",
              "config_version", 3),
    Tampering("a hash", f"UPDATE audit_log SET hash = '{'a' * 64}' WHERE sequence = 4",
              "entry_changed", "written again", 4),
    Tampering("an entry removed", "DELETE FROM audit_log WHERE sequence = 3", "entry_removed",
              "entry 3 removed", 3),
    Tampering("the first entry removed", "DELETE FROM audit_log WHERE sequence = 1",
              "entry_removed", "entry 1 removed", 1),
    Tampering("an entry inserted", f"INSERT INTO audit_log {_COPY} FROM audit_log WHERE "
              "sequence = 2", "entry_removed", "", None),
    Tampering("the tail cut off", f"DELETE FROM audit_log WHERE sequence = {_LAST}",
              "fact_inserted", "suspense/simulated/SIM-1/ghost"),
    Tampering("a fill's price", "UPDATE executions SET price = price + 1", "fact_changed",
              "executions/simulated/SIM-1/"),
    Tampering("cash of a fill", "UPDATE cash_entries SET amount = amount + 1 WHERE kind = 'trade'",
              "fact_changed", "cash_entries/simulated/SIM-1/"),
    Tampering("a deposit", "UPDATE cash_entries SET amount = amount + 1 WHERE kind = 'deposit'",
              "fact_changed", "cash_entries/trend_paper/transfer-1/0"),
    Tampering("an order's quantity", "UPDATE order_intents SET quantity = quantity + 1",
              "fact_changed", "orders/stk-"),
    Tampering("an event removed", f"DELETE FROM order_events WHERE sequence = 3 AND "
              f"client_order_id = {_ORDER}", "fact_removed", "/3"),
    Tampering("an attempt", "UPDATE order_attempts SET code_version = 'v2'", "fact_changed",
              "orders/stk-"),
    Tampering("a decision", "UPDATE decisions SET desired = desired + 1", "fact_changed",
              "decisions/trend_paper/2010-01-04"),
    Tampering("a snapshot", "UPDATE snapshots SET peak_nav = peak_nav + 1", "fact_changed",
              "snapshots/trend_paper/2010-01-04/1"),
    Tampering("a position removed", "DELETE FROM positions", "fact_removed",
              "positions/trend_paper/2010-01-04/1"),
    Tampering("an outcome", "UPDATE session_outcomes SET reason = 'none'", "fact_changed",
              "session_outcomes/trend_paper/2010-01-04"),
    Tampering("control", "UPDATE control_state SET author = 'bob'", "fact_changed",
              "control_state/trend_paper/1"),
    Tampering("control inserted", "INSERT INTO control_state SELECT portfolio, 2, state, author, "
              "reason, at FROM control_state", "fact_inserted", "control_state/trend_paper/2"),
    Tampering("an override removed", "DELETE FROM overrides", "fact_removed", "overrides/1"),
    Tampering("a configuration", "UPDATE config_versions SET content = 'window 1'",
              "fact_changed", "config_versions/cccc"),
    Tampering("which configuration decided", "UPDATE sessions SET code_version = 'v0'",
              "fact_changed", "sessions/trend_paper/2010-01-04"),
]  # fmt: skip


def test_an_untouched_ledger_has_no_fault(told: Ledger) -> None:
    assert faults_of(told) == []


@pytest.mark.parametrize("done", TAMPERINGS, ids=lambda done: done.name)
def test_what_was_tampered_with_is_named(told: Ledger, done: Tampering) -> None:
    tamper(told, done.statement)
    found = faults_of(told)
    fitting = [fault for fault in found if fault.kind == done.kind and done.says in str(fault)]
    assert fitting, [str(fault) for fault in found]
    if done.sequence is not None:
        assert fitting[0].sequence == done.sequence


def test_a_log_written_anew_is_found_by_a_head_noted_elsewhere(told: Ledger) -> None:
    noted = told.read(head_of)
    assert noted is not None
    entries = told.read(lambda reader: reader.audit())
    previous, lines = entries[0].previous_hash, []
    for entry in entries:
        words = dict(entry.content) | ({"reason": "invented"} if entry.sequence == 2 else {})
        anew = replace(entry, content=words, previous_hash=previous)
        previous = audit_hash(previous, anew)
        lines.append(
            f"UPDATE audit_log SET content = '{canonical_json(words)}', hash = '{previous}', "
            f"previous_hash = '{anew.previous_hash}' WHERE sequence = {entry.sequence}"
        )
    tamper(told, *(line.replace(":", r"\:") for line in lines))
    assert faults_of(told) == []
    (fault,) = faults_of(told, [noted])
    assert fault.kind == "head_lost"
    assert fault.sequence == noted.sequence


def test_a_cut_tail_is_found_by_a_head_noted_elsewhere(told: Ledger) -> None:
    noted = told.read(head_of)
    assert noted is not None
    tamper(told, f"DELETE FROM audit_log WHERE sequence = {_LAST}", "DELETE FROM suspense")
    assert faults_of(told) == []
    (fault,) = faults_of(told, [noted])
    assert "the log ends at entry" in fault.sentence


def test_an_event_learnt_after_the_settlement_is_bound_too(ledger: Ledger) -> None:
    open_book(ledger)
    order = intent("AAPL", 100)
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        decide(ledger, lease, [order])
        reconcile(ledger, lease)
        send(ledger, lease, order)
        settle(ledger, lease, closing(MONDAY, CAPITAL_E4), traded=False)
        late = OrderEvent(order.client_order_id, "looked_up", OrderState.EXPIRED)
        ledger.write(lease, lambda writer: writer.put_event(late))
    assert faults_of(ledger) == []
    last = ledger.read(lambda reader: reader.last_audit())
    assert last is not None
    assert last.action == "order_event"
    tamper(ledger, "DELETE FROM order_events WHERE kind = 'looked_up'")
    assert [fault.kind for fault in faults_of(ledger)] == ["fact_removed"]


def test_a_day_that_is_not_settled_is_not_bound_yet(ledger: Ledger) -> None:
    open_book(ledger)
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        decide(ledger, lease, [intent("AAPL", 100)])
    assert faults_of(ledger) == []


def test_who_did_what_and_why_is_listed_by_book_action_and_time(told: Ledger) -> None:
    actions = [entry.action for entry in told.read(lambda reader: reader.audit(about=BOOK))]
    assert actions.count("settled") == 2
    assert actions.count("outcome") == 2
    (word,) = told.read(lambda reader: reader.audit(action="override"))
    assert (word.actor, word.content["reason"]) == ("anna", "until the merger")
    assert told.read(lambda reader: reader.audit(about=BOOK[:-1])) == []


def test_a_restored_ledger_is_what_its_log_says(
    told: Ledger, ledger_url: str, empty_url: str, tmp_path: object, clock: object
) -> None:
    copy = backup(ledger_url, f"{tmp_path}/copy")
    restore(copy.path, empty_url)
    with Ledger.open(empty_url, clock=clock) as restored:  # type: ignore[arg-type]
        assert faults_of(restored, [told.read(head_of)]) == []  # type: ignore[list-item]


def test_control_of_every_kind_names_who_and_why(ledger: Ledger) -> None:
    open_book(ledger)
    kill: Callable[[Writer], object] = lambda w: w.set_control(  # noqa: E731
        BOOK, ControlState.KILLED, author="anna", reason="a fire"
    )
    ledger.write(None, kill)
    last = ledger.read(lambda reader: reader.last_audit())
    assert last is not None
    assert (last.actor, last.content["reason"], last.content["state"]) == (
        "anna",
        "a fire",
        "KILLED",
    )
    assert faults_of(ledger) == []
