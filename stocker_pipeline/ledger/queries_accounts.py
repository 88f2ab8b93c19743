"""What a portfolio may send, over every scope that has a word in it: its own, its account's, all.

Belongs here: which of them binds. Stays out: the portfolio's own rows (``queries_control``).
"""

from datetime import date

from sqlalchemy import bindparam, func, or_, select

from stocker_pipeline.ledger.account_records import Flatten, ScopeControl
from stocker_pipeline.ledger.control_records import ControlRecord, ControlState
from stocker_pipeline.ledger.queries import Row
from stocker_pipeline.ledger.queries_control import ControlQueries
from stocker_pipeline.ledger.tables.account_control import (
    ALL_ACCOUNTS,
    account_control,
    flattens,
)
from stocker_pipeline.ledger.tables.sessions import portfolios

_later = account_control.alias("later")
_latest = select(account_control).where(
    account_control.c.epoch
    == select(func.max(_later.c.epoch))
    .where(_later.c.account == account_control.c.account)
    .scalar_subquery()
)
_of_portfolio = _latest.where(
    or_(
        account_control.c.account == ALL_ACCOUNTS,
        account_control.c.account
        == select(portfolios.c.account)
        .where(portfolios.c.portfolio == bindparam("portfolio"))
        .scalar_subquery(),
    )
).order_by(account_control.c.account.desc())
_of_account = _latest.where(account_control.c.account == bindparam("account"))
_flatten = select(flattens).where(
    *(
        flattens.c[name] == bindparam(name)
        for name in ("portfolio", "session", "control_epoch", "account_epoch")
    )
)


class AccountQueries(ControlQueries):
    """Reads of control in every scope."""

    def control(self, portfolio: str) -> ControlRecord:
        """What a portfolio may send now: the strictest word of its own, its account's and all.

        Epoch is the portfolio's own. Where another scope binds, the reason says which. A portfolio
        without a row of its own is killed.
        """
        found = self.scopes(portfolio)
        own, binding = found[0], max(found, key=lambda scope: scope.state.strictness)
        reason = binding.reason if binding is own else f"{binding.name}: {binding.reason}"
        return ControlRecord(
            portfolio, own.epoch, binding.state, binding.author, reason, binding.at
        )

    def scopes(self, portfolio: str) -> list[ScopeControl]:
        """The portfolio's own control first, then its account's and all's where they spoke."""
        own = self.own_control(portfolio)
        rows = self._all(_of_portfolio, portfolio=portfolio)
        return [
            ScopeControl(
                "portfolio", portfolio, own.epoch, own.state, own.author, own.reason, own.at
            ),
            *map(_scope, rows),
        ]

    def account_control(self, account: str) -> ScopeControl | None:
        """The last word about one account, or about all (``*``); None = there was none."""
        row = self._one(_of_account, account=account)
        return None if row is None else _scope(row)

    def account_controls(self) -> list[ScopeControl]:
        """The last word about each account that was spoken of."""
        return [_scope(row) for row in self._all(_latest.order_by(account_control.c.account))]

    def account_epoch(self, portfolio: str) -> int:
        """Number of the last word about the portfolio's account or all of them; 0 = none."""
        return max((scope.epoch for scope in self.scopes(portfolio)[1:]), default=0)

    def leaves(self, portfolio: str) -> list[Flatten]:
        """Every leave to close the book that is in force, of whatever session."""
        query = select(flattens).where(flattens.c.portfolio == portfolio)
        epochs = self.own_control(portfolio).epoch, self.account_epoch(portfolio)
        found = [Flatten(**row) for row in self._all(query.order_by(flattens.c.session))]
        return [item for item in found if (item.control_epoch, item.account_epoch) == epochs]

    def flatten(self, portfolio: str, session: date) -> Flatten | None:
        """Leave to close the book at this session's open, where it is still in force."""
        row = self._one(
            _flatten,
            portfolio=portfolio,
            session=session,
            control_epoch=self.own_control(portfolio).epoch,
            account_epoch=self.account_epoch(portfolio),
        )
        return None if row is None else Flatten(**row)


def _scope(row: Row) -> ScopeControl:
    return ScopeControl(
        "all" if row["account"] == ALL_ACCOUNTS else "account",
        row["account"],
        row["epoch"],
        ControlState(row["state"]),
        row["author"],
        row["reason"],
        row["at"],
    )
