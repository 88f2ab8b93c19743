"""Rules of the book (19, 25–31): every share and every 1/10,000 dollar has a reason."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import text

from stocker_pipeline.engine.replay import lots_from
from stocker_pipeline.ledger.invariants import Invariant, Row, Scope
from stocker_pipeline.ledger.tables import metadata
from stocker_pipeline.ledger.types import Money

_COUNTS = "(g.version = 0 OR g.version = s.version)"


def _lots_not_folded(scope: Scope) -> list[Row]:
    """Fold every fill and split of a portfolio again, and compare with its last close."""
    broken: list[Row] = []
    for portfolio in scope.portfolios:
        last = scope.reader.latest_snapshot(portfolio)
        if last is None:
            continue
        fills, entries, symbols = _facts(scope, portfolio, last.session)
        folded, realised = lots_from(fills, entries, symbols)
        held = scope.reader.lots(portfolio)
        wanted = sorted((lot.symbol, lot.quantity, lot.cost_e4) for lot in folded)
        found = sorted((lot.symbol, lot.quantity, lot.cost_e4) for lot in held)
        place: dict[str, Any] = {"portfolio": portfolio, "session": last.session}
        broken += [
            place | {"symbol": symbol, "folded": _of(wanted, symbol), "lots": _of(found, symbol)}
            for symbol in sorted({item[0] for item in (*wanted, *found)})
            if _of(wanted, symbol) != _of(found, symbol)
        ]
        if realised != last.realised_e4:
            broken.append(place | {"folded_realised_e4": realised, "realised_e4": last.realised_e4})
    return broken


def _of(lots: list[tuple[str, int, int]], symbol: str) -> list[tuple[int, int]]:
    return [(quantity, cost) for name, quantity, cost in lots if name == symbol]


def _facts(
    scope: Scope, portfolio: str, last: Any
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    booked = [
        item.execution
        for item in scope.reader.executions(portfolio)
        if item.execution.session <= last
    ]
    splits = [
        row
        for row in scope.rows(
            """SELECT c.portfolio, c.session, c.symbol, c.sequence, c.split_new, c.split_old
            FROM corporate_action_entries c WHERE {only:c} AND {latest:c}
            ORDER BY c.session, c.symbol, c.sequence"""
        )
        if row["portfolio"] == portfolio
    ]
    symbols = tuple(
        sorted({item.symbol for item in booked} | {str(row["symbol"]) for row in splits})
    )
    column = {symbol: j for j, symbol in enumerate(symbols)}
    fills = [
        (item.session.toordinal(), column[item.symbol], item.quantity, item.price_e4)
        for item in booked
    ]
    entries = [
        (row["session"].toordinal(), column[row["symbol"]], row["split_new"], row["split_old"])
        for row in splits
    ]
    return (
        np.array(fills, np.int64).reshape(-1, 4),
        np.array(entries, np.int64).reshape(-1, 4),
        symbols,
    )


def _values_not_marks(scope: Scope) -> list[Row]:
    rows = scope.rows(
        """SELECT p.portfolio, p.session, p.symbol, p.quantity, p.mark,
          p.market_value AS market_value_e4
        FROM positions p WHERE {only:p} AND {latest:p}"""
    )
    # Half-even, as the engine rounds a mark to money.
    return [
        row
        for row in rows
        if row["quantity"] * int(np.rint(float(row["mark"]) * 1e4)) != row["market_value_e4"]
    ]


def _not_exact(scope: Scope) -> list[Row]:
    """Columns and values in which an amount would not be exact."""
    connection = scope.reader.connection
    if not scope.is_sqlite:
        columns = connection.execute(
            text(
                """SELECT table_name, column_name, data_type AS holds
                FROM information_schema.columns WHERE table_schema = current_schema()
                AND data_type IN ('real', 'double precision', 'money')"""
            )
        )
        found: list[Row] = [dict(row) for row in columns.mappings()]
        for name, money in _money_columns():
            nan = text(f"SELECT count(*) FROM {name} WHERE {money} = 'NaN'")
            if connection.execute(nan).scalar_one():
                found.append({"table_name": name, "column_name": money, "holds": "NaN"})
        return found
    found = []
    for table in sorted(metadata.tables):
        for column in metadata.tables[table].columns:
            kinds = text(f"SELECT DISTINCT typeof({column.name}) FROM {table}")
            wrong = {"real", "blob"}
            if not _is_text(column.type.dialect_impl(connection.dialect)):
                wrong.add("text")
            held: Sequence[Any] = connection.execute(kinds).scalars().all()
            found += [
                {"table_name": table, "column_name": column.name, "holds": kind}
                for kind in held
                if kind in wrong
            ]
    return found


def _is_text(kind: Any) -> bool:
    return "TEXT" in str(kind.impl if hasattr(kind, "impl") else kind).upper()


def _money_columns() -> list[tuple[str, str]]:
    return [
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Money)
    ]


def _total(column: str, kinds: str, sign: str = "") -> str:
    """Snapshots whose running total is not the sum of its cash entries so far."""
    return f"""SELECT t.portfolio, t.session, '{column}' AS total, t.stated AS stated_e4,
      t.summed AS summed_e4 FROM (
      SELECT s.portfolio, s.session, s.{column} AS stated, sum(coalesce(m.amount, 0))
        OVER (PARTITION BY s.portfolio ORDER BY s.session) AS summed
      FROM snapshots s LEFT JOIN (SELECT g.portfolio, g.session, sum({sign}g.amount) AS amount
        FROM cash_entries g JOIN snapshots s ON s.portfolio = g.portfolio
          AND s.session = g.session AND {{latest:s}}
        WHERE g.kind IN ({kinds}) AND {_COUNTS} GROUP BY g.portfolio, g.session) m
        ON m.portfolio = s.portfolio AND m.session = s.session
      WHERE {{only:s}} AND {{latest:s}}) t WHERE t.stated <> t.summed"""


INVARIANTS = (
    Invariant(
        "inv_19_positions_are_fills_and_actions",
        "A position is the sum of its fills and of what corporate actions changed, and no more.",
        """SELECT t.portfolio, t.session, t.symbol, t.explained, coalesce(q.quantity, 0) AS held
        FROM (SELECT m.portfolio, m.session, m.symbol, sum(sum(m.moved))
            OVER (PARTITION BY m.portfolio, m.symbol ORDER BY m.session) AS explained
          FROM (SELECT x.portfolio, x.session, x.symbol, x.quantity AS moved FROM executions x
            WHERE {only:x}
            UNION ALL SELECT c.portfolio, c.session, c.symbol, c.shares_change
            FROM corporate_action_entries c WHERE {only:c} AND {latest:c}
            UNION ALL SELECT p.portfolio, p.session, p.symbol, 0 FROM positions p
            WHERE {only:p} AND {latest:p}) m
          GROUP BY m.portfolio, m.session, m.symbol) t
        JOIN snapshots s ON s.portfolio = t.portfolio AND s.session = t.session AND {latest:s}
        LEFT JOIN positions q ON q.portfolio = t.portfolio AND q.session = t.session
          AND q.symbol = t.symbol AND q.version = s.version
        WHERE t.explained <> coalesce(q.quantity, 0)""",
    ),
    Invariant(
        "inv_25_a_fill_moves_its_cash",
        "Every booked fill has exactly the cash of its price and of its commission.",
        """SELECT x.portfolio, x.session, x.symbol, x.execution_id,
          -x.quantity * x.price AS trade_e4, (SELECT sum(g.amount) FROM cash_entries g
            WHERE g.broker = x.broker AND g.account = x.account
            AND g.execution_id = x.execution_id AND g.kind = 'trade') AS booked_e4,
          -x.commission AS commission_e4
        FROM executions x WHERE {only:x} AND (
          coalesce((SELECT sum(g.amount) FROM cash_entries g WHERE g.broker = x.broker
            AND g.account = x.account AND g.execution_id = x.execution_id
            AND g.kind = 'trade' AND g.session = x.session AND g.portfolio = x.portfolio), 0)
            <> -x.quantity * x.price
          OR coalesce((SELECT sum(g.amount) FROM cash_entries g WHERE g.broker = x.broker
            AND g.account = x.account AND g.execution_id = x.execution_id
            AND g.kind = 'commission' AND g.session = x.session
            AND g.portfolio = x.portfolio), 0) <> -x.commission)
        UNION ALL
        SELECT g.portfolio, g.session, g.symbol, g.execution_id, 0, g.amount, 0
        FROM cash_entries g WHERE {only:g} AND g.execution_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM executions x WHERE x.broker = g.broker
          AND x.account = g.account AND x.execution_id = g.execution_id)""",
    ),
    Invariant(
        "inv_26_cash_is_explained",
        "Cash at a close is cash at the close before and the entries of the session.",
        f"""SELECT t.portfolio, t.session, t.opening AS opening_e4, t.entries AS entries_e4,
          t.cash AS cash_e4 FROM (
          SELECT s.portfolio, s.session, s.cash,
            coalesce(lag(s.cash) OVER (PARTITION BY s.portfolio ORDER BY s.session),
              s.initial_capital) AS opening,
            coalesce((SELECT sum(g.amount) FROM cash_entries g WHERE g.portfolio = s.portfolio
              AND g.session = s.session AND {_COUNTS}), 0) AS entries
          FROM snapshots s WHERE {{only:s}} AND {{latest:s}}) t
        WHERE t.opening + t.entries <> t.cash""",
    ),
    Invariant(
        "inv_27_nav_is_cash_and_marks",
        "NAV is cash and the market value of every position; each value is shares at their mark.",
        lambda scope: [
            *scope.rows(
                """SELECT s.portfolio, s.session, s.nav AS nav_e4, s.cash AS cash_e4,
                  s.positions_value AS positions_value_e4, s.positions_count
                FROM snapshots s WHERE {only:s} AND {latest:s}
                AND (s.nav <> s.cash + s.positions_value
                  OR s.positions_value <> coalesce((SELECT sum(p.market_value) FROM positions p
                    WHERE p.portfolio = s.portfolio AND p.session = s.session
                    AND p.version = s.version), 0)
                  OR s.unrealised <> s.positions_value - coalesce((SELECT sum(p.cost)
                    FROM positions p WHERE p.portfolio = s.portfolio
                    AND p.session = s.session AND p.version = s.version), 0)
                  OR s.positions_count <> (SELECT count(*) FROM positions p
                    WHERE p.portfolio = s.portfolio AND p.session = s.session
                    AND p.version = s.version))"""
            ),
            *_values_not_marks(scope),
        ],
    ),
    Invariant(
        "inv_28_nav_is_what_made_it",
        "NAV is capital, flows, results, dividends and cash in lieu less commissions, and each "
        "of these totals is the sum of its entries.",
        lambda scope: [
            *scope.rows(
                """SELECT s.portfolio, s.session, s.nav AS nav_e4 FROM snapshots s
                WHERE {only:s} AND {latest:s} AND s.nav <> s.initial_capital + s.flows
                  + s.realised + s.unrealised + s.dividends + s.cash_in_lieu - s.commissions"""
            ),
            *scope.rows(_total("flows", "'deposit', 'withdrawal', 'adjustment'")),
            *scope.rows(_total("dividends", "'dividend'")),
            *scope.rows(_total("cash_in_lieu", "'cash_in_lieu'")),
            *scope.rows(_total("commissions", "'commission'", "-")),
        ],
    ),
    Invariant(
        "inv_29_lots_are_the_fold_of_facts",
        "Open lots are what every fill and split folds to, first in first out, at the same cost.",
        _lots_not_folded,
    ),
    Invariant(
        "inv_29_lots_make_positions",
        "The open lots of a symbol add up to its position and to its cost.",
        """SELECT p.portfolio, p.session, p.symbol, p.quantity, p.cost AS cost_e4,
          sum(l.quantity) AS lots_quantity, sum(l.cost) AS lots_cost_e4
        FROM positions p LEFT JOIN lots l ON l.portfolio = p.portfolio AND l.symbol = p.symbol
          AND l.session = (SELECT max(k.session) FROM lots k WHERE k.portfolio = p.portfolio
            AND k.symbol = p.symbol AND k.session <= p.session)
          AND l.version = (SELECT max(k.version) FROM lots k WHERE k.portfolio = p.portfolio
            AND k.symbol = p.symbol AND k.session = l.session)
        WHERE {only:p} AND {latest:p}
        GROUP BY p.portfolio, p.session, p.symbol, p.quantity, p.cost
        HAVING coalesce(sum(l.quantity), 0) <> p.quantity OR coalesce(sum(l.cost), 0) <> p.cost
          OR (min(l.quantity) < 0 AND max(l.quantity) > 0)""",
    ),
    Invariant(
        "inv_30_actions_are_applied_once",
        "A split of a symbol and ex-date is applied once, and the cash of actions is booked once.",
        f"""SELECT c.portfolio, c.session, c.symbol, count(*) AS times,
          sum(c.cash) AS cash_e4 FROM corporate_action_entries c
        WHERE {{only:c}} AND c.split_new <> c.split_old
        GROUP BY c.portfolio, c.session, c.symbol, c.version, c.split_new, c.split_old
        HAVING count(*) > 1
        UNION ALL
        SELECT s.portfolio, s.session, '', 1,
          coalesce((SELECT sum(c.cash) FROM corporate_action_entries c
            WHERE c.portfolio = s.portfolio AND c.session = s.session
            AND c.version = s.version), 0)
        FROM snapshots s WHERE {{only:s}} AND {{latest:s}}
        AND coalesce((SELECT sum(c.cash) FROM corporate_action_entries c
            WHERE c.portfolio = s.portfolio AND c.session = s.session
            AND c.version = s.version), 0)
          <> coalesce((SELECT sum(g.amount) FROM cash_entries g WHERE g.portfolio = s.portfolio
            AND g.session = s.session AND g.kind IN ('dividend', 'cash_in_lieu')
            AND {_COUNTS}), 0)""",
    ),
    Invariant(
        "inv_31_amounts_are_exact",
        "No amount or quantity is stored as a float, as NaN or as a text.",
        _not_exact,
    ),
)
