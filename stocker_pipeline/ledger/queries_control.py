"""Reconciliations, breaks, control and overrides, as records."""

from datetime import date
from functools import cache

from sqlalchemy import Select, bindparam, or_, select

from stocker_pipeline.ledger.control_records import (
    BreakKind,
    BreakRecord,
    Confirmation,
    ControlRecord,
    ControlState,
    Discrepancy,
    OverrideKind,
    OverrideRecord,
    ReconciliationRecord,
)
from stocker_pipeline.ledger.queries import Queries, Row
from stocker_pipeline.ledger.tables.control import (
    break_ends,
    breaks,
    confirmations,
    control_state,
    override_ends,
    overrides,
    reconciliations,
)

# Statements of a day are made once: making one costs more than asking it.
_breaks = select(breaks, break_ends.c.how.label("ended")).select_from(
    breaks.outerjoin(break_ends, break_ends.c.break_id == breaks.c.id)
)
_open_breaks = _breaks.where(
    breaks.c.portfolio == bindparam("portfolio"), break_ends.c.break_id.is_(None)
).order_by(breaks.c.id)
_control = (
    select(control_state)
    .where(control_state.c.portfolio == bindparam("portfolio"))
    .order_by(control_state.c.epoch.desc())
    .limit(1)
)
_overrides = select(overrides, override_ends.c.at.label("ended_at")).select_from(
    overrides.outerjoin(override_ends, override_ends.c.override_id == overrides.c.id)
)
_all_overrides = _overrides.where(overrides.c.portfolio == bindparam("portfolio")).order_by(
    overrides.c.id
)
_overrides_in_force = _all_overrides.where(
    overrides.c.from_session <= bindparam("session"),
    or_(overrides.c.until_session.is_(None), overrides.c.until_session >= bindparam("session")),
    override_ends.c.override_id.is_(None),
)
_confirmation = select(confirmations).where(
    *(confirmations.c[name] == bindparam(name) for name in ("portfolio", "session", "what"))
)


class ControlQueries(Queries):
    """Reads of the tables in ``tables.control``."""

    def own_control(self, portfolio: str) -> ControlRecord:
        """What was said of a portfolio itself; without a row it is killed.

        What it may send is ``control``, which counts its account too.
        """
        row = self._one(_control, portfolio=portfolio)
        if row is None:
            return ControlRecord(portfolio, 0, ControlState.KILLED, "nobody", "never armed")
        return ControlRecord(**{**row, "state": ControlState(row["state"])})

    def reconciliations(
        self, portfolio: str, session: date | None = None
    ) -> list[ReconciliationRecord]:
        """Comparisons with the broker, oldest first."""
        query = _reconciliations(session is None).order_by(reconciliations.c.id)
        return [_reconciliation(row) for row in self._all(query, **_named(portfolio, session))]

    def latest_reconciliation(
        self, portfolio: str, session: date | None = None
    ) -> ReconciliationRecord | None:
        """The last comparison with the broker."""
        row = self._one(_last_reconciliation(session is None), **_named(portfolio, session))
        return None if row is None else _reconciliation(row)

    def breaks(self, portfolio: str) -> list[BreakRecord]:
        """Every difference that was ever open, oldest first."""
        query = _breaks.where(breaks.c.portfolio == portfolio).order_by(breaks.c.id)
        return [_break(row) for row in self._all(query)]

    def open_breaks(self, portfolio: str) -> list[BreakRecord]:
        """Differences that have no end yet."""
        return [_break(row) for row in self._all(_open_breaks, portfolio=portfolio)]

    def overrides(self, portfolio: str, session: date | None = None) -> list[OverrideRecord]:
        """Overrides in force at a session, or all of them, in the order of their entry."""
        if session is None:
            rows = self._all(_all_overrides, portfolio=portfolio)
        else:
            rows = self._all(_overrides_in_force, portfolio=portfolio, session=session)
        return [_override(row) for row in rows]

    def confirmation(self, portfolio: str, session: date, what: str) -> Confirmation | None:
        """What a person said they believe."""
        row = self._one(_confirmation, portfolio=portfolio, session=session, what=what)
        return None if row is None else Confirmation(**row)


def _named(portfolio: str, session: date | None) -> dict[str, object]:
    named: dict[str, object] = {"portfolio": portfolio}
    return named if session is None else {**named, "session": session}


@cache
def _reconciliations(every: bool) -> Select:
    query = select(reconciliations).where(reconciliations.c.portfolio == bindparam("portfolio"))
    return query if every else query.where(reconciliations.c.session == bindparam("session"))


@cache
def _last_reconciliation(every: bool) -> Select:
    return _reconciliations(every).order_by(reconciliations.c.id.desc()).limit(1)


def _reconciliation(row: Row) -> ReconciliationRecord:
    return ReconciliationRecord(
        portfolio=row["portfolio"],
        session=row["session"],
        stage=row["stage"],
        broker_cash_e4=row["broker_cash"],
        ledger_cash_e4=row["ledger_cash"],
        discrepancies=tuple(
            Discrepancy(BreakKind(kind), symbol, expected, observed)
            for kind, symbol, expected, observed in row["discrepancies"]
        ),
        reconciliation_id=row["id"],
        lease_token=row["lease_token"],
        ran_at=row["ran_at"],
    )


def _break(row: Row) -> BreakRecord:
    return BreakRecord(
        break_id=row["id"],
        portfolio=row["portfolio"],
        kind=BreakKind(row["kind"]),
        symbol=row["symbol"],
        expected=row["expected"],
        observed=row["observed"],
        opened_at=row["opened_at"],
        ended=row["ended"],
    )


def _override(row: Row) -> OverrideRecord:
    values = dict(row)
    number, kind = values.pop("id"), OverrideKind(values.pop("kind"))
    return OverrideRecord(override_id=number, kind=kind, **values)
