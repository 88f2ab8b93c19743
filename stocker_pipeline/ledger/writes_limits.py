"""Writes of what pre-trade limits stopped."""

from collections.abc import Sequence

from stocker_pipeline.ledger.facts import insert_facts
from stocker_pipeline.ledger.limit_records import LimitRejection
from stocker_pipeline.ledger.tables.limits import limit_rejections
from stocker_pipeline.ledger.writes import Writes

_KEY = {column.name for column in limit_rejections.primary_key}
_NUMBERS = {column.name for column in limit_rejections.columns} - _KEY


class LimitWrites(Writes):
    """Adds to the table in ``tables.limits``."""

    def put_limit_rejections(self, rejections: Sequence[LimitRejection]) -> int:
        """Add what limits stopped in a session that is open; return how many rows are new.

        An order that is stopped again by the same limit, at the same stage, is one rejection: its
        first numbers stay.
        """
        rows = [
            {
                "portfolio": found.portfolio,
                "session": found.session,
                "client_order_id": found.client_order_id,
                "symbol": found.symbol,
                "limit_name": found.limit,
                "stage": found.stage,
                "measured": found.measured,
                "bound": found.bound,
                "unit": found.unit,
                "sentence": found.sentence,
                "recorded_at": self.now,
            }
            for found in rejections
        ]
        return insert_facts(self.connection, limit_rejections, rows, ignoring=_NUMBERS)
