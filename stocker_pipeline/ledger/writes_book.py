"""Writes of flows, settlements and cursors."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.engine.simulate import Lot
from stocker_pipeline.ledger.errors import LedgerConflict
from stocker_pipeline.ledger.facts import insert_into, refuse_other
from stocker_pipeline.ledger.queries_book import cursor_query
from stocker_pipeline.ledger.records import CashFlow, Settlement, SnapshotRow
from stocker_pipeline.ledger.tables import book as tables
from stocker_pipeline.ledger.writes_control import ControlWrites

_Key = dict[str, object]
_SYSTEM = "stocker"


class BookWrites(ControlWrites):
    """Adds to the tables in ``tables.book``. True = written now, False = it was there."""

    def put_flow(self, flow: CashFlow, *, settled_again: bool = False) -> bool:
        """Enter cash that a person moved or corrected, once for each reference.

        Args:
            settled_again: Whether the caller settles the session again in this transaction.

        Raises:
            LedgerConflict: The reference names another fact.
            BookRefused: The session is settled: it would not be in its snapshot.
        """
        row = {
            "portfolio": flow.portfolio,
            "session": flow.session,
            "kind": flow.kind,
            "amount": flow.amount_e4,
            "version": 0,
            "reference": flow.reference,
            "author": flow.author,
            "reason": flow.reason,
            "recorded_at": self.now,
        }
        entries = tables.cash_entries
        known = select(entries).where(
            entries.c.portfolio == flow.portfolio, entries.c.reference == flow.reference
        )
        there = self._one(known)
        if there is not None:
            refuse_other(entries, row, there, ignoring={"recorded_at"})
            return False
        if not settled_again and self.snapshot(flow.portfolio, flow.session) is not None:
            raise BookRefused(
                "a session that is not settled yet",
                f"a {flow.kind} at the close of {flow.session}",
                where=f"portfolio {flow.portfolio}",
                remedy="Enter it at the next session.",
            )
        self.connection.execute(insert_into(entries), row)
        content = {"kind": str(flow.kind), "amount_e4": flow.amount_e4, "reason": flow.reason}
        subject = f"{flow.portfolio}/{flow.session}/{flow.reference}"
        facts = self.bound(entries, portfolio=flow.portfolio, reference=flow.reference)
        self.put_audit(flow.author, "cash_flow", subject[:200], content, facts=facts)
        return True

    def advance_cursor(self, scope: str, name: str, value: str) -> bool:
        """Remember how far something was read."""
        row = self._one(cursor_query, scope=scope, name=name)
        if row is not None and row["value"] == value:
            return False
        fact = {
            "scope": scope,
            "name": name,
            "sequence": 1 if row is None else row["sequence"] + 1,
            "value": value,
            "recorded_at": self.now,
        }
        self.connection.execute(insert_into(tables.cursors), fact)
        return True

    def settle(
        self, portfolio: str, settlement: Settlement, *, restate_reason: str | None = None
    ) -> int:
        """Write the book at a close; return its version, 1 for the first.

        The same again is nothing. What was settled otherwise is settled again as the next version
        where a reason is given; every later session must be settled again too, in order, in the
        same transaction. Executions and flows of the session are booked before.

        Raises:
            LedgerConflict: The session is settled otherwise, and there is no ``restate_reason``.
            BookRefused: The parts do not add up to the snapshot, or the cash is not explained.
            LeaseLost: Without the portfolio's live lease.
        """
        token = self._token(portfolio)
        session = settlement.snapshot.session
        before = self.snapshot(portfolio, session)
        version = 1 if before is None else before.version + 1
        wanted = _comparable(settlement)
        if before is not None:
            there = self.settlement(portfolio, session)
            if there is not None and _comparable(there) == wanted:
                return before.version
            if restate_reason is None:
                raise LedgerConflict(
                    f"the book that is written, NAV {before.nav_e4} and cash {before.cash_e4}",
                    f"NAV {settlement.snapshot.nav_e4} and cash {settlement.snapshot.cash_e4} "
                    "(1/10,000 dollar), or other positions, lots or actions",
                    where=f"portfolio {portfolio}, session {session}, version {before.version}",
                    remedy="Settle it again with a reason where a late fill changed it.",
                )
        _refuse_unequal_parts(portfolio, settlement)
        key: _Key = {"portfolio": portfolio, "session": session, "version": version}
        self.connection.execute(
            insert_into(tables.snapshots),
            _snapshot_row(settlement.snapshot)
            | key
            | {
                "lease_token": token,
                "reason": restate_reason or "",
                "recorded_at": self.now,
            },
        )
        self._write_parts(key, settlement)
        self._write_lots(key, settlement)
        self._refuse_unexplained_cash(portfolio, settlement.snapshot)
        self.put_settled(portfolio, session, version, restate_reason or "")
        return version

    def _write_parts(self, key: _Key, settlement: Settlement) -> None:
        positions = [
            {
                "symbol": position.symbol,
                "quantity": position.quantity,
                "mark": position.mark,
                "mark_age_sessions": position.mark_age_sessions,
                "cost": position.cost_e4,
                "market_value": position.market_value_e4,
                **key,
            }
            for position in settlement.positions
        ]
        if positions:
            self.connection.execute(insert_into(tables.positions), positions)
        if not settlement.actions:
            return
        counts: dict[str, int] = defaultdict(int)
        rows = []
        moved: dict[tuple[str, str], int] = defaultdict(int)
        for action in settlement.actions:
            counts[action.symbol] += 1
            rows.append(
                {
                    "symbol": action.symbol,
                    "sequence": counts[action.symbol],
                    "split_new": action.split_new,
                    "split_old": action.split_old,
                    "dividend": action.dividend,
                    "shares_change": action.shares_change,
                    "cash": action.cash_e4,
                    "dividend_cash": action.dividend_cash_e4,
                    **key,
                }
            )
            moved[action.symbol, "dividend"] += action.dividend_cash_e4
            moved[action.symbol, "cash_in_lieu"] += action.cash_e4 - action.dividend_cash_e4
        self.connection.execute(insert_into(tables.corporate_action_entries), rows)
        common = {"author": _SYSTEM, "reason": "", "recorded_at": self.now, **key}
        entries = [
            {"symbol": symbol, "kind": kind, "amount": amount, **common}
            for (symbol, kind), amount in moved.items()
            if amount
        ]
        if entries:
            self.connection.execute(insert_into(tables.cash_entries), entries)

    def _write_lots(self, key: _Key, settlement: Settlement) -> None:
        """Rows for the symbols whose lots changed, and for those that an older version changed."""
        session, lots = settlement.snapshot.session, tables.lots
        portfolio = str(key["portfolio"])
        held = self.lots(portfolio, through=session - timedelta(days=1))
        before, after = _by_symbol(held), _by_symbol(settlement.lots)
        changed = {
            symbol
            for symbol in before.keys() | after.keys()
            if before.get(symbol) != after.get(symbol)
        }
        if key["version"] != 1:
            written = select(lots.c.symbol).where(
                lots.c.portfolio == portfolio, lots.c.session == session
            )
            changed |= {row["symbol"] for row in self._all(written.distinct())}
        rows = [
            {"symbol": symbol, "ordinal": ordinal, "quantity": quantity, "cost": cost, **key}
            for symbol in sorted(changed)
            for ordinal, (quantity, cost) in enumerate(after.get(symbol, [(0, 0)]))
        ]
        if rows:
            self.connection.execute(insert_into(lots), rows)

    def _refuse_unexplained_cash(self, portfolio: str, snapshot: SnapshotRow) -> None:
        """Cash at the close is cash before and every entry of the session, to the last unit."""
        earlier = self.latest_snapshot(portfolio, through=snapshot.session - timedelta(days=1))
        opening = snapshot.initial_capital_e4 if earlier is None else earlier.cash_e4
        entries = self.cash_entries(portfolio, snapshot.session)
        explained = opening + sum(entry.amount_e4 for entry in entries)
        if explained != snapshot.cash_e4:
            raise BookRefused(
                f"cash that the ledger explains: {opening} before and {len(entries)} entries make "
                f"{explained}",
                f"{snapshot.cash_e4} (1/10,000 dollar)",
                where=f"portfolio {portfolio}, close of {snapshot.session}",
                remedy="Book the executions, dividends and flows that are missing, or find them.",
            )


def _comparable(settlement: Settlement) -> tuple[object, ...]:
    """What of a settlement is a fact of the book."""
    snapshot = replace(settlement.snapshot, version=1, reason="", recorded_at=None)
    return (
        snapshot,
        sorted(settlement.positions, key=lambda position: position.symbol),
        _by_symbol(settlement.lots),
        sorted(settlement.actions, key=lambda action: action.symbol),
    )


def _by_symbol(lots: tuple[Lot, ...]) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for lot in lots:
        found[lot.symbol].append((lot.quantity, lot.cost_e4))
    return dict(found)


def _snapshot_row(snapshot: SnapshotRow) -> dict[str, object]:
    row = {name.removesuffix("_e4"): value for name, value in vars(snapshot).items()}
    del row["version"], row["reason"], row["recorded_at"]
    return row


def _refuse_unequal_parts(portfolio: str, settlement: Settlement) -> None:
    """Lots make positions, and positions make the snapshot."""
    snapshot = settlement.snapshot
    lots = {
        symbol: (sum(quantity for quantity, _ in parts), sum(cost for _, cost in parts))
        for symbol, parts in _by_symbol(settlement.lots).items()
    }
    held = {item.symbol: (item.quantity, item.cost_e4) for item in settlement.positions}
    value = sum(item.market_value_e4 for item in settlement.positions)
    cost = sum(item.cost_e4 for item in settlement.positions)
    counts = (len(held), value, value - cost)
    stated = (snapshot.positions_count, snapshot.positions_value_e4, snapshot.unrealised_e4)
    if lots != held or counts != stated:
        raise BookRefused(
            "lots that make the positions, and positions that make the snapshot",
            f"lots {lots}, positions {held}, count, value and unrealised {counts} instead of "
            f"{stated}",
            where=f"portfolio {portfolio}, close of {snapshot.session}",
            remedy="The book given is not whole: settle it again from the ledger.",
        )
