"""Rules between rows that the database itself keeps, whoever writes: the same on both databases.

Each rule is one condition that must not hold after a row was added. A row that was there already is
no new row, so repeating a write never meets a rule. A rule's message begins with ``stocker:`` and
its code, which ``errors`` reads. Belongs here: the rules and how each database is told them. Stays
out: rules that one row can break alone (the tables' checks), and rules that need the calendar.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from stocker_pipeline.domain.orders import LEGAL_EDGES
from stocker_pipeline.ledger.control_records import DRILL_AUTHOR
from stocker_pipeline.ledger.tables import metadata

INTENT_COLUMNS = tuple(
    column.name for column in metadata.tables["order_intents"].columns if column.name != "state"
)


@dataclass(frozen=True)
class Rule:
    """What must not be true of a row that was just added.

    Attributes:
        name: The trigger's name.
        broken: SQL over ``NEW`` that both databases read alike; true where the rule is broken.
        locks_portfolio_of: SQL for the portfolio whose row a PostgreSQL transaction must hold, so
            that no other one changes what the rule reads.
        locks_account: Whether it must hold those of every portfolio, and keep new ones from
            being opened meanwhile.
        then: A statement that follows where the rule holds.
    """

    name: str
    table: str
    code: str
    message: str
    broken: str
    locks_portfolio_of: str = ""
    locks_account: bool = False
    then: str = ""


_ORDER = "(SELECT o.portfolio FROM order_intents o WHERE o.client_order_id = NEW.client_order_id)"
_STALE_FENCE = """NEW.lease_token <> (SELECT max(l.token) FROM leases l
    WHERE l.portfolio = {portfolio})
    OR EXISTS (SELECT 1 FROM lease_ends e
    WHERE e.portfolio = {portfolio} AND e.token = NEW.lease_token)"""


def _fence(table: str, portfolio: str = "NEW.portfolio") -> Rule:
    return Rule(
        f"{table}_fence",
        table,
        "fence",
        "the lease of this token has ended or another one was given",
        _STALE_FENCE.format(portfolio=portfolio),
    )


def _gap(table: str, number: str, *key: str) -> str:
    """Where numbers within a key do not run 1, 2, 3 …; the key itself keeps them apart."""
    same = "".join(f"g.{name} = NEW.{name} AND " for name in key)
    return f"""(NEW.{number} < 1 OR (NEW.{number} > 1 AND NOT EXISTS (SELECT 1 FROM {table} g
    WHERE {same}g.{number} = NEW.{number} - 1)))"""


def _illegal_edge() -> str:
    legal = " OR ".join(
        f"(o.state = '{before}' AND NEW.state IN ({_listed(after)}))"
        for before, after in LEGAL_EDGES.items()
        if after
    )
    return f"""EXISTS (SELECT 1 FROM order_intents o
    WHERE o.client_order_id = NEW.client_order_id AND NOT ({legal}))"""


def _listed(states: frozenset[str]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


def _strictness(state: str) -> str:
    return f"(CASE {state} WHEN 'KILLED' THEN 2 WHEN 'REDUCE_ONLY' THEN 1 ELSE 0 END)"


_PROGRAM = "(NEW.author = 'stocker' OR substr(NEW.author, 1, 8) = 'stocker ')"
"""Who is no person: the program, and its parts by name."""
_SPOKEN_OF = """a.account IN ('*', (SELECT p.account FROM portfolios p
    WHERE p.portfolio = c.portfolio))"""


RULES: tuple[Rule, ...] = (
    Rule(
        "portfolios_environment",
        "portfolios",
        "environment",
        "the database belongs to another environment",
        "NOT EXISTS (SELECT 1 FROM environment e WHERE e.name = NEW.environment)",
    ),
    Rule(
        "leases_one",
        "leases",
        "lease",
        "another lease of the portfolio has not ended, or the token is not the next one",
        f"""{_gap("leases", "token", "portfolio")}
    OR EXISTS (SELECT 1 FROM leases l WHERE l.portfolio = NEW.portfolio
    AND l.token = NEW.token - 1 AND NOT EXISTS (SELECT 1 FROM lease_ends e
    WHERE e.portfolio = l.portfolio AND e.token = l.token))""",
        locks_portfolio_of="NEW.portfolio",
    ),
    _fence("sessions"),
    _fence("order_intents"),
    _fence("snapshots"),
    _fence("reconciliations"),
    _fence("order_attempts", _ORDER),
    Rule(
        "order_intents_begin",
        "order_intents",
        "edge",
        "an order begins as INTENT, in the environment and account of its portfolio",
        """NEW.state <> 'INTENT' OR NOT EXISTS (SELECT 1 FROM portfolios p
    WHERE p.portfolio = NEW.portfolio AND p.environment = NEW.environment
    AND p.account = NEW.account)""",
    ),
    Rule(
        "order_attempts_control",
        "order_attempts",
        "control",
        "the portfolio or its account is not armed, or that changed since it was read",
        f"""NOT EXISTS (SELECT 1 FROM control_state c WHERE c.portfolio = {_ORDER}
    AND c.epoch = NEW.kill_epoch
    AND c.epoch = (SELECT max(d.epoch) FROM control_state d WHERE d.portfolio = c.portfolio)
    AND ((c.state IN ('ARMED', 'REDUCE_ONLY') AND NOT EXISTS (SELECT 1 FROM account_control a
    WHERE {_SPOKEN_OF} AND a.state = 'KILLED' AND a.epoch = (SELECT max(b.epoch)
    FROM account_control b WHERE b.account = a.account)))
    OR EXISTS (SELECT 1 FROM flattens f JOIN order_intents o
    ON o.portfolio = f.portfolio AND o.session = f.session AND o.leg = 'flatten'
    WHERE o.client_order_id = NEW.client_order_id AND f.control_epoch = c.epoch
    AND f.account_epoch = coalesce((SELECT max(a.epoch) FROM account_control a
    WHERE {_SPOKEN_OF}), 0))))""",
        locks_portfolio_of=_ORDER,
    ),
    Rule(
        "order_intents_flatten",
        "order_intents",
        "control",
        "an order that closes a book needs leave for its session",
        """NEW.leg = 'flatten' AND NOT EXISTS (SELECT 1 FROM flattens f
    WHERE f.portfolio = NEW.portfolio AND f.session = NEW.session)""",
    ),
    Rule(
        "order_attempts_counted",
        "order_attempts",
        "sequence",
        "attempts are numbered from 1 without a gap",
        _gap("order_attempts", "attempt", "client_order_id"),
    ),
    Rule(
        "order_events_counted",
        "order_events",
        "sequence",
        "events of an order are numbered from 1 without a gap",
        _gap("order_events", "sequence", "client_order_id"),
    ),
    # Triggers of one table run in the order of their names on PostgreSQL and in no promised order
    # on SQLite: what moves the state is one trigger with what judges the step.
    Rule(
        "order_events_edge",
        "order_events",
        "edge",
        "no such step between two states of an order",
        _illegal_edge(),
        then="""UPDATE order_intents SET state = NEW.state
    WHERE client_order_id = NEW.client_order_id""",
    ),
    Rule(
        "executions_foreign",
        "executions",
        "foreign",
        "an execution is of one of our orders, with its portfolio, symbol and side, or was adopted",
        """(NEW.client_order_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM order_intents o
    WHERE o.client_order_id = NEW.client_order_id AND o.portfolio = NEW.portfolio
    AND o.symbol = NEW.symbol AND (o.quantity > 0) = (NEW.quantity > 0)))
    OR (NEW.client_order_id IS NULL AND NOT EXISTS (SELECT 1 FROM suspense s
    WHERE s.broker = NEW.broker AND s.account = NEW.account
    AND s.execution_id = NEW.execution_id))""",
    ),
    Rule(
        "executions_overfill",
        "executions",
        "overfill",
        "the executions of an order are not more than its quantity",
        """NEW.client_order_id IS NOT NULL AND (SELECT sum(abs(x.quantity)) FROM executions x
    WHERE x.client_order_id = NEW.client_order_id) > (SELECT abs(o.quantity)
    FROM order_intents o WHERE o.client_order_id = NEW.client_order_id)""",
    ),
    Rule(
        "snapshots_in_order",
        "snapshots",
        "sequence",
        "sessions are settled in order, and their versions are numbered from 1 without a gap",
        f"""{_gap("snapshots", "version", "portfolio", "session")}
    OR (NEW.version = 1 AND EXISTS (SELECT 1 FROM snapshots s
    WHERE s.portfolio = NEW.portfolio AND s.session > NEW.session))""",
    ),
    Rule(
        "control_state_epoch",
        "control_state",
        "sequence",
        "epochs of control are numbered from 1 without a gap",
        _gap("control_state", "epoch", "portfolio"),
        locks_portfolio_of="NEW.portfolio",
    ),
    Rule(
        "control_state_sticky",
        "control_state",
        "sticky",
        "only a person allows more than before; a drill arms what it killed itself, never in live",
        f"""EXISTS (SELECT 1 FROM portfolios p LEFT JOIN control_state b
    ON b.portfolio = p.portfolio AND b.epoch = NEW.epoch - 1
    WHERE p.portfolio = NEW.portfolio
    AND {_strictness("coalesce(b.state, CASE p.environment WHEN 'live' THEN 'KILLED' END)")}
    > {_strictness("NEW.state")}
    AND {_PROGRAM} AND NOT (NEW.author = '{DRILL_AUTHOR}' AND p.environment <> 'live'
    AND NEW.state = 'ARMED' AND b.author = NEW.author AND EXISTS (SELECT 1
    FROM control_state d WHERE d.portfolio = NEW.portfolio AND d.epoch = NEW.epoch - 2
    AND d.state = 'ARMED')))""",
    ),
    Rule(
        "account_control_epoch",
        "account_control",
        "sequence",
        "words about accounts are numbered from 1 without a gap",
        _gap("account_control", "epoch"),
        locks_account=True,
    ),
    Rule(
        "account_control_sticky",
        "account_control",
        "sticky",
        "only a person allows an account more than before",
        f"""{_PROGRAM} AND EXISTS (SELECT 1 FROM account_control b
    WHERE b.account = NEW.account AND b.epoch = (SELECT max(c.epoch) FROM account_control c
    WHERE c.account = NEW.account AND c.epoch < NEW.epoch)
    AND {_strictness("b.state")} > {_strictness("NEW.state")})""",
    ),
    Rule(
        "flattens_current",
        "flattens",
        "control",
        "leave to close a book is given under the control that is in force",
        """NEW.control_epoch <> coalesce((SELECT max(c.epoch) FROM control_state c
    WHERE c.portfolio = NEW.portfolio), 0)""",
        locks_portfolio_of="NEW.portfolio",
    ),
    Rule(
        "cursors_counted",
        "cursors",
        "sequence",
        "values of a cursor are numbered from 1 without a gap",
        _gap("cursors", "sequence", "scope", "name"),
    ),
    Rule(
        "audit_log_chained",
        "audit_log",
        "audit",
        "an audit entry names the hash of the entry before it",
        f"""{_gap("audit_log", "sequence")}
    OR (NEW.sequence > 1 AND NOT EXISTS (SELECT 1 FROM audit_log a
    WHERE a.sequence = NEW.sequence - 1 AND a.hash = NEW.previous_hash))""",
    ),
)

_APPEND_ONLY = "append_only: rows of the ledger are added, never changed or deleted"
_STATE_ONLY = "append_only: of an order only the state changes, to that of its last event"


def statements(dialect: str) -> list[str]:
    """Every trigger, as ``CREATE`` statements for ``sqlite`` or ``postgresql``."""
    return list(_sqlite() if dialect == "sqlite" else _postgresql())


def _sqlite() -> Iterator[str]:
    for table in sorted(metadata.tables):
        for act in ("UPDATE", "DELETE"):
            if (table, act) != ("order_intents", "UPDATE"):
                yield (
                    f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table}\n"
                    f"BEGIN\n  SELECT RAISE(ABORT, 'stocker:{_APPEND_ONLY}');\nEND"
                )
    yield (
        "CREATE TRIGGER order_intents_no_update BEFORE UPDATE ON order_intents\n"
        f"WHEN {_more_than_state_changed('IS NOT')}\n"
        f"BEGIN\n  SELECT RAISE(ABORT, 'stocker:{_STATE_ONLY}');\nEND"
    )
    for rule in RULES:
        then = f"  {rule.then};\n" if rule.then else ""
        yield (
            f"CREATE TRIGGER {rule.name} AFTER INSERT ON {rule.table}\n"
            f"BEGIN\n  SELECT RAISE(ABORT, 'stocker:{rule.code}: {rule.message}')\n"
            f"  WHERE {rule.broken};\n{then}END"
        )


def _postgresql() -> Iterator[str]:
    yield _function("stocker_append_only", _raise(_APPEND_ONLY))
    for table in sorted(metadata.tables):
        for act in ("UPDATE", "DELETE", "TRUNCATE"):
            if (table, act) != ("order_intents", "UPDATE"):
                yield (
                    f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table}\n"
                    f"FOR EACH STATEMENT EXECUTE FUNCTION stocker_append_only()"
                )
    changed = _more_than_state_changed("IS DISTINCT FROM")
    guard = f"IF {changed} THEN\n    {_raise(_STATE_ONLY)}\n  END IF;"
    yield _function("stocker_order_intents_no_update", f"{guard}\n  RETURN NEW;")
    yield (
        "CREATE TRIGGER order_intents_no_update BEFORE UPDATE ON order_intents\n"
        "FOR EACH ROW EXECUTE FUNCTION stocker_order_intents_no_update()"
    )
    for rule in RULES:
        lock = ""
        if rule.locks_portfolio_of:
            lock = (
                "PERFORM 1 FROM portfolios p WHERE p.portfolio = "
                f"{rule.locks_portfolio_of} FOR UPDATE;\n  "
            )
        if rule.locks_account:
            lock = (
                "LOCK TABLE portfolios IN SHARE ROW EXCLUSIVE MODE;\n  "
                "PERFORM 1 FROM portfolios p ORDER BY p.portfolio FOR UPDATE;\n  "
            )
        then = f"{rule.then};\n  " if rule.then else ""
        body = (
            f"{lock}IF {rule.broken} THEN\n    {_raise(f'{rule.code}: {rule.message}')}\n"
            f"  END IF;\n"
            f"  {then}RETURN NULL;"
        )
        yield _function(f"stocker_{rule.name}", body)
        yield (
            f"CREATE TRIGGER {rule.name} AFTER INSERT ON {rule.table}\n"
            f"FOR EACH ROW EXECUTE FUNCTION stocker_{rule.name}()"
        )


def _more_than_state_changed(differs: str) -> str:
    """Where an UPDATE of an intent is anything but the projection of its last event."""
    changed = " OR ".join(f"NEW.{name} {differs} OLD.{name}" for name in INTENT_COLUMNS)
    return f"""{changed}
  OR NEW.state {differs} (SELECT e.state FROM order_events e
    WHERE e.client_order_id = NEW.client_order_id ORDER BY e.sequence DESC LIMIT 1)"""


def _raise(message: str) -> str:
    return f"RAISE EXCEPTION 'stocker:{message}' USING ERRCODE = 'ST001';"


def _function(name: str, body: str) -> str:
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  {body}\nEND\n$$"
    )
