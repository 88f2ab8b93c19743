"""Every read of the ledger, in one object for one transaction."""

from stocker_pipeline.ledger.queries_accounts import AccountQueries
from stocker_pipeline.ledger.queries_alerts import AlertQueries
from stocker_pipeline.ledger.queries_audit import AuditQueries
from stocker_pipeline.ledger.queries_book import BookQueries
from stocker_pipeline.ledger.queries_counts import CountQueries
from stocker_pipeline.ledger.queries_limits import LimitQueries
from stocker_pipeline.ledger.queries_orders import OrderQueries
from stocker_pipeline.ledger.queries_sessions import SessionQueries


class Reader(
    SessionQueries,
    OrderQueries,
    BookQueries,
    AccountQueries,
    AlertQueries,
    LimitQueries,
    AuditQueries,
    CountQueries,
):
    """Reads of one moment. None or empty where there is nothing; numbers of the latest version."""
