"""The book: cash, snapshots, positions, lots, and the opening of the next session, as records."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    or_,
    select,
)

from stocker_pipeline.engine.simulate import Lot, OpeningBook
from stocker_pipeline.ledger.queries import Queries, Row, in_range
from stocker_pipeline.ledger.records import (
    CashEntry,
    CashFlow,
    CorporateActionEntry,
    FlowKind,
    PositionRow,
    Settlement,
    SnapshotRow,
)
from stocker_pipeline.ledger.tables.book import (
    cash_entries,
    corporate_action_entries,
    cursors,
    lots,
    positions,
    snapshots,
)

_PORTFOLIO: BindParameter[str] = bindparam("portfolio")
_SESSION: BindParameter[date] = bindparam("session")
_VERSION: BindParameter[int] = bindparam("version")
_SNAPSHOT_MONEY = (
    *("nav", "cash", "positions_value", "peak_nav", "realised", "unrealised", "dividends"),
    *("cash_in_lieu", "commissions", "flows", "initial_capital"),
)
_newest = (
    select(snapshots)
    .where(snapshots.c.portfolio == _PORTFOLIO)
    .order_by(snapshots.c.session.desc(), snapshots.c.version.desc())
    .limit(1)
)
_latest_of_session = _newest.where(snapshots.c.session == _SESSION)
_newest_until = _newest.where(snapshots.c.session <= _SESSION)


def _at(table: Table) -> tuple[ColumnElement[bool], ...]:
    """One version of one session."""
    return (
        table.c.portfolio == _PORTFOLIO,
        table.c.session == _SESSION,
        table.c.version == _VERSION,
    )


_positions = select(positions).where(*_at(positions)).order_by(positions.c.symbol)
_actions = (
    select(corporate_action_entries)
    .where(*_at(corporate_action_entries))
    .order_by(corporate_action_entries.c.symbol, corporate_action_entries.c.sequence)
)
_earlier = lots.alias("earlier")
_changes = (
    select(_earlier.c.session, _earlier.c.version)
    .where(
        _earlier.c.portfolio == positions.c.portfolio,
        _earlier.c.symbol == positions.c.symbol,
        _earlier.c.session <= positions.c.session,
    )
    .order_by(_earlier.c.session.desc(), _earlier.c.version.desc())
    .limit(1)
)
# From the positions of one session to each symbol's last change, and from there to its lots. Kept
# apart from the lots, or SQLite looks for the last change again for every lot.
_last_changes = (
    select(
        positions.c.portfolio,
        positions.c.symbol,
        _changes.with_only_columns(_earlier.c.session).scalar_subquery().label("session"),
        _changes.with_only_columns(_earlier.c.version).scalar_subquery().label("version"),
    )
    .where(*_at(positions))
    .cte("last_changes")
    .prefix_with("MATERIALIZED")
)
_open_lots = (
    select(lots.c.symbol, lots.c.quantity, lots.c.cost)
    .join_from(
        _last_changes,
        lots,
        and_(*(lots.c[column.name] == column for column in _last_changes.columns)),
    )
    .where(lots.c.quantity != 0)
    .order_by(lots.c.symbol, lots.c.ordinal)
)
cursor_query = (
    select(cursors.c.sequence, cursors.c.value)
    .where(cursors.c.scope == bindparam("scope"), cursors.c.name == bindparam("name"))
    .order_by(cursors.c.sequence.desc())
    .limit(1)
)
_cash = (
    select(cash_entries)
    .where(cash_entries.c.portfolio == _PORTFOLIO, cash_entries.c.session == _SESSION)
    .order_by(cash_entries.c.id)
)
_every_flow = (
    select(cash_entries)
    .where(cash_entries.c.portfolio == _PORTFOLIO, cash_entries.c.reference.is_not(None))
    .order_by(cash_entries.c.id)
)
_flows = _every_flow.where(cash_entries.c.session == _SESSION)


class BookQueries(Queries):
    """Reads of the tables in ``tables.book``."""

    def snapshot(self, portfolio: str, session: date) -> SnapshotRow | None:
        """The book at a close, as it was settled last."""
        row = self._one(_latest_of_session, portfolio=portfolio, session=session)
        return None if row is None else _snapshot(row)

    def latest_snapshot(self, portfolio: str, through: date | None = None) -> SnapshotRow | None:
        """The book at the last close that is settled, at or before ``through``."""
        if through is None:
            row = self._one(_newest, portfolio=portfolio)
        else:
            row = self._one(_newest_until, portfolio=portfolio, session=through)
        return None if row is None else _snapshot(row)

    def snapshots(
        self, portfolio: str, first: date | None = None, last: date | None = None
    ) -> list[SnapshotRow]:
        """The latest version of every settled session, ascending."""
        query = in_range(latest_snapshots(portfolio), snapshots, first, last)
        return [_snapshot(row) for row in self._all(query.order_by(snapshots.c.session))]

    def positions(self, portfolio: str, session: date) -> list[PositionRow]:
        """Positions at a close by symbol, of the latest version."""
        return self._of_version(_positions, portfolio, session, _position)

    def corporate_actions(self, portfolio: str, session: date) -> list[CorporateActionEntry]:
        """Corporate actions as they were applied, of the latest version."""
        return self._of_version(_actions, portfolio, session, _action)

    def lots(self, portfolio: str, through: date | None = None) -> tuple[Lot, ...]:
        """Open lots at the last settled close at or before ``through``: by symbol, oldest first."""
        last = self.latest_snapshot(portfolio, through)
        return () if last is None else self._lots(portfolio, last)

    def settlement(self, portfolio: str, session: date) -> Settlement | None:
        """All that was settled of a session, as ``settle`` was given it."""
        found = self.snapshot(portfolio, session)
        if found is None:
            return None
        return Settlement(
            found,
            tuple(self.positions(portfolio, session)),
            self._lots(portfolio, found),
            tuple(self.corporate_actions(portfolio, session)),
        )

    def opening_book(
        self, portfolio: str, *, through: date | None = None
    ) -> tuple[date, OpeningBook] | None:
        """The last settled session at or before ``through``, and the book at its close.

        Costs as many look-ups as there are open lots, however long the history. None = nothing is
        settled: the book is its initial capital.
        """
        last = self.latest_snapshot(portfolio, through)
        if last is None:
            return None
        return last.session, OpeningBook(
            initial_e4=last.initial_capital_e4,
            cash_e4=last.cash_e4,
            nav_e4=last.nav_e4,
            peak_e4=last.peak_nav_e4,
            realised_e4=last.realised_e4,
            dividends_e4=last.dividends_e4,
            cash_in_lieu_e4=last.cash_in_lieu_e4,
            commissions_e4=last.commissions_e4,
            flows_e4=last.flows_e4,
            tripped=last.tripped,
            lots=self._lots(portfolio, last),
        )

    def cash_entries(self, portfolio: str, session: date) -> list[CashEntry]:
        """Movements of cash that count: those of corporate actions in the latest version alone."""
        last = self.snapshot(portfolio, session)
        version = 0 if last is None else last.version
        rows = self._all(_cash, portfolio=portfolio, session=session)
        return [_cash_entry(row) for row in rows if row["version"] in (0, version)]

    def flows(self, portfolio: str, session: date | None = None) -> list[CashFlow]:
        """Deposits, withdrawals and adjustments in the order in which they were entered."""
        if session is None:
            rows = self._all(_every_flow, portfolio=portfolio)
        else:
            rows = self._all(_flows, portfolio=portfolio, session=session)
        return [_flow(row) for row in rows]

    def flows_e4(self, portfolio: str, session: date) -> int:
        """What persons moved or corrected at a close, signed, in 1/10,000 dollar."""
        return sum(flow.amount_e4 for flow in self.flows(portfolio, session))

    def cursor(self, scope: str, name: str) -> str:
        """How far something was read; empty at first."""
        row = self._one(cursor_query, scope=scope, name=name)
        return "" if row is None else str(row["value"])

    def _of_version(self, query: Select, portfolio: str, session: date, record: Any) -> list[Any]:
        last = self.snapshot(portfolio, session)
        if last is None:
            return []
        rows = self._all(query, portfolio=portfolio, session=session, version=last.version)
        return [record(row) for row in rows]

    def _lots(self, portfolio: str, last: SnapshotRow) -> tuple[Lot, ...]:
        rows = self._all(
            _open_lots, portfolio=portfolio, session=last.session, version=last.version
        )
        return tuple(Lot(row["symbol"], row["quantity"], row["cost"]) for row in rows)


def latest_snapshots(portfolio: str | None = None) -> Select:
    """The snapshots that count: of each session the highest version."""
    later = snapshots.alias("later")
    newer = select(later.c.version).where(
        later.c.portfolio == snapshots.c.portfolio,
        later.c.session == snapshots.c.session,
        later.c.version > snapshots.c.version,
    )
    query = select(snapshots).where(~newer.exists())
    return query if portfolio is None else query.where(snapshots.c.portfolio == portfolio)


def counting_entries(columns: Sequence[Any]) -> Select:
    """Cash entries that count: without a version, or of the session's latest one."""
    latest = latest_snapshots().subquery("latest")
    return (
        select(*columns)
        .select_from(
            cash_entries.outerjoin(
                latest,
                and_(
                    latest.c.portfolio == cash_entries.c.portfolio,
                    latest.c.session == cash_entries.c.session,
                ),
            )
        )
        .where(or_(cash_entries.c.version == 0, cash_entries.c.version == latest.c.version))
    )


def _snapshot(row: Row) -> SnapshotRow:
    values = dict(row)
    del values["portfolio"], values["lease_token"]
    money = {f"{name}_e4": values.pop(name) for name in _SNAPSHOT_MONEY}
    return SnapshotRow(**values, **money)


def _position(row: Row) -> PositionRow:
    return PositionRow(
        row["symbol"],
        row["quantity"],
        row["mark"],
        row["mark_age_sessions"],
        row["cost"],
        row["market_value"],
    )


def _action(row: Row) -> CorporateActionEntry:
    return CorporateActionEntry(
        row["symbol"],
        row["split_new"],
        row["split_old"],
        row["dividend"],
        row["shares_change"],
        row["cash"],
        row["dividend_cash"],
    )


def _cash_entry(row: Row) -> CashEntry:
    return CashEntry(
        row["portfolio"],
        row["session"],
        row["kind"],
        row["symbol"],
        row["amount"],
        row["execution_id"],
        row["version"],
    )


def _flow(row: Row) -> CashFlow:
    return CashFlow(
        row["portfolio"],
        row["session"],
        FlowKind(row["kind"]),
        row["amount"],
        row["reference"],
        row["author"],
        row["reason"],
        row["recorded_at"],
    )
