"""Orders that pre-trade limits stopped, as records."""

from datetime import date

from sqlalchemy import bindparam, select

from stocker_pipeline.ledger.limit_records import LimitRejection, LimitStage
from stocker_pipeline.ledger.queries import Queries, Row
from stocker_pipeline.ledger.tables.limits import limit_rejections

# Made once: making a statement costs more than asking it.
_of_portfolio = select(limit_rejections).where(
    limit_rejections.c.portfolio == bindparam("portfolio")
)
_of_session = _of_portfolio.where(limit_rejections.c.session == bindparam("session"))


class LimitQueries(Queries):
    """Reads of the table in ``tables.limits``."""

    def limit_rejections(self, portfolio: str, session: date | None = None) -> list[LimitRejection]:
        """What limits stopped in a session, or ever: by session, stage (sizing first), symbol."""
        if session is None:
            rows = self._all(_of_portfolio, portfolio=portfolio)
        else:
            rows = self._all(_of_session, portfolio=portfolio, session=session)
        stages = list(LimitStage)
        # In Python: databases sort texts by rules of their own.
        return sorted(
            (_rejection(row) for row in rows),
            key=lambda one: (one.session, stages.index(one.stage), one.symbol, one.limit),
        )


def _rejection(row: Row) -> LimitRejection:
    values = dict(row)
    limit, stage = values.pop("limit_name"), LimitStage(values.pop("stage"))
    return LimitRejection(limit=limit, stage=stage, **values)
