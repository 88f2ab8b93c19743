"""Rules of pre-trade limits (41): what a limit stopped did not happen."""

from stocker_pipeline.ledger.invariants import Invariant

INVARIANTS = (
    Invariant(
        "inv_41_what_a_limit_stopped_was_not_sent",
        "An order that a limit stopped before its first attempt was never sent, and what a limit "
        "left of an order after sizing only reduces a position.",
        """SELECT r.portfolio, r.session, r.symbol, r.limit_name, r.stage, 'sent' AS fault
        FROM limit_rejections r WHERE {only:r} AND r.stage = 'gate'
        AND EXISTS (SELECT 1 FROM order_attempts a WHERE a.client_order_id = r.client_order_id)
        AND NOT EXISTS (SELECT 1 FROM order_attempts a
          WHERE a.client_order_id = r.client_order_id AND a.committed_at <= r.recorded_at)
        UNION ALL
        SELECT r.portfolio, r.session, r.symbol, r.limit_name, r.stage, 'not a reduction'
        FROM limit_rejections r JOIN decisions d ON d.portfolio = r.portfolio
          AND d.session = r.session AND d.symbol = r.symbol
        WHERE {only:r} AND r.stage = 'sizing' AND d.ordered <> 0
        AND (d.ordered * d.held >= 0 OR abs(d.ordered) > abs(d.held))""",
    ),
)
