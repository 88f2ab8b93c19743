"""Every write of the ledger, in one object for one transaction."""

from stocker_pipeline.ledger.control_records import ControlState
from stocker_pipeline.ledger.records import PortfolioRecord
from stocker_pipeline.ledger.tables.sessions import portfolios
from stocker_pipeline.ledger.writes_accounts import AccountWrites
from stocker_pipeline.ledger.writes_alerts import AlertWrites
from stocker_pipeline.ledger.writes_book import BookWrites
from stocker_pipeline.ledger.writes_limits import LimitWrites
from stocker_pipeline.ledger.writes_orders import OrderWrites
from stocker_pipeline.ledger.writes_sessions import SessionWrites


class Writer(SessionWrites, OrderWrites, AccountWrites, BookWrites, AlertWrites, LimitWrites):
    """Adds facts, and reads what it added. Repeating a fact is nothing; telling it otherwise is
    refused (``LedgerConflict``).
    """

    def open_portfolio(
        self, record: PortfolioRecord, *, author: str = "stocker", armed: bool = True
    ) -> bool:
        """Add a portfolio, armed or not; False where it was there.

        A portfolio of ``live`` is never armed here: it has no row of control, so it is killed.

        Args:
            armed: A portfolio that is not armed here sends nothing until a person arms it.
        """
        if not self.put_portfolio(record):
            return False
        content = {"environment": record.environment, "broker": record.broker}
        facts = self.bound(portfolios, portfolio=record.portfolio)
        self.put_audit(author, "portfolio_opened", record.portfolio, content, facts=facts)
        if armed and record.environment != "live":
            reason = "opened"
            self.set_control(record.portfolio, ControlState.ARMED, author=author, reason=reason)
        return True
