"""The close of a session of a live book: corporate actions, fills, flows, marks → snapshot.

Works inside the caller's transaction, so that what was learnt and what follows from it are one.
A session is settled again, as a new version, when a fill of it arrives late; nothing is edited.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from stocker_pipeline.domain.crash_points import crash_point
from stocker_pipeline.engine.settlement import Settled, fills_of
from stocker_pipeline.engine.settlement import settle as settle_book
from stocker_pipeline.ledger import Reader, Writer
from stocker_pipeline.ledger.records import (
    CorporateActionEntry,
    PositionRow,
    Settlement,
    SnapshotRow,
)
from stocker_pipeline.stages.desk import Desk, opening_of

LATE_FILL = "late fill"


def settle_session(writer: Writer, desk: Desk, session: date, *, restate: str | None = None) -> int:
    """Settle one session from what is booked of it; returns the snapshot's version.

    Args:
        restate: Why a settled session may change; None = it may not.

    Raises:
        BookRefused: The session before is not settled.
        InputRefused: A symbol held never had a bar.
    """
    settled = settlement_of(writer, desk, session)
    return writer.settle(desk.name, _recorded(settled, session), restate_reason=restate)


def settlement_of(reader: Reader, desk: Desk, session: date) -> Settled:
    """The close of a session as the booked facts give it, written nowhere."""
    executions = [booked.execution for booked in reader.executions(desk.name, session=session)]
    return settle_book(
        desk.panel,
        desk.rules,
        opening_of(reader, desk, session),
        desk.panel.row_of(session),
        fills_of(desk.panel, executions),
        reader.flows_e4(desk.name, session),
    )


def settle_again(writer: Writer, desk: Desk, first: date, *, reason: str = LATE_FILL) -> list[date]:
    """Settle ``first`` and every later settled session once more; returns those sessions."""
    latest = writer.latest_snapshot(desk.name)
    if latest is None or latest.session < first:
        return []
    sessions: list[date] = desk.calendar.sessions(first, latest.session).tolist()
    for session in sessions:
        settle_session(writer, desk, session, restate=reason)
        crash_point("collect.restate.inside")
    return sessions


def _recorded(settled: Settled, session: date) -> Settlement:
    tables = settled.tables()
    (snapshot,) = tables["snapshots"].to_pylist()
    return Settlement(
        SnapshotRow(**_renamed(snapshot)),
        tuple(
            PositionRow(**_renamed(row))
            for row in tables["positions"].drop_columns("session").to_pylist()
        ),
        settled.closing.lots,
        tuple(_actions(settled, tables["corporate_action_entries"])),
    )


def _renamed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Money as integers, under the name that says so; NaN as nothing."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Decimal):
            found[f"{name}_e4"] = int(value.scaleb(4))
        else:
            found[name] = None if value != value else value
    return found


def _actions(settled: Settled, entries: pa.Table) -> list[CorporateActionEntry]:
    held: dict[str, int] = {}
    for lot in settled.run.opening.lots:
        held[lot.symbol] = held.get(lot.symbol, 0) + lot.quantity
    found = []
    for row in entries.to_pylist():
        symbol, dividend = row["symbol"], row["dividend"]
        held[symbol] += row["shares_change"]
        found.append(
            CorporateActionEntry(
                symbol,
                row["split_new"],
                row["split_old"],
                dividend,
                row["shares_change"],
                int(row["cash"].scaleb(4)),
                # E16, as the engine booked it: what is left of the entry is cash in lieu.
                int(np.rint(held[symbol] * dividend * 1e4)),
            )
        )
    return found
