"""Lots as a book closed them: Stocker's own arithmetic, in the same integers (ENGINE E15, E26)."""

import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline.analytics.trades import round_trips
from stocker_pipeline.engine.tables import MONEY, money_array

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("portfolio", pa.string()),
        ("trade_number", pa.int64()),
        ("symbol", pa.string()),
        ("quantity", pa.int64()),
        ("entry_session", pa.date32()),
        ("exit_session", pa.date32()),
        ("sessions_held", pa.int64()),
        ("entry_value_usd", MONEY),
        ("profit_usd", MONEY),
    ]
)


def model(dbt, session):
    """One row per lot that a fill closed, of every settled session of every book."""
    dbt.config(materialized="table")
    books = {
        "snapshots": dbt.ref("int_snapshots"),
        "fills": dbt.ref("int_fills"),
        "positions": dbt.ref("int_positions"),
        "actions": dbt.ref("int_corporate_action_entries"),
    }
    tables = {name: found.to_arrow_table() for name, found in books.items()}
    keys = tables["snapshots"].select(["environment", "portfolio"])
    made = [SCHEMA.empty_table()]
    for key in keys.group_by(keys.column_names).aggregate([]).to_pylist():
        mine = {name: _of(table, key) for name, table in tables.items()}
        made.append(_trips(key, mine))
    return pa.concat_tables(made)


def _of(table, key):
    same = pc.and_(
        pc.equal(table["environment"], key["environment"]),
        pc.equal(table["portfolio"], key["portfolio"]),
    )
    return table.filter(same).sort_by("session")


def _trips(key, mine):
    sessions = mine["snapshots"]["session"]
    settled = pc.is_in(mine["fills"]["session"], value_set=sessions.combine_chunks())
    record = TrackRecord(
        snapshots=_named(mine["snapshots"]),
        fills=_named(mine["fills"].filter(settled)),
        positions=_named(mine["positions"]),
        corporate_actions=_splits(mine["actions"]),
    )
    trips = round_trips(record)
    days = sessions.to_pylist()

    def money(values):
        return money_array([round(value * 10_000) for value in values])

    columns = {
        "environment": pa.repeat(key["environment"], len(trips)),
        "portfolio": pa.repeat(key["portfolio"], len(trips)),
        "trade_number": list(range(1, len(trips) + 1)),
        "symbol": [trip.symbol for trip in trips],
        "quantity": [trip.quantity for trip in trips],
        "entry_session": [days[trip.opened_row] for trip in trips],
        "exit_session": [days[trip.closed_row] for trip in trips],
        "sessions_held": [trip.sessions_held for trip in trips],
        "entry_value_usd": money([trip.entry_value_usd for trip in trips]),
        "profit_usd": money([trip.profit_usd for trip in trips]),
    }
    return pa.table(columns, schema=SCHEMA)


def _named(table):
    """The names that analytics knows: without the unit."""
    return table.rename_columns([name.removesuffix("_usd") for name in table.column_names])


def _splits(actions):
    ratios = pc.divide(
        pc.cast(actions["split_new"], pa.float64()), pc.cast(actions["split_old"], pa.float64())
    )
    return pa.table(
        {
            "session": actions["session"],
            "symbol": actions["symbol"],
            "split": ratios,
            "dividend": actions["dividend_usd_per_share"],
        }
    )
