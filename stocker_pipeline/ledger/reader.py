"""Every read of the ledger, in one object for one transaction."""

from stocker_pipeline.ledger.queries_book import BookQueries
from stocker_pipeline.ledger.queries_control import ControlQueries
from stocker_pipeline.ledger.queries_orders import OrderQueries
from stocker_pipeline.ledger.queries_sessions import SessionQueries


class Reader(SessionQueries, OrderQueries, BookQueries, ControlQueries):
    """Reads of one moment. None or empty where there is nothing; numbers of the latest version."""
