"""Rules of orders and fills (1–18, 22): nothing sent that was not decided, nothing booked twice."""

from collections.abc import Iterable

from stocker_pipeline.domain.orders import (
    LEGAL_EDGES,
    WORKING,
    OrderIntent,
    OrderKey,
    OrderState,
)
from stocker_pipeline.ledger.hashes import payload_hash
from stocker_pipeline.ledger.invariants import Invariant, Row, Scope


def _listed(states: Iterable[str]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


_WORKING = _listed(WORKING)
_SENT = _listed(set(OrderState) - {OrderState.INTENT, OrderState.CANCELLED})
_EDGES = " OR ".join(
    f"(step.before = '{before}' AND step.state IN ({_listed(after)}))"
    for before, after in LEGAL_EDGES.items()
    if after
)


def _intents(scope: Scope) -> list[tuple[Row, OrderIntent]]:
    rows = scope.rows("SELECT o.* FROM order_intents o WHERE {only:o}")
    return [
        (
            row,
            OrderIntent(
                OrderKey(
                    row["environment"],
                    row["account"],
                    row["portfolio"],
                    row["session"],
                    row["symbol"],
                    row["leg"],
                    row["revision"],
                ),
                row["quantity"],
                float(row["reference_price"]),
                row["decision"],
            ),
        )
        for row in rows
    ]


def _other_id(scope: Scope) -> list[Row]:
    return [
        {
            "client_order_id": row["client_order_id"],
            "recomputed": intent.client_order_id,
            "symbol": row["symbol"],
            "session": row["session"],
        }
        for row, intent in _intents(scope)
        if intent.client_order_id != row["client_order_id"] or len(row["client_order_id"]) > 48
    ]


def _other_payload(scope: Scope) -> list[Row]:
    return [
        {"client_order_id": row["client_order_id"], "payload_hash": row["payload_hash"]}
        for row, intent in _intents(scope)
        if payload_hash(intent) != row["payload_hash"]
    ]


INVARIANTS = (
    Invariant(
        "inv_01_order_id_is_its_key",
        "An order's id is what its own columns give, and at most 48 characters.",
        _other_id,
    ),
    Invariant(
        "inv_02_order_id_is_unique",
        "No two intents have one id.",
        """SELECT o.client_order_id, count(*) AS intents FROM order_intents o WHERE {only:o}
        GROUP BY o.client_order_id HAVING count(*) > 1""",
    ),
    Invariant(
        "inv_03_one_working_order",
        "A symbol has at most one working order in a session of a portfolio.",
        f"""SELECT o.portfolio, o.session, o.symbol, count(*) AS working FROM order_intents o
        WHERE o.state IN ({_WORKING}) AND {{only:o}}
        GROUP BY o.portfolio, o.session, o.symbol HAVING count(*) > 1""",
    ),
    Invariant(
        "inv_04_one_payload_per_id",
        "What is sent under an id is what was decided under it.",
        _other_payload,
    ),
    Invariant(
        "inv_05_intent_before_effect",
        "Nothing was sent or learnt of an order before its intent, or without an attempt.",
        f"""SELECT o.client_order_id, o.symbol, 'attempt before the intent' AS fault
        FROM order_intents o JOIN order_attempts a ON a.client_order_id = o.client_order_id
        WHERE a.committed_at < o.committed_at AND {{only:o}}
        UNION ALL
        SELECT o.client_order_id, o.symbol, o.state || ' without an attempt'
        FROM order_intents o WHERE {{only:o}} AND o.state IN ({_SENT})
        AND NOT EXISTS (SELECT 1 FROM order_attempts a
        WHERE a.client_order_id = o.client_order_id)""",
    ),
    Invariant(
        "inv_06_attempts_are_counted",
        "Attempts of an order run 1, 2, 3 …, one for each time it was SENDING.",
        """SELECT o.client_order_id, o.symbol,
          (SELECT count(*) FROM order_attempts a
            WHERE a.client_order_id = o.client_order_id) AS attempts,
          (SELECT coalesce(max(a.attempt), 0) FROM order_attempts a
            WHERE a.client_order_id = o.client_order_id) AS last_attempt,
          (SELECT count(*) FROM order_events e WHERE e.client_order_id = o.client_order_id
            AND e.state = 'SENDING') AS sendings
        FROM order_intents o WHERE {only:o} AND (
          (SELECT count(*) FROM order_attempts a WHERE a.client_order_id = o.client_order_id)
          <> (SELECT coalesce(max(a.attempt), 0) FROM order_attempts a
            WHERE a.client_order_id = o.client_order_id)
          OR (SELECT count(*) FROM order_attempts a WHERE a.client_order_id = o.client_order_id)
          <> (SELECT count(*) FROM order_events e WHERE e.client_order_id = o.client_order_id
            AND e.state = 'SENDING'))""",
    ),
    Invariant(
        "inv_07_states_follow_legal_edges",
        "Each state of an order may follow the one before, and the last one is the order's.",
        f"""SELECT step.client_order_id, step.sequence, step.before, step.state FROM (
          SELECT e.client_order_id, e.sequence, e.state, o.portfolio,
            coalesce(lag(e.state) OVER (PARTITION BY e.client_order_id ORDER BY e.sequence),
              'INTENT') AS before
          FROM order_events e JOIN order_intents o ON o.client_order_id = e.client_order_id
          WHERE {{only:o}}) step
        WHERE NOT ({_EDGES})
        UNION ALL
        SELECT o.client_order_id, 0, o.state, coalesce((SELECT e.state FROM order_events e
          WHERE e.client_order_id = o.client_order_id ORDER BY e.sequence DESC LIMIT 1), 'INTENT')
        FROM order_intents o WHERE {{only:o}} AND o.state <> coalesce((SELECT e.state
          FROM order_events e WHERE e.client_order_id = o.client_order_id
          ORDER BY e.sequence DESC LIMIT 1), 'INTENT')""",
    ),
    Invariant(
        "inv_09_never_more_than_decided",
        "What was filled and may still be filled of a symbol is not more than was decided.",
        f"""SELECT o.portfolio, o.session, o.symbol, d.ordered, sum(CASE
            WHEN o.state IN ({_WORKING}) THEN abs(o.quantity)
            ELSE (SELECT coalesce(sum(abs(x.quantity)), 0) FROM executions x
              WHERE x.client_order_id = o.client_order_id) END) AS exposed
        FROM order_intents o LEFT JOIN decisions d ON d.portfolio = o.portfolio
          AND d.session = o.session AND d.symbol = o.symbol
        WHERE o.leg = 'rebalance' AND {{only:o}}
        GROUP BY o.portfolio, o.session, o.symbol, d.ordered
        HAVING sum(CASE WHEN o.state IN ({_WORKING}) THEN abs(o.quantity)
            ELSE (SELECT coalesce(sum(abs(x.quantity)), 0) FROM executions x
              WHERE x.client_order_id = o.client_order_id) END) > coalesce(abs(d.ordered), 0)""",
    ),
    Invariant(
        "inv_10_only_decided_sessions_send",
        "Nothing but what closes a book is sent for a session that was skipped or caught up.",
        """SELECT o.portfolio, o.session, o.symbol, s.kind, a.attempt
        FROM order_attempts a JOIN order_intents o ON o.client_order_id = a.client_order_id
        JOIN sessions s ON s.portfolio = o.portfolio AND s.session = o.session
        WHERE s.kind <> 'decided' AND o.leg <> 'flatten' AND {only:o}""",
    ),
    Invariant(
        "inv_12_orders_name_their_origin",
        "Every order names a configuration that is stored, and the code and data of its session.",
        """SELECT o.client_order_id, o.symbol, o.config_hash, s.code_version, s.data_versions
        FROM order_intents o
        LEFT JOIN sessions s ON s.portfolio = o.portfolio AND s.session = o.session
        LEFT JOIN config_versions c ON c.config_hash = o.config_hash
        WHERE {only:o} AND (s.code_version IS NULL OR s.code_version = ''
          OR s.data_versions IS NULL OR s.data_versions IN ('', '{}', 'null')
          OR c.config_hash IS NULL)""",
    ),
    Invariant(
        "inv_13_no_attempt_while_killed",
        "Every attempt was made in the control epoch that was in force, and neither portfolio nor "
        "account was KILLED, but for a person's leave to close the book.",
        """SELECT o.portfolio, o.symbol, o.session, a.attempt, a.kill_epoch, c.state
        FROM order_attempts a JOIN order_intents o ON o.client_order_id = a.client_order_id
        LEFT JOIN control_state c ON c.portfolio = o.portfolio AND c.epoch = a.kill_epoch
        WHERE {only:o} AND (c.state IS NULL OR c.at > a.committed_at
          OR (c.state = 'KILLED' AND NOT EXISTS (SELECT 1 FROM flattens f
            WHERE o.leg = 'flatten' AND f.portfolio = o.portfolio AND f.session = o.session
            AND f.control_epoch = a.kill_epoch))
          OR (o.leg <> 'flatten' AND EXISTS (SELECT 1 FROM account_control k
            JOIN portfolios p ON p.portfolio = o.portfolio AND k.account IN (p.account, '*')
            WHERE k.state = 'KILLED' AND k.at < a.committed_at AND NOT EXISTS (SELECT 1
              FROM account_control n WHERE n.account = k.account AND n.epoch > k.epoch
              AND n.at <= a.committed_at)))
          OR EXISTS (SELECT 1 FROM control_state later WHERE later.portfolio = o.portfolio
            AND later.epoch = a.kill_epoch + 1 AND later.at < a.committed_at))""",
    ),
    Invariant(
        "inv_17_an_execution_is_booked_once",
        "An execution is in the book once, and not in suspense as well until it was adopted.",
        """SELECT x.broker, x.account, x.execution_id, count(*) AS booked FROM executions x
        WHERE {only:x} GROUP BY x.broker, x.account, x.execution_id HAVING count(*) > 1
        UNION ALL
        SELECT x.broker, x.account, x.execution_id, 1 FROM executions x
        JOIN suspense s ON s.broker = x.broker AND s.account = x.account
          AND s.execution_id = x.execution_id
        LEFT JOIN suspense_ends e ON e.broker = s.broker AND e.account = s.account
          AND e.execution_id = s.execution_id
        WHERE {only:x} AND (e.resolution IS NULL OR e.resolution <> 'adopted')""",
    ),
    Invariant(
        "inv_18_fills_add_up_to_the_order",
        "An order's fills are not above its quantity, and in a settled session are what it says.",
        """SELECT t.client_order_id, t.symbol, t.state, t.quantity, t.filled, t.stated FROM (
          SELECT o.client_order_id, o.portfolio, o.session, o.symbol, o.state, o.quantity,
            (SELECT coalesce(sum(x.quantity), 0) FROM executions x
              WHERE x.client_order_id = o.client_order_id) AS filled,
            (SELECT e.filled_quantity FROM order_events e
              WHERE e.client_order_id = o.client_order_id AND e.filled_quantity IS NOT NULL
              ORDER BY e.sequence DESC LIMIT 1) AS stated
          FROM order_intents o WHERE {only:o}) t
        WHERE abs(t.filled) > abs(t.quantity) OR t.filled * t.quantity < 0
          OR (EXISTS (SELECT 1 FROM snapshots s WHERE s.portfolio = t.portfolio
              AND s.session = t.session) AND (
            (t.state = 'FILLED' AND t.filled <> t.quantity)
            OR (t.state IN ('CANCELLED', 'EXPIRED', 'REJECTED')
              AND t.filled <> coalesce(t.stated, t.filled))))
        UNION ALL
        SELECT x.client_order_id, x.symbol, 'one cumulative quantity twice', 0, sum(x.quantity),
          x.cumulative_quantity
        FROM executions x WHERE {only:x} AND x.client_order_id IS NOT NULL
        GROUP BY x.client_order_id, x.symbol, x.cumulative_quantity HAVING count(*) > 1""",
    ),
    Invariant(
        "inv_22_foreign_fills_pass_a_person",
        "A fill that is of none of our orders is in the book only where a person adopted it.",
        """SELECT x.portfolio, x.symbol, x.execution_id, x.quantity FROM executions x
        WHERE {only:x} AND (
          (x.client_order_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM order_intents o
            WHERE o.client_order_id = x.client_order_id AND o.portfolio = x.portfolio
            AND o.symbol = x.symbol))
          OR (x.client_order_id IS NULL AND NOT EXISTS (SELECT 1 FROM suspense_ends e
            WHERE e.broker = x.broker AND e.account = x.account
            AND e.execution_id = x.execution_id AND e.resolution = 'adopted')))""",
    ),
)
