"""An order that a pre-trade limit stopped, as a frozen value; conventions as in ``records``."""

from dataclasses import dataclass
from datetime import date, datetime

from stocker_pipeline.risk.limits.facts import LimitStage as LimitStage


@dataclass(frozen=True)
class LimitRejection:
    """One limit that one order of a session broke. ``recorded_at`` is the ledger's.

    Attributes:
        client_order_id: Of the order; of one that was not made, the id that it would have had.
        measured: None where an input was missing.
        bound: In ``unit``, as ``measured``.
        sentence: With the numbers, for a person.
    """

    portfolio: str
    session: date
    client_order_id: str
    symbol: str
    limit: str
    stage: LimitStage
    measured: float | None
    bound: float
    unit: str
    sentence: str
    recorded_at: datetime | None = None
