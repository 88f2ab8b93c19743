"""What every group of writes has: a reader, the lease it writes under, and one instant."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table

from stocker_pipeline.ledger.errors import LeaseLost
from stocker_pipeline.ledger.facts import insert_into
from stocker_pipeline.ledger.leases import Lease
from stocker_pipeline.ledger.reader import Reader


class Writes(Reader):
    """A transaction that adds facts.

    Attributes:
        lease: Under which it writes; None for what a person does beside the day's stages.
        now: The instant of everything it writes.
    """

    def __init__(self, connection: Connection, lease: Lease | None, now: datetime) -> None:
        super().__init__(connection)
        self.lease = lease
        self.now = now

    def _token(self, portfolio: str) -> int:
        """The token under which this portfolio is written."""
        if self.lease is None or self.lease.portfolio != portfolio:
            held = "no lease" if self.lease is None else f"a lease on {self.lease.portfolio}"
            raise LeaseLost(
                f"a lease on {portfolio}",
                f"fence broken by {held}",
                where=f"portfolio {portfolio}",
                remedy="Write it under the lease of the portfolio's stage.",
            )
        return self.lease.token

    def _numbered(self, table: Table, row: dict[str, Any]) -> int:
        """Add a row that gets its number from the database."""
        key = self.connection.execute(insert_into(table), row).inserted_primary_key
        assert key is not None
        return int(key[0])
