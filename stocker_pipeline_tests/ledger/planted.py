"""For each rule of a ledger what breaks it, written past every check of the database."""

from dataclasses import dataclass
from datetime import timedelta

from stocker_pipeline.ledger.tables import metadata
from stocker_pipeline_tests.ledger.builders import MORNING

EVENING = MORNING + timedelta(days=2)
"""When all of it is written: both days have closed."""
LATER = f"'{(EVENING + timedelta(seconds=1)).isoformat(timespec='microseconds')}'"


@dataclass(frozen=True)
class Plant:
    """A violation: the tables whose every rule is taken away, and what is then done to them."""

    invariant: str
    tables: tuple[str, ...]
    statements: tuple[str, ...]
    shows: str


def _copy(table: str, changes: str, where: str = "1 = 1") -> str:
    """Insert changed copies of rows; ``changes`` is ``column = expression; …``."""
    changed = dict(part.split(" = ", 1) for part in changes.split("; ")) if changes else {}
    names = [column.name for column in metadata.tables[table].columns]
    values = ", ".join(changed.get(name, name) for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} WHERE {where}"


def _said(of_account: str) -> str:
    """Insert a word about an account, long ago."""
    return f"""INSERT INTO account_control (epoch, account, state, author, reason, at)
    VALUES ({of_account}, 'because', '2000-01-03T00:00:00.000000+00:00')"""


def _rejected(stage: str, at: str) -> str:
    """Insert that a limit stopped every order there is."""
    return f"""INSERT INTO limit_rejections (portfolio, session, client_order_id, limit_name, stage,
      symbol, measured, bound, unit, sentence, recorded_at)
    SELECT portfolio, session, client_order_id, 'single_name', '{stage}', symbol, '0.5', '0.4',
      'of NAV', 'too much', {at} FROM order_intents"""


MONDAY_ROW = "session = '2010-01-04'"
TUESDAY_ROW = "session = '2010-01-05'"

PLANTS = (
    Plant(
        "inv_01_order_id_is_its_key",
        ("order_intents",),
        ("UPDATE order_intents SET revision = 7",),
        "recomputed stk-",
    ),
    Plant(
        "inv_02_order_id_is_unique",
        ("order_intents",),
        (_copy("order_intents", "", MONDAY_ROW),),
        "intents 2",
    ),
    Plant(
        "inv_03_one_working_order",
        ("order_intents",),
        (
            "UPDATE order_intents SET state = 'ACKED'",
            _copy("order_intents", "client_order_id = 'stk-other'; revision = 1", MONDAY_ROW),
        ),
        "symbol AAPL, working 2",
    ),
    Plant(
        "inv_04_one_payload_per_id",
        ("order_intents",),
        (f"UPDATE order_intents SET quantity = 101 WHERE {MONDAY_ROW}",),
        "payload_hash",
    ),
    Plant(
        "inv_05_intent_before_effect",
        ("order_attempts",),
        ("DELETE FROM order_attempts",),
        "FILLED without an attempt",
    ),
    Plant(
        "inv_05_intent_before_effect",
        ("order_intents",),
        (f"UPDATE order_intents SET committed_at = {LATER}",),
        "attempt before the intent",
    ),
    Plant(
        "inv_06_attempts_are_counted",
        ("order_attempts",),
        (_copy("order_attempts", "attempt = 2"),),
        "attempts 2, last_attempt 2, sendings 1",
    ),
    Plant(
        "inv_07_states_follow_legal_edges",
        ("order_events",),
        ("UPDATE order_events SET state = 'INTENT' WHERE state = 'ACKED'",),
        "before SENDING, state INTENT",
    ),
    Plant(
        "inv_07_states_follow_legal_edges",
        ("order_intents",),
        ("UPDATE order_intents SET state = 'ACKED'",),
        "sequence 0, before ACKED, state FILLED",
    ),
    Plant(
        "inv_09_never_more_than_decided",
        ("order_intents",),
        (
            _copy(
                "order_intents",
                "client_order_id = 'stk-other'; revision = 1; state = 'INTENT'",
                MONDAY_ROW,
            ),
        ),
        "ordered 100, exposed 200",
    ),
    Plant(
        "inv_10_only_decided_sessions_send",
        ("sessions",),
        ("UPDATE sessions SET kind = 'caught_up'",),
        "kind caught_up",
    ),
    Plant(
        "inv_12_orders_name_their_origin",
        ("sessions",),
        ("UPDATE sessions SET data_versions = '{}'",),
        "data_versions {}",
    ),
    Plant(
        "inv_13_no_attempt_while_killed",
        ("control_state",),
        ("UPDATE control_state SET state = 'KILLED'",),
        "kill_epoch 1, state KILLED",
    ),
    Plant(
        "inv_13_no_attempt_while_killed",
        ("order_attempts",),
        ("UPDATE order_attempts SET kill_epoch = 9",),
        "kill_epoch 9, state None",
    ),
    Plant(
        "inv_15_a_kill_is_lifted_by_a_person",
        ("control_state",),
        (
            _copy("control_state", "epoch = 2; state = 'KILLED'"),
            _copy("control_state", "epoch = 3; state = 'ARMED'", "epoch = 1"),
        ),
        "epoch 3, state ARMED, author stocker",
    ),
    Plant(
        "inv_13_no_attempt_while_killed",
        ("account_control",),
        (_said("1, '*', 'KILLED', 'anna'"),),
        "kill_epoch 1, state ARMED",
    ),
    Plant(
        "inv_15_a_kill_is_lifted_by_a_person",
        ("account_control",),
        (_said("1, '*', 'KILLED', 'anna'"), _said("2, '*', 'ARMED', 'stocker'")),
        "epoch 2, state ARMED, author stocker",
    ),
    Plant(
        "inv_17_an_execution_is_booked_once",
        ("executions",),
        (_copy("executions", "", MONDAY_ROW),),
        "booked 2",
    ),
    Plant(
        "inv_18_fills_add_up_to_the_order",
        ("executions",),
        (f"UPDATE executions SET quantity = 99 WHERE {MONDAY_ROW}",),
        "quantity 100, filled 99",
    ),
    Plant(
        "inv_18_fills_add_up_to_the_order",
        ("executions",),
        (_copy("executions", "execution_id = 'again'", MONDAY_ROW),),
        "one cumulative quantity twice",
    ),
    Plant(
        "inv_19_positions_are_fills_and_actions",
        ("positions",),
        (f"UPDATE positions SET quantity = 151 WHERE {TUESDAY_ROW}",),
        "explained 150, held 151",
    ),
    Plant(
        "inv_19_positions_are_fills_and_actions",
        ("positions",),
        (_copy("positions", "symbol = 'MSFT'", TUESDAY_ROW),),
        "symbol MSFT, explained 0, held 150",
    ),
    Plant(
        "inv_22_foreign_fills_pass_a_person",
        ("executions",),
        ("UPDATE executions SET client_order_id = NULL",),
        "symbol AAPL",
    ),
    Plant(
        "inv_24_rows_are_only_added",
        ("lots",),
        (),
        "trigger lots_no_delete",
    ),
    Plant(
        "inv_25_a_fill_moves_its_cash",
        ("cash_entries",),
        ("DELETE FROM cash_entries WHERE kind = 'commission'",),
        "commission_e4 -10000",
    ),
    Plant(
        "inv_25_a_fill_moves_its_cash",
        ("executions",),
        ("DELETE FROM executions",),
        "trade_e4 0",
    ),
    Plant(
        "inv_26_cash_is_explained",
        ("cash_entries",),
        ("UPDATE cash_entries SET amount = amount + 1 WHERE kind = 'deposit'",),
        "session 2010-01-05",
    ),
    Plant(
        "inv_27_nav_is_cash_and_marks",
        ("positions",),
        ("UPDATE positions SET market_value = market_value + 1",),
        "positions_value_e4 10200000",
    ),
    Plant(
        "inv_27_nav_is_cash_and_marks",
        ("positions",),
        (f"UPDATE positions SET mark = '51.6' WHERE {TUESDAY_ROW}",),
        "mark 51.6",
    ),
    Plant(
        "inv_28_nav_is_what_made_it",
        ("snapshots",),
        (f"UPDATE snapshots SET realised = realised + 1 WHERE {TUESDAY_ROW}",),
        "nav_e4",
    ),
    Plant(
        "inv_28_nav_is_what_made_it",
        ("snapshots",),
        (
            "UPDATE snapshots SET dividends = dividends - 1, realised = realised + 1 "
            f"WHERE {TUESDAY_ROW}",
        ),
        "total dividends",
    ),
    Plant(
        "inv_29_lots_are_the_fold_of_facts",
        ("lots",),
        (f"UPDATE lots SET cost = cost + 1 WHERE {TUESDAY_ROW}",),
        "folded [(150, 75937500)]",
    ),
    Plant(
        "inv_29_lots_are_the_fold_of_facts",
        ("snapshots",),
        (f"UPDATE snapshots SET realised = realised + 1 WHERE {TUESDAY_ROW}",),
        "folded_realised_e4 187500",
    ),
    Plant(
        "inv_29_lots_make_positions",
        ("lots",),
        (f"UPDATE lots SET quantity = 149 WHERE {TUESDAY_ROW}",),
        "quantity 150, cost_e4 75937500, lots_quantity 149",
    ),
    Plant(
        "inv_30_actions_are_applied_once",
        ("corporate_action_entries",),
        (_copy("corporate_action_entries", "sequence = 2; cash = 0"),),
        "times 2",
    ),
    Plant(
        "inv_30_actions_are_applied_once",
        ("cash_entries",),
        ("DELETE FROM cash_entries WHERE kind = 'dividend'",),
        "cash_e4 1000000",
    ),
    Plant(
        "inv_31_amounts_are_exact",
        ("snapshots",),
        (
            "ALTER TABLE snapshots RENAME COLUMN nav TO was",
            "ALTER TABLE snapshots ADD COLUMN nav DOUBLE PRECISION",
            "UPDATE snapshots SET nav = 0.1",
        ),
        "column_name nav, holds",
    ),
    Plant(
        "inv_32_times_are_possible",
        ("session_outcomes",),
        ("UPDATE session_outcomes SET session = '2010-01-09' WHERE session = '2010-01-05'",),
        "session 2010-01-09, fault not a session of XNYS",
    ),
    Plant(
        "inv_32_times_are_possible",
        ("order_events",),
        ("UPDATE order_events SET recorded_at = '2031-01-04T13:00:00.000000+00:00'",),
        "instant 2031-01-04",
    ),
    Plant(
        "inv_34_the_audit_chain_is_whole",
        ("audit_log",),
        ("UPDATE audit_log SET actor = 'somebody' WHERE sequence = 2",),
        "entry 2, control of trend_paper",
    ),
    Plant(
        "inv_34_the_audit_chain_is_whole",
        ("audit_log",),
        ("DELETE FROM audit_log WHERE sequence = 2",),
        "entry 2 removed",
    ),
    Plant(
        "inv_41_what_a_limit_stopped_was_not_sent",
        ("limit_rejections",),
        (_rejected("gate", "'2010-01-04T12:00:00.000000+00:00'"),),
        "limit_name single_name, stage gate, fault sent",
    ),
    Plant(
        "inv_41_what_a_limit_stopped_was_not_sent",
        ("limit_rejections",),
        (_rejected("sizing", LATER),),
        "stage sizing, fault not a reduction",
    ),
    Plant(
        "inv_43_one_environment",
        ("portfolios",),
        ("UPDATE portfolios SET environment = 'live'",),
        "environment live, owner paper",
    ),
    Plant(
        "inv_44_one_lease_at_a_time",
        ("snapshots",),
        (f"UPDATE snapshots SET recorded_at = {LATER} WHERE {MONDAY_ROW}",),
        "written snapshots",
    ),
    Plant(
        "inv_44_one_lease_at_a_time",
        ("lease_ends",),
        ("DELETE FROM lease_ends WHERE token < 3",),
        "another lease is live too",
    ),
    Plant(
        "inv_45_a_done_session_stays",
        ("snapshots",),
        (f"UPDATE snapshots SET version = 2 WHERE {TUESDAY_ROW}",),
        "version 2",
    ),
    Plant(
        "inv_46_reconciled_before_sending",
        ("reconciliations",),
        ("DELETE FROM reconciliations",),
        "no reconciliation within 15 minutes before",
    ),
    Plant(
        "inv_46_reconciled_before_sending",
        ("breaks",),
        (
            "INSERT INTO breaks (id, portfolio, kind, symbol, expected, observed, opened_by, "
            f"opened_at) SELECT 1, portfolio, 'quantity', 'AAPL', '0', '1', id, ran_at "
            f"FROM reconciliations WHERE {MONDAY_ROW}",
        ),
        "quantity break 1 was open",
    ),
    Plant(
        "inv_47_every_session_has_an_end",
        ("session_outcomes",),
        (f"DELETE FROM session_outcomes WHERE {MONDAY_ROW}",),
        "session 2010-01-04, fault no outcome",
    ),
)
