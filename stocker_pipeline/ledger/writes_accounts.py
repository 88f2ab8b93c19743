"""Writes of control beyond one portfolio, and of leave to close a book. Each is audited here."""

from datetime import date

from sqlalchemy import func, select

from stocker_pipeline.ledger.account_records import Flatten, ScopeControl
from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.ledger.facts import insert_fact, insert_into
from stocker_pipeline.ledger.tables.account_control import account_control, flattens
from stocker_pipeline.ledger.writes_control import ControlWrites


class AccountWrites(ControlWrites):
    """Adds to the tables in ``tables.account_control``."""

    def set_account_control(
        self, account: str, state: ControlState, *, author: str, reason: str
    ) -> ScopeControl:
        """Say what an account may send from now on, or all (``*``); the same again is nothing.

        Raises:
            LedgerRefused: ``sticky``: the program may not lift what was said before.
        """
        current = self.account_control(account)
        wanted = (state, author, reason)
        if current and (current.state, current.author, current.reason) == wanted:
            return current
        last = self._one(select(func.max(account_control.c.epoch).label("epoch")))
        epoch = 1 + int((last or {}).get("epoch") or 0)
        row = {
            "epoch": epoch,
            "account": account,
            "state": state,
            "author": author,
            "reason": reason,
            "at": self.now,
        }
        self.connection.execute(insert_into(account_control), row)
        content = {"state": str(state), "epoch": epoch, "reason": reason}
        facts = self.bound(account_control, epoch=epoch)
        self.put_audit(author, "account_control", account, content, facts=facts)
        found = self.account_control(account)
        assert found is not None
        return found

    def put_flatten(self, portfolio: str, session: date, *, author: str, reason: str) -> Flatten:
        """Give leave to close a book at one open, under the control that is in force now.

        The portfolio's and the account's epochs are kept with it: any later word about either
        takes the leave away.
        """
        found = Flatten(
            portfolio,
            session,
            self.scopes(portfolio)[0].epoch,
            self.account_epoch(portfolio),
            author,
            reason,
            self.now,
        )
        ignoring = {"author", "reason", "at"}
        if insert_fact(self.connection, flattens, vars(found), ignoring=ignoring):
            content = {"reason": reason, "epoch": found.control_epoch}
            names = ("portfolio", "session", "control_epoch", "account_epoch")
            facts = self.bound(flattens, **{name: vars(found)[name] for name in names})
            self.put_audit(author, "flatten", f"{portfolio}/{session}", content, facts=facts)
        return self.flatten(portfolio, session) or found
